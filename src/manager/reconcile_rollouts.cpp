// Changes of version: from stage to stage of a schedule, or back.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {

// The version that was stable and the one that is deployed differ in some component's revision: it changes in
// stages. Anything else that differs is put in its place at once.
void Reconciler::begin_rollout(Known& known, TimePoint now) {
  const std::string& version = known.input.version_name;
  Note& note = known.note;
  std::vector<std::string> parts;
  if (known.input.version && known.input.stable && note.stable != version) {
    for (const Part& part : known.input.version->parts) {
      if (part.kind != PartKind::component || part.shared || !part.scaling) continue;
      for (const Part& other : known.input.stable->parts)
        if (other.id == part.id && other.kind == part.kind && !other.shared && other.scaling &&
            other.reference != part.reference)
          parts.push_back(part.id);
    }
  }
  if (parts.empty()) {
    known.rollout.reset();
    note.target.clear();
    note.stage = 0;
    return;
  }
  if (note.target != version) {
    note.target = version;
    note.stage = 0;
    note.outcome.clear();
    known.rollout.reset();
  }
  if (known.rollout && known.rollout->parts == parts) return;
  Rollout rollout;
  rollout.parts = std::move(parts);
  rollout.strategy = update_strategy(*known.input.version).value_or(UpdateStrategy{});
  rollout.stage_began = now;
  known.rollout = std::move(rollout);
}

std::optional<size_t> Reconciler::stage_index(const WantedPart& part) const {
  if (!part.former) return {};
  const auto known = applications_.find(part.application);
  if (known == applications_.end() || !known->second.rollout) return {};
  const auto stages = schedule_of(known->second.rollout->strategy, instances_of(part));
  // Parts with fewer stages wait at their last but one until all others have come that far.
  const size_t count = stages_of(*known->second.rollout);
  const size_t stage = known->second.note.stage;
  if (stage + 1 >= count) return stages.size() - 1;
  return std::min(stage, stages.size() - (stages.size() > 1 ? 2 : 1));
}

std::optional<Stage> Reconciler::stage_of(const WantedPart& part) const {
  const auto index = stage_index(part);
  if (!index) return {};
  const auto& strategy = applications_.find(part.application)->second.rollout->strategy;
  return schedule_of(strategy, instances_of(part))[*index];
}

size_t Reconciler::stages_of(const Rollout& rollout) const {
  size_t count = 1;
  for (const std::string& id : rollout.parts)
    if (const auto part = desired().parts.find(id); part != desired().parts.end())
      count = std::max(count, schedule_of(rollout.strategy, instances_of(part->second)).size());
  return count;
}

std::pair<CallCounts, CallCounts> Reconciler::counts_of(const WantedPart& part) const {
  const auto of = [&](const std::string& reference) {
    const auto counts = counts_.find(std::pair(part.id, reference));
    return counts == counts_.end() ? CallCounts() : counts->second;
  };
  return {of(part.revision.reference), part.former ? of(part.former->reference) : CallCounts()};
}

void Reconciler::count_stage(Rollout& rollout) const {
  for (const std::string& id : rollout.parts) {
    const auto part = desired().parts.find(id);
    if (part == desired().parts.end()) continue;
    rollout.at_stage[id] = counts_of(part->second);
    rollout.at_beginning.try_emplace(id, rollout.at_stage[id]);
  }
}

void Reconciler::judge(Known& known, TimePoint now) {
  if (!known.input.version) return;
  if (known.rollout) return judge_rollout(known, now);
  if (known.note.stable == known.input.version_name) return;
  // The first version, or one without other revisions: stable as soon as it is there.
  const auto& parts = table_.of(known.input.name).parts;
  const bool placed = std::all_of(parts.begin(), parts.end(), [&](const std::string& id) {
    return parts_done_.find(id)->second.status.status.kind == StatusKind::deployed;
  });
  if (!placed) return;
  known.note.stable = known.input.version_name;
  known.note.outcome.clear();
}

void Reconciler::judge_rollout(Known& known, TimePoint now) {
  Rollout& rollout = *known.rollout;
  if (rollout.at_beginning.empty()) count_stage(rollout);
  if (std::string why = reason_to_roll_back(known, now); !why.empty()) {
    known.note.outcome = fmt::format("{} was rolled back: {}", known.input.version_name, why);
    want("rollback " + known.input.name, known.input.version_name,
         RollBack{known.input.name, known.input.version_name, known.note.stable, std::move(why)}, now);
    return;
  }
  const bool reached = std::all_of(rollout.parts.begin(), rollout.parts.end(), [&](const std::string& id) {
    const auto outcome = parts_done_.find(id);
    return outcome != parts_done_.end() && outcome->second.stage_reached;
  });
  if (!reached) {
    rollout.ready_since.reset();
    return wake_at(rollout.stage_began + rollout.strategy.progress_timeout);
  }
  if (!rollout.ready_since) {
    rollout.ready_since = now;
    count_stage(rollout);
  }
  if (is_judged(known, now)) next_stage(known, now);
}

std::string Reconciler::reason_to_roll_back(const Known& known, TimePoint now) const {
  const Rollout& rollout = *known.rollout;
  for (const std::string& id : rollout.parts) {
    const auto part = desired().parts.find(id);
    const auto outcome = parts_done_.find(id);
    if (part == desired().parts.end() || outcome == parts_done_.end()) continue;
    if (outcome->second.fresh_failures >= options_.failures_max)
      return fmt::format("{} cannot start: {}", part->second.name, outcome->second.fresh_error);
    const auto before = rollout.at_beginning.find(id);
    if (before == rollout.at_beginning.end()) continue;
    auto [fresh, former] = counts_of(part->second);
    fresh.calls -= before->second.first.calls, fresh.failures -= before->second.first.failures;
    former.calls -= before->second.second.calls, former.failures -= before->second.second.failures;
    if (fails_too_often(rollout.strategy, fresh, former))
      return fmt::format("{} failed {} of {} calls, the version before {} of {}", part->second.name,
                         fresh.failures, fresh.calls, former.failures, former.calls);
  }
  if (rollout.ready_since || now < rollout.stage_began + rollout.strategy.progress_timeout) return {};
  if (usable_.empty()) return {};  // the version before would not do better
  for (const std::string& id : rollout.parts) {
    const auto outcome = parts_done_.find(id);
    if (outcome != parts_done_.end() && !outcome->second.stage_reached)
      return fmt::format("{} was not ready in time: {}", outcome->second.status.name,
                         outcome->second.status.status.message);
  }
  return "it was not ready in time";
}

// In stages that say so; and in a later one what did not run before, because its first instances were of a
// spread that no host fits.
bool Reconciler::is_to_judge(const Known& known, const WantedPart& part) const {
  const auto stage = stage_of(part);
  if (!stage) return false;
  const auto stages = schedule_of(known.rollout->strategy, instances_of(part));
  const auto outcome = parts_done_.find(part.id);
  const bool runs = outcome != parts_done_.end() && outcome->second.fresh_ready > 0;
  if (runs && !known.rollout->judged.contains(part.id))
    return std::any_of(stages.begin(), stages.end(), [](const Stage& one) { return one.judged; });
  // What only waits for others to come as far has been judged.
  return stage->judged && known.note.stage + 1 < stages.size();
}

// Whether the stage has lasted long enough.
bool Reconciler::is_judged(Known& known, TimePoint now) {
  Rollout& rollout = *known.rollout;
  bool enough = true, idle = true, judged = false;
  std::vector<std::string> running;
  for (const std::string& id : rollout.parts) {
    const auto part = desired().parts.find(id);
    const auto before = rollout.at_stage.find(id);
    if (part == desired().parts.end() || before == rollout.at_stage.end()) continue;
    if (!is_to_judge(known, part->second)) continue;
    if (parts_done_.find(id)->second.fresh_ready > 0) running.push_back(id);
    judged = true;
    const auto [fresh, former] = counts_of(part->second);
    const uint64_t calls = fresh.calls - before->second.first.calls;
    enough = enough && calls >= kCallsToJudge;
    idle = idle && calls == 0 && former.calls == before->second.second.calls;
  }
  const Duration patience =
      idle ? std::min(kIdleObserve, rollout.strategy.observe) : rollout.strategy.observe;
  const TimePoint until = *rollout.ready_since + patience;
  if (judged && !enough && now < until) {
    wake_at(until);
    return false;
  }
  rollout.judged.insert(running.begin(), running.end());
  return true;
}

void Reconciler::next_stage(Known& known, TimePoint now) {
  Rollout& rollout = *known.rollout;
  touch(known.input.name);
  if (known.note.stage + 1 >= stages_of(rollout)) {
    known.note.stable = known.input.version_name;
    known.note.target.clear();
    known.note.stage = 0;
    known.rollout.reset();
    stale_.insert(known.input.name);
    return;
  }
  ++known.note.stage;
  rollout.stage_began = now;
  rollout.ready_since.reset();
}

}  // namespace wattle::manager
