// Components: how many instances of each revision run where, and which of them has the calls.
#include <algorithm>

#include "manager/reconcile_objects.h"
#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

uint64_t sum_of(const Instances& hosts) {
  uint64_t sum = 0;
  for (const auto& [host, count] : hosts) sum += count;
  return sum;
}

uint32_t count_on(const Instances& hosts, uint32_t host) {
  const auto found = hosts.find(host);
  return found == hosts.end() ? 0 : found->second;
}

// By host, how many there are of them beyond `count`.
Instances beyond(const Instances& hosts, uint32_t count) {
  Instances more;
  for (const auto& [host, there] : hosts)
    if (there > count) more.emplace(host, there - count);
  return more;
}

// What may run beside the declared instances while they move from one host to another.
uint32_t surge_of(uint32_t instances) {
  return std::max(1u, instances / 4 + (instances % 4 != 0 ? 1 : 0));
}

// Of those that there are, how many even that leaves no place for.
uint64_t beyond_surge(uint64_t there, uint64_t instances) {
  return there - std::min(there, instances + surge_of(static_cast<uint32_t>(instances)));
}

bool is_daemon(const WantedPart& part) {
  return part.scaling.kind == ScalingKind::daemon;
}

}  // namespace

// ---- The numbers of a stage

// How many of the former revision there are until this stage's fresh ones are in their place: those of the
// stage before. Of a daemon, on each host.
uint32_t Reconciler::former_until_placed(const WantedPart& part) const {
  const auto index = stage_index(part);
  const uint32_t instances = instances_of(part);
  if (!index || *index == 0) return instances;
  return schedule_of(applications_.find(part.application)->second.rollout->strategy, instances)[*index - 1]
      .former;
}

// Of so many instances, those whose spread some host fits.
uint32_t Reconciler::placeable(const WantedPart& part, uint32_t instances) {
  const auto& spreads = part.scaling.spreads;
  if (spreads.empty()) return instances;
  const auto shares = shares_of(spreads, instances);
  uint32_t sum = 0;
  for (size_t index = 0; index < spreads.size(); ++index)
    if (!host_set_->eligible(spreads[index]).empty()) sum += shares[index];
  return sum;
}

// Whether a daemon has its place there.
bool Reconciler::fits(const WantedPart& part, uint32_t host) {
  const auto& spreads = part.scaling.spreads;
  return spreads.empty() || std::any_of(spreads.begin(), spreads.end(), [&](const Spread& spread) {
           const auto& hosts = host_set_->eligible(spread);
           return std::binary_search(hosts.begin(), hosts.end(), host);
         });
}

// What there is of the former revision beyond any stage, as when a host is back that others had taken over
// from, ends before there is more of the fresh one. And a version that takes the place of one with the same
// images begins with more of them than its first stage has: so many of them stay while too few of the former
// are there.
Reconciler::Beside Reconciler::beside_fresh(const WantedPart& part, const std::optional<Stage>& stage,
                                            const std::vector<Leftover>& leftovers) {
  Beside beside{.leftovers = leftovers};
  if (!part.former) return beside;
  const std::string& former = part.former->reference;
  const Instances there = present_of(part.id, former);
  const Instances expected = present_or_commanded(part.id, former);
  const uint32_t instances = instances_of(part);
  if (is_daemon(part)) {
    beside.surplus_on = beyond(expected, former_until_placed(part));
    const uint32_t enough = stage ? std::min(instances, stage->fresh + stage->former) : 0;
    for (const auto& [host, count] : present_of(part.id, part.revision.reference))
      if (fits(part, host)) beside.least_on[host] = enough - std::min(enough, count_on(there, host));
    return beside;
  }
  beside.surplus = beyond_surge(sum_of(expected), former_until_placed(part));
  if (!stage) return beside;
  const uint64_t enough =
      std::min(placeable(part, instances), placeable(part, stage->fresh) + placeable(part, stage->former));
  beside.least = enough - std::min(enough, sum_of(there));
  return beside;
}

// What of the fresh revision is beyond its stage goes before there is more of the former; and of this, what
// the stage before had stays until the fresh ones are in their place.
Reconciler::Beside Reconciler::beside_former(const WantedPart& part, const std::optional<Stage>& stage,
                                             bool fresh_placed, const std::vector<Leftover>& leftovers) {
  Beside beside{.leftovers = leftovers};
  const Instances fresh = present_or_commanded(part.id, part.revision.reference);
  const uint32_t least = fresh_placed ? 0 : former_until_placed(part);
  if (is_daemon(part)) {
    if (stage) beside.surplus_on = beyond(fresh, stage->fresh);
    for (const auto& [host, count] : present_of(part.id, part.former->reference)) {
      if (!fits(part, host)) continue;
      beside.least_on[host] = least;
      beside.least += least;
    }
    return beside;
  }
  if (stage) beside.surplus = beyond_surge(sum_of(fresh), stage->fresh);
  beside.least = least;
  return beside;
}

// ---- A component

// First that calls do not reach what is not ready, then the fresh revision, then the calls, then the end of
// the former one.
void Reconciler::keep_component(const WantedPart& part, Outcome& outcome, TimePoint now) {
  ObjectStatus& status = outcome.status;
  status.id = part.revision.scaler;
  status.kind = is_daemon(part) ? "DaemonScaler" : "SpreadScaler";
  status.name = part.name;
  follow_load(part, now);
  const uint32_t instances = instances_of(part);
  if (std::string why = obstacle(part); !why.empty()) {
    status.wanted = instances;
    status.status = {is_foreign(part.id) ? StatusKind::failed : StatusKind::waiting, std::move(why)};
    outcome.stage_reached = false;
    return;
  }
  const auto stage = stage_of(part);
  const uint32_t fresh_wanted = stage ? stage->fresh : instances;
  const auto references = references_of(part.id);
  const bool others = std::any_of(references.begin(), references.end(), [&](std::string_view reference) {
    return reference != part.revision.reference;
  });
  const auto leftovers = leftovers_of(part);
  Kept fresh{.wanted = fresh_wanted, .status = {.image = part.revision.reference}};
  bool weighed = keep_calls_away(part, now);
  if (weighed) {
    fresh =
        keep_revision(part, part.revision, outcome, fresh_wanted, beside_fresh(part, stage, leftovers), now);
    // The former revision ends only for what takes over from it.
    fresh.placed = fresh.placed && (fresh.lacking == 0 || !part.former);
    weighed = keep_calls(part, stage, fresh, others, now);
  }
  outcome.stage_reached = weighed && fresh.placed && any_host_fits(part);
  outcome.fresh_ready = fresh.ready;
  outcome.fresh_failures = fresh.failures;
  outcome.fresh_error = fresh.error;
  status.wanted = fresh.wanted + fresh.lacking;
  status.ready = fresh.ready;
  status.revisions.push_back(fresh.status);
  if (part.former) {
    const Kept former = keep_revision(part, *part.former, outcome, stage ? stage->former : 0,
                                      beside_former(part, stage, weighed && fresh.placed, leftovers), now);
    status.wanted = std::max(status.wanted, instances);
    status.ready += former.ready;
    status.revisions.push_back(former.status);
    // What cannot be started any more holds up nothing that takes its place, of which more than the stage has
    // may stay for it.
    const bool is_broken = former.failures > 0 && former.ready == 0;
    outcome.stage_reached = is_broken ? weighed && fresh.wanted > 0 && fresh.ready == fresh.wanted
                                      : outcome.stage_reached && former.placed;
    // An update that goes back to more of it waits for that room too.
    if (fresh.shortage.empty()) fresh.shortage = former.shortage;
  }
  if (weighed) end_leftovers(part, fresh, leftovers, now);
  describe_component(part, fresh, outcome);
}

// Without a host that fits nothing is lacking, and nothing is there either. A spread whose share is none
// takes nothing, whatever fits it.
bool Reconciler::any_host_fits(const WantedPart& part) {
  const auto& spreads = part.scaling.spreads;
  if (spreads.empty()) return host_set_->size() != 0;
  if (const uint32_t instances = instances_of(part); !is_daemon(part) && instances != 0)
    return placeable(part, instances) != 0;
  return std::any_of(spreads.begin(), spreads.end(),
                     [&](const Spread& spread) { return !host_set_->eligible(spread).empty(); });
}

void Reconciler::describe_component(const WantedPart& part, const Kept& fresh, Outcome& outcome) {
  ObjectStatus& status = outcome.status;
  const auto in_force = weights_.find(part.id);
  for (RevisionStatus& revision : status.revisions) {
    if (in_force == weights_.end()) {
      revision.weight = revision.ready > 0 ? kAllCalls : 0;
    } else if (const auto weight = in_force->second.find(revision.image); weight != in_force->second.end()) {
      revision.weight = weight->second;
    }
  }
  if (!fresh.error.empty()) {
    status.status = {StatusKind::failed, fresh.error};
  } else if (!fresh.shortage.empty()) {
    status.status = {StatusKind::waiting, fresh.shortage};
  } else if (!any_host_fits(part)) {
    status.status = {StatusKind::waiting, "no host fits any of its spreads"};
  } else if (outcome.stage_reached && !part.former) {
    status.status = {StatusKind::deployed, {}};
  } else {
    status.status = {StatusKind::reconciling,
                     fmt::format("{} of {} instances are ready", status.ready, status.wanted)};
  }
}

// ---- One revision

// What is placed where: where it is already and `staying`, if it can be.
Placement Reconciler::place_revision(const WantedPart& part, const WantedRevision& revision,
                                     uint32_t instances, const Instances& hosts, const Instances& staying) {
  const std::vector<uint32_t>* only = nullptr;
  const auto together = together_.find(part.together);
  if (!part.together.empty() && together != together_.end()) only = &together->second;
  Instances near = hosts;
  for (const auto& [host, count] : staying)
    if (count == 0) near.erase(host);
  add_companions(part, near);
  remove_given(part.id, revision.requests, hosts);
  Placement placement = place(*host_set_, {.scaling = part.scaling,
                                           .kind = PartKind::component,
                                           .instances = instances,
                                           .failure_domain = part.failure_domain,
                                           .present = near,
                                           .only = only,
                                           .requests = revision.requests,
                                           .kept = &hosts});
  add_given(part.id, revision.requests, placement, hosts);
  if (!part.together.empty() && only == nullptr && !placement.instances.empty())
    for (const auto& [host, count] : placement.instances) together_[part.together].push_back(host);
  return placement;
}

Reconciler::Kept Reconciler::keep_revision(const WantedPart& part, const WantedRevision& revision,
                                           Outcome& outcome, uint32_t instances, const Beside& beside,
                                           TimePoint now) {
  const Instances present = present_of(part.id, revision.reference);
  // With what will be there when what was commanded is done, and without what will not.
  Instances hosts = present, staying = present;
  const bool has_works = add_commanded(part.id, revision.reference, hosts);
  if (has_works) remove_commanded(part.id, revision.reference, staying);
  const Placement placement = place_revision(part, revision, instances, hosts, staying);
  Kept kept;
  kept.placed = true;
  kept.lacking = placement.lacking;
  kept.status.image = revision.reference;
  if (!placement.shortages.empty()) kept.shortage = fmt::format("{}", fmt::join(placement.shortages, "; "));
  for (const auto& [host, count] : placement.instances) {
    place_on(outcome, host);
    kept.wanted += count;
    kept.ready += std::min(count_on(present, host), count);
    hosts.try_emplace(host, 0);
  }
  kept.running = sum_of(staying);
  Allowance allowance = allowance_of(part, kept, sum_of(hosts), beside);
  for (const auto& [host, expected] : hosts) {
    const uint32_t wanted = count_on(placement.instances, host);
    const uint32_t have = count_on(present, host);
    const uint32_t next =
        next_count(part, {host, wanted, have, expected, count_on(staying, host)}, beside, allowance);
    const bool same = next == have && (have == 0 || is_as_declared(part, revision, host));
    const uint32_t counted = std::min(have, wanted);
    if (counted > 0) kept.status.hosts[*usable_[host].first] = counted;
    kept.placed = kept.placed && have == wanted && same;
    if (!same || (has_works && is_to_revoke(part, revision, {host, wanted, have, expected}, next, now)))
      scale_on(part, revision, host, next, has_works, kept, now);
  }
  kept.status.ready = kept.ready;
  return kept;
}

Reconciler::Allowance Reconciler::allowance_of(const WantedPart& part, const Kept& kept, uint64_t expected,
                                               const Beside& beside) {
  // A daemon's instances make room for each other on each host, see next_count(), whatever there is on
  // others; only the last ones, on hosts that it is not for any more, stay until one is where it should be.
  if (is_daemon(part))
    return {.begin = kept.wanted, .end = kept.wanted == 0 || kept.ready > 0 ? kept.running : 0};
  uint64_t total = expected + beside.surplus;
  for (const Leftover& one : beside.leftovers) total += one.count;
  const uint64_t most = uint64_t{kept.wanted} + surge_of(kept.wanted);
  // However many others there are, one can begin.
  const bool may_begin = expected == 0 && !beside.leftovers.empty();
  const uint64_t stay = std::max<uint64_t>(kept.wanted, beside.least);
  return {.begin = most > total ? most - total
                   : may_begin  ? 1
                                : 0,
          .end = kept.running - std::min(kept.running, stay)};
}

uint32_t Reconciler::next_count(const WantedPart& part, const OnHost& on, const Beside& beside,
                                Allowance& allowance) {
  if (on.wanted > on.have) {
    uint32_t here = on.wanted;
    if (is_daemon(part)) {
      uint32_t others = count_on(beside.surplus_on, on.host);
      for (const Leftover& one : beside.leftovers) others += one.host == on.host ? one.count : 0;
      const uint32_t most_here = on.wanted + surge_of(on.wanted);
      here = std::max(1u, most_here - std::min(most_here, others));
    }
    here = std::max(on.have, std::min(here, on.wanted));
    // What was commanded already is not counted twice.
    const uint64_t more = std::min<uint64_t>(here > on.expected ? here - on.expected : 0, allowance.begin);
    allowance.begin -= more;
    return std::min<uint32_t>(here, static_cast<uint32_t>(on.expected + more));
  }
  const uint32_t stay = std::min(on.have, std::max(on.wanted, count_on(beside.least_on, on.host)));
  if (on.staying <= stay) return stay;
  // What is ending already is not counted twice.
  const uint64_t less = std::min<uint64_t>(on.staying - stay, allowance.end);
  allowance.end -= less;
  return static_cast<uint32_t>(on.staying - less);
}

bool Reconciler::is_as_declared(const WantedPart& part, const WantedRevision& revision, uint32_t host) const {
  const auto& revisions = usable_[host].second->components.find(part.id)->second;
  return std::all_of(revisions.begin(), revisions.end(), [&](const RunningComponent& running) {
    return running.reference != revision.reference || running.scaler == revision.scaler;
  });
}

// More is on its way than shall be here, for a version before this one: the host is told anew, and what it
// was told before counts until that is done.
bool Reconciler::is_to_revoke(const WantedPart& part, const WantedRevision& revision, const OnHost& on,
                              uint32_t next, TimePoint now) {
  if (on.expected <= on.have) return false;
  const auto found = work_.find(component_object(part.id, revision.reference, *usable_[on.host].first));
  if (found == work_.end()) return false;
  Work& work = found->second;
  if (work.count != next) return true;
  if (work.awaited && now < work.until) {
    work.plan = plans_;
    wake_at(work.until);
  }
  return false;
}

void Reconciler::scale_on(const WantedPart& part, const WantedRevision& revision, uint32_t host,
                          uint32_t count, bool has_works, Kept& kept, TimePoint now) {
  // Its turn comes when others are done.
  const bool is_full = under_way_.size() >= options_.commands_max;
  if (is_full) held_up_.insert(planned_);
  if (is_full && !has_works) return;
  const std::string& host_id = *usable_[host].first;
  const std::string object = component_object(part.id, revision.reference, host_id);
  if (is_full && find_work(object) == nullptr) return;
  const auto [work, due] = is_due(object, revision.scaler, now, count);
  if (due)
    begin(work, object,
          Scale{host_id, part.id, revision.reference, count, revision.configs, annotations_of(part, revision),
                revision.limits, revision.idle_after});
  if (work.failures <= kept.failures) return;
  kept.failures = work.failures;
  const std::string& name = usable_[host].second->report.friendly_name;
  kept.error = fmt::format("{}: {}", name.empty() ? host_id : name, work.error);
}

// ---- Calls

// From a revision that is about to begin: said before it starts, so that it is called when its turn comes.
// True: in force, as all of these.
bool Reconciler::keep_calls_away(const WantedPart& part, TimePoint now) {
  if (!part.former) return true;
  const auto known = weights_.find(part.id);
  if (known != weights_.end() && known->second.contains(part.revision.reference)) return true;
  return keep_weights(part, {{part.revision.reference, 0}, {part.former->reference, kAllCalls}}, now);
}

bool Reconciler::keep_calls(const WantedPart& part, const std::optional<Stage>& stage, const Kept& fresh,
                            bool others, TimePoint now) {
  const std::string& reference = part.revision.reference;
  if (fresh.placed) {
    // Those of a stage too while nothing runs of the former revision: when it is back it has its calls.
    if (stage)
      return keep_weights(
          part, {{reference, stage->fresh_calls}, {part.former->reference, kAllCalls - stage->fresh_calls}},
          now);
    if (!others) return keep_weights(part, {}, now);
    return keep_weights(part, {{reference, kAllCalls}}, now);
  }
  if (part.former) return true;
  if (!others) return keep_weights(part, {}, now);  // an earlier update may have left some
  if (fresh.ready > 0) return keep_weights(part, {{reference, kAllCalls}}, now);
  // Those of an update that was given up stay where they give calls to what ran before.
  return leave_calls(part) || keep_weights(part, {}, now);
}

// Whether the weights leave any of what runs its calls.
bool Reconciler::leave_calls(const WantedPart& part) const {
  const auto known = weights_.find(part.id);
  if (known == weights_.end()) return true;
  const auto references = references_of(part.id);
  return std::any_of(references.begin(), references.end(), [&](std::string_view reference) {
    const auto weight = known->second.find(std::string(reference));
    return weight != known->second.end() && weight->second > 0;
  });
}

bool Reconciler::keep_weights(const WantedPart& part, std::map<std::string, uint32_t> weights,
                              TimePoint now) {
  static const std::map<std::string, uint32_t> kNone;
  const auto known = weights_.find(part.id);
  if ((known == weights_.end() ? kNone : known->second) == weights) return true;
  std::string signature;
  for (const auto& [reference, weight] : weights) signature += fmt::format("{} {}\n", reference, weight);
  want("weights " + part.id, std::move(signature), PutWeights{part.id, std::move(weights)}, now);
  return false;
}

std::vector<Reconciler::Leftover> Reconciler::leftovers_of(const WantedPart& part) const {
  std::vector<Leftover> leftovers;
  const auto is_wanted = [&](std::string_view reference) {
    return reference == part.revision.reference || (part.former && reference == part.former->reference);
  };
  if (const auto components = running_.find(part.id); components != running_.end())
    for (const RunsOn& one : components->second)
      if (!is_wanted(one.component->reference))
        leftovers.push_back({one.host, one.component->reference, one.component->count});
  if (work_.empty() && belated_.empty()) return leftovers;
  const std::string prefix = joined({"component ", part.id, " "});
  const auto add = [&](const std::string& object, uint32_t count) {
    const size_t on = object.rfind(" on ");
    const std::string_view reference = std::string_view(object).substr(prefix.size(), on - prefix.size());
    if (is_wanted(reference)) return;
    const auto index = find_usable(std::string_view(object).substr(on + 4));
    if (!index) return;
    for (Leftover& one : leftovers) {
      if (one.host != *index || one.reference != reference) continue;
      one.count = std::max(one.count, count);
      return;
    }
    leftovers.push_back({*index, std::string(reference), count});
  };
  for (const auto* works : {&work_, &belated_})
    for (auto work = works->lower_bound(prefix); work != works->end() && work->first.starts_with(prefix);
         ++work)
      if (work->second.most > 0 && (work->second.awaited || work->second.command != 0))
        add(work->first, work->second.most);
  return leftovers;
}

// Beside a former revision, which has the calls, they end at once; else when the fresh one is there instead,
// host by host: how they were configured is not known, so they can only stay as they are or end.
void Reconciler::end_leftovers(const WantedPart& part, const Kept& fresh,
                               const std::vector<Leftover>& leftovers, TimePoint now) {
  // Where no host fits, what ran before does not either.
  const bool at_once = part.former || fresh.wanted == 0;
  if (leftovers.empty() || (!at_once && fresh.running == 0)) return;
  const auto object_of = [&](const Leftover& one) {
    return component_object(part.id, one.reference, *usable_[one.host].first);
  };
  const auto is_ending = [&](const Leftover& one) {
    const Work* work = find_work(object_of(one));
    return work != nullptr && work->signature == "0";
  };
  const auto end = [&](const Leftover& one) {
    const std::string& host_id = *usable_[one.host].first;
    want(object_of(one), "0", Scale{host_id, part.id, one.reference, 0, {}, {}, {}}, now);
  };
  uint64_t left = 0;
  for (const Leftover& one : leftovers) {
    if (!is_ending(one)) left += one.count;
  }
  for (const Leftover& one : leftovers) {
    if (is_ending(one)) {
      end(one);
      continue;
    }
    const bool is_full = fresh.running + left >= uint64_t{fresh.wanted} + surge_of(fresh.wanted);
    const bool here = fresh.status.hosts.contains(*usable_[one.host].first);
    const bool in_turn = part.scaling.kind == ScalingKind::daemon
                             ? here || fresh.ready == fresh.wanted
                             : is_full || fresh.running + left - one.count >= fresh.wanted;
    if (!at_once && !in_turn) continue;
    end(one);
    left -= one.count;
  }
}

}  // namespace wattle::manager
