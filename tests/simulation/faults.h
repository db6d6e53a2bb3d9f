// What goes wrong: hosts, managers, the store and the bus, each in the ways that they can.
#pragma once

#include <memory>
#include <vector>

#include "bus.h"
#include "hosts.h"
#include "managers.h"
#include "stores.h"

namespace wattle::simulation {

// Which kinds of faults a while of trouble has.
enum class Trouble : uint8_t { none, hosts, managers, store, bus, all };
std::string_view to_string(Trouble trouble);

class Faults {
 public:
  struct Parts {
    World& world;
    Bus& bus;
    Hosts& hosts;
    Stores& stores;
    std::vector<std::unique_ptr<Manager>>& managers;
    uint32_t hosts_wanted = 5;
  };
  explicit Faults(Parts parts) : parts_(parts) {}

  void inject(Trouble trouble);
  // When the last of them is over.
  TimePoint until() const { return until_; }
  // Until then managers may know less than what is: of the bus; and there may have been two that led.
  TimePoint bus_unclear_until() const { return bus_unclear_until_; }
  TimePoint leader_unclear_until() const { return leader_unclear_until_; }
  uint64_t injected() const { return injected_; }

 private:
  void of_hosts();
  void of_managers();
  void of_store();
  void of_bus();
  void lasts(Duration duration) { until_ = std::max(until_, parts_.world.now() + duration); }

  Parts parts_;
  TimePoint until_{};
  TimePoint bus_unclear_until_{};
  TimePoint leader_unclear_until_{};
  uint64_t injected_ = 0;
  uint64_t cuts_ = 0, weathers_ = 0, outages_ = 0, disks_ = 0;
};

}  // namespace wattle::simulation
