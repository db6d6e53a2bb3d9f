// Components and providers: how many of each revision run where.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

std::string component_object(std::string_view id, std::string_view reference, std::string_view host_id) {
  return fmt::format("component {} {} on {}", id, reference, host_id);
}

std::string provider_object(std::string_view id, std::string_view host_id) {
  return fmt::format("provider {} on {}", id, host_id);
}

StringMap annotations_of(const WantedPart& part, const WantedRevision& revision) {
  return {{std::string(kManagedByAnnotation), "wadm"},
          {std::string(kApplicationAnnotation), part.application},
          {std::string(kScalerAnnotation), revision.scaler}};
}

uint64_t sum_of(const Instances& hosts) {
  uint64_t sum = 0;
  for (const auto& [host, count] : hosts) sum += count;
  return sum;
}

// What may run beside the declared instances while they move from one host to another.
uint32_t surge_of(uint32_t instances) {
  return std::max(1u, instances / 4 + (instances % 4 != 0 ? 1 : 0));
}

// Of those that there are, how many even that leaves no place for.
uint64_t beyond_surge(uint64_t there, uint64_t instances) {
  return there - std::min(there, instances + surge_of(static_cast<uint32_t>(instances)));
}

}  // namespace

// ---- What is there

bool Reconciler::is_noted(const WantedPart& part) const {
  if (part.application == kPlatform) return noted_parts_.contains(part.id);
  const auto known = applications_.find(part.application);
  return known != applications_.end() && known->second.input.note.parts.contains(part.id);
}

// Something runs under this id that nobody has put there for an application, and that is not what is wanted.
bool Reconciler::is_foreign(std::string_view id) const {
  if (noted_parts_.contains(id)) return false;
  const auto wanted = desired().parts.find(id);
  if (wanted == desired().parts.end()) return false;
  const auto is_wanted = [&](const std::string& reference) {
    return reference == wanted->second.revision.reference ||
           (wanted->second.former && reference == wanted->second.former->reference);
  };
  if (const auto components = running_.find(id); components != running_.end())
    for (const RunsOn& one : components->second)
      if (one.component->application.empty() && !is_wanted(one.component->reference)) return true;
  if (const auto providers = providers_on_.find(id); providers != providers_on_.end())
    for (const auto& [host, provider] : providers->second)
      if (provider->application.empty() && !is_wanted(provider->reference)) return true;
  return false;
}

std::vector<std::string> Reconciler::references_of(std::string_view id) const {
  std::vector<std::string> references;
  const auto components = running_.find(id);
  if (components == running_.end()) return references;
  for (const RunsOn& one : components->second)
    if (std::find(references.begin(), references.end(), one.component->reference) == references.end())
      references.push_back(one.component->reference);
  return references;
}

Instances Reconciler::present_of(std::string_view id, std::string_view reference) const {
  Instances present;
  const auto components = running_.find(id);
  if (components == running_.end()) return present;
  for (const RunsOn& one : components->second)
    if (one.component->reference == reference) present[one.host] += one.component->count;
  return present;
}

Instances Reconciler::present_of(const WantedPart& provider) const {
  Instances present;
  if (const auto found = providers_on_.find(provider.id); found != providers_on_.end())
    for (const auto& [host, running] : found->second) present[host] = 1;
  return present;
}

Instances Reconciler::present_or_commanded(std::string_view id, std::string_view reference) const {
  Instances hosts = present_of(id, reference);
  add_commanded(id, reference, hosts);
  return hosts;
}

// How many instances run of all that is to be on the same hosts, in whichever revision: whoever chooses the
// hosts chooses those that have the most, so that what moves there makes them the better choice. Otherwise
// all would follow a part that runs nowhere yet, or a revision that others have more instances of elsewhere.
void Reconciler::add_companions(const WantedPart& part, Instances& present) const {
  if (part.together.empty()) return;
  for (const std::string& id : table_.of(planned_).parts) {
    const auto components = running_.find(id);
    const auto wanted = desired().parts.find(id);
    if (components == running_.end() || wanted == desired().parts.end()) continue;
    if (wanted->second.together != part.together) continue;
    for (const RunsOn& one : components->second) present[one.host] += one.component->count;
  }
}

std::optional<uint32_t> Reconciler::find_usable(std::string_view host_id) const {
  const auto host = std::lower_bound(usable_.begin(), usable_.end(), host_id,
                                     [](const auto& one, std::string_view id) { return *one.first < id; });
  if (host == usable_.end() || *host->first != host_id) return {};
  return static_cast<uint32_t>(host - usable_.begin());
}

// Raises the numbers of those hosts that are to have more. False: there is no work on this revision at all.
bool Reconciler::add_commanded(std::string_view id, std::string_view reference, Instances& hosts) const {
  if (work_.empty()) return false;
  const std::string prefix = component_object(id, reference, "");
  bool any = false;
  for (auto work = work_.lower_bound(prefix); work != work_.end() && work->first.starts_with(prefix);
       ++work) {
    any = true;
    if (work->second.count == 0 || !(work->second.command != 0 || work->second.awaited)) continue;
    if (const auto host = find_usable(std::string_view(work->first).substr(prefix.size()))) {
      uint32_t& count = hosts[*host];
      count = std::max(count, work->second.count);
    }
  }
  return any;
}

std::string Reconciler::missing_config(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const auto there = configs_.find(name);
    const auto wanted = desired().configs.find(name);
    if (there == configs_.end() ||
        (wanted != desired().configs.end() && wanted->second.values != there->second))
      return name;
  }
  return {};
}

std::string Reconciler::obstacle(const WantedPart& part) const {
  if (is_foreign(part.id))
    return fmt::format(
        "something else runs under the id {}, which no application has started; stop it, or give "
        "the part another id",
        in_quotes(part.id));
  if (!is_noted(part)) return "is being begun";
  if (const std::string name = missing_config(part.revision.configs); !name.empty())
    return desired().configs.contains(name)
               ? fmt::format("waits for the config {}", name)
               : fmt::format("the config {} is not there; wattle config put {} KEY=VALUE", name, name);
  return {};
}

// ---- Components

// Once in a plan, for all applications that have it.
void Reconciler::keep_part(const std::string& id, TimePoint now) {
  const WantedPart& part = desired().parts.find(id)->second;
  Outcome& outcome = parts_done_[id];
  if (outcome.plan == plans_) return;
  const Outcome before = std::exchange(outcome, Outcome{.plan = plans_});
  const Given given = take_given(id);
  limited_.erase(id);
  give_running(part);
  if (part.kind == PartKind::component)
    keep_component(part, outcome, now);
  else
    keep_provider(part, outcome, now);
  if (!given.empty()) wake_limited(given, given_[id]);
  if (before.status == outcome.status && before.stage_reached == outcome.stage_reached) return;
  for (const std::string& name : table_.of_part(id))
    if (name != planned_) touch(name);
}

void Reconciler::place_on(Outcome& outcome, uint32_t host) {
  host_set_->add_part(host);
  outcome.hosts.push_back(host);
}

void Reconciler::displace(Outcome& outcome) {
  for (const uint32_t host : outcome.hosts) host_set_->remove_part(host);
  outcome.hosts.clear();
}

// How many of the former revision there are until this stage's fresh ones are in their place: those of the
// stage before.
uint64_t Reconciler::former_until_placed(const WantedPart& part) const {
  // A daemon's are counted by host.
  if (part.scaling.kind == ScalingKind::daemon) return UINT64_MAX;
  const auto index = stage_index(part);
  const uint32_t instances = instances_of(part);
  if (!index || *index == 0) return instances;
  return schedule_of(applications_.find(part.application)->second.rollout->strategy, instances)[*index - 1]
      .former;
}

// What there is of the former revision beyond any stage, as when a host is back that others had taken over
// from: it ends before there is more of the fresh one.
uint64_t Reconciler::surplus_of_former(const WantedPart& part) const {
  if (!part.former || part.scaling.kind == ScalingKind::daemon) return 0;
  return beyond_surge(sum_of(present_or_commanded(part.id, part.former->reference)),
                      former_until_placed(part));
}

// Of so many instances, those whose spread some host fits.
uint64_t Reconciler::placeable(const WantedPart& part, uint32_t instances) {
  const auto& spreads = part.scaling.spreads;
  if (spreads.empty()) return instances;
  const auto shares = shares_of(spreads, instances);
  uint64_t sum = 0;
  for (size_t index = 0; index < spreads.size(); ++index)
    if (!host_set_->eligible(spreads[index]).empty()) sum += shares[index];
  return sum;
}

// A version that takes the place of one with the same images begins with more of them than its first stage
// has: so many of them stay while too few of the former are there; those beyond go before there are more of
// the former.
uint64_t Reconciler::fresh_until_former(const WantedPart& part, const Stage& stage) {
  const uint64_t enough = std::min(placeable(part, instances_of(part)),
                                   placeable(part, stage.fresh) + placeable(part, stage.former));
  return enough - std::min(enough, sum_of(present_of(part.id, part.former->reference)));
}

// First that calls do not reach what is not ready, then the fresh revision, then the calls, then the end of
// the former one.
void Reconciler::keep_component(const WantedPart& part, Outcome& outcome, TimePoint now) {
  ObjectStatus& status = outcome.status;
  status.id = part.revision.scaler;
  status.kind = part.scaling.kind == ScalingKind::daemon ? "DaemonScaler" : "SpreadScaler";
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
  const std::string& fresh_reference = part.revision.reference;
  const auto references = references_of(part.id);
  const bool others = std::any_of(references.begin(), references.end(),
                                  [&](const std::string& reference) { return reference != fresh_reference; });
  std::map<std::string, uint32_t> weights;
  if (part.former) {
    const auto known = weights_.find(part.id);
    // Before it starts, so that it is called when its turn comes.
    if (others && (known == weights_.end() || !known->second.contains(fresh_reference)))
      weights = {{fresh_reference, 0}, {part.former->reference, kAllCalls}};
  }
  bool weighed = weights.empty() || keep_weights(part, weights, now);
  const auto leftovers = leftovers_of(part);
  const uint64_t surplus = surplus_of_former(part);
  uint64_t least_fresh = 0, surplus_of_fresh = 0;
  if (stage && part.former && part.scaling.kind != ScalingKind::daemon) {
    least_fresh = fresh_until_former(part, *stage);
    surplus_of_fresh = beyond_surge(sum_of(present_or_commanded(part.id, fresh_reference)), fresh_wanted);
  }
  Kept fresh = weighed ? keep_revision(part, part.revision, outcome, fresh_wanted, least_fresh, leftovers,
                                       surplus, now)
                       : Kept{.wanted = fresh_wanted, .status = {.image = fresh_reference}};
  // The former revision ends only for what takes over from it.
  fresh.placed = fresh.placed && (fresh.lacking == 0 || !part.former);
  if (weighed && fresh.placed) {
    if (stage && part.former && others)
      weights = {{fresh_reference, stage->fresh_calls},
                 {part.former->reference, kAllCalls - stage->fresh_calls}};
    else if (others)
      weights = {{fresh_reference, kAllCalls}};
    else
      weights.clear();
    weighed = keep_weights(part, weights, now);
  } else if (!part.former && others && weighed && fresh.ready > 0) {
    weighed = keep_weights(part, {{fresh_reference, kAllCalls}}, now);
  }
  // Without a host that fits nothing is lacking, and nothing is there either.
  const auto& spreads = part.scaling.spreads;
  const bool any_fits = spreads.empty()
                            ? host_set_->size() != 0
                            : std::any_of(spreads.begin(), spreads.end(), [&](const Spread& spread) {
                                return !host_set_->eligible(spread).empty();
                              });
  outcome.stage_reached = weighed && fresh.placed && any_fits;
  outcome.fresh_ready = fresh.ready;
  outcome.fresh_failures = fresh.failures;
  outcome.fresh_error = fresh.error;
  status.wanted = fresh.wanted + fresh.lacking;
  status.ready = fresh.ready;
  status.revisions.push_back(fresh.status);
  if (part.former) {
    const uint64_t least = weighed && fresh.placed ? 0 : former_until_placed(part);
    const Kept former = keep_revision(part, *part.former, outcome, stage ? stage->former : 0, least,
                                      leftovers, surplus_of_fresh, now);
    status.wanted = std::max(status.wanted, instances);
    status.ready += former.ready;
    status.revisions.push_back(former.status);
    outcome.stage_reached = outcome.stage_reached && former.placed;
  }
  if (weighed) end_leftovers(part, fresh, leftovers, now);
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
  } else if (!any_fits) {
    status.status = {StatusKind::waiting, "no host fits any of its spreads"};
  } else if (outcome.stage_reached && !part.former) {
    status.status = {StatusKind::deployed, {}};
  } else {
    status.status = {StatusKind::reconciling,
                     fmt::format("{} of {} instances are ready", status.ready, status.wanted)};
  }
}

Reconciler::Kept Reconciler::keep_revision(const WantedPart& part, const WantedRevision& revision,
                                           Outcome& outcome, uint32_t instances, uint64_t least,
                                           const std::vector<Leftover>& beside, uint64_t surplus,
                                           TimePoint now) {
  const Instances present = present_of(part.id, revision.reference);
  // With what will be there when what was commanded is done.
  Instances hosts = present;
  const bool has_works = add_commanded(part.id, revision.reference, hosts);
  const std::vector<uint32_t>* only = nullptr;
  const auto together = together_.find(part.together);
  if (!part.together.empty() && together != together_.end()) only = &together->second;
  Instances near = hosts;
  add_companions(part, near);
  remove_given(part.id, revision.requests, hosts);
  const Placement placement = place(*host_set_, {.scaling = part.scaling,
                                                 .kind = PartKind::component,
                                                 .instances = instances,
                                                 .failure_domain = part.failure_domain,
                                                 .present = near,
                                                 .only = only,
                                                 .requests = revision.requests,
                                                 .kept = &hosts});
  add_given(part.id, revision.requests, placement, hosts);
  const bool daemon = part.scaling.kind == ScalingKind::daemon;
  Kept kept;
  kept.placed = true;
  kept.lacking = placement.lacking;
  kept.status.image = revision.reference;
  if (!placement.shortages.empty()) kept.shortage = fmt::format("{}", fmt::join(placement.shortages, "; "));
  for (const auto& [host, count] : placement.instances) {
    place_on(outcome, host);
    kept.wanted += count;
    hosts.try_emplace(host, 0);
  }
  if (!part.together.empty() && only == nullptr && !placement.instances.empty())
    for (const auto& [host, count] : placement.instances) together_[part.together].push_back(host);
  uint64_t total = sum_of(hosts);
  const uint64_t ready = sum_of(present);
  const uint64_t most = uint64_t{kept.wanted} + surge_of(kept.wanted);
  // However many others there are, one can begin.
  const bool may_begin = total == 0 && !beside.empty();
  kept.running = ready;
  // A daemon's instances make room for each other on each host, see below.
  if (!daemon)
    for (const Leftover& one : beside) total += one.count;
  total += surplus;
  uint64_t may_add = most > total ? most - total : may_begin ? 1 : 0;
  uint64_t may_take = ready - std::min(ready, std::max<uint64_t>(kept.wanted, least));
  for (const auto& [host, expected] : hosts) {
    const auto found = placement.instances.find(host);
    const uint32_t wanted = found == placement.instances.end() ? 0 : found->second;
    const auto there = present.find(host);
    const uint32_t have = there == present.end() ? 0 : there->second;
    const std::string& host_id = *usable_[host].first;
    uint32_t next = have;
    if (wanted > have) {
      uint32_t here = wanted;
      if (daemon) {
        uint32_t others = 0;
        for (const Leftover& one : beside) others += one.host == host ? one.count : 0;
        const uint32_t most_here = wanted + surge_of(wanted);
        here = std::max(1u, most_here - std::min(most_here, others));
      }
      here = std::max(have, std::min(here, wanted));
      // What was commanded already is not counted twice.
      const uint64_t more = std::min<uint64_t>(here > expected ? here - expected : 0, may_add);
      may_add -= more;
      next = std::min<uint32_t>(here, static_cast<uint32_t>(expected + more));
    } else if (wanted < have) {
      const uint64_t less = std::min<uint64_t>(have - wanted, may_take);
      may_take -= less;
      next = static_cast<uint32_t>(have - less);
    }
    bool same = next == have;
    if (same && have > 0) {
      const auto& revisions = usable_[host].second->components.find(part.id)->second;
      for (const RunningComponent& running : revisions)
        if (running.reference == revision.reference) same = running.scaler == revision.scaler;
    }
    const uint32_t counted = std::min(have, wanted);
    kept.ready += counted;
    if (counted > 0) kept.status.hosts[host_id] = counted;
    kept.placed = kept.placed && have == wanted && same;
    if (same) continue;
    // Its turn comes when others are done.
    const bool is_full = under_way_.size() >= options_.commands_max;
    if (is_full) held_up_.insert(planned_);
    if (is_full && !has_works) continue;
    std::string object = component_object(part.id, revision.reference, host_id);
    if (is_full && find_work(object) == nullptr) continue;
    const Work& work = want(object, fmt::format("{} {}", next, revision.scaler),
                            Scale{host_id, part.id, revision.reference, next, revision.configs,
                                  annotations_of(part, revision), revision.idle_after},
                            now, next);
    if (work.failures > kept.failures) {
      kept.failures = work.failures;
      const std::string& name = usable_[host].second->report.friendly_name;
      kept.error = fmt::format("{}: {}", name.empty() ? host_id : name, work.error);
    }
  }
  kept.status.ready = kept.ready;
  return kept;
}

// True when they are in force.
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
  const std::string prefix = fmt::format("component {} ", part.id);
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
      if (work->second.count > 0 && (work->second.awaited || work->second.command != 0))
        add(work->first, work->second.count);
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
    want(object_of(one), "0", Scale{host_id, part.id, one.reference, 0, {}, {}}, now);
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

// ---- Providers

void Reconciler::keep_provider(const WantedPart& part, Outcome& outcome, TimePoint now) {
  ObjectStatus& status = outcome.status;
  status.id = part.revision.scaler;
  status.kind = part.scaling.kind == ScalingKind::daemon ? "ProviderDaemonScaler" : "ProviderSpreadScaler";
  status.name = part.name;
  status.wanted = part.scaling.instances;
  if (std::string why = obstacle(part); !why.empty()) {
    status.status = {is_foreign(part.id) ? StatusKind::failed : StatusKind::waiting, std::move(why)};
    return;
  }
  std::map<uint32_t, const RunningProvider*> there;
  if (const auto found = providers_on_.find(part.id); found != providers_on_.end()) there = found->second;
  const Instances present = present_of(part);
  const Requests& requests = part.revision.requests;
  remove_given(part.id, requests, present);
  const Placement placement = place(*host_set_, {.scaling = part.scaling,
                                                 .kind = PartKind::provider,
                                                 .instances = part.scaling.instances,
                                                 .failure_domain = part.failure_domain,
                                                 .present = present,
                                                 .requests = requests,
                                                 .kept = &present});
  add_given(part.id, requests, placement, present);
  RevisionStatus revision{part.revision.reference, 0, kAllCalls, {}};
  std::string unhealthy, error;
  status.wanted = placement.lacking;
  for (const auto& [host, count] : placement.instances) {
    place_on(outcome, host);
    ++status.wanted;
    const std::string& host_id = *usable_[host].first;
    const ObservedHost& observed = *usable_[host].second;
    const std::string object = provider_object(part.id, host_id);
    const auto running = there.find(host);
    const Work* work = nullptr;
    if (running == there.end()) {
      work = &want(object, "start " + part.revision.scaler,
                   StartProvider{host_id, part.id, part.revision.reference, part.revision.configs,
                                 annotations_of(part, part.revision)},
                   now);
    } else if (running->second->reference != part.revision.reference ||
               (!running->second->scaler.empty() && running->second->scaler != part.revision.scaler)) {
      // A provider is told its configs' names and its program when it starts.
      work = &want(object, "stop", StopProvider{host_id, part.id}, now);
    } else {
      ++revision.ready;
      revision.hosts[host_id] = 1;
      if (observed.report.unhealthy_providers.contains(part.id))
        unhealthy =
            fmt::format("is not healthy on {}; the host starts it anew", observed.report.friendly_name);
    }
    if (work != nullptr && !work->error.empty())
      error = fmt::format("{}: {}", observed.report.friendly_name, work->error);
  }
  status.ready = revision.ready;
  status.revisions.push_back(std::move(revision));
  // What runs where it should not ends when the others are there.
  bool all_placed = status.ready == status.wanted;
  for (const auto& [host, provider] : there) {
    if (placement.instances.contains(host)) continue;
    const std::string& host_id = *usable_[host].first;
    if (all_placed) want(provider_object(part.id, host_id), "stop", StopProvider{host_id, part.id}, now);
    outcome.stage_reached = false;
  }
  if (!error.empty()) {
    status.status = {StatusKind::failed, std::move(error)};
  } else if (!placement.shortages.empty()) {
    status.status = {StatusKind::waiting, fmt::format("{}", fmt::join(placement.shortages, "; "))};
  } else if (!all_placed) {
    status.status = {StatusKind::reconciling,
                     fmt::format("runs on {} of {} hosts", status.ready, status.wanted)};
  } else if (!unhealthy.empty()) {
    status.status = {StatusKind::unhealthy, std::move(unhealthy)};
  } else {
    status.status = {StatusKind::deployed, {}};
  }
}

// ---- What no application wants any more

// What was noted and is not wanted: all that runs under this id.
void Reconciler::end_part(const std::string& id, TimePoint now) {
  if (desired().parts.contains(id)) return;
  end_running(id, now, [](const std::string&) { return true; });
  if (const auto weights = weights_.find(id); weights != weights_.end() && !running_.contains(id))
    want("weights " + id, "", PutWeights{id, {}}, now);
}

// And what nobody has noted, but says that it was put there for an application.
void Reconciler::end_strays(TimePoint now) {
  const auto is_ours = [&](const std::string& application) {
    const auto known = applications_.find(application);
    return known != applications_.end() && known->second.input.unreadable.empty();
  };
  for (const std::string& id : strays_)
    if (!noted_parts_.contains(id)) end_running(id, now, is_ours);
}

void Reconciler::end_running(const std::string& id, TimePoint now,
                             const std::function<bool(const std::string& application)>& is_meant) {
  if (const auto components = running_.find(id); components != running_.end()) {
    for (const RunsOn& one : components->second) {
      if (!is_meant(one.component->application)) continue;
      const std::string& host_id = *usable_[one.host].first;
      want(component_object(id, one.component->reference, host_id), "0",
           Scale{host_id, id, one.component->reference, 0, {}, {}}, now);
    }
  }
  if (const auto providers = providers_on_.find(id); providers != providers_on_.end()) {
    for (const auto& [host, provider] : providers->second) {
      if (!is_meant(provider->application)) continue;
      const std::string& host_id = *usable_[host].first;
      want(provider_object(id, host_id), "stop", StopProvider{host_id, id}, now);
    }
  }
}

}  // namespace wattle::manager
