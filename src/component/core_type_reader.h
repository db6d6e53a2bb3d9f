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
// A recursive type: appends one entry or, for a group, several.
Result<void> read_core_recursive_type(Reader& reader, std::vector<CoreTypeEntry>& types);
// A sub type whose leading byte (0x50, 0x4f or a composite's) is next.
Result<CoreTypeEntry> read_core_sub_type(Reader& reader);
// The function type behind an index, or why there is none.
Result<CoreFunctionRef> core_function_type_at(std::span<const CoreTypeEntry> types, uint32_t index,
                                              uint64_t offset);

}  // namespace wattle::component
