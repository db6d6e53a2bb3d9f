// The leases of membership.h on a bus: LeasePublisher sends a host's own, Directory listens to everybody's.
// Both belong to one worker, which guests must not hold up: a host's control worker; both end on one of its
// fibers.
//
//   WATTLE_TRY(auto directory, Directory::start(bus, "default", {.log = &log}));
//   auto lease = LeasePublisher::start(bus, "default", [&] { return describe_this_host(); });
//   WATTLE_CHECK(directory->changed().wait());
//   workers.post(directory->snapshot());
//   ...
//   lease->stop();                                  // goodbye
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "lattice/bus.h"
#include "lattice/membership.h"
#include "telemetry/log.h"

namespace wattle::lattice {

struct DirectoryOptions {
  LeaseBook::Options book{};
  // How often a change of load alone makes a new snapshot.
  Duration load_interval = std::chrono::milliseconds(100);
  const telemetry::Log* log = nullptr;  // outlives it
  // This host's own id, whose lease comes back from a bus that works: while it does not, the silence of the
  // others says nothing about them. Empty: this process sends none.
  std::string own_host{};
  Duration echo_max = 3 * kLeaseInterval;
};

class Directory {
 public:
  // Listens from now on; the bus outlives it. Refused as Bus::subscribe.
  static Result<std::unique_ptr<Directory>> start(Bus& bus, std::string_view lattice,
                                                  DirectoryOptions options = {});
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // Never null.
  std::shared_ptr<const DirectorySnapshot> snapshot() const;
  // Notified at every new snapshot: at once when a host joins, leaves, dies or runs something else, and after
  // load_interval when only its load is another.
  async::Signal& changed();
  // Whether every live host must have been heard by now.
  bool settled() const;
  // Called at every change on the worker's thread, after the snapshot is in place; must not wait, nor destroy
  // the directory.
  void set_listener(std::function<void(const LeaseChange&)> listener);

 private:
  struct State;
  explicit Directory(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class LeasePublisher {
 public:
  // `describe` says what the host runs now; version, incarnation and sequence are filled in here. The first
  // lease goes out before this returns. The bus outlives it.
  static std::unique_ptr<LeasePublisher> start(Bus& bus, std::string_view lattice,
                                               std::function<HostLease()> describe,
                                               Duration interval = kLeaseInterval);
  // As a crash would: without goodbye.
  ~LeasePublisher();
  LeasePublisher(const LeasePublisher&) = delete;
  LeasePublisher& operator=(const LeasePublisher&) = delete;

  // Sends a lease now, because it says something new.
  void announce();
  // Says goodbye, so that everybody knows at once; nothing is sent from then on. Follow it by Bus::flush() or
  // Bus::drain().
  void stop();

 private:
  struct State;
  explicit LeasePublisher(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace wattle::lattice
