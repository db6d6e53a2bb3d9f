// Links between the components of one Workload, which no manifest names: an import of one that another
// exports leads there. What a component imports and exports is known to the hosts that run it, which tell it
// in their inventories.
//
//   web imports shop:pricing/prices@1.0.0, pricing exports shop:pricing/prices@1.2.0
//   sibling_links({&version}, known)        shop-web --default--> shop-pricing (shop:pricing/prices)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lattice/control_types.h"
#include "lattice/link.h"
#include "manager/manifest.h"

namespace wattle::manager {

// By id, and by image reference: of those that are known.
using KnownInterfaces = std::map<std::string, std::map<std::string, lattice::ComponentInterfaces>>;

// Adds what is not there yet, in the order of their names: what one reference leads to may change, and no
// host tells of all that run.
void merge(lattice::ComponentInterfaces& into, const lattice::ComponentInterfaces& more);

struct SiblingLink {
  lattice::Link link{};
  std::string remark{};  // which others export it too; empty: none
};

// Of the components of `versions` in all their revisions, newest version first; of those that are Workloads.
// An interface that the manifest links has no other link; of several components that export one, the first in
// the manifest has it. At most kLinksMax.
std::vector<SiblingLink> sibling_links(const std::vector<const Application*>& versions,
                                       const KnownInterfaces& known);

}  // namespace wattle::manager
