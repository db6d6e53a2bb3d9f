#include <algorithm>
#include <mutex>

#include "engine/code_keeper.h"
#include "engine/compile.h"
#include "engine/core_binary.h"
#include "engine/engine_state.h"
#include "engine/memory_access.h"
#include "engine/module_impl.h"
#include "engine/rewrite.h"
#include "engine/scan.h"

namespace wattle::engine {
namespace {

// What code depends on besides the module's bytes.
std::string build_of_engine() {
  return fmt::format("V8 {} rewriting {} {}", v8_version(), kRewritingVersion, engine_flags());
}

// The access module, for as long as a module needs it.
Result<std::shared_ptr<const ModuleImpl>> shared_access_module() {
  static std::mutex mutex;
  static std::weak_ptr<const ModuleImpl> known;
  std::lock_guard lock(mutex);
  if (auto module = known.lock()) return module;
  WATTLE_TRY(auto compiled, Module::compile(access_module(), {}));
  auto module = std::static_pointer_cast<const ModuleImpl>(compiled);
  known = module;
  return module;
}

Result<ModuleFacts> facts_of(CoreModule decoded, Rewritten& rewritten, bool resettable) {
  ModuleFacts facts;
  facts.imports = std::move(decoded.imports);
  facts.exports = std::move(decoded.exports);
  facts.memories = std::move(decoded.memories);
  facts.tables = decoded.tables;
  facts.resettable = resettable;
  facts.memory_import = std::move(rewritten.memory_import);
  facts.save_export = std::move(rewritten.save_export);
  facts.restore_export = std::move(rewritten.restore_export);
  facts.several_memories = std::move(rewritten.memories);
  if (facts.several_memories) {
    WATTLE_TRY(facts.access, shared_access_module());
  }
  return facts;
}

std::span<const uint8_t> code_in(const std::optional<CachedModule>& cached) {
  return cached ? std::span<const uint8_t>(cached->code) : std::span<const uint8_t>();
}

// Guests have no threads: a wait on shared memory would stop a worker for all its guests.
Result<CoreModule> decode_without_threads(std::span<const uint8_t> bytes) {
  WATTLE_TRY(CoreModule decoded, decode_core_module(bytes));
  if (std::any_of(decoded.memories.begin(), decoded.memories.end(),
                  [](const CoreMemory& memory) { return memory.is_shared; })) {
    return failure(ErrorCode::invalid,
                   "the core module is invalid: shared memory needs threads, which are not "
                   "part of WASI 0.2");
  }
  return decoded;
}

// Whether the module is valid, all of it. V8 sees the original: rewriting an invalid module could make it
// valid.
Result<void> check_valid(CompilingIsolate& isolate, std::span<const uint8_t> bytes) {
  if (isolate.validates(bytes)) return {};
  WATTLE_TRY(const CoreModule decoded, decode_core_module(bytes));
  if (decoded.memories.size() < 2) return failure(isolate.refusal(bytes));
  WATTLE_TRY(const Bytes projection, project_to_one_memory(decoded));
  if (!isolate.validates(projection)) return failure(isolate.refusal(projection));
  return {};
}

}  // namespace

Result<std::shared_ptr<const Module>> Module::compile(std::span<const uint8_t> bytes,
                                                      const CompileOptions& options) {
  if (!started()) return failure(not_started());
  const CodeCache& cache = CodeKeeper::instance().cache();
  std::string key = cache.enabled() ? CodeCache::key_of(bytes, build_of_engine()) : std::string();
  const std::optional<CachedModule> cached = cache.load(key);
  CompilingIsolate isolate;
  if (!cached) WATTLE_CHECK(check_valid(isolate, bytes));  // what is in the cache was valid
  WATTLE_TRY(CoreModule decoded, decode_without_threads(bytes));
  const bool resettable = cached ? cached->facts.resettable : changes_only_memory_and_globals(decoded);
  Rewritten rewritten = rewrite(decoded);
  // Code is not validated when it is compiled, and here much of it is not the module's own.
  if (!cached && rewritten.memories && !isolate.validates(rewritten.bytes)) {
    return failure(Error(ErrorCode::unsupported,
                         "the core module has several memories, and is too large for that",
                         isolate.refusal(rewritten.bytes)));
  }
  WATTLE_TRY(auto code, isolate.load_or_compile(rewritten.bytes, code_in(cached)));
  WATTLE_TRY(ModuleFacts facts, facts_of(std::move(decoded), rewritten, resettable));
  // Not made in one piece with its count: whoever remembers it after it is gone would keep its room.
  auto module = std::shared_ptr<const ModuleImpl>(new ModuleImpl(
      std::move(facts), options, std::move(key), std::make_shared<v8::CompiledWasmModule>(code)));
  if (cache.enabled()) CodeKeeper::instance().keep(module, code_in(cached).size(), !cached);
  return module;
}

Result<std::shared_ptr<const Module>> Module::restore(std::span<const uint8_t> bytes,
                                                      const CompileOptions& options,
                                                      const ModuleRecord& record) {
  if (!started()) return failure(not_started());
  WATTLE_TRY(CoreModule decoded, decode_without_threads(bytes));
  Rewritten rewritten = rewrite(decoded);
  WATTLE_TRY(ModuleFacts facts, facts_of(std::move(decoded), rewritten, record.resettable));
  return std::shared_ptr<const ModuleImpl>(
      new ModuleImpl(std::move(facts), options, record.cache_key, std::move(rewritten.bytes)));
}

Result<void> Module::validate(std::span<const uint8_t> bytes) {
  if (!started()) return failure(not_started());
  CompilingIsolate isolate;
  WATTLE_CHECK(check_valid(isolate, bytes));
  if (auto decoded = decode_without_threads(bytes); !decoded) return failure(std::move(decoded).error());
  return {};
}

ModuleImpl::ModuleImpl(ModuleFacts facts, CompileOptions options, std::string cache_key, Code code)
    : ModuleImpl(std::move(facts), options, std::move(cache_key), std::vector<uint8_t>()) {
  code_ = std::move(code);
}

ModuleImpl::ModuleImpl(ModuleFacts facts, CompileOptions options, std::string cache_key,
                       std::vector<uint8_t> bytes)
    : facts_(std::move(facts)),
      options_(options),
      cache_key_(std::move(cache_key)),
      bytes_(std::move(bytes)) {
  for (uint32_t index = 0; index < facts_.exports.size(); ++index) {
    facts_.export_index.emplace(facts_.exports[index].name, index);
  }
}

ModuleImpl::~ModuleImpl() {
  if (!cache_key_.empty()) CodeKeeper::instance().module_is_gone();
}

ModuleImpl::Code ModuleImpl::code_if_there() const {
  std::lock_guard lock(mutex_);
  return code_;
}

Result<ModuleImpl::Code> ModuleImpl::code(v8::Local<v8::Context> context) const {
  std::unique_lock lock(mutex_);
  if (code_ != nullptr) return code_;
  CodeKeeper& keeper = CodeKeeper::instance();
  const std::optional<CachedModule> cached = keeper.cache().load(cache_key_);
  WATTLE_TRY(auto code, load_or_compile(context, bytes_, code_in(cached)));
  code_ = std::make_shared<v8::CompiledWasmModule>(std::move(code));
  bytes_ = {};
  Code result = code_;
  lock.unlock();
  if (keeper.cache().enabled()) keeper.keep(shared_from_this(), code_in(cached).size(), !cached);
  return result;
}

}  // namespace wattle::engine
