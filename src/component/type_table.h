// All value and function types of one decoding run, with what validation needs to know about each: computed
// once when a type is made, so that no later step walks a type tree more than once.
//
// A Type's address is its identity: exporting a type makes a copy at a new address, which is how validation
// knows which records, variants, enumerations, flags and resources have a name that others can see
// (Explainer.md "External Visibility of Types").
#pragma once

#include <array>
#include <unordered_map>

#include "base/result.h"
#include "component/component.h"
#include "component/core_type.h"

namespace wattle::component {

inline constexpr uint32_t kMaxTypeSize = 1'000'000;  // nodes of a type written out as a tree
inline constexpr uint32_t kMaxTypeDepth = 100;

struct TypeInfo {
  uint32_t size = 1;
  uint32_t depth = 1;
  bool has_borrow = false;
  bool has_resources = false;
  bool has_pointers = false;  // strings and lists: need a memory
  uint32_t alias = 0;         // own, borrow: which of the resource's names was used
};

// The flat form of a value, as long as it matters: at most kMaxFlat core values, else `overflow`.
struct FlatForm {
  static constexpr size_t kMaxFlat = 16;
  std::vector<CoreValueType> types;
  bool overflow = false;

  void append(const FlatForm& other);
};

class TypeTable {
 public:
  TypeTable();
  TypeTable(const TypeTable&) = delete;
  TypeTable& operator=(const TypeTable&) = delete;

  // Bounds the work of one decoding run; see `spend`.
  static constexpr uint64_t kMaxWork = 100'000'000;

  wit::TypeRef primitive(wit::Kind kind) const { return primitives_[static_cast<size_t>(kind)]; }
  // Refuses a type that is too large or too deep. Members' types must come from this table.
  Result<wit::TypeRef> add(wit::Type type, uint64_t offset, uint32_t alias = 0);
  // The same structure under a new identity.
  wit::TypeRef copy(const wit::TypeRef& type);
  Result<std::shared_ptr<const wit::FunctionType>> add(wit::FunctionType type, uint64_t offset);

  const TypeInfo& info(const wit::TypeRef& type) const { return types_.at(type.get()).info; }
  const TypeInfo& info(const wit::FunctionType& type) const { return functions_.at(&type).info; }
  // Size and mention of resources of anything with a name.
  TypeInfo info(const ExternType& type) const;

  const FlatForm& flat(const wit::TypeRef& type);

  // Counts `steps` of work that depends on type trees. False: the budget is used up; whoever walks stops.
  bool spend(uint64_t steps = 1) { return (work_ += steps) <= kMaxWork; }
  bool exhausted() const { return work_ > kMaxWork; }

 private:
  template <class T>
  struct Entry {
    std::shared_ptr<const T> keep;
    TypeInfo info;
  };
  std::array<wit::TypeRef, 13> primitives_;
  std::unordered_map<const wit::Type*, Entry<wit::Type>> types_;
  std::unordered_map<const wit::FunctionType*, Entry<wit::FunctionType>> functions_;
  std::unordered_map<const wit::Type*, FlatForm> flat_;
  uint64_t work_ = 0;
};

// Adds a part's size to a whole; refuses above kMaxTypeSize.
Result<void> add_size(uint32_t& whole, uint32_t part, uint64_t offset);
// Puts a part of that depth into a whole; refuses above kMaxTypeDepth: nothing that walks types goes deeper.
Result<void> add_depth(uint32_t& whole, uint32_t part, uint64_t offset);

}  // namespace wattle::component
