// Replaces resources inside types: when an instance type is opened, a component is instantiated, or a type
// crosses from one component's scope into another's.
//
// Clauses: component-model Binary.md "Instance Definitions" (the actual type is substituted for all uses of a
// type import) and Explainer.md "Type Checking" (abstract and generative resources).
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "component/type_table.h"

namespace wattle::component {

// One substitution: equal parts stay shared, and everything that comes out of one Substitution agrees on
// identities.
class Substitution {
 public:
  // `next_resource`: the counter of the scope that the results live in.
  Substitution(TypeTable& table, uint32_t& next_resource) : table_(table), next_resource_(next_resource) {}

  void replace(wit::ResourceId from, wit::ResourceId to) { map_[from] = to; }
  // A value type's identity for another's.
  void replace(const wit::Type* from, wit::TypeRef to) { types_[from] = std::move(to); }
  // A fresh resource for `id`, made when it is first met.
  void freshen(wit::ResourceId id) { fresh_.insert(id); }
  // A fresh resource for whatever is met without a replacement: for closed types that change their scope.
  void freshen_all() { all_fresh_ = true; }

  wit::ResourceId apply(wit::ResourceId id);
  wit::TypeRef apply(const wit::TypeRef& type);
  std::shared_ptr<const wit::FunctionType> apply(const std::shared_ptr<const wit::FunctionType>& type);
  std::shared_ptr<const InstanceType> apply(const std::shared_ptr<const InstanceType>& type);
  std::shared_ptr<const ComponentType> apply(const std::shared_ptr<const ComponentType>& type);
  std::shared_ptr<const ExternType> apply(const std::shared_ptr<const ExternType>& type);
  ExternType apply(const ExternType& type);

  // Fresh resources handed out so far.
  const std::vector<wit::ResourceId>& made() const { return made_; }

 private:
  // Whether nothing inside can change, or the work is not to be afforded.
  bool is_untouched(bool has_resources, uint64_t parts);
  std::vector<NamedExtern> apply(const std::vector<NamedExtern>& items, bool& changed);
  std::vector<wit::ResourceId> apply(const std::vector<wit::ResourceId>& ids);

  TypeTable& table_;
  uint32_t& next_resource_;
  std::unordered_map<wit::ResourceId, wit::ResourceId> map_;
  std::unordered_set<wit::ResourceId> fresh_;
  bool all_fresh_ = false;
  std::vector<wit::ResourceId> made_;
  std::unordered_map<const wit::Type*, wit::TypeRef> types_;
  std::unordered_map<const void*, std::shared_ptr<const void>> done_;
};

// Whether a type mentions a resource that it does not bind itself.
bool has_free_resources(TypeTable& table, const ExternType& type);

}  // namespace wattle::component
