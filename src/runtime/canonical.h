// Calls between components, and from components to the host: what stands between a core import and the
// function behind it. Arguments are copied once, straight from the caller's linear memory to the callee's, by
// layout.
//
// Clauses: CanonicalABI.md "canon lift", "canon lower", "canon resource.new", "canon resource.drop",
// "canon resource.rep", "Lifting", "Lowering"; the lift of one side is fused with the lower of the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "runtime/call_context.h"
#include "runtime/plan.h"

namespace wattle::runtime {

inline constexpr std::string_view kCannotEnter = "wasm trap: cannot enter component instance";
inline constexpr std::string_view kCannotLeave = "wasm trap: cannot leave component instance";
inline constexpr std::string_view kBorrowsRemain = "borrow handles still remain at the end of the call";

// A lifted function of a live instance.
struct LiveLift {
  ComponentInstance* instance = nullptr;
  engine::FunctionHandle function;
  LiveOptions options;
};

// What all adapters of a live instance share.
struct Surroundings {
  engine::Store* store = nullptr;
  Host* host = nullptr;
  const Plan* plan = nullptr;
};

// The component instances that a call enters. try_enter() refuses when one of them is entered already.
class EnteringSet {
 public:
  explicit EnteringSet(std::vector<ComponentInstance*> instances = {}) : instances_(std::move(instances)) {}
  bool try_enter() {
    for (const ComponentInstance* instance : instances_)
      if (!instance->may_enter) return false;
    for (ComponentInstance* instance : instances_) instance->may_enter = false;
    return true;
  }
  void leave() {
    for (ComponentInstance* instance : instances_) instance->may_enter = true;
  }

 private:
  std::vector<ComponentInstance*> instances_;
};

// Adapters: contexts of host functions of the engine. Each outlives the store, at a fixed address.
struct GuestCallAdapter {
  const Surroundings* surroundings = nullptr;
  const Plan::Lower* lower = nullptr;
  ComponentInstance* caller = nullptr;
  LiveOptions caller_options;
  const LiveLift* callee = nullptr;
  EnteringSet entered;
  // What the engine calls: one of two, by Plan::Lower::is_direct.
  static bool call(void* adapter, engine::CoreValue* values);
  static bool call_direct(void* adapter, engine::CoreValue* values);
};

struct HostCallAdapter {
  const Surroundings* surroundings = nullptr;
  const Plan::Lower* lower = nullptr;
  const Plan::HostImport* callee = nullptr;
  ComponentInstance* caller = nullptr;
  LiveOptions caller_options;
  static bool call(void* adapter, engine::CoreValue* values);
  static bool call_dynamic(void* adapter, engine::CoreValue* values);
};

struct LaterAdapter {
  const Surroundings* surroundings = nullptr;
  const Plan::LaterFunction* function = nullptr;
  ComponentInstance* caller = nullptr;
  static bool call(void* adapter, engine::CoreValue* values);
};

struct ResourceAdapter {
  const Surroundings* surroundings = nullptr;
  ComponentInstance* caller = nullptr;
  ResourceIndex resource = 0;
  std::optional<engine::FunctionHandle> destructor;
  EnteringSet entered;
  static bool create(void* adapter, engine::CoreValue* values);
  static bool representation(void* adapter, engine::CoreValue* values);
  static bool drop(void* adapter, engine::CoreValue* values);
};

// Runs post-return, if there is one, with the core results of the call.
Result<void> run_post_return(engine::Store& store, const LiveLift& lift, engine::CoreValue result);

// Calls the destructor of an own handle's resource that was taken out of a table, or drops the host's.
Result<void> destroy_resource(const Surroundings& surroundings, const ResourceDefinition& resource,
                              uint32_t representation,
                              const std::optional<engine::FunctionHandle>& destructor, EnteringSet& entered);

// Copies values of known layout from one side of a call to the other. A failure is kept on the side whose
// fault it is.
class Transfer {
 public:
  Transfer(CallContext& from, CallContext& to) : from_(from), to_(to) {}
  // Between two instances: `importer` is the side whose resource indices the layouts use. Own handles of host
  // resources move from one host to the other; there must be no other handles.
  Transfer(CallContext& from, CallContext& to, const ComponentInstance& importer)
      : from_(from), to_(to), importer_(&importer) {}

  // Flat values, in place: numbers are normalised, pointers and handles become the receiver's. Moves `values`
  // on.
  void flat(const wit::Layout& layout, engine::CoreValue*& values);
  // A value of `layout` at `source` to `target`; checks both ranges.
  void memory(const wit::Layout& layout, uint32_t source, uint32_t target);
  bool failed() const { return from_.failed() || to_.failed(); }
  Error take_error() { return from_.failed() ? *from_.take_error() : *to_.take_error(); }

 private:
  struct Pair {
    uint32_t pointer = 0;
    uint32_t length = 0;
  };
  void flat_variant(const wit::Layout& layout, engine::CoreValue*& values);
  void copy(const wit::Layout& layout, uint32_t source, uint32_t target);
  void copy_variant(const wit::Layout& layout, uint32_t source, uint32_t target);
  Pair string(Pair range);
  Pair list(const wit::Layout& element, Pair range);
  uint32_t handle(const wit::Layout& layout, uint32_t handle);
  uint32_t move_resource(const ResourceType& type, uint32_t handle);
  uint32_t checked_char(uint32_t character);
  bool is_case(const wit::Layout& layout, uint32_t index);
  const uint8_t* source(uint32_t pointer) const { return from_.view().base + pointer; }
  uint8_t* target(uint32_t pointer) const { return to_.view().base + pointer; }

  CallContext& from_;
  CallContext& to_;
  const ComponentInstance* importer_ = nullptr;  // null: both sides are of one instance
};

// The arguments of a call, which are the caller's on entry and the callee's on return; its result, the other
// way round. `return_pointer`: where the caller wants a result that goes through memory.
void transfer_parameters(Transfer& transfer, CallContext& callee, const wit::FunctionLayout& layout,
                         engine::CoreValue* values);
void transfer_result(Transfer& transfer, const wit::FunctionLayout& layout, uint32_t return_pointer,
                     engine::CoreValue* values);

}  // namespace wattle::runtime
