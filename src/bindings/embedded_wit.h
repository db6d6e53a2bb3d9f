// The WIT texts of wit/, as they were when wattle was built.
#pragma once

#include <span>

#include "wit/wasi_wit.h"

namespace wattle::wit {

// One file for each package; some use WASI's.
std::span<const EmbeddedWit> embedded_capability_wit();

}  // namespace wattle::wit
