// wasi:http: types, outgoing-handler, and the resources of incoming-handler.
#pragma once

#include "runtime/runtime.h"

namespace wattle::wasi {

void add_http(runtime::Linker& linker);

}  // namespace wattle::wasi
