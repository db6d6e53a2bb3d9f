#include <v8-version.h>
#include <v8.h>

#include <mutex>

#include "engine/code_keeper.h"
#include "engine/engine.h"
#include "engine/engine_state.h"
#include "engine/platform.h"

namespace wattle::engine {
namespace {

struct State {
  std::mutex mutex;
  EngineOptions options;
  std::unique_ptr<v8::Platform> platform;
  std::string flags;
};

// V8 is one per process and cannot be taken down and started again, so this lives until the process ends.
State& state() {
  static State* state = new State;
  return *state;
}

// Fixed for the process: compiled code is only good for the flags it was made with.
std::string flags_for(const EngineOptions& options) {
  // Dynamic tiering finds hot functions by counting, which leaves long calls in baseline code; instead each
  // function is compiled by Liftoff when it is first called and by TurboFan right after, in the background.
  // Function bodies are validated once, before compiling, by Module::compile: never again.
  // Protection keys are a register of each thread, and not every thread that runs compiled code has the one
  // that V8 took: it may not even read the tables in that code.
  //
  // The snapshot that isolates start from is part of the library: to checksum it is a fifth of an isolate's
  // making.
  std::string flags = fmt::format(
      "--no-wasm-dynamic-tiering --wasm-lazy-compilation --wasm-lazy-validation --wasm-max-table-size={} "
      "--wasm-max-mem-pages={} --stack-size=256 --single-threaded-gc "
      "--no-wasm-memory-protection-keys --no-verify-snapshot-checksum",
      options.max_table_elements, options.max_memory_pages);
#if V8_MAJOR_VERSION >= 11
  flags += " --no-freeze-flags-after-init";  // CompilingIsolate::refusal changes one for a moment
#endif
  return flags;
}

bool same(const EngineOptions& a, const EngineOptions& b) {
  return a.max_memory_pages == b.max_memory_pages && a.max_table_elements == b.max_table_elements &&
         a.trap_handler == b.trap_handler && a.cache_directory == b.cache_directory;
}

}  // namespace

Result<void> start(const EngineOptions& options) {
  State& engine = state();
  std::lock_guard lock(engine.mutex);
  if (engine.platform != nullptr) {
    if (same(engine.options, options)) return {};
    return failure(ErrorCode::already_exists, "the WebAssembly engine already runs with other options");
  }
  engine.options = options;
  engine.flags = flags_for(options);
  v8::V8::SetFlagsFromString(engine.flags.c_str(), engine.flags.size());
#if !defined(WATTLE_SANITIZE_ADDRESS)
  if (options.trap_handler && !v8::V8::EnableWebAssemblyTrapHandler(true)) {
    return failure(ErrorCode::internal, "V8 could not install its trap handler for memory accesses");
  }
#endif
  constexpr int kBackgroundThreads = 1;
  engine.platform = make_platform(kBackgroundThreads);
  v8::V8::InitializePlatform(engine.platform.get());
  v8::V8::Initialize();
  return {};
}

std::string_view v8_version() {
  return v8::V8::GetVersion();
}

void flush_code_cache() {
  if (started()) CodeKeeper::instance().flush();
}

bool started() {
  State& engine = state();
  std::lock_guard lock(engine.mutex);
  return engine.platform != nullptr;
}

v8::Platform& platform() {
  return *state().platform;
}

const std::string& engine_flags() {
  return state().flags;
}

const EngineOptions& engine_options() {
  return state().options;
}

Error not_started() {
  return Error(ErrorCode::internal, "the WebAssembly engine was not started")
      .with_remedy("call engine::start() first, on the main thread");
}

}  // namespace wattle::engine
