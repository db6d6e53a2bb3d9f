// The platform V8 runs on: its default one, with a page allocator of ours in between. That is where a guest's
// memory.grow can be seen and refused, which V8 offers no other hook for.
#pragma once

#include <v8-isolate.h>
#include <v8-platform.h>

#include <memory>

namespace wattle::engine {

// What the page allocator asks about memory that a guest wants. Bound to the thread that runs the guest.
class MemoryBudget {
 public:
  // The first `bytes` at `base` are to become usable. False refuses.
  virtual bool commit(void* base, size_t bytes) = 0;

 protected:
  ~MemoryBudget() = default;
};

// The budget of the guest that this thread runs now; null: no guest, nothing is counted.
MemoryBudget* exchange_thread_budget(MemoryBudget* budget);

// With the trap handler, every wasm memory reserves more than this, and nothing else does. While a budget is
// set such a reservation is refused: it is V8 moving a memory that it was not allowed to grow in place.
inline constexpr size_t kGuardedMemoryBytes = size_t{8} << 30;

// `threads`: workers for background compilation and garbage collection.
std::unique_ptr<v8::Platform> make_platform(int threads);
// Runs what V8 has queued for the isolate's own thread (parts of garbage collection, mostly). The isolate
// must be entered. `platform` comes from make_platform().
void run_tasks(v8::Platform& platform, v8::Isolate* isolate);
// Before an isolate is disposed of: drops what is queued for it.
void forget_isolate(v8::Platform& platform, v8::Isolate* isolate);

}  // namespace wattle::engine
