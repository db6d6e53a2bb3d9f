// Components that are parked while nobody calls them, and are in memory again for their next call.
#include <algorithm>

#include "host/control.h"

namespace wattle::host {
namespace {

constexpr Duration kShortestPause = std::chrono::milliseconds(500);
constexpr Duration kLongestPause = std::chrono::minutes(1);
constexpr uint32_t kMostDoublings = 7;

Duration pause_after(uint32_t failures) {
  return std::min(kLongestPause, kShortestPause * (1 << std::min(failures - 1, kMostDoublings)));
}

}  // namespace

HostControl::Component* HostControl::find_revision(const RevisionKey& key) {
  const auto found = components_.find(key.id);
  if (found == components_.end()) return nullptr;
  for (Component& each : found->second)
    if (each.spec.digest == key.digest) return &each;
  return nullptr;
}

// ---- Parking

void HostControl::park_idle() {
  IdleTimes idle;
  while (!async::Fiber::current().cancellation()) {
    IdleTimes::Patience patience;
    for (const auto& [id, revisions] : components_)
      for (const Component& each : revisions)
        if (each.idle_after > Duration::zero() && !each.spec.parked)
          patience[{id, each.spec.digest}] = each.idle_after;
    for (const RevisionKey& key : idle.step(patience, parts_.data.loads(), Clock::now()))
      (void)jobs_.add(component_job(key.id), [this, key] { do_park(key); }, options_.work_time_max);
    async::Signal* signals[] = {&components_changed_};
    const TimePoint until = patience.empty() ? kNever : Clock::now() + IdleTimes::interval(patience);
    if (!async::Signal::wait_any(signals, until)) return;
  }
}

// Nothing is lost where a call comes meanwhile: it finishes in what there was, or waits and wakes it.
void HostControl::do_park(const RevisionKey& key) {
  const Component* idle = find_revision(key);
  if (idle == nullptr || idle->spec.parked || idle->idle_after == Duration::zero()) return;
  const auto loads = parts_.data.loads();
  const auto load = loads.find(key);
  if (load == loads.end() || load->second.in_flight + load->second.queued > 0) return;
  ComponentSpec spec = idle->spec;
  spec.component.reset();
  spec.parked = true;
  if (auto put = parts_.data.put_component(spec); !put)
    return parts_.log.error(put.error().with_context(fmt::format("component {} was not parked", key.id)));
  if (Component* parked = find_revision(key)) parked->spec = std::move(spec);
  parts_.log.debug("a component is parked", {{"component", key.id}, {"digest", key.digest}});
  announce();
}

// ---- Waking

void HostControl::wake(const RevisionKey& key) {
  auto added = jobs_.add(component_job(key.id), [this, key] { do_wake(key); }, options_.work_time_max);
  if (!added) parts_.data.refuse_calls(key, added.error(), Clock::now());
}

void HostControl::do_wake(const RevisionKey& key) {
  const Component* parked = find_revision(key);
  if (parked == nullptr || !parked->spec.parked) return;  // it is as its calls need it, or has ended
  if (parked->refusal && Clock::now() < parked->refused_until)
    return parts_.data.refuse_calls(key, *parked->refusal, parked->refused_until);
  Component next = *parked;
  auto loaded = load_parked(next);
  Component* component = find_revision(key);
  if (component == nullptr) return;
  if (loaded) {
    next.failures = 0;
    next.refusal.reset();
    *component = std::move(next);
    announce();
    components_changed_.notify();
    return;
  }
  refuse_parked(*component, loaded.error());
}

Result<void> HostControl::load_parked(Component& next) {
  WATTLE_TRY(const Image image, parts_.images.fetch(next.spec.image_ref));
  if (image.digest != next.spec.digest)
    return failure(Error(ErrorCode::unavailable,
                         fmt::format("the image {} is another one now: it has the digest {}, and what is "
                                     "parked has {}",
                                     next.spec.image_ref, image.digest, next.spec.digest))
                       .with_remedy("update the component to it, or put the old one back"));
  WATTLE_TRY(next.spec.component, parts_.compile(image, next.spec.limits));
  next.spec.parked = false;
  return tell_component(next);
}

// Its calls fail at once until the pause is over, so that one that is broken does not keep the machine busy.
void HostControl::refuse_parked(Component& component, const Error& cause) {
  const std::string& id = component.spec.id;
  ++component.failures;
  component.refused_until = Clock::now() + pause_after(component.failures);
  const Error* remedied = &cause;
  while (remedied->remedy().empty() && remedied->cause() != nullptr) remedied = remedied->cause();
  component.refusal =
      Error(ErrorCode::unavailable, fmt::format("component \"{}\" was parked and cannot be loaded", id),
            cause)
          .with_remedy(!remedied->remedy().empty() ? remedied->remedy()
                                                   : fmt::format("scale \"{}\" to an image that loads", id));
  parts_.data.refuse_calls({id, component.spec.digest}, *component.refusal, component.refused_until);
  parts_.log.error(*component.refusal);
  tell(lattice::component_scale_failed({.annotations = component.annotations,
                                        .host_id = options_.host_id,
                                        .image_ref = component.spec.image_ref,
                                        .max_instances = component.spec.max_instances,
                                        .component_id = id,
                                        .claims = component.claims},
                                       told(*component.refusal)));
}

}  // namespace wattle::host
