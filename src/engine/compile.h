// Turning bytes into V8's compiled code: validating, compiling, loading what the cache has kept.
#pragma once

#include <v8.h>

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/isolate.h"

namespace wattle::engine {

// What load_or_compile needs of an isolate: given to it before it has a context.
void feed_stream(const v8::FunctionCallbackInfo<v8::Value>& info);
// Takes `code`, which serialize() gave for the same bytes in a process with the same V8 and flags; where V8
// does not, or there is none, compiles. Functions are compiled when they are first called. `context` is
// entered, of an isolate that had feed_stream. Precondition: the module is valid.
Result<v8::CompiledWasmModule> load_or_compile(v8::Local<v8::Context> context, std::span<const uint8_t> bytes,
                                               std::span<const uint8_t> code);

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
  // As above. Precondition: validates().
  Result<v8::CompiledWasmModule> load_or_compile(std::span<const uint8_t> bytes,
                                                 std::span<const uint8_t> code);

 private:
  struct Spare;
  std::unique_ptr<ScratchIsolate> scratch_;
  uint64_t bytes_ = 0;  // compiled in it so far
};

}  // namespace wattle::engine
