#include "manager/reconciler.h"

#include <algorithm>

namespace wattle::manager {
namespace {

// What an inventory is asked for under; every other command is some object's work.
constexpr std::string_view kHostObject = "host ";

std::string text_or_empty(const std::optional<StringMap>& map, std::string_view key) {
  if (!map) return {};
  const auto found = map->find(std::string(key));
  return found == map->end() ? std::string() : found->second;
}

// Between three quarters and five quarters of the pause: objects that failed together are not tried together.
Duration with_jitter(Duration pause, std::string_view object, uint32_t failures) {
  uint64_t hash = 0xcbf29ce484222325 ^ failures;
  for (const char c : object) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return pause * 3 / 4 + pause / 2 * static_cast<int64_t>(hash % 1000) / 1000;
}

// Whether it was done or not, nobody knows.
bool is_unanswered(ErrorCode code) {
  return code == ErrorCode::deadline_exceeded || code == ErrorCode::unavailable || code == ErrorCode::io;
}

}  // namespace

std::vector<Command> Reconciler::step(Event event, TimePoint now) {
  issued_.clear();
  std::visit([&](auto& one) { take(one, now); }, event);
  if (!leading_) return {};
  if (now >= next_ask_) ask_hosts(now);
  if (now >= next_plan_) dirty_ = true;
  if (!dirty_) return std::move(issued_);
  if (!have_applications_ || !have_lattice_)
    next_plan_ = TimePoint::max();  // what is missing comes as an event
  else if (now >= last_plan_ + options_.plan_interval)
    plan(now);
  else
    next_plan_ = last_plan_ + options_.plan_interval;
  return std::move(issued_);
}

// ---- What is heard

void Reconciler::take(HostSeen& event, TimePoint) {
  const auto [found, is_new] = hosts_.try_emplace(event.report.id);
  ObservedHost& host = found->second;
  if (!is_new && host.report.incarnation != event.report.incarnation) {
    host = ObservedHost();
    told_counts_.erase(event.report.id);
  }
  const HostReport& before = host.report;
  const bool other = is_new || event.changed || before.incarnation != event.report.incarnation ||
                     before.draining != event.report.draining || before.labels != event.report.labels ||
                     before.unhealthy_providers != event.report.unhealthy_providers;
  if (is_new || event.changed || before.incarnation != event.report.incarnation) {
    host.stale = true;
    next_ask_ = TimePoint::min();
  }
  const bool counted = count_calls(event.report);
  host.report = std::move(event.report);
  if (other) dirty_ = true;
  if (counted)
    for (const auto& [name, known] : applications_) dirty_ = dirty_ || known.rollout.has_value();
}

void Reconciler::take(HostGone& event, TimePoint) {
  told_counts_.erase(event.host_id);
  if (hosts_.erase(event.host_id) != 0) dirty_ = true;
}

void Reconciler::take(HostActed& event, TimePoint) {
  const auto host = hosts_.find(event.host_id);
  if (host == hosts_.end()) return;
  host->second.stale = true;
  next_ask_ = TimePoint::min();
}

void Reconciler::take(HostFailed& event, TimePoint now) {
  const std::string suffix = fmt::format(" on {}", event.host_id);
  for (const std::string& prefix :
       {fmt::format("component {} ", event.id), fmt::format("provider {} ", event.id)}) {
    for (auto work = work_.lower_bound(prefix); work != work_.end() && work->first.starts_with(prefix);
         ++work) {
      if (!work->first.ends_with(suffix) || !(work->second.awaited || work->second.command != 0)) continue;
      work->second.awaited = false;
      fail(work->second, work->first, event.error, now);
    }
  }
  HostActed acted{event.host_id};
  take(acted, now);
}

void Reconciler::take(ApplicationsChanged& event, TimePoint) {
  have_applications_ = dirty_ = true;
  std::set<std::string, std::less<>> named;
  for (ApplicationInput& input : event.applications) {
    named.insert(input.name);
    const auto [found, is_new] = applications_.try_emplace(input.name);
    Known& known = found->second;
    if (is_new || known.input.version != input.version || known.input.stable != input.stable ||
        known.input.version_name != input.version_name)
      desired_stale_ = true;
    if (is_new || !leading_) known.note = input.note;
    known.input = std::move(input);
  }
  if (std::erase_if(applications_, [&](const auto& known) { return !named.contains(known.first); }) != 0)
    desired_stale_ = true;
}

void Reconciler::take(LatticeChanged& event, TimePoint) {
  lattice_ = std::move(event);
  links_.clear();
  for (const lattice::Link& link : lattice_.links) links_[group_of(link)].push_back(&link);
  have_lattice_ = dirty_ = true;
}

void Reconciler::take(Leading& event, TimePoint now) {
  if (leading_ == event.leading) return;
  leading_ = event.leading;
  leading_since_ = now;
  work_.clear();
  belated_.clear();
  under_way_.clear();
  for (auto& [id, host] : hosts_) {
    host.stale = true, host.known = false;
    host.ask = 0, host.ask_failures = 0, host.ask_at = now;
  }
  next_ask_ = now;
  for (auto& [name, known] : applications_) {
    known.note = known.input.note;
    known.rollout.reset();
  }
  desired_stale_ = dirty_ = true;
}

void Reconciler::take(TimePassed&, TimePoint) {}

void Reconciler::take(CommandDone& event, TimePoint now) {
  const auto object = under_way_.find(event.command);
  if (object == under_way_.end()) return;  // of an earlier leadership
  const std::string name = std::move(object->second);
  under_way_.erase(object);
  if (name.starts_with(kHostObject)) return take_answer(name.substr(kHostObject.size()), event, now);
  dirty_ = true;
  const auto found = work_.find(name);
  if (found == work_.end()) return;
  Work& work = found->second;
  work.command = 0;
  if (!event.result) {
    const Error& error = event.result.error();
    std::string text = error.full_message();
    if (!error.remedy().empty()) text += "; " + error.remedy();
    return is_unanswered(error.code()) ? fail_unanswered(work, name, std::move(text), now)
                                       : fail(work, name, std::move(text), now);
  }
  work.awaited = true;
  work.unanswered = 0;
  work.until = now + options_.answer_time;
}

void Reconciler::take_answer(const std::string& host_id, const CommandDone& event, TimePoint now) {
  const auto found = hosts_.find(host_id);
  if (found == hosts_.end() || found->second.ask != event.command) return;
  ObservedHost& host = found->second;
  host.ask = 0;
  if (!event.result || !event.inventory) {
    host.stale = true;
    host.ask_at =
        now + std::min(pause_after(host.ask_failures++, host_id), options_.longest_pause_unanswered);
    next_ask_ = std::min(next_ask_, host.ask_at);
    return;
  }
  host.ask_failures = 0;
  host.ask_at = now + (host.stale ? Duration{} : options_.ask_interval);
  next_ask_ = std::min(next_ask_, host.ask_at);
  decltype(host.components) components;
  for (const auto& component : event.inventory->components)
    components[component.id].push_back({component.image_ref, component.max_instances,
                                        text_or_empty(component.annotations, kScalerAnnotation),
                                        text_or_empty(component.annotations, kApplicationAnnotation)});
  decltype(host.providers) providers;
  for (const auto& provider : event.inventory->providers)
    providers[provider.id] = {provider.image_ref.value_or(""),
                              text_or_empty(provider.annotations, kScalerAnnotation),
                              text_or_empty(provider.annotations, kApplicationAnnotation)};
  if (host.known && components == host.components && providers == host.providers) return;
  host.known = dirty_ = true;
  host.components = std::move(components);
  host.providers = std::move(providers);
}

// Hosts count from their start, so what matters is by how much each has gone on. True: there were calls.
bool Reconciler::count_calls(const HostReport& report) {
  auto& told = told_counts_[report.id];
  bool any = false;
  for (const HostReport::Component& component : report.components) {
    const auto key = std::pair(component.id, component.reference);
    CallCounts& before = told[key];
    if (component.counts.calls < before.calls || component.counts.failures < before.failures) before = {};
    CallCounts& all = counts_[key];
    all.calls += component.counts.calls - before.calls;
    all.failures += component.counts.failures - before.failures;
    any = any || component.counts.calls != before.calls;
    before = component.counts;
  }
  return any;
}

// ---- Work

Reconciler::Work& Reconciler::want(const std::string& object, std::string signature, Action action,
                                   TimePoint now, uint32_t count) {
  Work& work = work_[object];
  work.plan = plans_;
  if (work.command != 0) return work;
  if (work.signature != signature) {
    const bool had_failed = work.failures != 0;
    work = Work();
    work.plan = plans_;
    // What fails is not tried faster because its numbers change.
    if (had_failed) work.not_before = now + options_.first_pause;
    work.signature = std::move(signature);
  }
  if (work.awaited) {
    if (now < work.until) {
      wake_at(work.until);
      return work;
    }
    work.awaited = false;
    fail(work, object, "was acknowledged, and did not happen in time", now);
  }
  if (now < work.not_before) {
    wake_at(work.not_before);
    return work;
  }
  if (under_way_.size() >= options_.commands_max) return work;  // planned again when one is done
  belated_.erase(object);
  work.command = ++commands_;
  work.count = count;
  under_way_.emplace(work.command, object);
  issued_.push_back({work.command, object, std::move(action)});
  return work;
}

Duration Reconciler::pause_after(uint32_t failures, std::string_view object) const {
  Duration pause = options_.first_pause;
  for (uint32_t doubled = 0; doubled < failures && pause < options_.longest_pause; ++doubled) pause *= 2;
  return with_jitter(std::min(pause, options_.longest_pause), object, failures);
}

void Reconciler::fail(Work& work, const std::string& object, std::string error, TimePoint now) {
  work.not_before = now + pause_after(work.failures++, object);
  work.error = std::move(error);
  dirty_ = true;
}

void Reconciler::fail_unanswered(Work& work, const std::string& object, std::string error, TimePoint now) {
  work.not_before = now + std::min(pause_after(work.unanswered++, object), options_.longest_pause_unanswered);
  work.error = std::move(error);
  dirty_ = true;
}

const Reconciler::Work* Reconciler::find_work(const std::string& object) const {
  const auto work = work_.find(object);
  return work == work_.end() ? nullptr : &work->second;
}

bool Reconciler::is_settled() const {
  return leading_ && !dirty_ && work_.empty() &&
         std::all_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host.second.known && !host.second.stale; });
}

// ---- A plan

void Reconciler::plan(TimePoint now) {
  ++plans_;
  dirty_ = false;
  last_plan_ = now;
  next_plan_ = TimePoint::max();
  const bool all_known =
      std::all_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return host.second.known; });
  if (!all_known && now < leading_since_ + options_.ask_patience)
    return wake_at(leading_since_ + options_.ask_patience);
  if (desired_stale_) find_desired(now);
  index_hosts();
  index_notes();
  keep_notes(now);
  keep_borders(now);
  keep_configs(now);
  keep_links(now);
  keep_parts(now);
  end_unwanted(now);
  end_links(now);
  end_configs(now);
  judge_rollouts(now);
  forget_works(now);
  if (dirty_) wake_at(now + options_.plan_interval);
}

// Of what this plan did not want.
void Reconciler::forget_works(TimePoint now) {
  std::erase_if(belated_, [&](const auto& work) { return now >= work.second.until; });
  for (auto at = work_.begin(); at != work_.end();) {
    auto& [object, work] = *at;
    if (work.plan == plans_ || work.command != 0) {
      ++at;
      continue;
    }
    if (work.awaited && work.count > 0) belated_.insert_or_assign(object, std::move(work));
    at = work_.erase(at);
  }
}

// Those of which something was heard, and in each interval everybody: nothing that was missed stays so.
void Reconciler::ask_hosts(TimePoint now) {
  next_ask_ = TimePoint::max();
  for (auto& [id, host] : hosts_) {
    if (host.ask != 0) continue;
    const bool due = now >= host.ask_at || (host.stale && host.ask_failures == 0);
    if (due && under_way_.size() < options_.commands_max) {
      host.ask = ++commands_;
      host.stale = false;  // what happens from now on may not be in the answer
      const std::string object = std::string(kHostObject) + id;
      under_way_.emplace(host.ask, object);
      issued_.push_back({host.ask, object, Ask{id}});
    } else {
      next_ask_ = std::min(next_ask_, due ? now + options_.plan_interval : host.ask_at);
    }
  }
}

void Reconciler::find_desired(TimePoint now) {
  desired_stale_ = false;
  std::vector<DeployedApplication> deployed;
  for (auto& [name, known] : applications_) {
    known.belongings = {};
    begin_rollout(known, now);
    if (!known.input.version) {
      // Whatever comes next takes over from nothing; of what cannot be read nobody knows.
      if (known.input.unreadable.empty()) {
        known.note.stable.clear();
        known.note.outcome.clear();
      }
      continue;
    }
    deployed.push_back({name, known.input.version, known.rollout ? known.input.stable : nullptr});
    known.belongings = belongings_of(*known.input.version);
    if (known.rollout) {
      Belongings former = belongings_of(*known.input.stable);
      known.belongings.parts.merge(former.parts);
      known.belongings.links.merge(former.links);
      known.belongings.configs.merge(former.configs);
    }
  }
  desired_ = desired_of(deployed);
  std::erase_if(counts_, [&](const auto& counts) { return !desired_.parts.contains(counts.first.first); });
}

void Reconciler::index_hosts() {
  usable_.clear();
  running_.clear();
  providers_on_.clear();
  together_.clear();
  std::vector<HostView> views;
  for (const auto& [id, host] : hosts_) {
    if (!host.known || host.report.draining) continue;
    const auto index = static_cast<uint32_t>(usable_.size());
    usable_.emplace_back(&id, &host);
    views.push_back({id, host.report.friendly_name, &host.report.labels});
    for (const auto& [component_id, revisions] : host.components)
      for (const RunningComponent& revision : revisions) running_[component_id].push_back({index, &revision});
    for (const auto& [provider_id, provider] : host.providers)
      providers_on_[provider_id].emplace_back(index, &provider);
  }
  host_set_.emplace(std::move(views));
}

void Reconciler::index_notes() {
  noted_parts_.clear();
  noted_links_.clear();
  noted_configs_.clear();
  for (const auto& [name, known] : applications_) {
    const Note& note = known.input.note;
    if (!known.input.unreadable.empty()) continue;
    noted_parts_.insert(note.parts.begin(), note.parts.end());
    noted_links_.insert(note.links.begin(), note.links.end());
    noted_configs_.insert(note.configs.begin(), note.configs.end());
  }
}

// ---- Notes

namespace {

// Whether what is noted and not wanted is remembered: it is there, or was lately.
template <class Seen, class Key>
bool is_remembered(Seen& seen, const Key& key, bool there, TimePoint now, Duration forget_after) {
  const auto [at, is_new] = seen.try_emplace(key, now);
  if (there) at->second = now;
  if (now - at->second < forget_after) return true;
  seen.erase(at);
  return false;
}

}  // namespace

Note Reconciler::wanted_note(Known& known, TimePoint now) const {
  Note note = known.note;
  const Note& stored = known.input.note;
  note.parts.clear(), note.links.clear(), note.configs.clear();
  // What somebody else has put under our names is not ours.
  for (const std::string& id : known.belongings.parts)
    if (stored.parts.contains(id) || !is_foreign(id)) note.parts.insert(id);
  for (const LinkGroup& group : known.belongings.links)
    if (stored.links.contains(group) || !is_foreign(group)) note.links.insert(group);
  note.configs = known.belongings.configs;
  // What is not wanted any more stays noted until it has been gone for a while, from now on.
  std::erase_if(known.parts_seen, [&](const auto& seen) { return desired_.parts.contains(seen.first); });
  std::erase_if(known.links_seen, [&](const auto& seen) { return desired_.links.contains(seen.first); });
  std::erase_if(known.configs_seen, [&](const auto& seen) { return desired_.configs.contains(seen.first); });
  const Duration forget_after = options_.forget_after;
  for (const std::string& id : stored.parts)
    if (!desired_.parts.contains(id) && is_remembered(known.parts_seen, id, exists(id), now, forget_after))
      note.parts.insert(id);
  for (const LinkGroup& group : stored.links)
    if (!desired_.links.contains(group) &&
        is_remembered(known.links_seen, group, links_.contains(group), now, forget_after))
      note.links.insert(group);
  for (const std::string& name : stored.configs)
    if (!desired_.configs.contains(name) &&
        is_remembered(known.configs_seen, name, lattice_.configs->contains(name), now, forget_after))
      note.configs.insert(name);
  return note;
}

void Reconciler::keep_notes(TimePoint now) {
  for (auto& [name, known] : applications_) {
    if (!known.input.unreadable.empty()) continue;
    Note note = wanted_note(known, now);
    if (note == known.input.note) continue;
    if (note == Note()) {
      want("note " + name, "", RemoveNote{name}, now);
      continue;
    }
    std::string json = to_json(note);
    want("note " + name, std::move(json), SaveNote{name, std::move(note)}, now);
  }
}

}  // namespace wattle::manager
