// All of WASI 0.2 in one call. The functions find their wasi::Context in the invocation's Host.
#pragma once

#include "runtime/runtime.h"

namespace wattle::wasi {

// The interfaces of the worlds wasi:cli/command and wasi:http/proxy, at 0.2.12.
void add_to(runtime::Linker& linker);

}  // namespace wattle::wasi
