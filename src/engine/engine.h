// Core WebAssembly on V8. Nothing outside src/engine sees V8: a Module is compiled code, a Store is an
// isolate with the instances of one component in it, and functions, memories, tables and globals are handles
// into a Store.
//
//   WATTLE_CHECK(engine::start({}));
//   WATTLE_TRY(auto module, Module::compile(bytes, {}));
//   auto store = Store::create({});
//   Store::Scope scope(*store, CallLimits{.deadline = Clock::now() + 5s});
//   WATTLE_TRY(InstanceHandle instance, store->instantiate(*module, imports));
//   WATTLE_TRY(FunctionHandle add, store->exported_function(instance, "add"));
//   CoreValue values[2] = {{.u32 = 1}, {.u32 = 2}};
//   WATTLE_CHECK(store->call(add, values));        // values[0].u32 == 3
//
// Threads: a Module is for any thread. A Store belongs to the thread that uses it first; on it, it may be
// used from several fibers in turn, but only one call may be in flight. While a call waits in a host
// function, the store leaves the isolate around every switch of the fiber (it is the fiber's SwitchObserver).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/fiber.h"
#include "base/result.h"
#include "base/time.h"

namespace wattle::engine {

struct EngineOptions {
  uint32_t max_memory_pages = 65536;  // 64 KiB pages, of any one memory
  uint32_t max_table_elements = 100000;
  bool trap_handler = true;     // off under the address sanitizer, which wants SIGSEGV itself
  std::string cache_directory;  // compiled code; empty: none
};
// Once per process, before anything else here, from the main thread. Repeated calls with equal options are
// fine.
Result<void> start(const EngineOptions& options);
std::string_view v8_version();
// Writes to the cache at once what is usually written in the background: for programs that are about to end.
void flush_code_cache();

// ---- Values and types

enum class CoreType : uint8_t { i32, i64, f32, f64, v128, funcref, externref };

union CoreValue {
  uint64_t u64;
  int64_t i64;
  uint32_t u32;
  int32_t i32;
  float f32;
  double f64;
};

struct Signature {
  std::vector<CoreType> parameters;
  std::vector<CoreType> results;
};

enum class ExternKind : uint8_t { function, table, memory, global, tag };

// Handles: positions in a Store's tables. Meaningless in another store.
struct InstanceHandle {
  uint32_t index = 0;
};
struct FunctionHandle {
  uint32_t index = 0;
};
struct MemoryHandle {
  uint32_t index = 0;
};
// Any importable item.
struct Extern {
  ExternKind kind = ExternKind::function;
  uint32_t index = 0;
};

// ---- Modules

struct ModuleImport {
  std::string module, name;
  ExternKind kind;
  Signature signature;
};  // signature: functions only
struct ModuleExport {
  std::string name;
  ExternKind kind;
  Signature signature;
};

struct CompileOptions {
  // Caps the declared maximum of memories that the module defines. Bytes; rounded down to pages.
  uint64_t max_memory_bytes = uint64_t{4} << 30;
};

// What compile() found out about a module: little, and all that restore() needs besides the bytes.
struct ModuleRecord {
  std::string cache_key;  // of its code on disk; empty: not kept there
  bool resettable = false;
};

class Module {
 public:
  // Validates and compiles, or takes the code from the cache. Baseline code first: optimised code arrives in
  // the background and goes into the cache. Refuses with malformed or invalid and V8's reason. Blocks; see
  // offload.
  static Result<std::shared_ptr<const Module>> compile(std::span<const uint8_t> bytes,
                                                       const CompileOptions& options);
  // A module that compile() took before, and that was given up meanwhile: `record` is what it left. The same
  // bytes and options are not validated again, and its code is taken from the cache or compiled where it is
  // first instantiated: in a few ms for a small module.
  static Result<std::shared_ptr<const Module>> restore(std::span<const uint8_t> bytes,
                                                       const CompileOptions& options,
                                                       const ModuleRecord& record);
  // The validation part of compile() alone.
  static Result<void> validate(std::span<const uint8_t> bytes);
  virtual ~Module() = default;

  virtual const std::vector<ModuleImport>& imports() const = 0;
  virtual const std::vector<ModuleExport>& exports()
      const = 0;  // without the reserved names that rewriting adds
  // Whether instances can be reset: no reachable instruction changes tables or drops segments after start-up.
  virtual bool resettable() const = 0;
  virtual ModuleRecord record() const = 0;
};

// ---- Stores

struct CallLimits {
  TimePoint deadline = kNever;  // wall clock: ends guest code; waits are ended by the fiber's deadline
  Duration cpu_time = Duration::max();  // guest CPU time, waits not counted
  // A guest that runs longer lets other fibers of its worker run, and from then on goes on only while none of
  // them has anything to do; at least one slice in some 10 ms is its own.
  Duration slice = std::chrono::microseconds(500);
};

struct StoreOptions {
  uint64_t max_memory_bytes = uint64_t{4} << 30;  // all memories together
  uint32_t max_instances = 1000;
};

// `values` holds the arguments and receives the results. Returns false to trap, after Store::set_trap.
using HostCallback = bool (*)(void* context, CoreValue* values);

struct MemoryView {
  uint8_t* base = nullptr;
  size_t bytes = 0;
};

// What reset() goes back to; see Store::take_image. For any thread.
class Image {
 public:
  virtual ~Image() = default;
  // Bytes of memory pages that are not zero.
  virtual size_t bytes() const = 0;
};

class Store {
 public:
  // Takes about 2 ms: make stores ahead, never inside a request.
  static Result<std::unique_ptr<Store>> create(const StoreOptions& options);
  // Outside of scopes: on the thread that used it, or on any after release() or after that thread has ended.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Enters the store on this thread, for one invocation with its limits: everything below needs one. Nothing
  // else may be entered meanwhile on the same fiber. Must be left on the fiber it was entered on.
  class Scope {
   public:
    Scope(Store& store, const CallLimits& limits);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Store& store_;
  };

  // Imports in the order of module.imports(). Runs the start function. A trap there is an error like any
  // other.
  Result<InstanceHandle> instantiate(const Module& module, std::span<const Extern> imports);
  Result<Extern> exported(InstanceHandle instance, std::string_view name);
  Result<FunctionHandle> exported_function(InstanceHandle instance, std::string_view name);
  // A function of the host. `context` must outlive the store.
  Extern make_host_function(const Signature& signature, HostCallback callback, void* context);
  // Items as functions and memories, for calling and reading.
  FunctionHandle function(Extern item);
  MemoryHandle memory(Extern item);

  // Calls guest code. `values`: room for max(parameters, results). Errors: trap (message as in the core
  // specification: "unreachable", "out of bounds memory access", "call stack exhausted", ...), the error
  // given to set_trap, deadline_exceeded, cpu_time_exceeded, cancelled. Not counted in: waits of host
  // functions.
  Result<void> call(FunctionHandle function, CoreValue* values);
  // The memory as it is now. The base never moves; the size must be read again after any guest code ran.
  MemoryView view(MemoryHandle memory) const;

  // From a host callback, before it returns false: the call ends with this error, and no guest code can catch
  // it.
  void set_trap(Error error);
  // Ends the guest code that runs, or is about to go on, with `error`. From any thread.
  void terminate(Error error);

  // ---- A pristine instance for every call
  // Remembers memories, globals and tables as they are now. Later reset() goes back to it. Give `like` the
  // image of another store with the same instances: what is equal is then shared between the two. Refuses
  // with unsupported when a module is not resettable().
  Result<std::shared_ptr<const Image>> take_image(std::shared_ptr<const Image> like = nullptr);
  // Makes everything as it was at take_image(), also after a trap or a limit: what a call left unfinished is
  // in memories and globals only. False: it cannot be (memory has grown, a table changed, V8's heap was
  // full): drop the store.
  bool reset();
  // Takes it from the thread that used it, on that thread and outside of scopes: the next that uses or
  // destroys it may be another.
  void release();
  // Other limits than those it was made with, before anything is instantiated in it.
  void set_options(const StoreOptions& options);
  // CPU time that guest code has used in the current Scope.
  Duration cpu_time_used() const;

  // State.
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wattle::engine
