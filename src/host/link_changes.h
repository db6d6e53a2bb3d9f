// A link that comes to lead elsewhere, seen from one host's control side: replaces targets step by step with
// every live host behind each step, takes the steps of copies, tells others how far this host is, and ends
// what copiers and hosts that were killed have left.
//
//   WATTLE_TRY(auto changes, LinkChanges::start({.bus = bus, .state = state, .data = data, ...}));
//   WATTLE_CHECK(changes->replace(link));      // calls go to the new target
//   changes->obeyed(snapshot);                 // the data side has what the snapshot says
//   changes->stop();
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/signal.h"
#include "host/data_plane.h"
#include "lattice/bus.h"
#include "lattice/lattice_state.h"
#include "lattice/link_requests.h"
#include "telemetry/log.h"

namespace wattle::host {

// All of these outlive it.
struct LinkChangesParts {
  lattice::Bus& bus;
  lattice::LatticeState& state;
  DataPlane& data;
  const telemetry::Log& log;
  std::string lattice;
  std::string host_id;
  std::function<std::vector<std::string>()> live_hosts;                           // this one among them
  std::function<std::vector<std::string>(const std::string& id)> provider_hosts;  // that run this provider
};

class LinkChanges {
 public:
  // Listens from now on. Refused: as Bus::subscribe.
  static Result<std::unique_ptr<LinkChanges>> start(LinkChangesParts parts);
  // Precondition: stopped.
  ~LinkChanges() = default;
  LinkChanges(const LinkChanges&) = delete;
  LinkChanges& operator=(const LinkChanges&) = delete;
  void stop();

  // Puts the link, from whatever target it leads to now; returns when callers follow it. A host that does not
  // answer within a second is not waited for. Refused: as lattice::LatticeState::check_new, announce() of
  // stored_link.h, and what the store refuses.
  Result<void> replace(const lattice::Link& link);
  // Waits until providers at either end of a link that was put have been given it, and listen. A host that
  // does not answer within a second is not waited for.
  void await_providers(const lattice::Link& link);
  // One step. Refused: as that step, not_found (a config of the next target), and what the store refuses.
  Result<lattice::LinkCopyAck> copy(const lattice::LinkCopyRequest& request);
  // The data side obeys the links of this snapshot.
  void obeyed(std::shared_ptr<const lattice::StoreSnapshot> snapshot);

 private:
  // A copy that goes on, or a change that is not finished.
  struct Watched {
    std::string value;  // in the store
    lattice::LinkKey key;
    std::string copy, hold;
    TimePoint since{};  // the value is this
    TimePoint held_since{};
    TimePoint asked{};  // for records, last
    // What was told last, for who did not hear it.
    uint64_t sequence = 0;
    std::string records;
  };

  explicit LinkChanges(LinkChangesParts parts) : parts_(std::move(parts)) {}
  void answer(const lattice::Message& message);
  Result<std::string> answer(const lattice::LinkStateRequest& request);
  Result<void> wait_until_obeyed(const lattice::LinkStateRequest& request, const std::string& key);
  Result<std::string> records(const lattice::LinkStateRequest& request, const std::string& key);
  // Waits until every live host obeys `value`. False: some have not said so in time.
  bool await_hosts(const lattice::LinkKey& key, const std::string& value, bool settled, Duration patience);
  bool await_hosts(const std::vector<std::string>& hosts, const lattice::LinkStateRequest& request);
  // When calls along what was in force have ended; in the background.
  void retire_later(const lattice::LinkKey& key, std::string value);
  void spawn(std::function<void()> work);

  void watch();
  void refresh();
  // What is due of it; when something is due next.
  TimePoint tend(Watched& watched);
  void change(const lattice::LinkKey& key, const lattice::LatticeState::Step& step);

  LinkChangesParts parts_;
  std::unique_ptr<lattice::BusSubscription> subscription_;
  std::shared_ptr<const lattice::StoreSnapshot> obeyed_;
  async::Signal obeyed_changed_;
  std::shared_ptr<const lattice::LinkTable> seen_;
  std::map<std::string, Watched> watched_;  // by key in the store
  std::vector<std::shared_ptr<async::Fiber>> fibers_;
  bool stopping_ = false;
};

}  // namespace wattle::host
