// Managers: the real reconciler, the real book of leases, and around them what manager_process does on a
// lattice: it follows the stores, one of them leads by a lease, and commands become requests.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus.h"
#include "hosts.h"
#include "lattice/membership.h"
#include "manager/reconciler.h"
#include "stores.h"

namespace wattle::simulation {

inline constexpr Duration kRenewInterval = milliseconds(500);
inline constexpr Duration kBelievesFor = milliseconds(1500);  // since it last asked, by its own clock
inline constexpr Duration kLeaseOfLeader = seconds(2);
inline constexpr Duration kAnswerDeadline = seconds(2);

struct Counted {
  uint64_t commands = 0;  // but for inventories
  uint64_t asks = 0;
  uint64_t plans = 0;
  uint64_t takeovers = 0;
  uint64_t rollbacks = 0;
  double longest_plan_ms = 0;
  double plans_ms = 0;
  bool in_cpu_time = false;  // plans are measured in; slower to ask for, and the same on a busy machine
};

class Manager {
 public:
  struct Parts {
    World& world;
    Bus& bus;
    Hosts& hosts;
    Stores& stores;
    Counted& counted;
    std::function<void(const Manager&, const manager::Command&)> on_command{};
    // Before the store takes it; not where it is refused.
    std::function<void(const manager::RollBack&)> on_rollback{};
  };
  Manager(Parts& parts, Endpoint endpoint) : parts_(parts), endpoint_(endpoint) {}

  void start();
  void crash(Duration back_after);
  // Its process does nothing; `clock_stops`: nor does its clock, as when its machine is suspended.
  void stop_for(Duration pause, bool clock_stops);

  void hear(const Lease& lease, uint64_t sequence);
  void hear_event(const manager::Event& event);
  // The store has changed; `view`: what it hears is this, and not what is there now.
  void hear_store(Topic topic);
  void hear_earlier(manager::LatticeChanged view);

  bool up() const { return up_; }
  bool stopped() const { return stopped_until_ > parts_.world.now(); }
  bool leads() const { return leading_; }
  Endpoint endpoint() const { return endpoint_; }
  const manager::Reconciler& reconciler() const { return *reconciler_; }
  manager::Reconciler& reconciler() { return *reconciler_; }

 private:
  struct Heard {
    uint64_t incarnation = 0;
    uint64_t sequence = 0;
    Lease lease{};
    bool alive = false;  // as the book of leases has it
  };
  TimePoint own_now() const { return parts_.world.now() - lost_; }
  // Calls `handle` when its process gets to it; not at all when that has ended by then.
  template <class Handle>
  void receive(Handle handle) {
    if (!up_) return;
    if (!stopped()) return handle();
    parts_.world.at(stopped_until_, [this, epoch = epoch_, handle = std::move(handle)] {
      if (epoch_ == epoch) receive(handle);
    });
  }
  void tick(uint64_t epoch);
  void renew();
  void update_leading();
  void apply(const std::vector<lattice::LeaseChange>& changes);
  void feed(manager::Event event);
  void step(manager::Event event);
  void schedule_step();
  void deliver(Topic topic, uint64_t epoch);

  void begin(manager::Command command);
  void complete(uint64_t command, Result<void> result, std::optional<lattice::HostInventory> inventory = {});
  void complete(const std::shared_ptr<manager::CommandDone>& done);
  void begin_on_host(uint64_t command, const std::string& host_id,
                     std::function<Result<void>(Host&, Asker)> handle, bool asks = false);
  void begin_write(uint64_t command, Topic topic, Stores::Change change);
  void begin_action(uint64_t command, const manager::Ask& action);
  void begin_action(uint64_t command, const manager::Scale& action);
  void begin_action(uint64_t command, const manager::StartProvider& action);
  void begin_action(uint64_t command, const manager::StopProvider& action);
  void begin_action(uint64_t command, const manager::PutLink& action);
  void begin_action(uint64_t command, const manager::DeleteLinks& action);
  void begin_action(uint64_t command, const manager::PutConfig& action);
  void begin_action(uint64_t command, const manager::DeleteConfig& action);
  void begin_action(uint64_t command, const manager::PutWeights& action);
  void begin_action(uint64_t command, const manager::PutBorder& action);
  void begin_action(uint64_t command, const manager::DeleteBorder& action);
  void begin_action(uint64_t command, const manager::SaveNote& action);
  void begin_action(uint64_t command, const manager::RemoveNote& action);
  void begin_action(uint64_t command, const manager::RollBack& action);

  Parts& parts_;
  Endpoint endpoint_;
  std::unique_ptr<manager::Reconciler> reconciler_ = std::make_unique<manager::Reconciler>();
  lattice::LeaseBook book_;
  bool up_ = false;
  bool leading_ = false;
  uint64_t epoch_ = 0;
  uint64_t ticks_ = 0;
  Duration lost_{};  // while its clock stood still
  TimePoint stopped_until_{};
  TimePoint believes_until_{};
  TimePoint scheduled_ = TimePoint::max();  // by its own clock
  bool lattice_known_ = false, applications_known_ = false;
  bool lattice_coming_ = false, applications_coming_ = false;
  std::map<uint64_t, TimePoint> pending_;         // commands
  std::unordered_map<std::string, Heard> heard_;  // by host id
};

// A command in a line, for people.
std::string describe(const manager::Command& command);

}  // namespace wattle::simulation
