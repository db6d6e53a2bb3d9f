// The WIT types of WASI's functions, so that a component that imports one with another type is refused when
// it is linked, with both types shown.
#pragma once

#include <span>

#include "runtime/runtime.h"
#include "wit/wasi_wit.h"

namespace wattle::wasi {

// Declares to `linker` every function of the embedded WIT texts, and of `others`, which may use them, that it
// offers. Refuses only what would be a fault of the build: texts that do not resolve.
Result<void> declare_types(runtime::Linker& linker, std::span<const wit::EmbeddedWit> others = {});

}  // namespace wattle::wasi
