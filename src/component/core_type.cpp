#include "component/core_type.h"

#include <unordered_map>

#include "component/reader.h"

namespace wattle::component {
namespace {

Error mismatch(uint64_t offset, std::string message) {
  return error_at(ErrorCode::invalid, offset, message);
}

std::string abstract_heap_name(int64_t heap) {
  switch (heap) {
    case -0x10:
      return "func";
    case -0x11:
      return "extern";
    case -0x12:
      return "any";
    case -0x13:
      return "eq";
    case -0x14:
      return "i31";
    case -0x15:
      return "struct";
    case -0x16:
      return "array";
    case -0x17:
      return "exn";
    default:
      return heap >= 0 ? std::to_string(heap) : "abstract";
  }
}

Result<void> check_limits(const CoreLimits& actual, const CoreLimits& expected, std::string_view what,
                          uint64_t offset) {
  const bool maximum_fits = !expected.maximum || (actual.maximum && *actual.maximum <= *expected.maximum);
  if (actual.minimum < expected.minimum || !maximum_fits)
    return failure(mismatch(offset, fmt::format("mismatch in {} limits", what)));
  return {};
}

}  // namespace

const CoreExternType* CoreModuleType::find_export(std::string_view name) const {
  for (const CoreExport& item : exports)
    if (item.name == name) return &item.type;
  return nullptr;
}

std::string to_string(CoreValueType type) {
  switch (type.code) {
    case 0x7f:
      return "i32";
    case 0x7e:
      return "i64";
    case 0x7d:
      return "f32";
    case 0x7c:
      return "f64";
    case 0x7b:
      return "v128";
    case 0x70:
      return "funcref";
    case 0x6f:
      return "externref";
    case 0x63:
      return "(ref null " + abstract_heap_name(type.heap) + ")";
    case 0x64:
      return "(ref " + abstract_heap_name(type.heap) + ")";
    default:
      return fmt::format("reference type {:#x}", type.code);
  }
}

std::string to_debug_string(const std::vector<CoreValueType>& types) {
  std::string text = "[";
  for (const CoreValueType& type : types) {
    if (text.size() > 1) text += ", ";
    std::string name = to_string(type);
    if (type.code >= 0x7b) name[0] = static_cast<char>(name[0] - 'a' + 'A');
    text += name;
  }
  return text + "]";
}

std::string to_string(const CoreFunctionType& type) {
  std::string text = "(func";
  const auto add = [&](std::string_view word, const std::vector<CoreValueType>& types) {
    if (types.empty()) return;
    text += fmt::format(" ({}", word);
    for (const CoreValueType& item : types) text += " " + to_string(item);
    text += ")";
  };
  add("param", type.parameters);
  add("result", type.results);
  return text + ")";
}

std::string_view to_string(Sort sort) {
  switch (sort) {
    case Sort::core_function:
    case Sort::function:
      return "func";
    case Sort::core_table:
      return "table";
    case Sort::core_memory:
      return "memory";
    case Sort::core_global:
      return "global";
    case Sort::core_tag:
      return "tag";
    case Sort::core_type:
    case Sort::type:
      return "type";
    case Sort::core_module:
      return "module";
    case Sort::core_instance:
    case Sort::instance:
      return "instance";
    case Sort::value:
      return "value";
    case Sort::component:
      return "component";
  }
  return "item";
}

Result<void> check_core_match(const CoreExternType& actual, const CoreExternType& expected, uint64_t offset) {
  if (actual.sort != expected.sort)
    return failure(mismatch(offset, fmt::format("type mismatch: expected {}, found {}",
                                                to_string(expected.sort), to_string(actual.sort))));
  switch (expected.sort) {
    case Sort::core_function:
    case Sort::core_tag:
      if (!(*actual.function == *expected.function))
        return failure(
            mismatch(offset, fmt::format("type mismatch: expected: {}\nfound:    {}",
                                         to_string(*expected.function), to_string(*actual.function))));
      return {};
    case Sort::core_global:
      if (actual.is_mutable != expected.is_mutable)
        return failure(mismatch(offset, "type mismatch: mismatch in global mutability"));
      if (!(actual.value == expected.value))
        return failure(mismatch(offset, fmt::format("type mismatch: expected global type {}, found {}",
                                                    to_string(expected.value), to_string(actual.value))));
      return {};
    case Sort::core_table:
      if (!(actual.value == expected.value))
        return failure(mismatch(offset, fmt::format("type mismatch: expected table element type {}, found {}",
                                                    to_string(expected.value), to_string(actual.value))));
      if (actual.limits.is_64 != expected.limits.is_64)
        return failure(mismatch(offset, "mismatch in index type used for tables"));
      if (actual.limits.shared != expected.limits.shared)
        return failure(mismatch(offset, "mismatch in the shared flag for tables"));
      return check_limits(actual.limits, expected.limits, "table", offset);
    default:
      if (actual.limits.shared != expected.limits.shared)
        return failure(mismatch(offset, "mismatch in the shared flag for memories"));
      if (actual.limits.is_64 != expected.limits.is_64)
        return failure(mismatch(offset, "mismatch in index type used for memories"));
      if (actual.limits.page_size_log2 != expected.limits.page_size_log2)
        return failure(mismatch(offset, "mismatch in page size for memories"));
      return check_limits(actual.limits, expected.limits, "memory", offset);
  }
}

// A module with fewer imports and more exports is the subtype.
Result<void> check_module_match(const CoreModuleType& actual, const CoreModuleType& expected,
                                uint64_t offset) {
  std::unordered_map<std::string, const CoreExternType*> provided;
  for (const CoreImport& item : expected.imports) provided[item.module + '\0' + item.name] = &item.type;
  for (const CoreImport& item : actual.imports) {
    const auto found = provided.find(item.module + '\0' + item.name);
    if (found == provided.end())
      return failure(mismatch(
          offset, fmt::format("type mismatch: missing expected import `{}::{}`", item.module, item.name)));
    if (auto match = check_core_match(*found->second, item.type, offset); !match)
      return failure(match.error().with_context(
          fmt::format("type mismatch in import `{}::{}`", item.module, item.name)));
  }
  std::unordered_map<std::string_view, const CoreExternType*> exported;
  for (const CoreExport& item : actual.exports) exported[item.name] = &item.type;
  for (const CoreExport& item : expected.exports) {
    const auto found = exported.find(item.name);
    if (found == exported.end())
      return failure(mismatch(offset, fmt::format("type mismatch: missing expected export `{}`", item.name)));
    if (auto match = check_core_match(*found->second, item.type, offset); !match)
      return failure(match.error().with_context(fmt::format("type mismatch in export `{}`", item.name)));
  }
  return {};
}

}  // namespace wattle::component
