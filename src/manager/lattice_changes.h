// What a lattice tells, as the reconciler is told it: a host's lease, and what is another between two moments
// of its state.
//
//   reconciler.step(HostSeen{report_of(lease)}, now);
//   reconciler.step(changes_between(told, tables_of(state)), now);
#pragma once

#include "lattice/lattice_state.h"
#include "manager/reconciler.h"

namespace wattle::manager {

HostReport report_of(const lattice::HostLease& lease);

struct LatticeTables {
  std::shared_ptr<const lattice::LinkTable> links = std::make_shared<const lattice::LinkTable>();
  std::shared_ptr<const lattice::ConfigTable> configs = std::make_shared<const lattice::ConfigTable>();
  std::shared_ptr<const lattice::BorderTable> borders = std::make_shared<const lattice::BorderTable>();
  std::shared_ptr<const lattice::WeightTable> weights = std::make_shared<const lattice::WeightTable>();
  bool operator==(const LatticeTables&) const = default;  // the very same tables
};
LatticeTables tables_of(const lattice::LatticeState& state);

LatticeChanged changes_between(const LatticeTables& before, const LatticeTables& now);

}  // namespace wattle::manager
