// Hosts as HostControl is (src/host/control.h): requests are acknowledged when they have been understood and
// done later, one after the other for each component or provider; several revisions of a component run beside
// each other; a lease says every 300 ms what is there.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "bus.h"
#include "lattice/control_types.h"
#include "lattice/membership.h"
#include "manager/reconciler.h"
#include "stores.h"

namespace wattle::simulation {

struct RunningRevision {
  uint32_t count = 0;
  manager::StringMap annotations{};
  manager::CallCounts counts{};
  bool by_hand = false;
};

struct StartedProvider {
  std::string reference{};
  manager::StringMap annotations{};
  bool running = false;
  bool healthy = true;
  bool by_hand = false;
};

// Who asks: a manager's endpoint, and whether this is a message of its past: repeated, after its deadline, or
// from a manager that leads no more.
struct Asker {
  Endpoint endpoint = 0;
  bool late = false;
};

// As it is published; the same object while nothing in it changes but its sequence.
using Lease = std::shared_ptr<const lattice::HostLease>;

struct Host {
  uint32_t slot = 0;
  Endpoint endpoint = 0;
  std::string id{};
  std::string name{};
  uint64_t incarnation = 0;
  uint64_t epoch = 0;  // counts starts: what an earlier process was to do is not done
  uint64_t sequence = 0;
  manager::StringMap labels{};
  bool up = false;
  bool removed = false;  // for good
  bool draining = false;
  TimePoint stopped_until{};
  // Until then, what happened here may not be known to every manager yet.
  TimePoint unclear_until{};
  std::map<std::string, std::map<std::string, RunningRevision>, std::less<>> components{};
  std::map<std::string, StartedProvider, std::less<>> providers{};
  std::set<std::string> readied{};  // references that were compiled here
  Lease lease{};
  bool lease_stale = true;
  uint64_t in_flight_changes = 0;  // that the last lease knows of

  struct ScaleJob {
    manager::Scale request{};
    Asker asker{};
    TimePoint patience{};  // for configs
    bool by_hand = false;
  };
  struct StartJob {
    manager::StartProvider request{};
    Asker asker{};
    bool by_hand = false;
  };
  struct StopJob {
    std::string id{};
    Asker asker{};
    bool by_hand = false;
  };
  using Job = std::variant<ScaleJob, StartJob, StopJob>;
  std::map<std::string, std::deque<Job>> jobs{};  // by component or provider; the first is under way
};

// What hosts tell, and what checks look at.
struct HostListeners {
  std::function<void(const Host&, const Lease&, uint64_t sequence)> on_lease{};
  // HostActed, HostScaled or HostFailed.
  std::function<void(const Host&, const manager::Event&)> on_event{};
  // Before a revision's count becomes another, or a provider starts or stops.
  std::function<void(const Host&, const Host::ScaleJob&, uint32_t before)> on_scale{};
  std::function<void(const Host&, const Host::StopJob&)> on_stop{};
  // What runs of a component is about to be another: calls up to now went to what ran before.
  std::function<void(const std::string& id)> before_change{};
  std::function<void(const Host&)> before_lease{};
  // Goes up whenever the next may be another; and how many calls of a revision are in flight here.
  std::function<uint64_t()> in_flight_changes{};
  std::function<uint32_t(const Host&, const std::string& id, const std::string& reference)> in_flight{};
};

class Hosts {
 public:
  Hosts(World& world, Stores& stores, Endpoint first_endpoint)
      : world_(world), stores_(stores), first_endpoint_(first_endpoint) {}

  HostListeners& listeners() { return listeners_; }
  Host& add(manager::StringMap labels);
  // Most hosts that are added from now on tell that they have little memory.
  void make_scarce() { scarce_ = true; }
  // A process ends at once, and comes back after `back_after`; without it: never.
  void crash(Host& host, std::optional<Duration> back_after, bool keeps_id);
  void stop_for(Host& host, Duration pause);  // SIGSTOP
  void leave(Host& host, Duration drain_time, std::optional<Duration> back_after);
  void set_label(Host& host, const std::string& key, const std::string& value);

  std::vector<std::unique_ptr<Host>>& all() { return hosts_; }
  const std::vector<std::unique_ptr<Host>>& all() const { return hosts_; }
  Host* find(std::string_view id);
  bool answers(const Host& host) const { return host.up && host.stopped_until <= world_.now(); }

  // ---- control requests; `asker` for checks.
  Result<void> scale(Host& host, const manager::Scale& request, Asker asker, bool by_hand = false);
  Result<void> start_provider(Host& host, const manager::StartProvider& request, Asker asker,
                              bool by_hand = false);
  Result<void> stop_provider(Host& host, const std::string& id, Asker asker, bool by_hand = false);
  lattice::HostInventory inventory(const Host& host) const;
  // Runs `handle` when the host's process gets to it; not at all when that process has ended by then.
  template <class Handle>
  void receive(Host& host, Handle handle) {
    if (!host.up) return;
    if (host.stopped_until <= world_.now()) return handle();
    world_.at(host.stopped_until, [this, &host, epoch = host.epoch, handle = std::move(handle)] {
      if (host.epoch == epoch) receive(host, handle);
    });
  }
  void changed(Host& host) { host.lease_stale = true; }

 private:
  void start(Host& host, bool new_id);
  void beat(Host& host, uint64_t epoch);
  void add_job(Host& host, const std::string& key, Host::Job job);
  void begin_job(Host& host, const std::string& key);
  void end_job(Host& host, const std::string& key);
  // False: it is to be tried again soon.
  bool finish(Host& host, Host::ScaleJob& job);
  void finish(Host& host, const Host::StartJob& job);
  void finish(Host& host, const Host::StopJob& job);
  Duration duration_of(Host& host, const Host::Job& job);
  void refresh_lease(Host& host);
  void tell_scaled(const Host& host, const manager::Scale& scale);
  void tell_failed(const Host& host, const std::string& id, const std::string& error);

  World& world_;
  Stores& stores_;
  Endpoint first_endpoint_;
  HostListeners listeners_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<std::string, Host*, std::less<>> by_id_;
  bool scarce_ = false;
  uint64_t ids_ = 0;
};

}  // namespace wattle::simulation
