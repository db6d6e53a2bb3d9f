// Reads core types from the binary format: shared by core modules and by the core types that components
// declare.
//
// Clauses: core specification 5.3 (types); component-model Binary.md core:deftype.
#pragma once

#include <span>
#include <vector>

#include "component/core_type.h"
#include "component/reader.h"

namespace wattle::component {

// One entry of a core type index space: a function type, a module type (components only), or a type that only
// the engine needs to understand (both null: struct, array).
struct CoreTypeEntry {
  CoreFunctionRef function;
  std::shared_ptr<const CoreModuleType> module;
  bool needs_gc = false;  // struct, array, sub type or a reference to a type
};

Result<CoreValueType> read_core_value_type(Reader& reader);
Result<CoreLimits> read_core_limits(Reader& reader, bool memory);
// A table type: element type and limits.
Result<CoreExternType> read_core_table_type(Reader& reader);
Result<CoreExternType> read_core_memory_type(Reader& reader);
Result<CoreExternType> read_core_global_type(Reader& reader);
Result<CoreExternType> read_core_tag_type(Reader& reader, std::span<const CoreTypeEntry> types);
// Kind byte and type, as in imports.
Result<CoreExternType> read_core_extern_type(Reader& reader, std::span<const CoreTypeEntry> types);
// A recursive type: appends one entry or, for a group, several. References must be to types in `types`, the
// group's own included.
Result<void> read_core_recursive_type(Reader& reader, std::vector<CoreTypeEntry>& types);
// The same, of one sub type whose leading byte (0x50, 0x4f or a composite's) is next.
Result<void> read_core_sub_type(Reader& reader, std::vector<CoreTypeEntry>& types);
// Later features that a type belongs to, added to `features`.
void note_features(const CoreTypeEntry& type, std::set<std::string_view>& features);
void note_features(const CoreExternType& type, std::set<std::string_view>& features);
// The function type behind an index, or why there is none.
Result<CoreFunctionRef> core_function_type_at(std::span<const CoreTypeEntry> types, uint32_t index,
                                              uint64_t offset);

}  // namespace wattle::component
