#include "component/validator.h"

#include "component/reader.h"

namespace wattle::component {
namespace {
constexpr size_t kMaxTypes = 1'000'000;
constexpr size_t kMaxFunctions = 1'000'000;
constexpr size_t kMaxModules = 1'000;
constexpr size_t kMaxComponents = 1'000;
constexpr size_t kMaxCoreItems = 1'000'000;
constexpr size_t kIndexedExports = 8;  // more exports than this are looked up by hash
}  // namespace

void VisibleTypes::insert(const ExternType& type) {
  if (type.type.resource) resources_.insert(key(*type.type.resource, type.type.alias));
  if (type.type.value_type) values_.insert(type.type.value_type.get());
}

tl::unexpected<Error> Validator::invalid(std::string message) const {
  return failure(error_at(ErrorCode::invalid, offset_, message));
}

Result<void> Validator::check_budget() const {
  if (table_.exhausted()) return invalid("types are too complex to validate");
  return {};
}

Result<void> Validator::check_count(size_t count, size_t limit, std::string_view what) const {
  if (count > limit) return invalid(fmt::format("{} count exceeds limit of {}", what, limit));
  return {};
}

void Validator::push(Definition definition) {
  if (current().component) current().component->definitions.push_back(std::move(definition));
}

// ---- Scopes

Result<void> Validator::open_component() {
  if (scopes_.size() >= kMaxNesting) return invalid(fmt::format("nesting too deep: at most {}", kMaxNesting));
  auto scope = std::make_unique<Scope>();
  scope->component = std::make_shared<Component>();
  scope->next_resource = std::make_shared<uint32_t>(0);
  scopes_.push_back(std::move(scope));
  return {};
}

Result<void> Validator::open_type(Scope::Kind kind) {
  if (scopes_.size() >= kMaxNesting) return invalid(fmt::format("nesting too deep: at most {}", kMaxNesting));
  auto scope = std::make_unique<Scope>();
  scope->kind = kind;
  scope->next_resource = current().next_resource;
  scopes_.push_back(std::move(scope));
  return {};
}

namespace {
bool mentions_resources(const TypeTable& table, const std::vector<NamedExtern>& items) {
  for (const NamedExtern& item : items)
    if (table.info(*item.type).has_resources) return true;
  return false;
}
}  // namespace

std::shared_ptr<const Component> Validator::close_component() {
  Scope& scope = current();
  auto component = std::move(scope.component);
  ComponentType& type = component->type;
  type.size = scope.type_size;
  type.depth = scope.type_depth;
  type.imported_resources = std::move(scope.imported_resources);
  type.defined_resources = std::move(scope.defined_resources);
  type.imports = std::move(scope.imports.items);
  type.exports = std::move(scope.exports.items);
  type.has_resources = mentions_resources(table_, type.imports) || mentions_resources(table_, type.exports);
  component->resource_count = *scope.next_resource;
  scopes_.pop_back();
  return component;
}

Result<void> Validator::close_component_type() {
  Scope& scope = current();
  auto type = std::make_shared<ComponentType>();
  type->size = scope.type_size;
  type->depth = scope.type_depth;
  type->imported_resources = std::move(scope.imported_resources);
  type->defined_resources = std::move(scope.defined_resources);
  type->imports = std::move(scope.imports.items);
  type->exports = std::move(scope.exports.items);
  type->has_resources =
      mentions_resources(table_, type->imports) || mentions_resources(table_, type->exports);
  scopes_.pop_back();
  ExternType entry;
  entry.sort = Sort::type;
  entry.component = std::move(type);
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return check_budget();
}

Result<void> Validator::close_instance_type() {
  Scope& scope = current();
  auto type = std::make_shared<InstanceType>();
  type->size = scope.type_size;
  type->depth = scope.type_depth;
  type->bound_resources = std::move(scope.defined_resources);
  type->exports = std::move(scope.exports.items);
  type->has_resources = mentions_resources(table_, type->exports);
  scopes_.pop_back();
  ExternType entry;
  entry.sort = Sort::type;
  entry.instance = std::move(type);
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return check_budget();
}

Result<Scope*> Validator::outer(uint32_t count) {
  if (count >= scopes_.size()) return invalid(fmt::format("invalid outer alias count of {}", count));
  return scopes_[scopes_.size() - 1 - count].get();
}

// ---- Index spaces

Result<CoreExternType> Validator::core_item_at(Sort sort, uint32_t index) {
  Scope& scope = current();
  CoreExternType type;
  type.sort = sort;
  switch (sort) {
    case Sort::core_function: {
      WATTLE_TRY(const auto* function, at(scope.core_functions, index, "function"));
      type.function = *function;
      return type;
    }
    case Sort::core_table:
      return at(scope.core_tables, index, "table").map([](const auto* item) { return *item; });
    case Sort::core_memory:
      return at(scope.core_memories, index, "memory").map([](const auto* item) { return *item; });
    case Sort::core_global:
      return at(scope.core_globals, index, "global").map([](const auto* item) { return *item; });
    default:
      return at(scope.core_tags, index, "tag").map([](const auto* item) { return *item; });
  }
}

Result<void> Validator::add_core_item(const CoreExternType& type) {
  Scope& scope = current();
  switch (type.sort) {
    case Sort::core_function:
      scope.core_functions.push_back(type.function);
      return check_count(scope.core_functions.size() + scope.functions.size(), kMaxFunctions, "functions");
    case Sort::core_table:
      scope.core_tables.push_back(type);
      return check_count(scope.core_tables.size(), kMaxCoreItems, "tables");
    case Sort::core_memory:
      scope.core_memories.push_back(type);
      return check_count(scope.core_memories.size(), kMaxCoreItems, "memories");
    case Sort::core_global:
      scope.core_globals.push_back(type);
      return check_count(scope.core_globals.size(), kMaxCoreItems, "globals");
    default:
      scope.core_tags.push_back(type);
      return check_count(scope.core_tags.size(), kMaxCoreItems, "tags");
  }
}

Result<ExternType> Validator::item_at(Sort sort, uint32_t index) {
  Scope& scope = current();
  ExternType type;
  type.sort = sort;
  switch (sort) {
    case Sort::core_module: {
      WATTLE_TRY(const auto* item, at(scope.modules, index, "module"));
      type.module = *item;
      return type;
    }
    case Sort::function: {
      WATTLE_TRY(const auto* item, at(scope.functions, index, "function"));
      type.function = *item;
      return type;
    }
    case Sort::type:
      return at(scope.types, index, "type").map([](const auto* item) { return *item; });
    case Sort::component: {
      WATTLE_TRY(const auto* item, at(scope.components, index, "component"));
      type.component = *item;
      return type;
    }
    case Sort::instance: {
      WATTLE_TRY(const auto* item, at(scope.instances, index, "instance"));
      type.instance = *item;
      return type;
    }
    default:
      return failure(
          error_at(ErrorCode::unsupported, offset_, "support for component model `value`s is not enabled"));
  }
}

Result<void> Validator::add_item(const ExternType& type) {
  Scope& scope = current();
  switch (type.sort) {
    case Sort::core_module:
      scope.modules.push_back(type.module);
      return check_count(scope.modules.size(), kMaxModules, "modules");
    case Sort::function:
      scope.functions.push_back(type.function);
      return check_count(scope.core_functions.size() + scope.functions.size(), kMaxFunctions, "functions");
    case Sort::type:
      scope.types.push_back(type);
      return check_count(scope.types.size() + scope.core_types.size(), kMaxTypes, "types");
    case Sort::component:
      scope.components.push_back(type.component);
      return check_count(scope.components.size(), kMaxComponents, "components");
    default:
      scope.instances.push_back(type.instance);
      return check_count(scope.instances.size() + scope.core_instances.size(), kMaxInstances, "instances");
  }
}

const ExternType* Validator::find_export(const std::shared_ptr<const InstanceType>& instance,
                                         std::string_view name) {
  if (instance->exports.size() <= kIndexedExports) {
    for (const NamedExtern& item : instance->exports)
      if (item.name == name) return item.type.get();
    return nullptr;
  }
  auto& index = export_index_[instance.get()];
  if (index.empty()) {
    indexed_.push_back(instance);
    for (const NamedExtern& item : instance->exports) index[item.name] = item.type.get();
  }
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

// ---- Aliases

Result<void> Validator::define(AliasExport definition) {
  Scope& scope = current();
  const bool is_declarator = scope.kind != Scope::Kind::component;
  if (is_declarator && definition.sort != Sort::type && definition.sort != Sort::instance)
    return invalid("aliases in a component or instance type may only refer to types or instances");
  if (definition.sort == Sort::value) return item_at(Sort::value, 0).map([](auto) {});
  WATTLE_TRY(const auto* instance, at(scope.instances, definition.instance, "instance"));
  const ExternType* found = find_export(*instance, definition.name);
  if (found == nullptr)
    return invalid(fmt::format("instance {} has no export named `{}`", definition.instance, definition.name));
  if (found->sort != definition.sort)
    return invalid(fmt::format("export `{}` for instance {} is not a {}", definition.name,
                               definition.instance, to_string(definition.sort)));
  const ExternType type = *found;  // adding may move what `found` points at
  WATTLE_CHECK(add_item(type));
  push(std::move(definition));
  return {};
}

Result<void> Validator::define(AliasOuter definition) {
  Scope& scope = current();
  if (scope.kind != Scope::Kind::component && definition.sort != Sort::type &&
      definition.sort != Sort::core_type)
    return invalid("aliases in a component or instance type may only refer to types or instances");
  WATTLE_TRY(Scope* const target, outer(definition.count));
  if (definition.sort == Sort::core_type) {
    WATTLE_TRY(auto entry, core_type_at(*target, definition.index));
    WATTLE_CHECK(add_core_type(std::move(entry)));
    push(std::move(definition));
    return {};
  }
  // The scope just inside the target: if that is a component, the alias leaves it, and it must not take
  // resources along that only the target knows.
  const bool leaves_component =
      definition.count > 0 && scopes_[scopes_.size() - definition.count]->kind == Scope::Kind::component;
  ExternType type;
  type.sort = definition.sort;
  if (definition.sort == Sort::core_module) {
    WATTLE_TRY(const auto* item, at(target->modules, definition.index, "module"));
    type.module = *item;
  } else if (definition.sort == Sort::component) {
    WATTLE_TRY(const auto* item, at(target->components, definition.index, "component"));
    type.component = *item;
  } else {
    WATTLE_TRY(const auto* item, at(target->types, definition.index, "type"));
    type = *item;
    const bool is_free = leaves_component && has_free_resources(table_, type);
    WATTLE_CHECK(check_budget());
    if (is_free)
      return invalid(
          "cannot alias outer type which transitively refers to resources not defined in the current "
          "component");
  }
  if (leaves_component) {
    Substitution renamed(table_, *scope.next_resource);
    renamed.freshen_all();
    type = renamed.apply(type);
    WATTLE_CHECK(check_budget());
  }
  WATTLE_CHECK(add_item(type));
  push(std::move(definition));
  return {};
}

}  // namespace wattle::component
