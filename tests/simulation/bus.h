// What carries messages between hosts, managers and the store: late, twice, in another order, or never, and
// not at all between the parts of a bus that is cut.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>

#include "world.h"

namespace wattle::simulation {

// The store is 0, managers come next, then hosts.
using Endpoint = uint32_t;
inline constexpr Endpoint kStoreEndpoint = 0;

struct Weather {
  double lost = 0;
  double repeated = 0;
  double late = 0;
  Duration latest = milliseconds(3);
};

struct Delivery {
  TimePoint sent{};
  bool repeated = false;  // not for the first time
};

class Bus {
 public:
  explicit Bus(World& world) : world_(world) {}

  // Calls `arrive` for each copy that arrives.
  void send(Endpoint from, Endpoint to, std::function<void(const Delivery&)> arrive);
  // What is published and forgotten, at once: whether it arrives, and how late.
  bool passes(Endpoint from, Endpoint to) {
    return connected(from, to) && !(weather_.lost > 0 && world_.random().chance(weather_.lost));
  }
  Duration delay();
  bool connected(Endpoint one, Endpoint other) const { return !cut_ || part_of(one) == part_of(other); }

  // Those in `apart` reach each other, and all others each other.
  void cut(std::set<Endpoint> apart);
  void heal();
  void set_weather(const Weather& weather) { weather_ = weather; }
  const Weather& weather() const { return weather_; }

 private:
  bool part_of(Endpoint endpoint) const { return apart_.contains(endpoint); }

  World& world_;
  bool cut_ = false;
  std::set<Endpoint> apart_;
  Weather weather_;
};

}  // namespace wattle::simulation
