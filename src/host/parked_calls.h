// The calls that come to a revision while it is parked, on one worker: they wait until it is in memory, is
// refused, or has left this host.
//
//   WATTLE_CHECK(parked.wait());       // and then choose again where the call goes
//   ...
//   parked.end();                      // on the same worker, once something has taken its place
//
// The first of them asks for the revision; after a refusal the first that comes when it has passed.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "async/signal.h"
#include "base/result.h"
#include "base/time.h"

namespace wattle::host {

class ParkedCalls {
 public:
  // `waiting_max`: of calls, one at least. `ask` must not wait.
  ParkedCalls(std::string component_id, uint32_t waiting_max, std::function<void()> ask)
      : component_id_(std::move(component_id)), waiting_max_(waiting_max), ask_(std::move(ask)) {}
  ParkedCalls(const ParkedCalls&) = delete;
  ParkedCalls& operator=(const ParkedCalls&) = delete;

  // Within the fiber's deadline. Refused: what the revision is refused with; overloaded; unavailable at the
  // deadline; cancelled.
  Result<void> wait();
  // Those that wait fail with it, and until then those that come.
  void refuse(const Error& reason, TimePoint until);
  // They need not wait any more.
  void end();
  // Whether a call that came now would be refused.
  bool refuses() const;

 private:
  const std::string component_id_;
  const uint32_t waiting_max_;
  const std::function<void()> ask_;
  uint32_t waiting_ = 0;
  bool asked_ = false;
  bool ended_ = false;
  uint64_t refusals_ = 0;
  std::optional<Error> refusal_;
  TimePoint refused_until_{};
  async::Signal changed_;
};

}  // namespace wattle::host
