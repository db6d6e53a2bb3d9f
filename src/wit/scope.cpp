#include "wit/scope.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace wattle::wit {
namespace {

// Names and written types that are open at the same time while one type is resolved.
constexpr uint32_t kMaxOpenTypes = 200;
constexpr size_t kMaxFlags = 32;
constexpr size_t kMaxNamesInMessage = 12;

std::string lower_case(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<Kind> primitive_kind(std::string_view name) {
  for (uint8_t i = 0; i <= static_cast<uint8_t>(Kind::string); i++)
    if (kind_name(static_cast<Kind>(i)) == name) return static_cast<Kind>(i);
  return std::nullopt;
}

std::string_view form_name(ast::TypeForm form) {
  switch (form) {
    case ast::TypeForm::record:
      return "field";
    case ast::TypeForm::flags:
      return "flag";
    default:
      return "case";
  }
}

}  // namespace

ResourceId TypeArena::add_resource(ResourceEntry entry) {
  resources_.push_back(std::move(entry));
  return static_cast<ResourceId>(resources_.size() - 1);
}

// Parts are always known before the whole, so this never goes more than one level down.
uint32_t TypeArena::depth(const TypeRef& type) {
  if (!type) return 0;
  if (auto found = known_.find(type.get()); found != known_.end()) return found->second.depth;
  uint32_t deepest = 0;
  for (const Member& member : type->members) deepest = std::max(deepest, depth(member.type));
  known_.emplace(type.get(), Known{type, deepest + 1});
  return deepest + 1;
}

bool contains_borrow(const TypeRef& type) {
  std::vector<const Type*> open = {type.get()};
  std::unordered_set<const Type*> seen;
  while (!open.empty()) {
    const Type* next = open.back();
    open.pop_back();
    if (!next || !seen.insert(next).second) continue;
    if (next->kind == Kind::borrow) return true;
    for (const Member& member : next->members) open.push_back(member.type.get());
  }
  return false;
}

tl::unexpected<Error> TypeScope::error_at(ast::Position position, std::string_view message) const {
  return failure(ErrorCode::invalid, "{}:{}:{}: {}", file_name_, position.line, position.column, message);
}

Result<void> TypeScope::claim(const ast::Identifier& name) {
  auto [claimed, is_new] = claimed_.emplace(lower_case(name.text), name.text);
  if (is_new) return {};
  return error_at(name.position,
                  fmt::format("the name '{}' is already taken by '{}'", name.text, claimed->second));
}

Result<void> TypeScope::declare(const ast::TypeDefinition& definition) {
  WATTLE_CHECK(claim(definition.name));
  by_name_.emplace(definition.name.text, slots_.size());
  Slot slot;
  slot.definition = &definition;
  slot.entry.name = definition.name.text;
  slot.entry.documentation = definition.preamble.documentation;
  slot.entry.gate = definition.preamble.gate;
  slots_.push_back(std::move(slot));
  return {};
}

Result<void> TypeScope::bind(const ast::Identifier& name, TypeEntry entry) {
  WATTLE_CHECK(claim(name));
  by_name_.emplace(name.text, slots_.size());
  Slot slot;
  slot.state = Slot::State::done;
  slot.entry = std::move(entry);
  slots_.push_back(std::move(slot));
  return {};
}

Result<std::vector<TypeEntry>> TypeScope::finish() {
  std::vector<TypeEntry> entries;
  for (Slot& slot : slots_) {
    WATTLE_CHECK(resolve(slot));
    entries.push_back(slot.entry);
  }
  return entries;
}

std::string TypeScope::known_names() const {
  std::string names;
  size_t count = 0;
  for (const Slot& slot : slots_) {
    if (++count > kMaxNamesInMessage) return names + ", ...";
    if (!names.empty()) names += ", ";
    names += slot.entry.name;
  }
  return names.empty() ? "none" : names;
}

Result<const TypeEntry*> TypeScope::lookup(const std::string& name, ast::Position position) {
  auto found = by_name_.find(name);
  if (found == by_name_.end())
    return error_at(position, fmt::format("there is no type '{}' here; types are: {}", name, known_names()));
  Slot& slot = slots_[found->second];
  if (slot.state == Slot::State::busy)
    return error_at(position, fmt::format("the type '{}' contains itself", name));
  WATTLE_CHECK(resolve(slot));
  return &slot.entry;
}

Result<void> TypeScope::resolve(Slot& slot) {
  if (slot.state == Slot::State::done) return {};
  if (depth_ >= kMaxOpenTypes)
    return error_at(slot.definition->name.position, "types name each other in too long a chain");
  slot.state = Slot::State::busy;
  depth_++;
  Result<void> defined = define(slot);
  depth_--;
  WATTLE_CHECK(defined);
  slot.state = Slot::State::done;
  return {};
}

Result<void> TypeScope::define(Slot& slot) {
  const ast::TypeDefinition& definition = *slot.definition;
  if (definition.form == ast::TypeForm::resource) {
    slot.entry.resource = arena_.add_resource({interface_id_, definition.name.text});
    return {};
  }
  if (definition.form == ast::TypeForm::alias && !definition.alias->is_builtin) {
    WATTLE_TRY(const TypeEntry* target, lookup(definition.alias->name, definition.alias->position));
    slot.entry.resource = target->resource;
    slot.entry.unsupported = target->unsupported;
    // A type of its own, so that it is known by this name.
    if (target->type) slot.entry.type = std::make_shared<const Type>(*target->type);
    return {};
  }
  Result<Resolved> resolved =
      definition.form == ast::TypeForm::alias ? expression(*definition.alias) : members(definition);
  if (!resolved) return failure(std::move(resolved).error());
  slot.entry.unsupported = std::move(resolved->unsupported);
  if (resolved->type) slot.entry.type = std::make_shared<const Type>(*resolved->type);
  return {};
}

Result<void> TypeScope::check_unique(const std::vector<ast::NamedType>& members,
                                     std::string_view what) const {
  std::unordered_set<std::string> names;
  for (const ast::NamedType& member : members)
    if (!names.insert(lower_case(member.name.text)).second)
      return error_at(member.name.position,
                      fmt::format("the {} '{}' is there twice", what, member.name.text));
  return {};
}

Result<TypeScope::Resolved> TypeScope::members(const ast::TypeDefinition& definition) {
  WATTLE_CHECK(check_unique(definition.members, form_name(definition.form)));
  if (definition.form == ast::TypeForm::flags && definition.members.size() > kMaxFlags)
    return error_at(definition.name.position,
                    fmt::format("flags '{}' has {} labels, the limit is {}", definition.name.text,
                                definition.members.size(), kMaxFlags));
  std::vector<Member> members;
  for (const ast::NamedType& member : definition.members) {
    Resolved resolved;
    if (member.type) {
      WATTLE_TRY(resolved, expression(*member.type));
      if (!resolved.unsupported.empty()) return resolved;
    }
    members.push_back({member.name.text, std::move(resolved.type)});
  }
  Kind kind = definition.form == ast::TypeForm::record        ? Kind::record
              : definition.form == ast::TypeForm::variant     ? Kind::variant
              : definition.form == ast::TypeForm::enumeration ? Kind::enumeration
                                                              : Kind::flags;
  return checked(std::make_shared<const Type>(Type{kind, std::move(members), 0}), definition.name.position);
}

Result<TypeScope::Resolved> TypeScope::checked(TypeRef type, ast::Position position) {
  if (arena_.depth(type) > TypeArena::kMaxTypeDepth)
    return error_at(position, fmt::format("the type is more than {} levels deep", TypeArena::kMaxTypeDepth));
  return Resolved{std::move(type), {}};
}

Result<TypeScope::Resolved> TypeScope::expression(const ast::TypeExpression& expression) {
  if (depth_ >= kMaxOpenTypes) return error_at(expression.position, "types are nested too deeply");
  depth_++;
  Result<Resolved> resolved = expression_here(expression);
  depth_--;
  return resolved;
}

Result<TypeScope::Resolved> TypeScope::named(const ast::TypeExpression& expression) {
  WATTLE_TRY(const TypeEntry* entry, lookup(expression.name, expression.position));
  if (entry->resource) return Resolved{own_of(*entry->resource), {}};
  return Resolved{entry->type, entry->unsupported};
}

Result<TypeScope::Resolved> TypeScope::handle(const ast::TypeExpression& expression) {
  const ast::TypeExpression& target = expression.arguments[0];
  WATTLE_TRY(const TypeEntry* entry, lookup(target.name, target.position));
  if (!entry->resource) return error_at(target.position, fmt::format("'{}' is not a resource", target.name));
  return Resolved{expression.name == "borrow" ? borrow_of(*entry->resource) : own_of(*entry->resource), {}};
}

Result<TypeScope::Resolved> TypeScope::expression_here(const ast::TypeExpression& expression) {
  if (!expression.is_builtin) return named(expression);
  if (std::optional<Kind> kind = primitive_kind(expression.name))
    return checked(primitive(*kind), expression.position);
  if (expression.name == "borrow" || expression.name == "own") return handle(expression);
  bool is_later = expression.name == "future" || expression.name == "stream" || expression.name == "map" ||
                  (expression.name == "list" && expression.arguments.size() == 2);
  std::vector<TypeRef> arguments;
  for (const ast::TypeExpression& argument : expression.arguments) {
    bool is_type = !argument.name.empty() && !is_digit(argument.name[0]);  // else "_" or a length
    Resolved resolved;
    if (is_type) {
      WATTLE_TRY(resolved, this->expression(argument));
      if (!resolved.unsupported.empty()) return resolved;
    }
    arguments.push_back(std::move(resolved.type));
  }
  if (is_later)
    return Resolved{nullptr, fmt::format("'{}' at {}:{}:{} is later than WASI 0.2",
                                         expression.name == "list" ? "list of fixed length" : expression.name,
                                         file_name_, expression.position.line, expression.position.column)};
  if (expression.name == "list") return checked(list_of(arguments[0]), expression.position);
  if (expression.name == "option") return checked(option_of(arguments[0]), expression.position);
  if (expression.name == "tuple") return checked(tuple_of(std::move(arguments)), expression.position);
  arguments.resize(2);
  return checked(result_of(arguments[0], arguments[1]), expression.position);
}

Result<void> TypeScope::signature(const ast::FunctionExpression& expression, ast::Position position,
                                  FunctionEntry& entry) {
  WATTLE_CHECK(check_unique(expression.parameters, "parameter"));
  entry.type.is_async = expression.is_async;
  for (const ast::NamedType& parameter : expression.parameters) {
    WATTLE_TRY(Resolved resolved, this->expression(*parameter.type));
    if (entry.unsupported.empty()) entry.unsupported = resolved.unsupported;
    entry.type.parameters.push_back({parameter.name.text, std::move(resolved.type)});
  }
  if (expression.result) {
    WATTLE_TRY(Resolved resolved, this->expression(*expression.result));
    if (entry.unsupported.empty()) entry.unsupported = resolved.unsupported;
    if (contains_borrow(resolved.type)) return error_at(position, "a result cannot hold a borrow");
    entry.type.result = std::move(resolved.type);
  }
  if (!entry.unsupported.empty()) entry.type = {};
  return {};
}

Result<FunctionEntry> TypeScope::function(const ast::Function& function) {
  FunctionEntry entry{function.name.text, function.preamble.documentation, function.preamble.gate, {}, {}};
  WATTLE_CHECK(signature(function.type, function.name.position, entry));
  return entry;
}

// A constructor returns the resource, or a result with it as ok.
Result<void> TypeScope::constructor_result(const ast::Function& function, ResourceId resource,
                                           FunctionEntry& entry) {
  if (!entry.unsupported.empty()) return {};
  if (!function.type.result) {
    entry.type.result = own_of(resource);
    return {};
  }
  const TypeRef& result = entry.type.result;
  bool is_result_of_it = result->kind == Kind::result && equal(result->ok(), own_of(resource));
  if (is_result_of_it) return {};
  return error_at(function.type.result->position,
                  "a constructor's result is a result<> of its resource, or not written");
}

Result<std::vector<FunctionEntry>> TypeScope::resource_functions(const ast::TypeDefinition& resource) {
  WATTLE_TRY(const TypeEntry* type, lookup(resource.name.text, resource.name.position));
  ResourceId id = *type->resource;
  std::vector<FunctionEntry> entries;
  std::unordered_set<std::string> names;
  for (const ast::Function& function : resource.functions) {
    bool is_constructor = function.role == ast::FunctionRole::constructor;
    if (!names.insert(lower_case(function.name.text)).second)
      return error_at(function.name.position,
                      fmt::format("the resource '{}' has two {}", resource.name.text,
                                  is_constructor ? "constructors" : "functions of this name"));
    WATTLE_TRY(FunctionEntry entry, this->function(function));
    if (is_constructor) {
      entry.name = "[constructor]" + resource.name.text;
      WATTLE_CHECK(constructor_result(function, id, entry));
    } else if (function.role == ast::FunctionRole::static_function) {
      entry.name = "[static]" + resource.name.text + "." + function.name.text;
    } else {
      entry.name = "[method]" + resource.name.text + "." + function.name.text;
      for (const ast::NamedType& parameter : function.type.parameters)
        if (lower_case(parameter.name.text) == "self")
          return error_at(parameter.name.position, "a method has a parameter 'self' already");
      if (entry.unsupported.empty())
        entry.type.parameters.insert(entry.type.parameters.begin(), {"self", borrow_of(id)});
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace wattle::wit
