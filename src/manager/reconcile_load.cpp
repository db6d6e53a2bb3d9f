// Components whose number of instances follows their calls.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {

// What a host tells of calls, in place of what it told before.
void Reconciler::follow_calls(const HostReport& before, const HostReport& now, TimePoint at) {
  std::set<std::string_view> changed;
  for (const HostReport::Component& component : before.components) {
    if (component.in_flight + component.queued + component.parked == 0) continue;
    Load& load = loads_[component.id];
    load.in_flight -= component.in_flight, load.queued -= component.queued, load.parked -= component.parked;
    changed.insert(component.id);
  }
  for (const HostReport::Component& component : now.components) {
    if (component.in_flight + component.queued + component.parked == 0) continue;
    Load& load = loads_[component.id];
    load.in_flight += component.in_flight, load.queued += component.queued, load.parked += component.parked;
    changed.insert(component.id);
  }
  for (const std::string_view id : changed) {
    const auto load = loads_.find(id);
    const Load all = load->second;
    if (all == Load()) loads_.erase(load);
    const auto follower = followers_.find(id);
    const auto part = desired().parts.find(id);
    if (follower == followers_.end() || part == desired().parts.end() || !part->second.scaling.load) continue;
    const uint32_t wanted = follower->second.wanted();
    const LoadScaling& scaling = *part->second.scaling.load;
    if (follower->second.step(scaling, all.in_flight + all.queued, at) != wanted) touch_part(id);
    if (const TimePoint next = follower->second.next_step(scaling); next != TimePoint::max())
      for (const std::string& name : table_.of_part(id)) agenda_.add(name, next);
  }
}

Reconciler::Load Reconciler::load_of(std::string_view id) const {
  const auto load = loads_.find(id);
  return load == loads_.end() ? Load() : load->second;
}

// In the plan of its application. A manager that has just begun to lead takes nothing away that runs.
void Reconciler::follow_load(const WantedPart& part, TimePoint now) {
  if (!part.scaling.load) {
    followers_.erase(part.id);
    return;
  }
  auto follower = followers_.find(part.id);
  if (follower == followers_.end()) {
    uint64_t running = 0;
    if (const auto there = running_.find(part.id); there != running_.end())
      for (const RunsOn& one : there->second) running += one.component->count;
    const auto begins_with = static_cast<uint32_t>(std::min<uint64_t>(running, part.scaling.load->most));
    follower =
        followers_.try_emplace(part.id, running == 0 ? part.scaling.instances : begins_with, now).first;
  }
  const Load load = load_of(part.id);
  follower->second.step(*part.scaling.load, load.in_flight + load.queued, now);
  if (const TimePoint next = follower->second.next_step(*part.scaling.load); next != TimePoint::max())
    wake_at(next);
}

// In all: as declared, or as the calls need now.
uint32_t Reconciler::instances_of(const WantedPart& part) const {
  const auto follower = followers_.find(part.id);
  return follower == followers_.end() || !part.scaling.load ? part.scaling.instances
                                                            : follower->second.wanted();
}

// How much it does now, which changes without a plan.
void Reconciler::add_load(const WantedPart& part, ObjectStatus& status) const {
  if (!part.scaling.load) return;
  const Load load = load_of(part.id);
  status.least = part.scaling.load->least;
  status.most = part.scaling.load->most;
  status.in_flight = load.in_flight;
  status.queued = load.queued;
  status.parked = load.parked;
}

}  // namespace wattle::manager
