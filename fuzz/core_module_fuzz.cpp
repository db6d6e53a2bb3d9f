// Core modules from strangers: decoding, the walk over instructions and rewriting take any bytes. (V8
// validates before rewriting; this does not rely on that.)
#include <cstdint>
#include <span>

#include "engine/core_binary.h"
#include "engine/rewrite.h"
#include "engine/scan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace wattle::engine;
  auto module = decode_core_module({data, size});
  if (!module) return 0;
  (void)changes_only_memory_and_globals(*module);
  const Rewritten rewritten = rewrite(*module);
  // What is added is small: nothing that a module says can make it grow out of proportion.
  if (rewritten.bytes.size() > 2 * size + 40 * module->globals.size() + 1024) __builtin_trap();
  (void)decode_core_module(rewritten.bytes);
  return 0;
}
