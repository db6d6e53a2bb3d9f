// The capabilities that components import, as host functions: wasi:keyvalue, wasi:blobstore, wasi:config,
// wasi:logging, wasmcloud:messaging, wasmcloud:postgres, wasmcloud:secrets, wasmcloud:bus. What each call
// reaches is the business of the invocation (invocation.h).
//
//   runtime::Linker linker;
//   wasi::add_to(linker);
//   bindings::add_to(linker);
//   WATTLE_CHECK(bindings::declare_types(linker));
#pragma once

#include "runtime/runtime.h"

namespace wattle::bindings {

void add_to(runtime::Linker& linker);

// Declares the WIT types of WASI's functions and of these, so that a component that imports one with another
// type is refused when it is linked. Refuses only what would be a fault of the build.
Result<void> declare_types(runtime::Linker& linker);

// In parts.
void add_blobstore(runtime::Linker& linker);
void add_bus(runtime::Linker& linker);
void add_config(runtime::Linker& linker);
void add_key_value(runtime::Linker& linker);
void add_logging(runtime::Linker& linker);
void add_messaging(runtime::Linker& linker);
void add_postgres(runtime::Linker& linker);
void add_secrets(runtime::Linker& linker);

}  // namespace wattle::bindings
