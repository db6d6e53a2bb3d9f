// Whether a definition of one type can stand where another type is asked for.
//
// Clauses: component-model Explainer.md "Type Checking": value types are compared by structure, resources by
// identity; instances may export more; components may import less and export more; abstract resources of the
// expected type are bound to whatever the actual type has in their place.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "component/type_table.h"

namespace wattle::component {

class Subtyping {
 public:
  // `next_resource`: counter of the scope, for resources made while comparing component types.
  Subtyping(TypeTable& table, uint32_t& next_resource, uint64_t offset)
      : table_(table), next_resource_(next_resource), offset_(offset) {}

  // Lets the first match of this resource, in an expected type, decide what it stands for.
  void make_bindable(const std::vector<wit::ResourceId>& ids);

  // The error says what differs, from the outside in.
  Result<void> check(const ExternType& actual, const ExternType& expected);

  // What the bound resources turned out to be.
  const std::unordered_map<wit::ResourceId, wit::ResourceId>& bindings() const { return bindings_; }
  // What each value type that was matched by name turned out to be: its identity, the structure being equal.
  const std::unordered_map<const wit::Type*, wit::TypeRef>& replacements() const { return replacements_; }

 private:
  Result<void> check_types(const ExternType& actual, const ExternType& expected);
  Result<void> check(const wit::FunctionType& actual, const wit::FunctionType& expected);
  Result<void> check(const InstanceType& actual, const InstanceType& expected);
  Result<void> check(std::shared_ptr<const ComponentType> actual,
                     std::shared_ptr<const ComponentType> expected);
  Result<void> check(const wit::TypeRef& actual, const wit::TypeRef& expected);
  Result<void> check_members(const wit::Type& actual, const wit::Type& expected);
  Result<void> check_result(const wit::Type& actual, const wit::Type& expected);
  Result<void> check_exports(const std::vector<NamedExtern>& actual, const std::vector<NamedExtern>& expected,
                             std::string_view context);
  wit::ResourceId resolve(wit::ResourceId id) const;
  tl::unexpected<Error> mismatch(std::string message) const;

  TypeTable& table_;
  uint32_t& next_resource_;
  uint64_t offset_;
  std::unordered_map<wit::ResourceId, wit::ResourceId> bindings_;
  std::unordered_set<wit::ResourceId> bindable_;
  std::unordered_map<const wit::Type*, wit::TypeRef> replacements_;
};

}  // namespace wattle::component
