// wasi:random. The insecure variants give secure bytes too: they may, and it is one thing less to get wrong.
#pragma once

#include "runtime/runtime.h"
#include "wasi/context.h"

namespace wattle::wasi {

// The most bytes that one call may ask for; more traps.
inline constexpr uint64_t kMaxRandomBytes = 16 << 20;

Result<Bytes> random_bytes(Host& host, uint64_t length);
uint64_t random_u64(Host& host);

void add_random(runtime::Linker& linker);

}  // namespace wattle::wasi
