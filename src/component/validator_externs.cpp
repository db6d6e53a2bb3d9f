// Imports and exports: their types, which types are visible outside, and the rules that names bring along.
//
// Clauses: component-model Binary.md "Import and Export Definitions"; Explainer.md "External Visibility of
// Types", "Name Uniqueness".

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {

using wit::Kind;

namespace {

std::string_view direction_name(Validator::Direction direction) {
  return direction == Validator::Direction::import ? "import" : "export";
}

uint64_t resource_key(wit::ResourceId resource, uint32_t alias) {
  return uint64_t{resource} << 32 | alias;
}

}  // namespace

// ---- What a descriptor or an item is

ExternType Validator::with_new_identity(const ExternType& type) {
  ExternType made = type;
  if (type.type.resource) made.type.alias = next_alias_++;
  if (type.type.value_type) {
    made.type.value_type = table_.copy(type.type.value_type);
    made.type.source = type.type.value_type;
  }
  return made;
}

Result<Validator::Described> Validator::describe(const ExternDescriptor& descriptor) {
  Scope& scope = current();
  Described described;
  described.type.sort = descriptor.sort;
  if (descriptor.sort == Sort::core_module) {
    WATTLE_TRY(const auto entry, core_type_at(scope, descriptor.index));
    if (entry.module == nullptr)
      return invalid(fmt::format("core type index {} is not a module type", descriptor.index));
    described.type.module = entry.module;
    return described;
  }
  if (descriptor.is_resource) {
    described.fresh_resource = true;
    described.type.type.resource = (*scope.next_resource)++;
    described.type.type.alias = next_alias_++;
    return described;
  }
  WATTLE_TRY(const auto* entry, at(scope.types, descriptor.index, "type"));
  switch (descriptor.sort) {
    case Sort::function:
      if (!entry->function)
        return invalid(fmt::format("type index {} is not a function type", descriptor.index));
      described.type.function = entry->function;
      break;
    case Sort::instance:
      if (!entry->instance)
        return invalid(fmt::format("type index {} is not an instance type", descriptor.index));
      described.type.instance = entry->instance;
      break;
    case Sort::component:
      if (!entry->component)
        return invalid(fmt::format("type index {} is not a component type", descriptor.index));
      described.type.component = entry->component;
      break;
    default:
      described.referenced = *entry;
      described.type = with_new_identity(*entry);
  }
  return described;
}

// ---- Visibility

bool Validator::is_visible(const wit::TypeRef& type, VisibleTypes& visible) {
  if (type == nullptr || wit::is_primitive(type->kind)) return true;
  switch (type->kind) {
    case Kind::record:
    case Kind::variant:
    case Kind::enumeration:
    case Kind::flags:
      return visible.contains(type.get());
    case Kind::own:
    case Kind::borrow:
      return visible.contains(type->resource, table_.info(type).alias);
    default:
      return members_visible(*type, visible);
  }
}

bool Validator::members_visible(const wit::Type& type, VisibleTypes& visible) {
  if (visible.checked.contains(&type) || !table_.spend(1 + type.members.size())) return true;
  for (const wit::Member& member : type.members)
    if (!is_visible(member.type, visible)) return false;
  visible.checked.insert(&type);
  return true;
}

bool Validator::function_visible(const wit::FunctionType& type, VisibleTypes& visible) {
  if (!table_.spend(1 + type.parameters.size())) return true;
  for (const wit::Member& parameter : type.parameters)
    if (!is_visible(parameter.type, visible)) return false;
  return is_visible(type.result, visible);
}

// Whether everything that a type definition is made of has a name outside; the definition itself is about to
// get one.
bool Validator::parts_visible(const ExternType& type, VisibleTypes& visible) {
  if (type.type.value_type) {
    const wit::Type& value = *type.type.value_type;
    if (value.kind == Kind::own || value.kind == Kind::borrow)
      return is_visible(type.type.value_type, visible);
    return members_visible(value, visible);
  }
  if (type.function) return function_visible(*type.function, visible);
  if (type.instance) {
    for (const NamedExtern& item : type.instance->exports)
      if (!table_.spend() || !parts_visible(*item.type, visible)) return table_.exhausted();
  }
  return true;
}

bool Validator::register_visible(const ExternType& type, const std::optional<ExternType>& referenced,
                                 Direction direction) {
  Scope& scope = current();
  VisibleTypes& visible =
      direction == Direction::import ? scope.visible_to_imports : scope.visible_to_exports;
  if (!table_.spend()) return true;
  switch (type.sort) {
    case Sort::type:
      if (!parts_visible(referenced ? *referenced : type, visible)) return false;
      // What is imported can be used by exports too.
      if (direction == Direction::import) scope.visible_to_imports.insert(type);
      scope.visible_to_exports.insert(type);
      return true;
    case Sort::instance:
      for (const NamedExtern& item : type.instance->exports)
        if (!register_visible(*item.type, std::nullopt, direction)) return false;
      return true;
    case Sort::function:
      return function_visible(*type.function, visible);
    default:  // components and modules are closed
      return true;
  }
}

// ---- Adding

// Every import or declared export of an instance type has resources of its own.
void Validator::open_instance(std::shared_ptr<const InstanceType>& type, Direction direction) {
  if (type->bound_resources.empty()) return;
  Scope& scope = current();
  Substitution opened(table_, *scope.next_resource);
  for (const wit::ResourceId id : type->bound_resources) opened.freshen(id);
  auto made = std::make_shared<InstanceType>(*opened.apply(type));
  made->bound_resources.clear();
  auto& resources = direction == Direction::import ? scope.imported_resources : scope.defined_resources;
  resources.insert(resources.end(), opened.made().begin(), opened.made().end());
  type = std::move(made);
}

Result<void> Validator::add_entity(Described& described, std::string_view name, Direction direction) {
  Scope& scope = current();
  ExternType& type = described.type;
  if (type.sort == Sort::instance) open_instance(type.instance, direction);
  if (described.fresh_resource) {
    auto& resources = direction == Direction::import ? scope.imported_resources : scope.defined_resources;
    resources.push_back(*type.type.resource);
  }
  WATTLE_CHECK(check_budget());
  WATTLE_CHECK(add_item(type));
  if (type.sort == Sort::type && type.type.resource) {
    ExternNames& names = direction == Direction::import ? scope.imports : scope.exports;
    names.resource_names[resource_key(*type.type.resource, type.type.alias)] = name;
    names.known_resources.emplace(name);
  }
  const bool visible =
      scope.kind == Scope::Kind::instance_type || register_visible(type, described.referenced, direction);
  WATTLE_CHECK(check_budget());
  if (!visible)
    return invalid(
        fmt::format("{} not valid to be used as {}", to_string(type.sort), direction_name(direction)));
  return {};
}

Result<void> Validator::name_entity(Described& described, const ExternLabel& label, Direction direction) {
  WATTLE_CHECK(add_entity(described, label.name, direction));
  Scope& scope = current();
  return add_name(label, described.type, direction,
                  direction == Direction::import ? scope.imports : scope.exports, scope.type_size,
                  scope.type_depth);
}

Result<void> Validator::add_import(const ExternLabel& label, const ExternDescriptor& descriptor) {
  WATTLE_TRY(auto described, describe(descriptor));
  WATTLE_CHECK(name_entity(described, label, Direction::import));
  push(Import{std::string(label.name), current().imports.items.back().type});
  return {};
}

Result<void> Validator::declare_export(const ExternLabel& label, const ExternDescriptor& descriptor) {
  WATTLE_TRY(auto described, describe(descriptor));
  return name_entity(described, label, Direction::export_);
}

// Gives the resources that an ascribed type keeps abstract identities of their own, and says what they hide.
void Validator::open_ascription(Described& described, const Subtyping& subtyping, Export& definition) {
  const auto hide = [&](wit::ResourceId outside, wit::ResourceId declared) {
    const auto bound = subtyping.bindings().find(declared);
    if (bound != subtyping.bindings().end()) definition.hidden_resources.emplace_back(outside, bound->second);
  };
  if (described.fresh_resource) hide(*described.type.type.resource, *described.type.type.resource);
  if (described.type.sort != Sort::instance || described.type.instance->bound_resources.empty()) return;
  Scope& scope = current();
  Substitution opened(table_, *scope.next_resource);
  for (const wit::ResourceId id : described.type.instance->bound_resources) opened.freshen(id);
  auto made = std::make_shared<InstanceType>(*opened.apply(described.type.instance));
  for (const wit::ResourceId id : described.type.instance->bound_resources) hide(opened.apply(id), id);
  made->bound_resources.clear();
  scope.defined_resources.insert(scope.defined_resources.end(), opened.made().begin(), opened.made().end());
  described.type.instance = std::move(made);
}

Result<void> Validator::add_export(const ExternLabel& label, Sort sort, uint32_t index,
                                   const std::optional<ExternDescriptor>& ascribed) {
  WATTLE_TRY(ExternType actual, item_at(sort, index));
  Export definition{std::string(label.name), sort, index, nullptr, {}};
  Described described;
  if (ascribed) {
    WATTLE_TRY(described, describe(*ascribed));
    Subtyping subtyping(table_, *current().next_resource, offset_);
    if (described.fresh_resource) subtyping.make_bindable(std::vector{*described.type.type.resource});
    if (described.type.sort == Sort::instance)
      subtyping.make_bindable(described.type.instance->bound_resources);
    if (auto match = subtyping.check(actual, described.type); !match)
      return failure(
          match.error().with_context("ascribed type of export is not compatible with item's type"));
    open_ascription(described, subtyping, definition);
  } else if (sort == Sort::type) {
    described.referenced = actual;
    described.type = with_new_identity(actual);
  } else {
    described.type = std::move(actual);
  }
  WATTLE_CHECK(name_entity(described, label, Direction::export_));
  definition.type = current().exports.items.back().type;
  push(std::move(definition));
  return {};
}

// ---- Names

Result<void> Validator::add_name(const ExternLabel& label, const ExternType& type, Direction direction,
                                 ExternNames& names, uint32_t& size, uint32_t& depth) {
  const std::string_view what = direction_name(direction);
  auto parsed = parse_extern_name(label.name, offset_);
  if (!parsed)
    return failure(parsed.error().with_context(
        fmt::format("{} name `{}` is not a valid extern name", what, label.name)));
  using NameKind = ExternName::Kind;
  const bool only_imported =
      parsed->kind == NameKind::hash || parsed->kind == NameKind::url || parsed->kind == NameKind::dependency;
  if (direction == Direction::export_ && only_imported)
    return invalid(fmt::format("name `{}` is not a valid export name", label.name));
  WATTLE_CHECK(check_attributes(label, *parsed, type));
  if (auto valid = check_annotation(*parsed, type, names, label); !valid)
    return failure(valid.error().with_context(fmt::format("{} name `{}` is not valid", what, label.name)));
  const auto [previous, added] = names.canonical.emplace(canonical_name(*parsed), label.name);
  if (!added)
    return invalid(
        fmt::format("{} name `{}` conflicts with previous name `{}`", what, label.name, previous->second));
  WATTLE_CHECK(add_size(size, table_.info(type).size, offset_));
  WATTLE_CHECK(add_depth(depth, table_.info(type).depth, offset_));
  names.items.push_back({std::string(label.name), std::make_shared<const ExternType>(type)});
  return {};
}

Result<void> Validator::check_attributes(const ExternLabel& label, const ExternName& name,
                                         const ExternType& type) {
  if (label.implements) {
    if (name.kind != ExternName::Kind::label)
      return invalid(fmt::format("name `{}` is not valid with `implements`", label.name));
    if (type.sort != Sort::instance) return invalid("only instances can have an `implements`");
    auto implemented = parse_extern_name(*label.implements, offset_);
    if (!implemented)
      return failure(
          implemented.error().with_context(fmt::format("`{}` is not a valid name", *label.implements)));
    if (implemented->kind != ExternName::Kind::interface)
      return invalid(fmt::format("name `{}` must be an interface", *label.implements));
  }
  if (label.version_suffix && type.sort != Sort::instance)
    return invalid("only instances can have an `versionsuffix`");
  return {};
}

// The resource that a handle refers to must be known by the name that the annotation says.
Result<void> Validator::check_resource_name(const wit::TypeRef& handle, std::string_view expected,
                                            const ExternNames& names) {
  const auto found = names.resource_names.find(resource_key(handle->resource, table_.info(handle).alias));
  if (found == names.resource_names.end())
    return invalid("resource used in function does not have a name in this context");
  if (found->second != expected)
    return invalid(fmt::format("function does not match expected resource name `{}`", found->second));
  return {};
}

Result<void> Validator::check_annotation(const ExternName& name, const ExternType& type,
                                         const ExternNames& names, const ExternLabel& label) {
  using NameKind = ExternName::Kind;
  if (name.kind == NameKind::interface) {
    if (!name.has_version) return {};
    const std::string version = std::string(name.version) + std::string(label.version_suffix.value_or(""));
    if (auto valid = check_semantic_version(version, offset_); !valid)
      return failure(valid.error().with_context(
          fmt::format("invalid interface version: `{}` is not a valid semver", version)));
    return {};
  }
  const bool is_annotated = name.kind == NameKind::constructor || name.kind == NameKind::method ||
                            name.kind == NameKind::static_function;
  if (!is_annotated) return {};
  if (type.sort != Sort::function) return invalid("item is not a func");
  const wit::FunctionType& function = *type.function;
  if (name.kind == NameKind::constructor) {
    if (function.is_async) return invalid("constructor function cannot be async");
    if (function.result == nullptr) return invalid("function should return one value");
    wit::TypeRef handle = function.result;
    if (handle->kind == Kind::result && handle->ok() != nullptr) handle = handle->ok();
    if (handle->kind != Kind::own) return invalid("function should return `(own $T)` or `(result (own $T))`");
    return check_resource_name(handle, name.resource, names);
  }
  if (name.kind == NameKind::method) {
    if (function.parameters.empty()) return invalid("function should have at least one argument");
    const wit::Member& first = function.parameters[0];
    if (first.name != "self") return invalid("function should have a first argument called `self`");
    if (first.type->kind != Kind::borrow)
      return invalid("function should take a first argument of `(borrow $T)`");
    return check_resource_name(first.type, name.resource, names);
  }
  if (!names.known_resources.contains(std::string(name.resource)))
    return invalid("static resource name is not known in this context");
  return {};
}

}  // namespace wattle::component
