// The key-value buckets in which wasmCloud v1's clients look things up, written as mirrors of what is true
// elsewhere: links and configs (lattice::LatticeState), and what each host says of itself. One host of the
// lattice writes them, the eldest; when it goes, the next one does.
//
// Level-triggered: each round compares what there should be with what was written, and writes the
// difference; a round follows every change, and one in `interval` anyway. A bucket that was deleted is made
// and filled again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/signal.h"
#include "lattice/bus.h"
#include "lattice/lattice_state.h"
#include "lattice/state_buckets.h"
#include "telemetry/log.h"

namespace wattle::host {

struct BucketMirrorOptions {
  std::string lattice = std::string("default");
  Duration interval = std::chrono::seconds(30);
  Duration settle = std::chrono::milliseconds(100);  // changes that come so close together make one round
  bool observed_state = true;                        // wadm_state too: off where a manager writes it
};

class BucketMirror {
 public:
  // The ids of live hosts, and the one that writes; empty while that is not known yet.
  struct Hosts {
    std::vector<std::string> ids;
    std::string writer;
    bool operator==(const Hosts&) const = default;
  };

  // All of these outlive it. `hosts` is asked in each round.
  static Result<std::unique_ptr<BucketMirror>> start(lattice::Bus& bus, lattice::LatticeState& state,
                                                     const telemetry::Log& log, std::string host_id,
                                                     std::function<Hosts()> hosts,
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
    lattice::BucketConfig config;
    std::unique_ptr<lattice::Bucket> bucket;
    int64_t created_ns = 0;
    std::map<std::string, std::string> written;
  };

  BucketMirror(lattice::Bus& bus, lattice::LatticeState& state, const telemetry::Log& log,
               std::string host_id, std::function<Hosts()> hosts, BucketMirrorOptions options);
  void run();
  Result<void> round(const Hosts& hosts);
  Result<void> write(Mirror& mirror, const std::map<std::string, std::string>& wanted,
                     const std::function<bool(const std::string&)>& ours);
  Result<void> open(Mirror& mirror, const std::function<bool(const std::string&)>& ours);
  std::vector<lattice::HostInventory> inventories(const std::vector<std::string>& hosts);
  std::map<std::string, std::string> wanted_records(const std::vector<lattice::HostInventory>& hosts) const;
  std::map<std::string, std::string> wanted_state(const std::vector<lattice::HostInventory>& hosts);

  lattice::Bus& bus_;
  lattice::LatticeState& state_;
  const telemetry::Log& log_;
  std::string host_id_;
  std::function<Hosts()> hosts_;
  BucketMirrorOptions options_;
  Mirror records_, configs_, observed_;
  std::map<std::string, lattice::HostInventory> inventories_;  // the last of each live host
  std::set<std::string> stale_;                                // hosts that have told of a change since
  std::unique_ptr<lattice::BusSubscription> events_;
  async::Signal changed_;
  std::shared_ptr<async::Fiber> fiber_;
  // When wadm_state was last stamped, and with what stamp.
  TimePoint stamped_{};
  std::string stamp_;
  bool dirty_ = true;
  bool ask_all_ = true;  // every host for its inventory
};

}  // namespace wattle::host
