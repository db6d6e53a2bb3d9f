// Work that a host acknowledges before it is done ends in an event. An Outcome listens before the command is
// sent, and waits for the event that says how it ended.
//
//   WATTLE_TRY(auto outcome, Outcome::listen(lattice));
//   WATTLE_TRY(auto warning, lattice.control.scale_component(request));
//   WATTLE_TRY(auto data, outcome->wait({.done = "component_scaled", .failed = "component_scale_failed",
//                                        .id = "shop", .host_id = request.host_id}, timeout));
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "async/signal.h"
#include "cli/lattice_session.h"
#include "lattice/events.h"

namespace wattle::cli {

struct Awaited {
  std::string done;  // names of events; `failed` may be empty
  std::string failed;
  std::string id;  // of the component or provider; empty: the host itself
  std::string host_id;
  // Only an event of so many instances, where one has them.
  std::optional<uint32_t> max_instances{};
};

// What an event means for what is awaited: nothing, that it is done, or how it failed (unavailable, with the
// host's words).
std::optional<Result<void>> judge(const Awaited& awaited, const lattice::Event& event);

class Outcome {
 public:
  static Result<std::unique_ptr<Outcome>> listen(Lattice& lattice);

  // Refused: what judge() says; deadline_exceeded.
  Result<void> wait(const Awaited& awaited, Duration timeout);

 private:
  std::deque<lattice::Event> events_;
  async::Signal came_;
  std::unique_ptr<lattice::BusSubscription> subscription_;
};

}  // namespace wattle::cli
