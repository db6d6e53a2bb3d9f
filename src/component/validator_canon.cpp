// Canonical definitions: the core signatures of lifted and lowered functions and what their options must be.
//
// Clauses: CanonicalABI.md "Flattening", "canon lift", "canon lower", "canon resource.*".

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {

Result<void> Validator::check_memory(uint32_t memory) {
  WATTLE_TRY(const auto* type, at(current().core_memories, memory, "memory"));
  if (type->limits.is_64)
    return failure(error_at(ErrorCode::unsupported, offset_,
                            "64-bit memories require the `cm64` feature to be enabled (memory64)"));
  if (type->limits.shared)
    return invalid("canonical option `memory`: mismatch in the shared flag for memories");
  return {};
}

Result<void> Validator::check_realloc(const CanonicalOptions& options) {
  if (!options.realloc) return {};
  if (!options.memory) return invalid("canonical option `realloc` requires `memory` to also be specified");
  WATTLE_TRY(const auto* function, at(current().core_functions, *options.realloc, "function"));
  if ((*function)->parameters != std::vector{kI32, kI32, kI32, kI32} ||
      (*function)->results != std::vector{kI32})
    return invalid("canonical option `realloc` uses a core function with an incorrect signature");
  return {};
}

// The core signature of a component function as its caller (lowered) or its callee (lifted) sees it. A value
// that travels into a guest's memory needs realloc there: parameters of lifted functions, results of lowered
// ones.
Result<CoreFunctionType> Validator::core_signature(const wit::FunctionType& type,
                                                   const CanonicalOptions& options, bool lifted) {
  FlatForm parameters, results;
  bool needs_memory = false, needs_realloc = false;
  for (const wit::Member& parameter : type.parameters) {
    parameters.append(table_.flat(parameter.type));
    const bool has_pointers = table_.info(parameter.type).has_pointers;
    needs_memory = needs_memory || has_pointers;
    needs_realloc = needs_realloc || (has_pointers && lifted);
  }
  if (type.result != nullptr) {
    results.append(table_.flat(type.result));
    const bool has_pointers = table_.info(type.result).has_pointers;
    needs_memory = needs_memory || has_pointers;
    needs_realloc = needs_realloc || (has_pointers && !lifted);
  }
  CoreFunctionType signature;
  if (parameters.overflow) {
    needs_memory = true;
    needs_realloc = needs_realloc || lifted;
    signature.parameters = {kI32};
  } else {
    signature.parameters = parameters.types;
  }
  if (results.overflow || results.types.size() > 1) {
    needs_memory = true;
    (lifted ? signature.results : signature.parameters).push_back(kI32);
  } else {
    signature.results = results.types;
  }
  if (needs_memory && !options.memory) return invalid("canonical option `memory` is required");
  if (needs_realloc && !options.realloc) return invalid("canonical option `realloc` is required");
  return signature;
}

Result<void> Validator::lift(uint32_t core_function, const CanonicalOptions& options, uint32_t type_index) {
  Scope& scope = current();
  WATTLE_TRY(const auto* entry, at(scope.types, type_index, "type"));
  if (entry->function == nullptr)
    return invalid(fmt::format("type index {} is not a function type", type_index));
  const auto type = entry->function;
  WATTLE_TRY(const auto* core, at(scope.core_functions, core_function, "function"));
  WATTLE_CHECK(check_realloc(options));
  if (options.post_return) {
    WATTLE_TRY(const auto* function, at(scope.core_functions, *options.post_return, "function"));
    if ((*function)->parameters != (*core)->results || !(*function)->results.empty())
      return invalid("canonical option `post-return` uses a core function with an incorrect signature");
  }
  WATTLE_TRY(const CoreFunctionType expected, core_signature(*type, options, true));
  if (expected.parameters != (*core)->parameters)
    return invalid(fmt::format(
        "lowered parameter types `{}` do not match parameter types `{}` of core function {}",
        to_debug_string(expected.parameters), to_debug_string((*core)->parameters), core_function));
  if (expected.results != (*core)->results)
    return invalid(fmt::format("lowered result types `{}` do not match result types `{}` of core function {}",
                               to_debug_string(expected.results), to_debug_string((*core)->results),
                               core_function));
  ExternType item;
  item.function = type;
  WATTLE_CHECK(add_item(item));
  push(CanonLift{core_function, options, type});
  return {};
}

Result<void> Validator::lower(uint32_t function, const CanonicalOptions& options) {
  Scope& scope = current();
  WATTLE_TRY(const auto* item, at(scope.functions, function, "function"));
  const auto type = *item;
  WATTLE_CHECK(check_realloc(options));
  if (options.post_return) return invalid("canonical option `post-return` cannot be specified for lowerings");
  WATTLE_TRY(CoreFunctionType signature, core_signature(*type, options, false));
  CoreExternType core;
  core.function = std::make_shared<const CoreFunctionType>(std::move(signature));
  WATTLE_CHECK(add_core_item(core));
  push(CanonLower{function, options, type});
  return {};
}

Result<void> Validator::resource_builtin(CanonResource::Operation operation, uint32_t type_index) {
  Scope& scope = current();
  WATTLE_TRY(const wit::ResourceId resource, resource_at(type_index));
  using Operation = CanonResource::Operation;
  if (operation != Operation::drop && !scope.local_resources.contains(resource))
    return invalid(fmt::format("type index {} is not a local resource", type_index));
  CoreFunctionType signature;
  signature.parameters = {kI32};
  if (operation != Operation::drop) signature.results = {kI32};
  CoreExternType core;
  core.function = std::make_shared<const CoreFunctionType>(std::move(signature));
  WATTLE_CHECK(add_core_item(core));
  push(CanonResource{operation, resource});
  return {};
}

// ---- Later features

Result<void> Validator::check_function(uint32_t core_function) {
  return at(current().core_functions, core_function, "function").map([](auto) {});
}

Result<void> Validator::check_table(uint32_t table) {
  return at(current().core_tables, table, "table").map([](auto) {});
}

Result<void> Validator::add_later_core_function(std::string_view name, std::string_view feature,
                                                CoreFunctionType type) {
  note_feature(feature);
  CoreExternType core;
  core.function = std::make_shared<const CoreFunctionType>(std::move(type));
  WATTLE_CHECK(add_core_item(core));
  push(LaterFunction{Sort::core_function, feature, name, core.function, nullptr});
  return {};
}

// An async lifting: its core signature depends on how it waits, which nothing here relies on.
Result<void> Validator::lift_later(uint32_t core_function, const CanonicalOptions& options,
                                   uint32_t type_index) {
  Scope& scope = current();
  WATTLE_TRY(const auto* entry, at(scope.types, type_index, "type"));
  if (entry->function == nullptr)
    return invalid(fmt::format("type index {} is not a function type", type_index));
  const auto type = entry->function;
  WATTLE_CHECK(check_function(core_function));
  WATTLE_CHECK(check_realloc(options));
  if (!type->is_async) return invalid("the `async` canonical option requires an async function type");
  note_feature("async");
  ExternType item;
  item.function = type;
  WATTLE_CHECK(add_item(item));
  push(LaterFunction{Sort::function, "async", "canon lift async", nullptr, type});
  return {};
}

// CanonicalABI.md "Flattening", async lowering: at most four flat parameters, a pointer for the result, and
// the state of the call as result.
Result<void> Validator::lower_later(uint32_t function, const CanonicalOptions& options) {
  WATTLE_TRY(const auto* item, at(current().functions, function, "function"));
  const auto type = *item;
  WATTLE_CHECK(check_realloc(options));
  if (!type->is_async) return invalid("the `async` canonical option requires an async function type");
  constexpr size_t kMaxAsyncParameters = 4;
  FlatForm flat;
  for (const wit::Member& parameter : type->parameters) flat.append(table_.flat(parameter.type));
  CoreFunctionType signature;
  if (flat.overflow || flat.types.size() > kMaxAsyncParameters)
    signature.parameters = {kI32};
  else
    signature.parameters = flat.types;
  if (type->result != nullptr) signature.parameters.push_back(kI32);
  signature.results = {kI32};
  return add_later_core_function("canon lower async", "async", std::move(signature));
}

std::vector<CoreValueType> Validator::task_return_parameters(const wit::TypeRef& result) {
  if (result == nullptr) return {};
  const FlatForm& flat = table_.flat(result);
  return flat.overflow ? std::vector{kI32} : flat.types;
}

}  // namespace wattle::component
