// What a Store is made of. See the files by job: store.cpp (making things), memories.cpp, call.cpp (the hot
// path), scope.cpp (entering, waiting, ending), image.cpp (going back).
#pragma once

#include <v8.h>

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/isolate.h"
#include "engine/module_impl.h"
#include "engine/platform.h"
#include "engine/pristine.h"
#include "engine/watchdog.h"

namespace wattle::engine {

// A function of a guest or of the host, ready to be called.
struct FunctionEntry {
  v8::Global<v8::Function> function;
  Signature signature;
  bool callable = true;  // all its types can cross into C++
};

// What V8 hands back to a host function.
struct HostFunction {
  Store::Impl* store;
  HostCallback callback;
  void* context;
  Signature signature;
};

struct MemoryEntry {
  v8::Global<v8::WasmMemoryObject> object;
  uint8_t* base = nullptr;
  size_t bytes = 0;
  uint64_t maximum_pages = 0;          // as V8 knows it
  v8::Global<v8::Object> access = {};  // exports of the access module for it, once needed
};

// What a module with more than one memory does to them in C++, for one instance.
struct MemoryOperations {
  Store::Impl* store;
  std::shared_ptr<const ModuleImpl> module;
  std::vector<uint32_t> memories;  // of the instance, as positions in Store::Impl::memories
  std::vector<bool> dropped;       // by data segment
};

struct InstanceEntry {
  v8::Global<v8::Object> exports;
  std::shared_ptr<const ModuleImpl> module;
  std::vector<std::optional<Extern>> known_exports;  // by position in module->exports()
  std::vector<uint32_t> memories;                    // if several: as positions in Store::Impl::memories
};

// What the thread that uses a store first has of it, for good.
struct ThreadHold {
  explicit ThreadHold(v8::Isolate* isolate)
      : owner(std::this_thread::get_id()), locker(isolate), entered(isolate), handles(isolate) {}

  const std::thread::id owner;
  v8::Locker locker;
  v8::Isolate::Scope entered;  // only while this is made and ended
  // The outermost scope of the isolate, and not empty: every later one then finds room for handles without
  // allocating.
  v8::HandleScope handles;
};

struct Store::Impl final : MemoryBudget, Interruptible, async::SwitchObserver {
  explicit Impl(const StoreOptions& store_options) : options(store_options) {}
  ~Impl();

  // ---- Limits and ends (scope.cpp)
  void enter(const CallLimits& limits);
  void leave();
  void begin_segment();
  void end_segment();
  // Makes this thread's current isolate ours.
  void enter_isolate();
  // Makes the store this thread's, at its first use.
  void adopt();
  void release();
  void before_suspend() override;
  void after_resume() override;
  bool commit(void* base, size_t bytes) override;
  void interrupt() override;
  // On our own thread, inside guest code: ends it if its time is up, and lets others run if its slice is.
  void interrupted();
  void give_way();
  static size_t heap_is_full(void* self, size_t limit_bytes, size_t initial_bytes);
  // Looks for a reason to end the guest; true if there is one, now in `stop`.
  bool find_reason_to_stop();
  // Makes V8 end the guest code below us, uncatchably.
  void stop_guest();
  Duration cpu_used() const;

  // ---- Making (store.cpp)
  Result<void> initialize();
  uint32_t add_function(v8::Local<v8::Function> function, const Signature& signature);
  uint32_t add_memory(v8::Local<v8::WasmMemoryObject> memory);
  uint32_t add_value(v8::Local<v8::Value> value);
  Result<v8::Local<v8::Value>> value_of(Extern item, const ModuleImport& import);
  Result<v8::Local<v8::Object>> import_object(const ModuleImpl& module, std::span<const Extern> imports,
                                              std::vector<uint32_t>& memories_used);
  // The exports of a new instance.
  Result<v8::Local<v8::Object>> make_instance(const ModuleImpl& module, v8::Local<v8::Object> imports);

  // ---- Memories (memories.cpp)
  uint64_t memory_bytes() const;
  // All of an instance, as positions in `memories`: those given, and its own, which are made.
  Result<std::vector<uint32_t>> memories_of(const ModuleImpl& module, std::span<const Extern> imports);
  Result<uint32_t> make_memory(const CoreMemory& declared, uint64_t module_limit_bytes);
  // The functions of the access module for a memory.
  Result<v8::Local<v8::Object>> access_to(uint32_t memory, const ModuleImpl& access_module);
  // The function that does the module's MemoryFacts::operations.
  v8::Local<v8::Function> make_operate(const ModuleImpl& module, std::vector<uint32_t> memories_used);

  // ---- Calling (call.cpp)
  Error call_failed(const v8::TryCatch& caught);
  Extern make_host_function(const Signature& signature, HostCallback callback, void* host_context);
  // An outermost call has ended: whatever was to end it is over.
  void clear_termination();

  StoreOptions options;
  IsolatePointer isolate;
  // From the first use on. In room of its own, since it cannot be ended once its thread is gone.
  ThreadHold* hold = nullptr;
  alignas(ThreadHold) std::byte hold_room[sizeof(ThreadHold)];
  v8::Global<v8::Context> context;
  v8::Global<v8::Function> instance_constructor, memory_constructor, poll;

  std::deque<FunctionEntry> functions;
  std::deque<HostFunction> host_functions;
  std::deque<MemoryEntry> memories;
  std::deque<MemoryOperations> memory_operations;
  uint32_t tables = 0;                        // that instances have defined
  std::vector<v8::Global<v8::Value>> values;  // tables, globals, tags
  std::vector<InstanceEntry> instances;

  std::unique_ptr<Pristine> pristine;

  // The current scope.
  bool entered = false;
  async::Fiber* fiber = nullptr;
  async::SwitchObserver* outer_observer = nullptr;  // the fiber's before this store was entered
  async::SwitchObserver* told = nullptr;            // of every switch too: the one below all stores
  Impl* outer = nullptr;                            // the store whose host function entered this one
  CallLimits limits;
  // Has used a slice up: from then on it only runs while nobody else on its worker has anything to do, but
  // when it was kept waiting for long, it has a whole slice again.
  bool long_running = false;
  bool has_whole_slice = false;
  Duration cpu_before = Duration::zero();  // of earlier segments in this scope
  WatchedThread* watched = nullptr;
  uintptr_t stack_limit = 0;
  uint32_t scopes_left = 0;
  uint32_t depth = 0;               // calls into the guest that have not returned
  std::optional<Error> stop;        // why the guest must end; stays until the scope is left
  std::optional<Error> trap_error;  // given to set_trap
  bool terminating = false;         // V8 has been told
  bool broken = false;              // V8's heap was full, or a start function trapped: not to be used again
  bool grown = false;               // a memory has grown since the image
  size_t refused_bytes = 0;         // the size of the last growth that commit() refused

  // From any thread.
  std::mutex foreign_mutex;
  std::optional<Error> foreign_stop;
  std::atomic<bool> has_foreign_stop{false};
};

}  // namespace wattle::engine
