// Nested components and component instances.

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {

Result<void> Validator::add_component(std::shared_ptr<const Component> component) {
  // Its type moves into this scope, where its resources get names of their own.
  Substitution renamed(table_, *current().next_resource);
  renamed.freshen_all();
  ExternType type;
  type.sort = Sort::component;
  type.component = renamed.apply(std::shared_ptr<const ComponentType>(component, &component->type));
  WATTLE_CHECK(check_budget());
  WATTLE_CHECK(add_item(type));
  auto& components = current().component->components;
  const uint32_t index = static_cast<uint32_t>(components.size());
  components.push_back(std::move(component));
  push(NestedComponent{index});
  return {};
}

// Binary.md "Instance Definitions": every import is supplied with a subtype, and each type that is supplied
// is substituted in all that follows; the resources that the component defines are new in every instance.
Result<void> Validator::define(Instantiate definition) {
  Scope& scope = current();
  WATTLE_TRY(const auto* found, at(scope.components, definition.component, "component"));
  const std::shared_ptr<const ComponentType> component = *found;
  std::unordered_map<std::string_view, ExternType> arguments;
  for (const auto& argument : definition.arguments) {
    WATTLE_TRY(auto type, item_at(argument.sort, argument.index));
    if (!arguments.emplace(argument.name, std::move(type)).second)
      return invalid(
          fmt::format("instantiation argument `{0}` conflicts with previous argument `{0}`", argument.name));
  }
  Subtyping subtyping(table_, *scope.next_resource, offset_);
  subtyping.make_bindable(component->imported_resources);
  for (const NamedExtern& import : component->imports) {
    const auto argument = arguments.find(import.name);
    if (argument == arguments.end()) return invalid(fmt::format("missing import named `{}`", import.name));
    if (auto match = subtyping.check(argument->second, *import.type); !match)
      return failure(match.error().with_context(fmt::format("type mismatch for import `{}`", import.name)));
  }
  Substitution opened(table_, *scope.next_resource);
  for (const auto& [from, to] : subtyping.bindings()) opened.replace(from, to);
  for (const auto& [from, to] : subtyping.replacements()) opened.replace(from, to);
  for (const wit::ResourceId id : component->defined_resources) opened.freshen(id);
  auto instance = std::make_shared<InstanceType>();
  for (const NamedExtern& item : component->exports) {
    WATTLE_CHECK(add_size(instance->size, table_.info(*item.type).size, offset_));
    WATTLE_CHECK(add_depth(instance->depth, table_.info(*item.type).depth, offset_));
    instance->has_resources = instance->has_resources || table_.info(*item.type).has_resources;
    instance->exports.push_back({item.name, opened.apply(item.type)});
  }
  WATTLE_CHECK(check_budget());
  scope.defined_resources.insert(scope.defined_resources.end(), opened.made().begin(), opened.made().end());
  definition.type = instance;
  ExternType type;
  type.sort = Sort::instance;
  type.instance = std::move(instance);
  WATTLE_CHECK(add_item(type));
  push(std::move(definition));
  return {};
}

// An inline instance has no scope of its own: names are checked, but nothing in it can refer to its types.
Result<void> Validator::define(InlineInstance definition, const std::vector<ExternLabel>& labels) {
  auto instance = std::make_shared<InstanceType>();
  ExternNames names;
  for (size_t i = 0; i < definition.exports.size(); i++) {
    const auto& item = definition.exports[i];
    WATTLE_TRY(const ExternType type, item_at(item.sort, item.index));
    WATTLE_CHECK(add_name(labels[i], type, Direction::export_, names, instance->size, instance->depth));
    instance->has_resources = instance->has_resources || table_.info(type).has_resources;
  }
  instance->exports = std::move(names.items);
  definition.type = instance;
  ExternType type;
  type.sort = Sort::instance;
  type.instance = std::move(instance);
  WATTLE_CHECK(add_item(type));
  push(std::move(definition));
  return {};
}

}  // namespace wattle::component
