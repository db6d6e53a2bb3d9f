// Turning bytes into V8's compiled code: validating, compiling, loading what the cache has kept.
#pragma once

#include <v8.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/isolate.h"

namespace wattle::engine {

// An isolate for compiling, entered on this thread. Making one takes 2 ms, so a spare one is kept between
// uses; after some uses it is thrown away, since V8 holds on to what was compiled in an isolate.
class CompilingIsolate {
 public:
  CompilingIsolate();
  ~CompilingIsolate();
  CompilingIsolate(const CompilingIsolate&) = delete;
  CompilingIsolate& operator=(const CompilingIsolate&) = delete;

  // Whether the module is valid, all of it.
  bool validates(std::span<const uint8_t> bytes);
  // Why it is not.
  Error refusal(std::span<const uint8_t> bytes);
  // Functions are compiled when they are first called. Precondition: validates().
  Result<v8::CompiledWasmModule> compile(std::span<const uint8_t> bytes);
  // Takes `code`, which serialize() gave for the same bytes in a process with the same V8 and flags. Nothing
  // if V8 does not take it.
  std::optional<v8::CompiledWasmModule> load(std::span<const uint8_t> bytes, std::span<const uint8_t> code);

 private:
  struct Spare;
  std::unique_ptr<ScratchIsolate> scratch_;
  uint64_t bytes_ = 0;  // compiled in it so far
};

}  // namespace wattle::engine
