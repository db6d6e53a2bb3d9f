#include "manager/reconciler.h"

#include <algorithm>

#include "manager/reconcile_objects.h"

namespace wattle::manager {
namespace {

// What an inventory is asked for under; every other command is some object's work.
constexpr std::string_view kHostObject = "host ";
// Calls are told of by every lease of every host; an update that they are judged in is planned no more often.
constexpr Duration kJudgeInterval = std::chrono::milliseconds(150);

// True: it is another than before.
template <class Map>
bool set_in_force(Map& map, const typename Map::key_type& key,
                  std::optional<typename Map::mapped_type> value) {
  const auto there = map.find(key);
  if (!value) return there != map.end() && (map.erase(there), true);
  if (there != map.end() && there->second == *value) return false;
  map.insert_or_assign(key, *std::move(value));
  return true;
}

// Between three quarters and five quarters of the pause: objects that failed together are not tried together.
Duration with_jitter(Duration pause, std::string_view object, uint32_t failures) {
  const uint64_t hash = hash_of(object, kHashBasis ^ failures);
  return pause * 3 / 4 + pause / 2 * static_cast<int64_t>(hash % 1000) / 1000;
}

// Whether it was done or not, nobody knows.
bool is_unanswered(ErrorCode code) {
  return code == ErrorCode::deadline_exceeded || code == ErrorCode::unavailable || code == ErrorCode::io;
}

// What the report says of the same revision, most likely at the same place.
CallCounts counts_in(const HostReport& report, const HostReport::Component& component, size_t place) {
  const auto is_same = [&](const HostReport::Component& one) {
    return one.id == component.id && one.reference == component.reference;
  };
  if (place < report.components.size() && is_same(report.components[place]))
    return report.components[place].counts;
  const auto found = std::find_if(report.components.begin(), report.components.end(), is_same);
  return found == report.components.end() ? CallCounts() : found->counts;
}

}  // namespace

std::vector<Command> Reconciler::step(Event event, TimePoint now) {
  issued_.clear();
  std::visit([&](auto& one) { take(one, now); }, event);
  if (!leading_) return {};
  if (now >= next_ask_) ask_hosts(now);
  if (now >= next_plan()) plan(now);
  return std::move(issued_);
}

// ---- What is heard

void Reconciler::take(HostSeen& event, TimePoint now) {
  const auto [found, is_new] = hosts_.try_emplace(event.report.id);
  ObservedHost& host = found->second;
  const bool begun_anew = is_new || host.report.incarnation != event.report.incarnation;
  if (begun_anew) {
    follow_calls(host.report, {}, now);
    host = ObservedHost();
  }
  if (event.changed && host.ask != 0) {
    host.moved = true;
  } else if (begun_anew || (event.changed && !is_told(host, event.report))) {
    host.stale = true;
    next_ask_ = TimePoint::min();
  }
  const HostReport& before = host.report;
  if (begun_anew || before.draining != event.report.draining || before.labels != event.report.labels ||
      before.friendly_name != event.report.friendly_name)
    hosts_stale_ = true;
  if (before.unhealthy_providers != event.report.unhealthy_providers) {
    for (const std::string& id : before.unhealthy_providers) touch_part(id);
    for (const std::string& id : event.report.unhealthy_providers) touch_part(id);
  }
  if (before.refused != event.report.refused) {
    touch_refused(before);
    touch_refused(event.report);
  }
  if (event.report.refused.empty())
    refusing_.erase(event.report.id);
  else
    refusing_.insert(event.report.id);
  const auto silent = silent_.extract(event.report.id);
  const bool is_back = begun_anew && silent && silent.mapped().report.incarnation == event.report.incarnation;
  count_calls(is_back ? silent.mapped().report : before, event.report);
  follow_calls(host.report, event.report, now);
  host.report = std::move(event.report);
}

void Reconciler::take(HostGone& event, TimePoint now) {
  const auto host = hosts_.find(event.host_id);
  if (host == hosts_.end()) return;
  follow_calls(host->second.report, {}, now);
  std::erase_if(silent_, [&](const auto& one) { return one.second.since + options_.forget_after <= now; });
  silent_[event.host_id] = {std::move(host->second.report), now};
  hosts_.erase(host);
  refusing_.erase(event.host_id);
  hosts_stale_ = true;
  wait_until_ = {};
}

void Reconciler::take(HostActed& event, TimePoint) {
  const auto host = hosts_.find(event.host_id);
  if (host == hosts_.end()) return;
  host->second.stale = true;
  next_ask_ = TimePoint::min();
}

// A host does one thing after another: what was commanded of this revision before is done as well.
void Reconciler::take(HostScaled& event, TimePoint now) {
  const auto found = work_.find(component_object(event.id, event.reference, event.host_id));
  if (found != work_.end() && found->second.count == event.count && found->second.most > event.count) {
    found->second.most = event.count;
    touch(found->second.application);
  }
  HostActed acted{std::move(event.host_id)};
  take(acted, now);
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
      touch(work->second.application);
    }
  }
  HostActed acted{event.host_id};
  take(acted, now);
}

void Reconciler::take(ApplicationsChanged& event, TimePoint now) {
  have_applications_ = true;
  std::set<std::string, std::less<>> named;
  for (ApplicationInput& input : event.applications) {
    if (event.all) named.insert(input.name);
    take_application(std::move(input), now);
  }
  if (event.all)
    for (const auto& [name, known] : applications_)
      if (!named.contains(name)) event.gone.push_back(name);
  for (const std::string& name : event.gone) remove_application(name);
}

void Reconciler::take(LatticeChanged& event, TimePoint now) {
  have_lattice_ = true;
  if (event.all) {
    for (const auto& [group, links] : links_) event.links.try_emplace(group);
    for (const auto& [name, values] : configs_) event.configs.try_emplace(name);
    for (const auto& [id, weights] : weights_) event.weights.try_emplace(id);
    for (const auto& [application, border] : borders_) event.borders.try_emplace(application);
  }
  for (auto& [group, links] : event.links) set_links(group, std::move(links), now);
  for (auto& [name, values] : event.configs)
    if (set_in_force(configs_, name, std::move(values))) {
      stop_awaiting("config " + name, now);
      touch_config(name);
    }
  for (auto& [id, weights] : event.weights) {
    std::optional<lattice::RevisionWeights> some;
    if (!weights.empty()) some = std::move(weights);
    if (set_in_force(weights_, id, std::move(some))) {
      stop_awaiting("weights " + id, now);
      touch_part(id);
    }
  }
  for (auto& [application, border] : event.borders)
    if (set_in_force(borders_, application, std::move(border))) {
      stop_awaiting(border_object(application), now);
      touch(application);
    }
}

void Reconciler::take(Leading& event, TimePoint now) {
  if (leading_ == event.leading) return;
  leading_ = event.leading;
  leading_since_ = now;
  work_.clear();
  works_of_.clear();
  belated_.clear();
  under_way_.clear();
  held_up_.clear();
  agenda_.clear();
  followers_.clear();
  given_.clear();
  limited_.clear();
  wait_until_ = {};
  for (auto& [id, host] : hosts_) {
    host.stale = true, host.known = false;
    host.ask = 0, host.ask_failures = 0, host.ask_at = now;
  }
  hosts_stale_ = true;
  next_ask_ = now;
  for (auto& [name, known] : applications_) {
    known.note = known.input.note;
    known.rollout.reset();
    // What was wanted meanwhile, nobody here has followed.
    known.parts_seen.clear(), known.configs_seen.clear(), known.links_seen.clear();
    stale_.insert(name);
  }
}

void Reconciler::take(CommandDone& event, TimePoint now) {
  const auto object = under_way_.find(event.command);
  if (object == under_way_.end()) return;  // of an earlier leadership
  const std::string name = std::move(object->second);
  under_way_.erase(object);
  if (name.starts_with(kHostObject)) return take_answer(name.substr(kHostObject.size()), event, now);
  const auto found = work_.find(name);
  if (found == work_.end()) return;
  Work& work = found->second;
  work.command = 0;
  touch(work.application);
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
  if (work.overtaken) stop_awaiting(work, now);
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
  set_inventory(host, *event.inventory);
  host.stale = host.stale || (host.moved && !is_told(host, host.report));
  host.ask_at = now + (host.stale ? Duration{} : options_.ask_interval);
  host.doubt_at = lease_agrees(host) ? TimePoint::max() : now + options_.doubt_time;
  next_ask_ = std::min({next_ask_, host.ask_at, host.doubt_at});
}

// Of what runs and ends again between two leases, no lease tells.
bool Reconciler::lease_agrees(const ObservedHost& host) {
  const HostReport& report = host.report;
  std::set<std::string_view> components;
  for (const HostReport::Component& component : report.components) components.insert(component.id);
  const auto run = [](const auto& inventory, const auto& told) {
    return std::all_of(inventory.begin(), inventory.end(),
                       [&](const auto& one) { return told.contains(one.first); });
  };
  return run(host.components, components) && run(host.providers, report.providers) &&
         components.size() == host.components.size() &&
         std::all_of(report.providers.begin(), report.providers.end(), [&](const std::string& id) {
           return host.providers.contains(id) || report.unhealthy_providers.contains(id);
         });
}

// The inventory is known, and the report tells nothing else: with images and numbers, unlike lease_agrees().
// Hosts that tell no images are asked each time.
bool Reconciler::is_told(const ObservedHost& host, const HostReport& report) {
  if (!host.known || host.stale || report.providers.size() != host.providers.size()) return false;
  size_t revisions = 0;
  for (const auto& [id, running] : host.components) revisions += running.size();
  const auto runs = [&](const HostReport::Component& told) {
    const auto found = host.components.find(told.id);
    return found != host.components.end() &&
           std::any_of(found->second.begin(), found->second.end(), [&](const RunningComponent& one) {
             return one.reference == told.reference && one.count == told.instances;
           });
  };
  return report.components.size() == revisions &&
         std::all_of(report.components.begin(), report.components.end(), runs) &&
         std::all_of(report.providers.begin(), report.providers.end(),
                     [&](const std::string& id) { return host.providers.contains(id); });
}

// Hosts count from a revision's start, so what matters is by how much each has gone on.
void Reconciler::count_calls(const HostReport& before, const HostReport& now) {
  for (size_t index = 0; index < now.components.size(); ++index) {
    const HostReport::Component& component = now.components[index];
    CallCounts told = counts_in(before, component, index);
    if (told == component.counts || !desired().parts.contains(component.id)) continue;
    if (component.counts.calls < told.calls || component.counts.failures < told.failures) told = {};
    CallCounts& all = counts_[{component.id, component.reference}];
    all.calls += component.counts.calls - told.calls;
    all.failures += component.counts.failures - told.failures;
    for (const std::string& name : table_.of_part(component.id))
      if (applications_.find(name)->second.rollout) agenda_.add(name, last_plan_ + kJudgeInterval);
  }
}

// Those of which something was heard, and in each interval everybody: nothing that was missed stays so.
void Reconciler::ask_hosts(TimePoint now) {
  next_ask_ = TimePoint::max();
  for (auto& [id, host] : hosts_) {
    if (host.ask != 0) continue;
    if (now >= host.doubt_at) {
      host.doubt_at = TimePoint::max();
      host.stale = host.stale || !lease_agrees(host);
    }
    const bool due = now >= host.ask_at || (host.stale && host.ask_failures == 0);
    if (due && under_way_.size() < options_.commands_max) {
      host.ask = ++commands_;
      host.stale = host.moved = false;  // what happens from now on may not be in the answer
      const std::string object = std::string(kHostObject) + id;
      under_way_.emplace(host.ask, object);
      issued_.push_back({host.ask, object, Ask{id}});
    } else {
      next_ask_ =
          std::min(next_ask_, due ? now + options_.plan_interval : std::min(host.ask_at, host.doubt_at));
    }
  }
}

// ---- Work

Reconciler::Work& Reconciler::want(const std::string& object, std::string signature, Action action,
                                   TimePoint now, uint32_t count) {
  const auto [work, due] = is_due(object, std::move(signature), now, count);
  if (due) begin(work, object, std::move(action));
  return work;
}

std::pair<Reconciler::Work&, bool> Reconciler::is_due(const std::string& object, std::string signature,
                                                      TimePoint now, uint32_t count) {
  Work& work = work_[object];
  work.plan = plans_;
  if (work.application != planned_ || work.signature.empty()) {
    works_of_[work.application].erase(object);
    works_of_[planned_].insert(object);
    work.application = planned_;
  }
  if (work.command != 0) return {work, false};
  if (work.signature != signature || work.count != count) {
    Work next{.application = planned_, .count = count, .plan = plans_};
    next.most = std::max(count, work.awaited ? work.most : 0);
    // What fails is not tried faster because its number changes, nor at once because it is declared
    // otherwise.
    if (work.signature == signature) {
      next.failures = work.failures, next.unanswered = work.unanswered;
      next.not_before = work.not_before;
      next.error = std::move(work.error);
    } else if (work.failures != 0) {
      next.not_before = now + options_.first_pause;
    }
    // What was done and is undone at once is some other manager's doing, which thinks that it leads.
    if (const auto done = belated_.find(object);
        done != belated_.end() && done->second.signature == signature && done->second.count == count)
      next.not_before =
          std::max(next.not_before, done->second.until - options_.answer_time + options_.first_pause);
    next.signature = std::move(signature);
    work = std::move(next);
  }
  if (work.awaited) {
    if (now < work.until) {
      wake_at(work.until);
      return {work, false};
    }
    work.awaited = false;
    fail(work, object, "was acknowledged, and did not happen in time", now);
  }
  if (now < work.not_before) {
    wake_at(work.not_before);
    return {work, false};
  }
  const bool is_full = under_way_.size() >= options_.commands_max;
  if (is_full) held_up_.insert(planned_);
  return {work, !is_full};
}

void Reconciler::begin(Work& work, const std::string& object, Action action) {
  belated_.erase(object);
  work.overtaken = false;
  work.command = ++commands_;
  under_way_.emplace(work.command, object);
  issued_.push_back({work.command, object, std::move(action)});
}

Duration Reconciler::pause_after(uint32_t failures, std::string_view object) const {
  Duration pause = options_.first_pause;
  for (uint32_t doubled = 0; doubled < failures && pause < options_.longest_pause; ++doubled) pause *= 2;
  return with_jitter(std::min(pause, options_.longest_pause), object, failures);
}

void Reconciler::fail(Work& work, const std::string& object, std::string error, TimePoint now) {
  work.not_before = now + pause_after(work.failures++, object);
  work.error = std::move(error);
}

void Reconciler::fail_unanswered(Work& work, const std::string& object, std::string error, TimePoint now) {
  work.not_before = now + std::min(pause_after(work.unanswered++, object), options_.longest_pause_unanswered);
  work.error = std::move(error);
}

void Reconciler::stop_awaiting(std::string_view object, TimePoint now) {
  if (const auto work = work_.find(object); work != work_.end()) stop_awaiting(work->second, now);
}

void Reconciler::stop_awaiting(Work& work, TimePoint now) const {
  work.overtaken = work.command != 0;
  if (!std::exchange(work.awaited, false)) return;
  work.not_before = now + options_.first_pause;
}

const Reconciler::Work* Reconciler::find_work(const std::string& object) const {
  const auto work = work_.find(object);
  return work == work_.end() ? nullptr : &work->second;
}

// Of what the application's plan did not want.
void Reconciler::forget_works(const std::string& application) {
  const auto objects = works_of_.find(application);
  if (objects == works_of_.end()) return;
  std::erase_if(objects->second, [&](const std::string& object) {
    const auto found = work_.find(object);
    Work& work = found->second;
    if (work.plan == plans_ || work.command != 0) return false;
    if (work.awaited && work.most > 0) belated_.insert_or_assign(object, std::move(work));
    work_.erase(found);
    return true;
  });
  if (objects->second.empty()) works_of_.erase(objects);
}

bool Reconciler::is_settled() const {
  return leading_ && !hosts_stale_ && agenda_.next() != Agenda::kNow && work_.empty() &&
         std::all_of(followers_.begin(), followers_.end(),
                     [](const auto& follower) { return follower.second.is_still(); }) &&
         std::all_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host.second.known && !host.second.stale; });
}

}  // namespace wattle::manager
