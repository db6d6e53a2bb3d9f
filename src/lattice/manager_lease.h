// The lease of the manager that leads, a key in a bucket of the bus (manager/leadership.h compares and sets
// it), as those see it who only want to know whether there is such a manager.
//
//   if (!lease.held(revision_of_the_key, asked, answered)) do_what_a_manager_would();
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace wattle::lattice {

inline constexpr std::string_view kManagerLeaseKey = "leader";
inline constexpr Duration kManagerLeaseExpires = std::chrono::milliseconds(1800);  // when it is not renewed

std::string manager_lease_bucket(std::string_view lattice);

class ManagerLease {
 public:
  // `revision` is what one look at the key has found, nothing where it is not there; the look was begun at
  // `asked` and over at `answered`, by one's own clock. Returns whether a manager leads, or may: a revision
  // that has not been known for as long as the lease lasts says so.
  bool held(std::optional<uint64_t> revision, TimePoint asked, TimePoint answered);

 private:
  std::optional<uint64_t> seen_;
  TimePoint seen_at_{};
};

}  // namespace wattle::lattice
