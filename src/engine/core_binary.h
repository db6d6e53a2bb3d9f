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
inline constexpr size_t kSectionIds = 14;

struct Section {
  SectionId id;
  std::span<const uint8_t> bytes;  // without id and size
};

struct CoreMemory {
  uint64_t minimum_pages = 0;
  std::optional<uint64_t> maximum_pages;
  bool is_shared = false;
  bool is_64 = false;
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
  std::vector<CoreMemory> memories;                      // all, imported ones first
  std::vector<std::span<const uint8_t>> memory_imports;  // the items of the import section
  uint32_t tables = 0;                                   // defined here
  std::vector<CoreGlobal> globals;                       // all, imported ones first
  uint32_t imported_globals = 0;
  std::vector<ModuleExport> exports;
  std::vector<uint32_t> exported_indices;  // by position in `exports`
  std::vector<uint32_t> exported_functions;
  std::optional<uint32_t> start;
};

// Everything but instructions. Refuses with malformed what is not a module; it need not be valid. Views into
// `bytes` remain.
Result<CoreModule> decode_core_module(std::span<const uint8_t> bytes);

// A function's index outside of code: bytes of a section.
struct FunctionReference {
  size_t begin, end;
  uint32_t function;
};
// Those in element segments of all kinds, so what a table can hold, and in the initial values of globals.
// Other sections have none. Nothing if the section is malformed.
std::optional<std::vector<FunctionReference>> function_references(const Section& section);

}  // namespace wattle::engine
