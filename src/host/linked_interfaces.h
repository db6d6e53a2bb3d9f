// Which interfaces of a component links between components can lead to: those that neither hosts nor
// providers serve. Hosts tell them in their inventories, for managers to link the components of one Workload.
#pragma once

#include "component/component.h"
#include "lattice/control_types.h"

namespace wattle::host {

// Those of "wasi" and "wasmcloud" are the platform's, and left out.
lattice::ComponentInterfaces linked_interfaces(const component::ComponentType& type);

}  // namespace wattle::host
