// A call that a component makes through a linked import: one that is satisfied at call time, by whatever the
// host's links say at that moment.
//
//   linker.linked_interface("shop:pricing/prices", [&](ImportCall& call) -> Result<void> {
//     WATTLE_TRY(Target target, links.resolve(call.import(), call.host()));
//     if (target.pool != nullptr) return call.run_in(*target.pool, *target.function, limits);   // this host
//     WATTLE_TRY(auto arguments, call.arguments());
//     WATTLE_TRY(auto result, remote.call(target, arguments));                             // another host
//     return call.set_result(result);
//   });
//
// What the callback returns as an error reaches the component as the error value that the function declares
// (error_mapping.h), and as a trap where that has no room. A mistake of the caller itself, such as text that
// is not UTF-8, traps the caller whatever the callback does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/canonical.h"

namespace wattle::runtime {

// Callees whose type was found to fit one import of one instance, so that it is compared once and not in
// every call. More than a few at once only for a moment, while links change.
class CheckedCallees {
 public:
  bool contains(uint64_t plan_id, uint32_t lift) const {
    for (const Entry& entry : entries_)
      if (entry.plan_id == plan_id && entry.lift == lift) return true;
    return false;
  }
  void add(uint64_t plan_id, uint32_t lift) { entries_[next_++ % entries_.size()] = {plan_id, lift}; }

 private:
  struct Entry {
    uint64_t plan_id = 0;  // no plan's
    uint32_t lift = 0;
  };
  std::array<Entry, 4> entries_;
  uint32_t next_ = 0;
};

struct LinkedCallAdapter {
  const Surroundings* surroundings = nullptr;
  const Plan::Lower* lower = nullptr;
  const Plan::HostImport* callee = nullptr;
  ComponentInstance* caller = nullptr;
  LiveOptions caller_options;
  CheckedCallees checked;
  static bool call(void* adapter, engine::CoreValue* values);
};

// Lives as long as the call. Exactly one of run_in() and set_result() answers it, once.
class ImportCall {
 public:
  ImportCall(LinkedCallAdapter& adapter, engine::CoreValue* values);
  ImportCall(const ImportCall&) = delete;
  ImportCall& operator=(const ImportCall&) = delete;

  // Which import. One object for all calls of all instances of a linked component.
  const LinkedImport& import() const { return *adapter_.callee->linked_import; }
  // The caller's, with what the embedder attached.
  Host& host() const { return context_.host; }
  // Resources by the caller's own indices.
  const wit::FunctionType& type() const { return *adapter_.lower->type; }
  const wit::FunctionLayout& layout() const { return adapter_.lower->layout; }
  // Refused (unsupported): a function that passes handles which mean nothing to another host: all but owned
  // ones of `carried`.
  Result<void> check_remote(const ResourceType& carried) const;
  bool passes_handles() const;
  // The host's resource type behind a number in type(); null: a component's own.
  const ResourceType* resource_type(wit::ResourceId resource) const;

  // Runs the call in an instance of another component on this worker, with copies from memory to memory.
  // Waits for the instance as InstancePool::acquire does. CPU time, traps, deadline and memory of the callee
  // are judged by `limits` and by its own store. Host resources that the callee takes over move into its
  // host. Refused besides what acquire and a call refuse: unlinkable where the export has another type than
  // the import, with both shown; unsupported for functions that pass resources which a guest defines, or
  // borrow any; overloaded where calls are nested so deep that the stack ends.
  Result<void> run_in(InstancePool& pool, const ExportedFunction& function, const engine::CallLimits& limits);
  // Whether what run_in() was refused with is a mistake of the caller's, and not the callee's.
  bool caller_failed() const { return context_.failed(); }

  // The arguments as values. Handles that the caller gives away are moved out of its table.
  Result<wit::Values> arguments();
  // Answers with `result`; none for a function without one. Refused (invalid_argument): it is not of the
  // type.
  Result<void> set_result(const std::optional<wit::Value>& result);

  // What goes by, as values, for who watches: the arguments before run_in(), the result after it. The call is
  // not changed by it. Precondition: no handles are passed. Refused (trap): there is something else than the
  // type says, which the call finds by itself.
  Result<wit::Values> seen_arguments();
  Result<std::optional<wit::Value>> seen_result();

 private:
  friend struct LinkedCallAdapter;
  Result<void> check_callee(Instance& callee, const ExportedFunction& function);
  Result<void> run(Instance& callee, const ExportedFunction& function, const engine::CallLimits& limits);
  bool copy_arguments(CallContext& callee);
  void copy_result(CallContext& callee);
  // Once the callback has returned.
  bool conclude(Result<void> answered);
  bool conclude_failed(const Error& error);

  LinkedCallAdapter& adapter_;
  engine::CoreValue* values_;
  uint32_t return_pointer_ = 0;
  bool has_answer_ = false;
  CallContext context_;  // the caller's side
};

}  // namespace wattle::runtime
