// A Module as the engine sees it: V8's compiled code and what was found out about the binary.
#pragma once

#include <v8.h>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "engine/core_binary.h"
#include "engine/engine.h"
#include "engine/multi_memory.h"

namespace wattle::engine {

class ModuleImpl;

// Facts about a module that outlive its bytes.
struct ModuleFacts {
  std::vector<ModuleImport> imports;
  std::vector<ModuleExport> exports;
  std::unordered_map<std::string_view, uint32_t> export_index;  // views into `exports`
  std::vector<CoreMemory> memories;                             // all, imported ones first
  uint32_t tables = 0;
  bool resettable = false;
  // What rewriting added; empty: nothing.
  std::string memory_import;
  std::string save_export, restore_export;
  std::optional<MemoryFacts> several_memories;  // of a module with more than one
  std::shared_ptr<const ModuleImpl> access;     // the access module, for such a one
};

class ModuleImpl final : public Module, public std::enable_shared_from_this<ModuleImpl> {
 public:
  using Code = std::shared_ptr<v8::CompiledWasmModule>;

  ModuleImpl(ModuleFacts facts, CompileOptions options, std::string cache_key, Code code);
  // Not compiled yet. `bytes`: rewritten.
  ModuleImpl(ModuleFacts facts, CompileOptions options, std::string cache_key, std::vector<uint8_t> bytes);

  ~ModuleImpl() override;

  const std::vector<ModuleImport>& imports() const override { return facts_.imports; }
  const std::vector<ModuleExport>& exports() const override { return facts_.exports; }
  bool resettable() const override { return facts_.resettable; }
  ModuleRecord record() const override { return {cache_key_, facts_.resettable}; }

  const ModuleFacts& facts() const { return facts_; }
  const CompileOptions& options() const { return options_; }
  const std::string& cache_key() const { return cache_key_; }
  // The compiled code. A restored module's is compiled, or taken from the cache, by the first who asks, in
  // the isolate that `context` is of, which is entered.
  Result<Code> code(v8::Local<v8::Context> context) const;
  // The compiled code, if anybody asked for it.
  Code code_if_there() const;

 private:
  ModuleFacts facts_;
  CompileOptions options_;
  std::string cache_key_;
  mutable std::mutex mutex_;
  mutable Code code_;
  mutable std::vector<uint8_t> bytes_;  // rewritten; until there is code
};

}  // namespace wattle::engine
