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
  bool resettable = false;
  // What rewriting added; empty: nothing.
  std::string memory_import;
  std::string save_export, restore_export;
};

class ModuleImpl final : public Module, public std::enable_shared_from_this<ModuleImpl> {
 public:
  ModuleImpl(ModuleFacts facts, CompileOptions options, v8::CompiledWasmModule code)
      : facts_(std::move(facts)), options_(options), code_(std::move(code)) {
    for (uint32_t index = 0; index < facts_.exports.size(); ++index) {
      facts_.export_index.emplace(facts_.exports[index].name, index);
    }
  }

  const std::vector<ModuleImport>& imports() const override { return facts_.imports; }
  const std::vector<ModuleExport>& exports() const override { return facts_.exports; }
  bool resettable() const override { return facts_.resettable; }

  const ModuleFacts& facts() const { return facts_; }
  const CompileOptions& options() const { return options_; }
  const v8::CompiledWasmModule& code() const { return code_; }

 private:
  ModuleFacts facts_;
  CompileOptions options_;
  v8::CompiledWasmModule code_;
};

}  // namespace wattle::engine
