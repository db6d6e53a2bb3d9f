// A live instance: what the plan's lists have become in one store.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "runtime/canonical.h"
#include "runtime/import_call.h"
#include "runtime/plan.h"
#include "runtime/runtime.h"

namespace wattle::runtime {

struct Instance::Impl {
  Impl(std::shared_ptr<const LinkedComponent> linked_component, std::shared_ptr<const Plan> its_plan,
       Host&& host_state, std::unique_ptr<engine::Store> engine_store);
  ~Impl() { --linked->live_instances_; }

  // Walks the plan's steps. Precondition: the store is entered.
  Result<void> instantiate();
  // Remembers the state of now for reset().
  void remember();
  bool reset();

  engine::FunctionHandle function(Plan::Slot slot) { return store->function(slots[slot]); }
  LiveOptions live(const Plan::Options& options);
  EnteringSet entering_set(const std::vector<uint32_t>& component_instances);
  // Marks the instance as unusable, and says the error in the words of the component model.
  Error poison(Error error);

  std::shared_ptr<const LinkedComponent> linked;
  std::shared_ptr<const Plan> plan_owner;
  const Plan& plan;
  Host host;
  std::unique_ptr<engine::Store> store;
  Surroundings surroundings;

  std::vector<ComponentInstance> components;
  std::deque<ResourceType> own_resource_types;
  std::vector<ResourceDefinition> resources;
  std::vector<std::optional<engine::FunctionHandle>> destructors;  // by ResourceIndex
  std::vector<engine::Extern> slots;
  std::vector<engine::InstanceHandle> core_instances;
  std::vector<LiveLift> lifts;
  std::vector<EnteringSet> entered_by_host;  // by lift
  std::deque<GuestCallAdapter> guest_calls;
  std::deque<HostCallAdapter> host_calls;
  std::deque<LinkedCallAdapter> linked_calls;
  std::deque<LaterAdapter> later_calls;
  std::deque<ResourceAdapter> resource_calls;

  bool is_poisoned = false;
  bool has_image = false;
  std::vector<HandleTable> first_handles;  // by component instance, as of remember()

 private:
  engine::Extern make_host_call(const Plan::Lower& lower, const engine::Signature& signature);
  engine::Extern make_later(const Plan::LaterFunction& later, const engine::Signature& signature,
                            ComponentInstance& caller);
  Result<void> take(const Plan::InstantiateModule& step);
  Result<void> take(const Plan::TakeExport& step);
  Result<void> take(const Plan::MakeLowered& step);
  Result<void> take(const Plan::MakeLater& step);
  Result<void> take(const Plan::MakeResourceFunction& step);
  Result<void> take(const Plan::PrepareLift& step);
  Result<void> take(const Plan::PrepareResource& step);
};

}  // namespace wattle::runtime
