// The key-value buckets in which wasmCloud v1's clients look things up (state_buckets.h), written as mirrors
// of what is true elsewhere: links, configs and claims (LatticeState), and what each host says of itself. The
// eldest host writes them, but wadm_state only while no manager leads: the one that leads writes that.
//
//   WATTLE_TRY(auto mirror, BucketMirror::start(bus, state, log, host_id, [&] { return live_hosts(); }, {}));
//   mirror->hosts_changed();
//   ...
//   mirror->stop();
//
// Level-triggered: each round compares what there should be with what was written, and writes the
// difference; a round follows every change, and one in `interval` anyway. A bucket that was deleted is made
// and filled again. What others may have written meanwhile is read before anything is written again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "async/signal.h"
#include "lattice/bus.h"
#include "lattice/lattice_state.h"
#include "lattice/manager_lease.h"
#include "lattice/membership.h"
#include "lattice/state_buckets.h"
#include "telemetry/log.h"

namespace wattle::lattice {

// Who writes says what is written.
enum class MirrorWriter : uint8_t {
  host,     // LATTICEDATA and CONFIGDATA; wadm_state while no manager leads
  manager,  // wadm_state alone
};

struct BucketMirrorOptions {
  MirrorWriter writer = MirrorWriter::host;
  std::string lattice = std::string("default");
  Duration interval = std::chrono::seconds(30);
  Duration settle = std::chrono::milliseconds(100);  // changes that come so close together make one round
};

class BucketMirror {
 public:
  // The ids of live hosts, and the one that writes; empty while that is not known yet.
  struct Hosts {
    std::vector<std::string> ids{};
    std::string writer{};
    // A host and a provider that is unhealthy there, or refuses a link.
    std::set<std::pair<std::string, std::string>> failing{};
    void add(const HostLease& host);
    bool operator==(const Hosts&) const = default;
  };

  // All of these outlive it. `id` is its own, which writes while `hosts`, asked in each round, says so.
  static Result<std::unique_ptr<BucketMirror>> start(Bus& bus, LatticeState& state, const telemetry::Log& log,
                                                     std::string id, std::function<Hosts()> hosts,
                                                     BucketMirrorOptions options);
  // Precondition: stopped.
  ~BucketMirror();
  // Within a round at most.
  void stop();
  // Other hosts live now, or another one writes.
  void hosts_changed();

 private:
  // One bucket, and what is known to be in it.
  struct Mirror {
    BucketConfig config;
    std::unique_ptr<Bucket> bucket;
    int64_t created_ns = 0;
    std::map<std::string, std::string> written;
  };

  // What of the lattice's state is mirrored; all null where nothing is.
  using Tables = std::tuple<std::shared_ptr<const LinkTable>, std::shared_ptr<const ConfigTable>,
                            std::shared_ptr<const LatticeState::Claims>>;

  BucketMirror(Bus& bus, LatticeState& state, const telemetry::Log& log, std::string id,
               std::function<Hosts()> hosts, BucketMirrorOptions options);
  void run();
  Tables tables() const;
  void turn();
  // Somebody else writes.
  void forget();
  Result<void> round(const Hosts& hosts);
  Result<void> write_records(const std::vector<HostInventory>& hosts);
  Result<void> write_observed(const std::vector<HostInventory>& hosts, const Hosts& live);
  Result<bool> manager_leads();
  // Begins a turn when the manager that led does no more.
  void look_for_manager();
  Result<void> write(Mirror& mirror, const std::map<std::string, std::string>& wanted,
                     const std::function<bool(const std::string&)>& ours);
  Result<void> open(Mirror& mirror, const std::function<bool(const std::string&)>& ours);
  std::vector<HostInventory> inventories(const std::vector<std::string>& hosts);
  std::map<std::string, std::string> wanted_records(const std::vector<HostInventory>& hosts) const;
  std::map<std::string, std::string> wanted_state(const std::vector<HostInventory>& hosts, const Hosts& live);

  Bus& bus_;
  LatticeState& state_;
  const telemetry::Log& log_;
  std::string id_;
  std::function<Hosts()> hosts_;
  BucketMirrorOptions options_;
  Mirror records_, configs_, observed_;
  std::unique_ptr<Bucket> lease_bucket_;
  ManagerLease lease_;
  std::map<std::string, HostInventory> inventories_;  // the last of each live host
  std::set<std::string> stale_;                       // hosts that have told of a change since
  std::unique_ptr<BusSubscription> events_;
  async::Signal changed_;
  std::shared_ptr<async::Fiber> fiber_;
  Tables told_;
  TimePoint next_turn_ = Clock::now();
  TimePoint next_start_{};                  // of a round, not earlier
  TimePoint next_look_ = TimePoint::max();  // whether the manager still leads
  // When wadm_state was last stamped, and with what stamp.
  TimePoint stamped_{};
  std::string stamp_;
  bool dirty_ = true;
  bool ask_all_ = true;  // every host for its inventory
};

}  // namespace wattle::lattice
