// Type definitions.

#include <unordered_map>

#include "component/reader.h"
#include "component/validator.h"

namespace wattle::component {

using wit::Kind;

namespace {
constexpr size_t kMaxFlags = 32;
}  // namespace

Result<wit::TypeRef> Validator::value_type_at(uint32_t index) {
  WATTLE_TRY(const auto* entry, at(current().types, index, "type"));
  if (!entry->later_type.empty())
    return failure(
        error_at(ErrorCode::unsupported, offset_,
                 fmt::format("`{}` types are a later feature of the component model", entry->later_type)));
  if (entry->type.value_type == nullptr)
    return invalid(fmt::format("type index {} is not a defined type", index));
  return entry->type.value_type;
}

Result<wit::ResourceId> Validator::resource_at(uint32_t index) {
  WATTLE_TRY(const auto* entry, at(current().types, index, "type"));
  if (!entry->type.resource) return invalid(fmt::format("type index {} is not a resource type", index));
  return *entry->type.resource;
}

// Labels are in kebab case and strongly unique within their type.
Result<void> Validator::check_labels(const std::vector<wit::Member>& members, std::string_view what,
                                     std::string_view role) {
  std::unordered_map<std::string, std::string_view> seen;
  for (const wit::Member& member : members) {
    if (member.name.empty()) return invalid(fmt::format("{} name cannot be empty", what));
    if (!is_kebab_case(member.name))
      return invalid(fmt::format("{} name `{}` is not in kebab case", what, member.name));
    const auto [previous, added] = seen.emplace(lower_case(member.name), member.name);
    if (!added)
      return invalid(fmt::format("{} name `{}` conflicts with previous {} name `{}`", what, member.name, role,
                                 previous->second));
  }
  return {};
}

Result<void> Validator::add_value_type(wit::Type type, uint32_t alias) {
  switch (type.kind) {
    case Kind::record:
      if (type.members.empty()) return invalid("record type must have at least one field");
      WATTLE_CHECK(check_labels(type.members, "record field", "field"));
      break;
    case Kind::variant:
      if (type.members.empty()) return invalid("variant type must have at least one case");
      WATTLE_CHECK(check_labels(type.members, "variant case", "case"));
      break;
    case Kind::tuple:
      if (type.members.empty()) return invalid("tuple type must have at least one type");
      break;
    case Kind::flags:
      if (type.members.empty()) return invalid("flags must have at least one entry");
      if (type.members.size() > kMaxFlags) return invalid("cannot have more than 32 flags");
      WATTLE_CHECK(check_labels(type.members, "flag", "flag"));
      break;
    case Kind::enumeration:
      if (type.members.empty()) return invalid("enum type must have at least one variant");
      WATTLE_CHECK(check_labels(type.members, "enum tag", "tag"));
      break;
    default:
      break;
  }
  ExternType entry;
  entry.sort = Sort::type;
  WATTLE_TRY(entry.type.value_type, table_.add(std::move(type), offset_, alias));
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return {};
}

Result<void> Validator::add_later_type(std::string_view constructor, std::string_view feature) {
  note_feature(feature);
  ExternType entry;
  entry.sort = Sort::type;
  entry.later_type = constructor;
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return {};
}

Result<void> Validator::check_later_type(uint32_t index, std::string_view constructor,
                                         std::string_view builtin) {
  WATTLE_TRY(const auto* entry, at(current().types, index, "type"));
  if (entry->later_type != constructor)
    return invalid(fmt::format("`{}` requires a {} type", builtin, constructor));
  return {};
}

Result<void> Validator::add_primitive_type(Kind kind) {
  ExternType entry;
  entry.sort = Sort::type;
  entry.type.value_type = table_.copy(table_.primitive(kind));
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return {};
}

Result<void> Validator::add_handle_type(Kind kind, uint32_t resource_index) {
  wit::Type type;
  type.kind = kind;
  WATTLE_TRY(type.resource, resource_at(resource_index));
  return add_value_type(std::move(type), current().types[resource_index].type.alias);
}

Result<void> Validator::add_function_type(wit::FunctionType type) {
  WATTLE_CHECK(check_labels(type.parameters, "function parameter", "parameter"));
  if (type.result != nullptr && table_.info(type.result).has_borrow)
    return invalid("function result cannot contain a `borrow` type");
  ExternType entry;
  entry.sort = Sort::type;
  WATTLE_TRY(entry.function, table_.add(std::move(type), offset_));
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{});
  return {};
}

Result<void> Validator::add_resource_type(CoreValueType representation, std::optional<uint32_t> destructor) {
  Scope& scope = current();
  if (scope.kind != Scope::Kind::component)
    return invalid("resources can only be defined within a concrete component");
  if (representation == kI64)
    return failure(error_at(ErrorCode::unsupported, offset_,
                            "resources with `i64` require the `cm64` feature to be enabled (memory64)"));
  if (!(representation == kI32)) return invalid("resources can only be represented by `i32`");
  if (destructor) {
    WATTLE_TRY(const auto* function, at(scope.core_functions, *destructor, "function"));
    if ((*function)->parameters != std::vector{kI32} || !(*function)->results.empty())
      return invalid(fmt::format("core function {} has wrong signature for a destructor", *destructor));
  }
  ExternType entry;
  entry.sort = Sort::type;
  const wit::ResourceId id = (*scope.next_resource)++;
  entry.type.resource = id;
  entry.type.alias = next_alias_++;
  scope.local_resources.insert(id);
  scope.defined_resources.push_back(id);
  WATTLE_CHECK(add_item(entry));
  push(TypeDefinition{TypeDefinition::Resource{id, destructor}});
  return {};
}

}  // namespace wattle::component
