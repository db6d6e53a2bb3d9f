// What the engine has to know about a core module that V8 does not tell: types of imports and exports, the
// limits of its memory, which functions change tables, where its sections are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace wattle::engine {

enum class SectionId : uint8_t {
  custom,
  type,
  import,
  function,
  table,
  memory,
  global,
  export_,
  start,
  element,
  code,
  data,
  data_count,
  tag
};

struct Section {
  SectionId id;
  std::span<const uint8_t> bytes;  // without id and size
};

struct CoreMemory {
  uint64_t minimum_pages = 0;
  std::optional<uint64_t> maximum_pages;
  bool is_shared = false;
};

struct CoreGlobal {
  CoreType type;
  bool is_mutable;
};

struct CoreModule {
  std::vector<Section> sections;
  std::vector<Signature> types;
  std::vector<ModuleImport> imports;
  std::vector<uint32_t> functions;  // types of all, imported ones first
  uint32_t imported_functions = 0;
  std::optional<CoreMemory> memory;  // defined here, not imported
  uint32_t tables = 0;               // defined here
  std::vector<CoreGlobal> globals;   // all, imported ones first
  uint32_t imported_globals = 0;
  bool has_shared_memory = false;  // defined or imported
  std::vector<ModuleExport> exports;
  std::vector<uint32_t> exported_functions;
  std::optional<uint32_t> start;
};

// Everything but instructions. Refuses with malformed what is not a module; it need not be valid. Views into
// `bytes` remain.
Result<CoreModule> decode_core_module(std::span<const uint8_t> bytes);

}  // namespace wattle::engine
