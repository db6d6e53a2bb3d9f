#include "component/subtype.h"

#include "component/reader.h"
#include "component/substitution.h"

namespace wattle::component {

using wit::Kind;
using wit::kind_name;

namespace {

// What kind of type a type definition is, for messages.
std::string_view type_sort(const ExternType& type) {
  if (type.type.resource) return "resource";
  if (type.type.value_type) return "defined type";
  if (type.function) return "func";
  if (type.instance) return "instance";
  if (type.component) return "component";
  return type.later_type;
}

Result<void> in_context(Result<void> result, const std::string& context) {
  if (result) return result;
  return failure(result.error().with_context(context));
}

}  // namespace

tl::unexpected<Error> Subtyping::mismatch(std::string message) const {
  return failure(error_at(ErrorCode::invalid, offset_, message));
}

wit::ResourceId Subtyping::resolve(wit::ResourceId id) const {
  const auto bound = bindings_.find(id);
  return bound == bindings_.end() ? id : bound->second;
}

void Subtyping::make_bindable(const std::vector<wit::ResourceId>& ids) {
  for (const wit::ResourceId id : ids) {
    bindings_.erase(id);  // of an earlier comparison with the same type
    bindable_.insert(id);
  }
}

Result<void> Subtyping::check(const ExternType& actual, const ExternType& expected) {
  if (!table_.spend()) return mismatch("types are too complex to validate");
  if (actual.sort != expected.sort)
    return mismatch(fmt::format("type mismatch: expected {}, found {}", to_string(expected.sort),
                                to_string(actual.sort)));
  switch (expected.sort) {
    case Sort::function:
      return check(*actual.function, *expected.function);
    case Sort::instance:
      return check(*actual.instance, *expected.instance);
    case Sort::component:
      return check(actual.component, expected.component);
    case Sort::core_module:
      return check_module_match(*actual.module, *expected.module, offset_);
    case Sort::type:
      return check_types(actual, expected);
    default:
      return mismatch("type mismatch: not something that can be imported or exported");
  }
}

Result<void> Subtyping::check_types(const ExternType& actual, const ExternType& expected) {
  if (type_sort(actual) != type_sort(expected))
    return mismatch(
        fmt::format("type mismatch: expected {}, found {}", type_sort(expected), type_sort(actual)));
  if (expected.type.resource) {
    const wit::ResourceId wanted = *expected.type.resource;
    const wit::ResourceId given = resolve(*actual.type.resource);
    if (bindable_.contains(wanted) && !bindings_.contains(wanted)) {
      bindings_[wanted] = given;
      return {};
    }
    if (resolve(wanted) != given) return mismatch("type mismatch: resource types are not the same");
    return {};
  }
  if (expected.type.value_type) {
    replacements_.emplace(expected.type.value_type.get(), actual.type.value_type);
    return check(actual.type.value_type, expected.type.value_type);
  }
  if (expected.function) return check(*actual.function, *expected.function);
  if (expected.instance) {
    // Both are declarations: the actual one's resources are taken as given, the expected one's are bound.
    make_bindable(expected.instance->bound_resources);
    return check(*actual.instance, *expected.instance);
  }
  if (expected.component) return check(actual.component, expected.component);
  return failure(
      error_at(ErrorCode::unsupported, offset_,
               fmt::format("`{}` types are a later feature of the component model", expected.later_type)));
}

Result<void> Subtyping::check(const wit::FunctionType& actual, const wit::FunctionType& expected) {
  if (actual.is_async != expected.is_async)
    return mismatch(fmt::format("type mismatch: expected {} function, found {} function",
                                expected.is_async ? "async" : "sync", actual.is_async ? "async" : "sync"));
  if (actual.parameters.size() != expected.parameters.size())
    return mismatch(fmt::format("type mismatch: expected {} parameters, found {}", expected.parameters.size(),
                                actual.parameters.size()));
  for (size_t i = 0; i < expected.parameters.size(); i++) {
    const wit::Member& given = actual.parameters[i];
    const wit::Member& wanted = expected.parameters[i];
    if (given.name != wanted.name)
      return mismatch(
          fmt::format("type mismatch: expected parameter named `{}`, found `{}`", wanted.name, given.name));
    WATTLE_CHECK(in_context(check(given.type, wanted.type),
                            fmt::format("type mismatch in function parameter `{}`", wanted.name)));
  }
  if (expected.result != nullptr && actual.result == nullptr)
    return mismatch("type mismatch: expected a result, found none");
  if (expected.result == nullptr && actual.result != nullptr)
    return mismatch("type mismatch: expected no result, found one");
  if (expected.result == nullptr) return {};
  return in_context(check(actual.result, expected.result), "type mismatch with result type");
}

Result<void> Subtyping::check_exports(const std::vector<NamedExtern>& actual,
                                      const std::vector<NamedExtern>& expected, std::string_view context) {
  if (!table_.spend(actual.size())) return mismatch("types are too complex to validate");
  std::unordered_map<std::string_view, const ExternType*> provided;
  for (const NamedExtern& item : actual) provided[item.name] = item.type.get();
  for (const NamedExtern& item : expected) {
    const auto found = provided.find(item.name);
    if (found == provided.end())
      return mismatch(fmt::format("type mismatch: missing expected export `{}`", item.name));
    WATTLE_CHECK(in_context(check(*found->second, *item.type),
                            fmt::format("type mismatch in {} `{}`", context, item.name)));
  }
  return {};
}

Result<void> Subtyping::check(const InstanceType& actual, const InstanceType& expected) {
  return check_exports(actual.exports, expected.exports, "instance export");
}

// What the expected type's users supply must satisfy the actual component, and what that then exports must
// satisfy the users.
Result<void> Subtyping::check(std::shared_ptr<const ComponentType> actual,
                              std::shared_ptr<const ComponentType> expected) {
  if (actual->has_resources) {
    Substitution fresh(table_, next_resource_);
    for (const wit::ResourceId id : actual->imported_resources) fresh.freshen(id);
    for (const wit::ResourceId id : actual->defined_resources) fresh.freshen(id);
    actual = fresh.apply(actual);
  }
  if (!table_.spend(expected->imports.size())) return mismatch("types are too complex to validate");
  make_bindable(actual->imported_resources);
  std::unordered_map<std::string_view, const ExternType*> supplied;
  for (const NamedExtern& item : expected->imports) supplied[item.name] = item.type.get();
  for (const NamedExtern& item : actual->imports) {
    const auto found = supplied.find(item.name);
    if (found == supplied.end())
      return mismatch(fmt::format("type mismatch: missing expected import `{}`", item.name));
    WATTLE_CHECK(in_context(check(*found->second, *item.type),
                            fmt::format("type mismatch in import `{}`", item.name)));
  }
  make_bindable(expected->defined_resources);
  return check_exports(actual->exports, expected->exports, "export");
}

Result<void> Subtyping::check(const wit::TypeRef& actual, const wit::TypeRef& expected) {
  if (!table_.spend()) return mismatch("types are too complex to validate");
  if (actual == expected && !table_.info(actual).has_resources) return {};
  if (wit::is_primitive(actual->kind) && wit::is_primitive(expected->kind)) {
    if (actual->kind == expected->kind) return {};
    return mismatch(fmt::format("type mismatch: expected primitive `{}` found primitive `{}`",
                                kind_name(expected->kind), kind_name(actual->kind)));
  }
  if (actual->kind != expected->kind) {
    // A primitive type that has a definition of its own is called that.
    const bool defined = wit::is_primitive(expected->kind) && table_.primitive(expected->kind) != expected;
    return mismatch(fmt::format("type mismatch: expected {}, found {}",
                                defined ? std::string_view("primitive") : kind_name(expected->kind),
                                kind_name(actual->kind)));
  }
  switch (expected->kind) {
    case Kind::own:
    case Kind::borrow:
      if (resolve(actual->resource) != resolve(expected->resource))
        return mismatch("type mismatch: resource types are not the same");
      return {};
    case Kind::result:
      return check_result(*actual, *expected);
    case Kind::list:
    case Kind::option:
      return check(actual->element(), expected->element());
    default:
      return check_members(*actual, *expected);
  }
}

Result<void> Subtyping::check_result(const wit::Type& actual, const wit::Type& expected) {
  const auto check_side = [&](const wit::TypeRef& given, const wit::TypeRef& wanted,
                              std::string_view side) -> Result<void> {
    if (wanted != nullptr && given == nullptr)
      return mismatch(fmt::format("type mismatch: expected {} type, but found none", side));
    if (wanted == nullptr && given != nullptr)
      return mismatch(fmt::format("type mismatch: expected {} type to not be present", side));
    if (wanted == nullptr) return {};
    return in_context(check(given, wanted), fmt::format("type mismatch in {} variant", side));
  };
  WATTLE_CHECK(check_side(actual.ok(), expected.ok(), "ok"));
  return check_side(actual.error(), expected.error(), "err");
}

// Records, tuples, variants, enumerations and flags: the same names in the same order, and matching types.
Result<void> Subtyping::check_members(const wit::Type& actual, const wit::Type& expected) {
  const size_t wanted_count = expected.members.size();
  const size_t given_count = actual.members.size();
  const Kind kind = expected.kind;
  const std::string_view what = kind == Kind::record ? "field" : kind == Kind::variant ? "case" : "type";
  if (wanted_count != given_count && kind != Kind::flags && kind != Kind::enumeration)
    return mismatch(fmt::format("type mismatch: expected {} {}s, found {}", wanted_count, what, given_count));
  for (size_t i = 0; i < wanted_count || i < given_count; i++) {
    const bool both = i < wanted_count && i < given_count;
    if (kind == Kind::flags || kind == Kind::enumeration) {
      if (!both || actual.members[i].name != expected.members[i].name)
        return mismatch(fmt::format("type mismatch: mismatch in {} elements", kind_name(kind)));
      continue;
    }
    const wit::Member& given = actual.members[i];
    const wit::Member& wanted = expected.members[i];
    if (kind == Kind::record && given.name != wanted.name)
      return mismatch(
          fmt::format("type mismatch: expected field name `{}`, found `{}`", wanted.name, given.name));
    if (kind == Kind::variant && given.name != wanted.name)
      return mismatch(
          fmt::format("type mismatch: expected case named `{}`, found `{}`", wanted.name, given.name));
    if (wanted.type != nullptr && given.type == nullptr)
      return mismatch(
          fmt::format("type mismatch: expected case `{}` to have a type, found none", wanted.name));
    if (wanted.type == nullptr && given.type != nullptr)
      return mismatch(fmt::format("type mismatch: expected case `{}` to have no type", wanted.name));
    if (wanted.type == nullptr) continue;
    const std::string context = kind == Kind::record    ? fmt::format("record field `{}`", wanted.name)
                                : kind == Kind::variant ? fmt::format("variant case `{}`", wanted.name)
                                                        : fmt::format("tuple field {}", i);
    WATTLE_CHECK(in_context(check(given.type, wanted.type), "type mismatch in " + context));
  }
  return {};
}

}  // namespace wattle::component
