// Core types, modules and instances.

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {
namespace {
constexpr size_t kMaxCoreTypes = 1'000'000;
}  // namespace

Result<CoreTypeEntry> Validator::core_type_at(const Scope& scope, uint32_t index) {
  return at(scope.core_types, index, "type").map([](const auto* entry) { return *entry; });
}

Result<void> Validator::add_core_type(CoreTypeEntry entry) {
  const size_t before = current().core_types.size();
  current().core_types.push_back(std::move(entry));
  return finish_core_types(before);
}

Result<void> Validator::finish_core_types(size_t before) {
  Scope& scope = current();
  for (size_t i = before; i < scope.core_types.size(); i++) note_features(scope.core_types[i], features_);
  return check_count(scope.types.size() + scope.core_types.size(), kMaxCoreTypes, "types");
}

Result<void> Validator::add_core_module(ModuleBytes module) {
  ExternType type;
  type.sort = Sort::core_module;
  type.module = module.type;
  features_.insert(module.type->later_features.begin(), module.type->later_features.end());
  WATTLE_CHECK(add_item(type));
  auto& modules = current().component->modules;
  const uint32_t index = static_cast<uint32_t>(modules.size());
  modules.push_back(std::move(module));
  push(CoreModule{index});
  return {};
}

// Core specification 4.5.4 (instantiation), with instances of names for the two-level imports.
Result<void> Validator::define(CoreInstantiate definition) {
  Scope& scope = current();
  WATTLE_TRY(const auto* found, at(scope.modules, definition.module, "module"));
  const auto module = *found;
  std::unordered_map<std::string_view, const CoreInstanceExports*> arguments;
  for (const auto& argument : definition.arguments) {
    WATTLE_TRY(const auto* instance, at(scope.core_instances, argument.core_instance, "instance"));
    if (!arguments.emplace(argument.name, instance->get()).second)
      return invalid(fmt::format("duplicate module instantiation argument named `{}`", argument.name));
  }
  for (const CoreImport& import : module->imports) {
    const auto argument = arguments.find(import.module);
    if (argument == arguments.end())
      return invalid(fmt::format("missing module instantiation argument named `{}`", import.module));
    const auto item = argument->second->find(import.name);
    if (item == argument->second->end())
      return invalid(fmt::format("module instantiation argument `{}` does not export an item named `{}`",
                                 import.module, import.name));
    if (auto match = check_core_match(item->second, import.type, offset_); !match)
      return failure(match.error().with_context(
          fmt::format("type mismatch for export `{}` of module instantiation argument `{}`", import.name,
                      import.module)));
  }
  auto exports = std::make_shared<CoreInstanceExports>();
  for (const CoreExport& item : module->exports) exports->emplace(item.name, item.type);
  if (!table_.spend(module->imports.size() + module->exports.size())) return check_budget();
  scope.core_instances.push_back(std::move(exports));
  WATTLE_CHECK(check_count(scope.instances.size() + scope.core_instances.size(), kMaxInstances, "instances"));
  push(std::move(definition));
  return {};
}

Result<void> Validator::define(CoreInlineInstance definition) {
  Scope& scope = current();
  auto exports = std::make_shared<CoreInstanceExports>();
  for (const auto& item : definition.exports) {
    WATTLE_TRY(auto type, core_item_at(item.sort, item.index));
    if (!exports->emplace(item.name, std::move(type)).second)
      return invalid(fmt::format("duplicate instantiation export name `{}` already defined", item.name));
  }
  scope.core_instances.push_back(std::move(exports));
  WATTLE_CHECK(check_count(scope.instances.size() + scope.core_instances.size(), kMaxInstances, "instances"));
  push(std::move(definition));
  return {};
}

Result<void> Validator::define(CoreAliasExport definition) {
  Scope& scope = current();
  if (scope.kind != Scope::Kind::component)
    return invalid("aliases in a component or instance type may only refer to types or instances");
  WATTLE_TRY(const auto* instance, at(scope.core_instances, definition.core_instance, "instance"));
  const auto found = (*instance)->find(definition.name);
  if (found == (*instance)->end())
    return invalid(
        fmt::format("core instance {} has no export named `{}`", definition.core_instance, definition.name));
  if (found->second.sort != definition.sort) {
    const bool is_function = definition.sort == Sort::core_function;
    return invalid(fmt::format("export `{}` for core instance {} is not a {}", definition.name,
                               definition.core_instance,
                               is_function ? std::string_view("function") : to_string(definition.sort)));
  }
  WATTLE_CHECK(add_core_item(found->second));
  push(std::move(definition));
  return {};
}

}  // namespace wattle::component
