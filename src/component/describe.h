// What a component imports and exports, as packages that wit::to_wit() prints.
//
//   fmt::print("{}", wit::to_wit(component::describe(*component)));
#pragma once

#include <vector>

#include "component/component.h"
#include "wit/package.h"

namespace wattle::component {

// The first package is "root:component" with one world, "root": the component's imports and exports in the
// order of the binary. The others hold the interfaces that these name. A type that an interface takes over
// from another appears as `use`. What has no place in WIT (modules, components, values) is left out.
std::vector<wit::Package> describe(const Component& component);

}  // namespace wattle::component
