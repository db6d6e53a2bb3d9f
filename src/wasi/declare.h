// The WIT types of WASI's functions, so that a component that imports one with another type is refused when
// it is linked, with both types shown.
#pragma once

#include "runtime/runtime.h"

namespace wattle::wasi {

// Declares to `linker` every function of the embedded WIT texts that it offers. Refuses only what would be a
// fault of the build: texts that do not resolve.
Result<void> declare_types(runtime::Linker& linker);

}  // namespace wattle::wasi
