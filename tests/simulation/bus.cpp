#include "bus.h"

namespace wattle::simulation {

Duration Bus::delay() {
  Random& random = world_.random();
  Duration delay = random.between(std::chrono::microseconds(150), milliseconds(2));
  if (weather_.late > 0 && random.chance(weather_.late)) delay += random.between(Duration{}, weather_.latest);
  return delay;
}

void Bus::send(Endpoint from, Endpoint to, std::function<void(const Delivery&)> arrive) {
  if (!passes(from, to)) return;
  const TimePoint sent = world_.now();
  const auto deliver = [this, from, to, sent](std::function<void(const Delivery&)> handle, bool repeated) {
    world_.after(delay(), [this, from, to, sent, repeated, handle = std::move(handle)] {
      if (connected(from, to)) handle({sent, repeated});
    });
  };
  if (weather_.repeated > 0 && world_.random().chance(weather_.repeated)) deliver(arrive, true);
  deliver(std::move(arrive), false);
}

void Bus::cut(std::set<Endpoint> apart) {
  apart_ = std::move(apart);
  cut_ = true;
}

void Bus::heal() {
  apart_.clear();
  cut_ = false;
}

}  // namespace wattle::simulation
