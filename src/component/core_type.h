// Types of core WebAssembly as far as components need them: signatures, limits, and what a core module
// imports and exports. Function bodies are none of our business: the engine validates them.
//
// Clauses: core specification 2.3 (types) and 3.3 (matching); component-model Binary.md core:moduletype.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "component/component.h"

namespace wattle::component {

// A value type. `code` is the byte of the binary format; references that are more than a shorthand carry
// 0x63 (nullable) or 0x64 and their heap type.
struct CoreValueType {
  uint8_t code = 0x7f;
  int64_t heap = 0;  // 0x63, 0x64: negative = abstract, else a type index within the declaring module

  bool operator==(const CoreValueType&) const = default;
};
inline constexpr CoreValueType kI32{0x7f}, kI64{0x7e}, kF32{0x7d}, kF64{0x7c}, kV128{0x7b}, kFuncref{0x70},
    kExternref{0x6f};

struct CoreFunctionType {
  std::vector<CoreValueType> parameters, results;
  bool operator==(const CoreFunctionType&) const = default;
};
using CoreFunctionRef = std::shared_ptr<const CoreFunctionType>;

struct CoreLimits {
  uint64_t minimum = 0;
  std::optional<uint64_t> maximum;
  bool shared = false;
  bool is_64 = false;
  std::optional<uint32_t> page_size_log2;  // custom page sizes
  bool operator==(const CoreLimits&) const = default;
};

// What a core import or export is: `sort` is core_function, core_table, core_memory, core_global or core_tag.
struct CoreExternType {
  Sort sort = Sort::core_function;
  CoreFunctionRef function;  // function and tag
  CoreValueType value;       // element of a table, content of a global
  bool is_mutable = false;   // global
  CoreLimits limits;         // table and memory
};

struct CoreImport {
  std::string module, name;
  CoreExternType type;
};
struct CoreExport {
  std::string name;
  CoreExternType type;
};

struct CoreModuleType {
  std::vector<CoreImport> imports;
  std::vector<CoreExport> exports;
  // Later features of core WebAssembly that the module's types use: "gc", "memory64", ...
  std::set<std::string_view> later_features;

  const CoreExternType* find_export(std::string_view name) const;  // linear
};

// "i32", "funcref"
std::string to_string(CoreValueType type);
// "[I32, I64]", as the validation messages of the official suites write lists of flat types
std::string to_debug_string(const std::vector<CoreValueType>& types);
// "(func (param i32) (result i64))"
std::string to_string(const CoreFunctionType& type);
// "func", "table", "memory", "global", "tag", "component", ...
std::string_view to_string(Sort sort);

// Whether an item of type `actual` can stand where `expected` is asked for; the error says what differs.
Result<void> check_core_match(const CoreExternType& actual, const CoreExternType& expected, uint64_t offset);
Result<void> check_module_match(const CoreModuleType& actual, const CoreModuleType& expected,
                                uint64_t offset);

}  // namespace wattle::component
