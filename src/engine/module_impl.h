// A Module as the engine sees it: V8's compiled code and what was found out about the binary.
#pragma once

#include <v8.h>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "engine/core_binary.h"
#include "engine/engine.h"

namespace wattle::engine {

// Facts about a module that outlive its bytes.
struct ModuleFacts {
  std::vector<ModuleImport> imports;
  std::vector<ModuleExport> exports;
  std::unordered_map<std::string_view, uint32_t> export_index;  // views into `exports`
  std::optional<CoreMemory> memory;
  uint32_t tables = 0;
  bool resettable = false;
  // What rewriting added; empty: nothing.
  std::string memory_import;
  std::string save_export, restore_export;
};

class ModuleImpl final : public Module, public std::enable_shared_from_this<ModuleImpl> {
 public:
  using Code = std::shared_ptr<v8::CompiledWasmModule>;

  // `cache_key`: of the code on disk; empty: not kept there.
  ModuleImpl(ModuleFacts facts, CompileOptions options, Code code, std::string cache_key);

  const std::vector<ModuleImport>& imports() const override { return facts_.imports; }
  const std::vector<ModuleExport>& exports() const override { return facts_.exports; }
  bool resettable() const override { return facts_.resettable; }
  void drop_code() const override;

  const ModuleFacts& facts() const { return facts_; }
  const CompileOptions& options() const { return options_; }
  const std::string& cache_key() const { return cache_key_; }
  // The compiled code; compiled again, or taken from the cache, if it was dropped.
  Result<Code> code() const;
  // The compiled code, unless it was dropped.
  Code code_if_there() const;

 private:
  ModuleFacts facts_;
  CompileOptions options_;
  std::string cache_key_;
  mutable std::mutex mutex_;
  mutable Code code_;
  mutable std::vector<uint8_t> bytes_;  // rewritten; while the code is dropped
};

}  // namespace wattle::engine
