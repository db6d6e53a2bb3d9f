// Which of several managers acts: the one that holds a lease, a key in a bucket of the bus that is compared
// and set twice a second. Who has not renewed it for kLeaseLasts stops acting before anybody else begins; who
// sees it unchanged, or missing, for longer than that takes it. A manager that ends gives it back, and
// another takes it at once.
//
//   WATTLE_TRY(auto leadership, Leadership::start(bus, "default", manager_id, log));
//   while (leadership->leads()) ...
//
// Each judges by its own monotonic clock, and none by what another's says.
#pragma once

#include <memory>
#include <string>

#include "async/signal.h"
#include "base/time.h"
#include "lattice/bus.h"
#include "lattice/manager_lease.h"
#include "telemetry/log.h"

namespace wattle::manager {

inline constexpr Duration kLeaseRenewal = std::chrono::milliseconds(500);
inline constexpr Duration kLeaseLasts = std::chrono::milliseconds(1500);
static_assert(kLeaseLasts < lattice::kManagerLeaseExpires);
inline constexpr Duration kLeaseLook = std::chrono::milliseconds(250);  // of who does not lead

class Leadership {
 public:
  // On a fiber of the bus's worker; `bus` and `log` outlive it.
  static std::unique_ptr<Leadership> start(lattice::Bus& bus, std::string_view lattice,
                                           std::string manager_id, const telemetry::Log& log);
  // As a crash would: without giving the lease back.
  ~Leadership();
  Leadership(const Leadership&) = delete;
  Leadership& operator=(const Leadership&) = delete;

  // False as soon as the lease may have ended, also in a process that was stopped meanwhile.
  bool leads() const;
  // Notified when leads() changes; that it has ended by time alone is seen by asking.
  async::Signal& changed();
  // Gives it back. On a fiber, once.
  void stop();

 private:
  struct State;
  explicit Leadership(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace wattle::manager
