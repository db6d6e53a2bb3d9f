// What a component instance knows at run time: its handles, and whether it may be entered and left. And the
// state of one call: Task on the callee's side, Lenders on the caller's.
//
// Clauses: CanonicalABI.md "Component Instances", "Table State", "Resource State", "Task", "Subtask".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/host.h"

namespace wattle::runtime {

// One call into a component instance, from the lowering of its arguments until its result is lifted.
struct Task {
  uint32_t borrow_count = 0;  // borrow handles that this call was given and has not dropped
};

// A resource type by its position in the plan; ResourceType objects are looked up only for the host's sake.
using ResourceIndex = uint32_t;

struct Handle {
  uint32_t representation = 0;
  ResourceIndex resource = 0;
  uint32_t lend_count = 0;       // calls in progress that were lent this handle
  Task* borrow_scope = nullptr;  // null: an own handle
  bool is_own() const { return borrow_scope == nullptr; }
};

// The handles of one component instance, by index. Indices start at 1; the one that was freed last is used
// first (a guest can observe this).
class HandleTable {
 public:
  // Far below the specification's 2^28 - 1: a guest must not eat the host's memory with handles.
  static constexpr uint32_t kMaxHandles = 1'000'000;

  HandleTable() : entries_(1) {}

  // 0: the table is full.
  uint32_t add(const Handle& handle);
  // Null: no such handle.
  Handle* get(uint32_t index) {
    return index < entries_.size() && entries_[index].is_used ? &entries_[index].handle : nullptr;
  }
  // Precondition: get(index) is not null.
  void remove(uint32_t index);
  uint32_t count() const { return count_; }
  // Whether there ever was a handle.
  bool was_used() const { return entries_.size() > 1; }
  // `visit(const Handle&)` for every handle.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_)
      if (entry.is_used) visit(entry.handle);
  }

 private:
  struct Entry {
    Handle handle;
    uint32_t next_free = 0;
    bool is_used = false;
  };
  std::vector<Entry> entries_;  // the first is never used
  uint32_t first_free_ = 0;
  uint32_t count_ = 0;
};

class ComponentInstance;

// A resource type of a live instance.
struct ResourceDefinition {
  const ResourceType* type = nullptr;
  const ComponentInstance* definer = nullptr;  // null: the host
};

// One instance of one component of a composition.
class ComponentInstance {
 public:
  HandleTable handles;
  bool may_enter = true;
  bool may_leave = true;
  // By ResourceIndex; the same for all component instances of a composition.
  std::span<const ResourceDefinition> resources;
};

// The handles that a call was lent, to give them back at its end. Short lists take no allocation.
class Lenders {
 public:
  Lenders() = default;
  Lenders(const Lenders&) = delete;
  Lenders& operator=(const Lenders&) = delete;

  // A lent handle is not removed before it is given back, so its index stays good.
  void add(HandleTable& table, uint32_t index) {
    ++table.get(index)->lend_count;
    if (count_ < first_.size())
      first_[count_++] = index;
    else
      more_.push_back(index);
  }
  void give_back(HandleTable& table) {
    for (uint32_t position = 0; position < count_; ++position) --table.get(first_[position])->lend_count;
    for (uint32_t index : more_) --table.get(index)->lend_count;
    count_ = 0;
    more_.clear();
  }

 private:
  std::array<uint32_t, 8> first_;
  uint32_t count_ = 0;
  std::vector<uint32_t> more_;
};

}  // namespace wattle::runtime
