#include "lattice/manager_lease.h"

#include <fmt/format.h>

namespace wattle::lattice {

std::string manager_lease_bucket(std::string_view lattice) {
  return fmt::format("wattle_manager_{}", lattice);
}

bool ManagerLease::held(std::optional<uint64_t> revision, TimePoint asked, TimePoint answered) {
  if (revision != seen_) {
    seen_ = revision;
    seen_at_ = answered;
  }
  return revision && asked < seen_at_ + kManagerLeaseExpires;
}

}  // namespace wattle::lattice
