// A plan: application by application, those of which something is another, or whose time has come.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {

TimePoint Reconciler::next_plan() const {
  if (!have_applications_ || !have_lattice_) return TimePoint::max();  // what is missing comes as an event
  const bool has_room = !held_up_.empty() && under_way_.size() < options_.commands_max;
  const TimePoint due = hosts_stale_ || has_room ? Agenda::kNow : std::min(agenda_.next(), plan_all_at_);
  return std::max({due, wait_until_, last_plan_ + options_.plan_interval});
}

void Reconciler::plan(TimePoint now) {
  last_plan_ = now;
  const TimePoint patient_until = leading_since_ + options_.ask_patience;
  if (now < patient_until &&
      std::any_of(hosts_.begin(), hosts_.end(), [](const auto& host) { return !host.second.known; })) {
    wait_until_ = patient_until;
    return;
  }
  ++plans_;
  if (hosts_stale_) index_hosts();
  if (now >= plan_all_at_) {
    plan_all_at_ = now + options_.ask_interval;
    touch_all();
  }
  refresh_desired(now);
  for (size_t room = options_.commands_max - std::min(under_way_.size(), options_.commands_max);
       room > 0 && !held_up_.empty(); --room)
    touch(held_up_.extract(held_up_.begin()).value());
  std::erase_if(belated_, [&](const auto& work) { return now >= work.second.until; });
  const std::set<std::string> names = agenda_.take(now);
  for (const std::string& name : names) hold_running(name);
  for (const std::string& name : names) plan_application(name, now);
}

void Reconciler::plan_application(const std::string& name, TimePoint now) {
  planned_ = name;
  if (name == kStrays) {
    end_strays(now);
    return forget_works(name);
  }
  const auto found = applications_.find(name);
  Known* const known = found == applications_.end() ? nullptr : &found->second;
  if (known != nullptr && learn_interfaces(*known)) {
    stale_.insert(name);  // what is wanted of links follows in the next plan
    touch(name);
  }
  keep_border(name, known, now);
  if (known != nullptr && known->input.unreadable.empty()) {
    const Belongings& own = table_.of(name);
    together_.erase(name);
    for (const std::string& config : own.configs) keep_config(config, now);
    for (const LinkGroup& group : own.links) keep_links(group, now);
    // Together, as if none of them had been placed: else each would move for the others.
    for (const std::string& id : own.parts)
      if (Outcome& outcome = parts_done_[id]; outcome.plan != plans_) displace(outcome);
    for (const std::string& id : own.parts) keep_part(id, now);
    const Note& noted = known->input.note;
    for (const std::string& id : noted.parts) end_part(id, now);
    for (const LinkGroup& group : noted.links) end_links(group, now);
    for (const std::string& config : noted.configs) end_config(config, now);
    judge(*known, now);
    if (!stale_.contains(name)) keep_note(*known, now);
  }
  statuses_to_tell_.insert(name);
  forget_works(name);
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
  const Belongings& own = table_.of(known.input.name);
  const Note& stored = known.input.note;
  Note note{.stable = known.note.stable,
            .target = known.note.target,
            .stage = known.note.stage,
            .outcome = known.note.outcome,
            .interfaces = known.note.interfaces};
  // What somebody else has put under our names is not ours.
  for (const std::string& id : own.parts)
    if (stored.parts.contains(id) || !is_foreign(id)) note.parts.insert(id);
  for (const LinkGroup& group : own.links)
    if (stored.links.contains(group) || !is_foreign(group)) note.links.insert(group);
  note.configs = own.configs;
  // What is not wanted any more stays noted until it has been gone for a while, from now on.
  std::erase_if(known.parts_seen, [&](const auto& seen) { return desired().parts.contains(seen.first); });
  std::erase_if(known.links_seen, [&](const auto& seen) { return desired().links.contains(seen.first); });
  std::erase_if(known.configs_seen, [&](const auto& seen) { return desired().configs.contains(seen.first); });
  const Duration forget_after = options_.forget_after;
  for (const std::string& id : stored.parts)
    if (!desired().parts.contains(id) && is_remembered(known.parts_seen, id, exists(id), now, forget_after))
      note.parts.insert(id);
  for (const LinkGroup& group : stored.links)
    if (!desired().links.contains(group) &&
        is_remembered(known.links_seen, group, links_.contains(group), now, forget_after))
      note.links.insert(group);
  for (const std::string& name : stored.configs)
    if (!desired().configs.contains(name) &&
        is_remembered(known.configs_seen, name, configs_.contains(name), now, forget_after))
      note.configs.insert(name);
  return note;
}

void Reconciler::keep_note(Known& known, TimePoint now) {
  const std::string& name = known.input.name;
  Note note = wanted_note(known, now);
  if (note == known.input.note) return;
  if (note == Note()) {
    want("note " + name, "remove", RemoveNote{name}, now);
    return;
  }
  std::string json = to_json(note);
  want("note " + name, std::move(json), SaveNote{name, std::move(note)}, now);
}

}  // namespace wattle::manager
