// The types of one interface or world while they are resolved: names to types, written types to TypeRefs.
// Used by the resolver only.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "wit/ast.h"
#include "wit/package.h"

namespace wattle::wit {

// What the resolution of a whole set shares: resource ids, and how deep each type is.
class TypeArena {
 public:
  // Deepest type, as in component binaries; deeper ones are refused.
  static constexpr uint32_t kMaxTypeDepth = 100;

  ResourceId add_resource(ResourceEntry entry);
  // The type's depth, 1 for a primitive.
  uint32_t depth(const TypeRef& type);
  std::vector<ResourceEntry> take_resources() { return std::move(resources_); }

 private:
  struct Known {
    TypeRef type;
    uint32_t depth;
  };
  std::vector<ResourceEntry> resources_;
  std::unordered_map<const Type*, Known> known_;
};

class TypeScope {
 public:
  // `interface_id` is for the resources that are declared here.
  TypeScope(TypeArena& arena, std::string file_name, std::string interface_id)
      : arena_(arena), file_name_(std::move(file_name)), interface_id_(std::move(interface_id)) {}

  // A type that is declared here; it is resolved when it is needed, or in finish().
  Result<void> declare(const ast::TypeDefinition& definition);
  // A name that is known already.
  Result<void> bind(const ast::Identifier& name, TypeEntry entry);
  // A function's name shares the scope: refuses a second one.
  Result<void> claim(const ast::Identifier& name);

  // All types, in the order in which they were declared and bound.
  Result<std::vector<TypeEntry>> finish();
  Result<FunctionEntry> function(const ast::Function& function);
  // The functions of a resource that is declared here.
  Result<std::vector<FunctionEntry>> resource_functions(const ast::TypeDefinition& resource);

  // "file:line:column: message", of code `invalid`.
  tl::unexpected<Error> error_at(ast::Position position, std::string_view message) const;

 private:
  struct Slot {
    const ast::TypeDefinition* definition = nullptr;
    enum class State : uint8_t { open, busy, done } state = State::open;
    TypeEntry entry;
  };
  // A resolved type, or why this build has none.
  struct Resolved {
    TypeRef type;
    std::string unsupported;
  };

  Result<const TypeEntry*> lookup(const std::string& name, ast::Position position);
  Result<void> resolve(Slot& slot);
  Result<void> define(Slot& slot);
  Result<Resolved> members(const ast::TypeDefinition& definition);
  Result<Resolved> expression(const ast::TypeExpression& expression);
  Result<Resolved> expression_here(const ast::TypeExpression& expression);
  Result<Resolved> named(const ast::TypeExpression& expression);
  Result<Resolved> handle(const ast::TypeExpression& expression);
  Result<Resolved> checked(TypeRef type, ast::Position position);
  Result<void> signature(const ast::FunctionExpression& expression, ast::Position position,
                         FunctionEntry& entry);
  Result<void> constructor_result(const ast::Function& function, ResourceId resource, FunctionEntry& entry);
  Result<void> check_unique(const std::vector<ast::NamedType>& members, std::string_view what) const;
  std::string known_names() const;

  TypeArena& arena_;
  std::string file_name_;
  std::string interface_id_;
  std::vector<Slot> slots_;
  std::unordered_map<std::string, size_t> by_name_;  // as written
  std::map<std::string, std::string> claimed_;       // lower case to as written
  uint32_t depth_ = 0;
};

// Whether a borrow is somewhere inside.
bool contains_borrow(const TypeRef& type);

}  // namespace wattle::wit
