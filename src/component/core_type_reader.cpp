#include "component/core_type_reader.h"

namespace wattle::component {
namespace {

constexpr uint32_t kMaxFunctionParameters = 1000;
constexpr uint32_t kMaxFunctionResults = 1000;
constexpr uint32_t kMaxTypes = 1'000'000;
constexpr uint32_t kMaxStructFields = 10'000;
constexpr uint64_t kMaxMemoryPages = 65536;
constexpr uint64_t kMaxTableElements = 10'000'000;

Result<std::vector<CoreValueType>> read_value_types(Reader& reader, uint32_t limit, std::string_view what) {
  WATTLE_TRY(const uint32_t count, reader.count(limit, what));
  std::vector<CoreValueType> types;
  for (uint32_t i = 0; i < count; i++) {
    WATTLE_TRY(types.emplace_back(), read_core_value_type(reader));
  }
  return types;
}

using References = std::vector<uint32_t>;  // type indices that a type mentions

void note_reference(CoreValueType type, References& references) {
  const bool is_index = (type.code == 0x63 || type.code == 0x64) && type.heap >= 0;
  if (is_index) references.push_back(static_cast<uint32_t>(type.heap));
}

Result<CoreTypeEntry> read_function_type(Reader& reader, References& references) {
  CoreFunctionType type;
  WATTLE_TRY(type.parameters, read_value_types(reader, kMaxFunctionParameters, "function params"));
  WATTLE_TRY(type.results, read_value_types(reader, kMaxFunctionResults, "function returns"));
  for (const auto* side : {&type.parameters, &type.results})
    for (const CoreValueType item : *side) note_reference(item, references);
  CoreTypeEntry entry;
  entry.function = std::make_shared<const CoreFunctionType>(std::move(type));
  return entry;
}

// A field of a struct or the element of an array: a storage type and its mutability.
Result<void> skip_field(Reader& reader, References& references) {
  WATTLE_TRY(const uint8_t next, reader.peek());
  if (next == 0x78 || next == 0x77) {
    WATTLE_CHECK(reader.skip(1));
  } else {
    WATTLE_TRY(const auto type, read_core_value_type(reader));
    note_reference(type, references);
  }
  WATTLE_TRY(const uint8_t mutability, reader.byte());
  if (mutability > 1) return reader.bad_leading_byte(mutability, "field mutability");
  return {};
}

Result<CoreTypeEntry> read_composite_type(Reader& reader, std::string_view what, References& references) {
  WATTLE_TRY(const uint8_t form, reader.byte());
  if (form == 0x60) return read_function_type(reader, references);
  if (form == 0x5e) {
    WATTLE_CHECK(skip_field(reader, references));
    return CoreTypeEntry{};
  }
  if (form == 0x5f) {
    WATTLE_TRY(const uint32_t count, reader.count(kMaxStructFields, "struct fields"));
    for (uint32_t i = 0; i < count; i++) WATTLE_CHECK(skip_field(reader, references));
    return CoreTypeEntry{};
  }
  return reader.bad_leading_byte(form, what);
}

Result<bool> read_mutability(Reader& reader) {
  const uint64_t offset = reader.offset();
  WATTLE_TRY(const uint8_t flag, reader.byte());
  if (flag > 1) return failure(error_at(ErrorCode::malformed, offset, "malformed mutability"));
  return flag == 1;
}

}  // namespace

Result<CoreValueType> read_core_value_type(Reader& reader) {
  const uint64_t offset = reader.offset();
  WATTLE_TRY(const uint8_t code, reader.byte());
  if (code >= 0x7b && code <= 0x7f) return CoreValueType{code};
  if (code >= 0x69 && code <= 0x74) return CoreValueType{code};
  if (code == 0x63 || code == 0x64) {
    WATTLE_TRY(const int64_t heap, reader.s33());
    if (heap < 0 && (heap < -0x17 || heap > -0x0c))
      return failure(error_at(ErrorCode::malformed, offset, "malformed heap type"));
    if (code == 0x63 && heap < 0) return CoreValueType{static_cast<uint8_t>(heap & 0x7f)};
    return CoreValueType{code, heap};
  }
  return failure(error_at(ErrorCode::malformed, offset, "malformed value type: invalid value type"));
}

// Limits flags: bit 0 maximum, bit 1 shared, bit 2 64-bit, bit 3 custom page size (memories).
Result<CoreLimits> read_core_limits(Reader& reader, bool memory) {
  const uint64_t offset = reader.offset();
  WATTLE_TRY(const uint8_t flags, reader.byte());
  if (flags > (memory ? 0x0f : 0x07))
    return failure(error_at(ErrorCode::malformed, offset, "malformed limits flags"));
  CoreLimits limits;
  limits.shared = (flags & 2) != 0;
  limits.is_64 = (flags & 4) != 0;
  const auto read_bound = [&]() -> Result<uint64_t> {
    if (limits.is_64) return reader.u64();
    WATTLE_TRY(const uint32_t bound, reader.u32());
    return uint64_t{bound};
  };
  WATTLE_TRY(limits.minimum, read_bound());
  if ((flags & 1) != 0) {
    WATTLE_TRY(limits.maximum, read_bound());
  }
  if ((flags & 8) != 0) {
    WATTLE_TRY(limits.page_size_log2, reader.u32());
  }
  if (limits.maximum && *limits.maximum < limits.minimum)
    return failure(error_at(ErrorCode::invalid, offset, "size minimum must not be greater than maximum"));
  if (memory && limits.shared && !limits.maximum)
    return failure(error_at(ErrorCode::invalid, offset, "shared memory must have maximum size"));
  return limits;
}

Result<CoreExternType> read_core_table_type(Reader& reader) {
  CoreExternType type;
  type.sort = Sort::core_table;
  const uint64_t offset = reader.offset();
  WATTLE_TRY(type.value, read_core_value_type(reader));
  if (type.value.code >= 0x7b)
    return failure(error_at(ErrorCode::malformed, offset, "malformed reference type"));
  WATTLE_TRY(type.limits, read_core_limits(reader, false));
  if (type.limits.minimum > kMaxTableElements)
    return failure(error_at(ErrorCode::invalid, offset, "minimum table size is out of bounds"));
  return type;
}

Result<CoreExternType> read_core_memory_type(Reader& reader) {
  CoreExternType type;
  type.sort = Sort::core_memory;
  const uint64_t offset = reader.offset();
  WATTLE_TRY(type.limits, read_core_limits(reader, true));
  const auto too_large = [&](uint64_t pages) { return !type.limits.is_64 && pages > kMaxMemoryPages; };
  if (!type.limits.page_size_log2 &&
      (too_large(type.limits.minimum) || too_large(type.limits.maximum.value_or(0))))
    return failure(error_at(ErrorCode::invalid, offset, "memory size must be at most 65536 pages (4 GiB)"));
  return type;
}

Result<CoreExternType> read_core_global_type(Reader& reader) {
  CoreExternType type;
  type.sort = Sort::core_global;
  WATTLE_TRY(type.value, read_core_value_type(reader));
  WATTLE_TRY(type.is_mutable, read_mutability(reader));
  return type;
}

Result<CoreExternType> read_core_tag_type(Reader& reader, std::span<const CoreTypeEntry> types) {
  CoreExternType type;
  type.sort = Sort::core_tag;
  const uint64_t offset = reader.offset();
  WATTLE_TRY(const uint8_t attribute, reader.byte());
  if (attribute != 0) return failure(error_at(ErrorCode::malformed, offset, "invalid tag attributes"));
  WATTLE_TRY(const uint32_t index, reader.u32());
  WATTLE_TRY(type.function, core_function_type_at(types, index, offset));
  if (!type.function->results.empty())
    return failure(error_at(ErrorCode::invalid, offset, "invalid exception type: non-empty tag result type"));
  return type;
}

Result<CoreExternType> read_core_extern_type(Reader& reader, std::span<const CoreTypeEntry> types) {
  WATTLE_TRY(const uint8_t kind, reader.byte());
  switch (kind) {
    case 0: {
      CoreExternType type;
      const uint64_t offset = reader.offset();
      WATTLE_TRY(const uint32_t index, reader.u32());
      WATTLE_TRY(type.function, core_function_type_at(types, index, offset));
      return type;
    }
    case 1:
      return read_core_table_type(reader);
    case 2:
      return read_core_memory_type(reader);
    case 3:
      return read_core_global_type(reader);
    case 4:
      return read_core_tag_type(reader, types);
    default:
      return reader.bad_leading_byte(kind, "external kind");
  }
}

namespace {

Result<CoreTypeEntry> read_sub_type(Reader& reader, References& references) {
  WATTLE_TRY(const uint8_t form, reader.peek());
  if (form != 0x50 && form != 0x4f) return read_composite_type(reader, "type", references);
  WATTLE_CHECK(reader.skip(1));
  WATTLE_TRY(const uint32_t count, reader.count(1, "supertypes"));
  for (uint32_t i = 0; i < count; i++) {
    WATTLE_TRY(references.emplace_back(), reader.u32());
  }
  WATTLE_TRY(auto entry, read_composite_type(reader, "composite type", references));
  entry.needs_gc = true;
  return entry;
}

Result<void> check_references(const References& references, std::span<const CoreTypeEntry> types,
                              uint64_t offset) {
  for (const uint32_t index : references) {
    if (index >= types.size())
      return failure(error_at(ErrorCode::invalid, offset,
                              fmt::format("unknown type {}: type index out of bounds", index)));
    if (types[index].module != nullptr)
      return failure(error_at(ErrorCode::invalid, offset,
                              fmt::format("type index {} is a module type, not a sub type", index)));
  }
  return {};
}

Result<void> read_sub_types(Reader& reader, std::vector<CoreTypeEntry>& types, uint32_t count) {
  const uint64_t offset = reader.offset();
  References references;
  for (uint32_t i = 0; i < count; i++) {
    if (types.size() >= kMaxTypes) return reader.malformed("types count exceeds limit of 1000000");
    const size_t before = references.size();
    WATTLE_TRY(CoreTypeEntry entry, read_sub_type(reader, references));
    entry.needs_gc = entry.needs_gc || entry.function == nullptr || references.size() > before;
    types.push_back(std::move(entry));
  }
  return check_references(references, types, offset);
}

}  // namespace

Result<void> read_core_sub_type(Reader& reader, std::vector<CoreTypeEntry>& types) {
  return read_sub_types(reader, types, 1);
}

Result<void> read_core_recursive_type(Reader& reader, std::vector<CoreTypeEntry>& types) {
  WATTLE_TRY(const uint8_t form, reader.peek());
  uint32_t count = 1;
  if (form == 0x4e) {
    WATTLE_CHECK(reader.skip(1));
    WATTLE_TRY(count, reader.count(kMaxTypes, "rec group types"));
  }
  return read_sub_types(reader, types, count);
}

void note_features(const CoreTypeEntry& type, std::set<std::string_view>& features) {
  if (type.needs_gc) features.insert("gc");
  if (type.module != nullptr)
    features.insert(type.module->later_features.begin(), type.module->later_features.end());
}

void note_features(const CoreExternType& type, std::set<std::string_view>& features) {
  if (type.limits.is_64) features.insert("memory64");
  if (type.limits.shared) features.insert("shared-everything-threads");
  if (type.limits.page_size_log2) features.insert("custom-page-sizes");
  if (type.sort == Sort::core_tag) features.insert("exceptions");
}

Result<CoreFunctionRef> core_function_type_at(std::span<const CoreTypeEntry> types, uint32_t index,
                                              uint64_t offset) {
  if (index >= types.size())
    return failure(error_at(ErrorCode::invalid, offset,
                            fmt::format("unknown type {}: type index out of bounds", index)));
  if (types[index].module != nullptr)
    return failure(error_at(ErrorCode::invalid, offset,
                            fmt::format("type index {} is a module type, not a function type", index)));
  if (types[index].function == nullptr)
    return failure(
        error_at(ErrorCode::invalid, offset,
                 fmt::format("type index {} is not a function type: it is a struct or array", index)));
  return types[index].function;
}

}  // namespace wattle::component
