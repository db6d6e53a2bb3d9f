#include "runtime/canonical.h"

#include "runtime/values.h"

namespace wattle::runtime {
namespace {

using engine::CoreValue;

bool trap(const Surroundings& surroundings, Error error) {
  surroundings.store->set_trap(std::move(error));
  return false;
}

bool trap(const Surroundings& surroundings, std::string_view message) {
  return trap(surroundings, Error(ErrorCode::trap, std::string(message)));
}

CallContext make_context(const Surroundings& surroundings, ComponentInstance& instance,
                         const LiveOptions& options) {
  return CallContext(*surroundings.store, instance, *surroundings.host, options);
}

}  // namespace

void transfer_parameters(Transfer& transfer, CallContext& callee, const wit::FunctionLayout& layout,
                         CoreValue* values) {
  if (!layout.parameters_in_memory) return transfer.flat(*layout.parameters, values);
  const wit::Layout& record = *layout.parameters;
  const uint32_t target = callee.allocate(record.alignment, record.size, "value");
  transfer.memory(record, values[0].u32, target);
  values[0].u64 = target;
}

void transfer_result(Transfer& transfer, const wit::FunctionLayout& layout, uint32_t return_pointer,
                     CoreValue* values) {
  if (layout.result == nullptr) return;
  if (layout.result_in_memory) return transfer.memory(*layout.result, values[0].u32, return_pointer);
  transfer.flat(*layout.result, values);
}

Result<void> run_post_return(engine::Store& store, const LiveLift& lift, CoreValue result) {
  if (!lift.options.post_return) return {};
  CoreValue values[1] = {result};
  lift.instance->may_leave = false;
  WATTLE_CHECK(store.call(*lift.options.post_return, values));
  lift.instance->may_leave = true;
  return {};
}

// ---- Component to component

bool GuestCallAdapter::call_direct(void* context, CoreValue* values) {
  auto& self = *static_cast<GuestCallAdapter*>(context);
  const Surroundings& surroundings = *self.surroundings;
  if (!self.caller->may_leave) return trap(surroundings, kCannotLeave);
  if (self.lower->is_recursive || !self.entered.try_enter()) return trap(surroundings, kCannotEnter);
  if (auto called = surroundings.store->call(self.callee->function, values); !called)
    return trap(surroundings, std::move(called).error());
  if (self.callee->options.post_return) {
    if (auto done = run_post_return(*surroundings.store, *self.callee, values[0]); !done)
      return trap(surroundings, std::move(done).error());
  }
  self.entered.leave();
  return true;
}

bool GuestCallAdapter::call(void* context, CoreValue* values) {
  auto& self = *static_cast<GuestCallAdapter*>(context);
  const Surroundings& surroundings = *self.surroundings;
  const wit::FunctionLayout& layout = self.lower->layout;
  if (!self.caller->may_leave) return trap(surroundings, kCannotLeave);
  if (self.lower->is_recursive || !self.entered.try_enter()) return trap(surroundings, kCannotEnter);

  Task task;
  CallContext caller = make_context(surroundings, *self.caller, self.caller_options);
  CallContext callee = make_context(surroundings, *self.callee->instance, self.callee->options);
  callee.task = &task;
  const uint32_t return_pointer =
      layout.result_in_memory ? values[layout.lowered_parameters.size() - 1].u32 : 0;
  Transfer there(caller, callee);
  transfer_parameters(there, callee, layout, values);
  if (there.failed()) return trap(surroundings, there.take_error());

  if (auto called = surroundings.store->call(self.callee->function, values); !called)
    return trap(surroundings, std::move(called).error());

  if (task.borrow_count > 0) return trap(surroundings, kBorrowsRemain);
  const CoreValue core_result = values[0];
  Transfer back(callee, caller);
  transfer_result(back, layout, return_pointer, values);
  if (back.failed()) return trap(surroundings, back.take_error());
  if (auto done = run_post_return(*surroundings.store, *self.callee, core_result); !done)
    return trap(surroundings, std::move(done).error());
  caller.lenders.give_back(self.caller->handles);
  self.entered.leave();
  return true;
}

// ---- Component to host

bool HostCallAdapter::call(void* context, CoreValue* values) {
  auto& self = *static_cast<HostCallAdapter*>(context);
  if (!self.caller->may_leave) return trap(*self.surroundings, kCannotLeave);
  CallContext call = make_context(*self.surroundings, *self.caller, self.caller_options);
  self.callee->call(self.callee->closure.get(), call, values);
  if (call.failed()) return trap(*self.surroundings, *call.take_error());
  call.lenders.give_back(self.caller->handles);
  return true;
}

bool HostCallAdapter::call_dynamic(void* context, CoreValue* values) {
  auto& self = *static_cast<HostCallAdapter*>(context);
  if (!self.caller->may_leave) return trap(*self.surroundings, kCannotLeave);
  CallContext call = make_context(*self.surroundings, *self.caller, self.caller_options);
  const wit::FunctionLayout& layout = self.lower->layout;
  const uint32_t return_pointer =
      layout.result_in_memory ? values[layout.lowered_parameters.size() - 1].u32 : 0;
  auto arguments = lift_parameters(call, layout, values);
  if (!arguments) return trap(*self.surroundings, std::move(arguments).error());
  auto result = self.callee->dynamic(*self.surroundings->host, *arguments);
  if (!result) return trap(*self.surroundings, std::move(result).error());
  auto lowered = lower_result(call, layout, *result, return_pointer, values);
  if (!lowered) return trap(*self.surroundings, std::move(lowered).error());
  call.lenders.give_back(self.caller->handles);
  return true;
}

bool LaterAdapter::call(void* context, CoreValue*) {
  auto& self = *static_cast<LaterAdapter*>(context);
  if (!self.caller->may_leave) return trap(*self.surroundings, kCannotLeave);
  return trap(
      *self.surroundings,
      Error(ErrorCode::unsupported, fmt::format("\"{}\" needs the feature \"{}\", which wattle does not have",
                                                self.function->name, self.function->feature)));
}

// ---- Resources

bool ResourceAdapter::create(void* context, CoreValue* values) {
  auto& self = *static_cast<ResourceAdapter*>(context);
  if (!self.caller->may_leave) return trap(*self.surroundings, kCannotLeave);
  CallContext call = make_context(*self.surroundings, *self.caller, {});
  const uint32_t handle = call.lower_own(values[0].u32, self.resource);
  if (call.failed()) return trap(*self.surroundings, *call.take_error());
  values[0].u64 = handle;
  return true;
}

bool ResourceAdapter::representation(void* context, CoreValue* values) {
  auto& self = *static_cast<ResourceAdapter*>(context);
  CallContext call = make_context(*self.surroundings, *self.caller, {});
  const Handle* handle = call.find_handle(values[0].u32, self.resource);
  if (handle == nullptr) return trap(*self.surroundings, *call.take_error());
  values[0].u64 = handle->representation;
  return true;
}

bool ResourceAdapter::drop(void* context, CoreValue* values) {
  auto& self = *static_cast<ResourceAdapter*>(context);
  if (!self.caller->may_leave) return trap(*self.surroundings, kCannotLeave);
  CallContext call = make_context(*self.surroundings, *self.caller, {});
  const uint32_t index = values[0].u32;
  const Handle* found = call.find_handle(index, self.resource);
  if (found == nullptr) return trap(*self.surroundings, *call.take_error());
  if (found->lend_count != 0) return trap(*self.surroundings, "cannot remove owned resource while borrowed");
  const Handle handle = *found;
  self.caller->handles.remove(index);
  if (!handle.is_own()) {
    --handle.borrow_scope->borrow_count;
    return true;
  }
  auto destroyed = destroy_resource(*self.surroundings, self.caller->resources[self.resource],
                                    handle.representation, self.destructor, self.entered);
  return destroyed || trap(*self.surroundings, std::move(destroyed).error());
}

Result<void> destroy_resource(const Surroundings& surroundings, const ResourceDefinition& resource,
                              uint32_t representation,
                              const std::optional<engine::FunctionHandle>& destructor, EnteringSet& entered) {
  if (resource.definer == nullptr) {
    surroundings.host->resources.take(representation);
    return {};
  }
  if (!entered.try_enter()) return failure(Error(ErrorCode::trap, std::string(kCannotEnter)));
  if (destructor) {
    CoreValue values[1] = {{.u64 = representation}};
    WATTLE_CHECK(surroundings.store->call(*destructor, values));
  }
  entered.leave();
  return {};
}

}  // namespace wattle::runtime
