#include "runtime/import_call.h"

#include "async/fiber.h"
#include "runtime/error_mapping.h"
#include "runtime/instance.h"
#include "runtime/values.h"

namespace wattle::runtime {
namespace {

using engine::CoreValue;

// What a nested call may still need of the fiber's stack before its guest's own check of it takes over: the
// host's frames, and V8's while it makes an instance.
constexpr uintptr_t kStackForNestedCall = 160 * 1024;
// In a type, that are looked at for handles.
constexpr uint32_t kMostPlaces = 10'000;

bool stack_ends_soon() {
  const async::Fiber* fiber = async::Fiber::current_or_null();
  return fiber != nullptr &&
         reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) < fiber->stack_low() + kStackForNestedCall;
}

wit::ResourceNamer names_in(const Plan& plan) {
  return [&plan](wit::ResourceId id) {
    return id < plan.resources.size() ? plan.resources[id].name : fmt::format("resource-{}", id);
  };
}

bool has_handles(const wit::FunctionLayout& layout) {
  return layout.parameters->has_handles || (layout.result != nullptr && layout.result->has_handles);
}

// Why a handle somewhere inside cannot go from one instance to another; empty: they all can. Types share
// parts, and a part is looked at once for each place where it is used: bounded, since what passes has little
// depth left.
// `only`: the one resource that can; null: every one of the host's.
const char* obstacle(const Plan& plan, const wit::Layout& layout, const ResourceType* only,
                     uint32_t& places_left) {
  if (!layout.has_handles) return nullptr;
  if (places_left == 0) return "has too large a type";
  --places_left;
  if (layout.kind == wit::Kind::borrow) return "lends a resource";
  if (layout.kind == wit::Kind::own) {
    const ResourceType* host = plan.resources[layout.resource].host;
    if (host == nullptr || !host->is_host) return "passes a resource that a component defines";
    return only != nullptr && host != only ? "passes a resource that cannot leave its host" : nullptr;
  }
  for (const wit::LayoutMember& member : layout.members) {
    if (member.layout == nullptr || !member.layout->has_handles) continue;
    if (const char* found = obstacle(plan, *member.layout, only, places_left)) return found;
  }
  return nullptr;
}

Error takes_no_resource(const LinkedImport& import, std::string_view why) {
  return Error(ErrorCode::unsupported,
               fmt::format("\"{}\" of \"{}\" {}, which no link carries", import.name, import.interface, why))
      .with_remedy("compose the two components into one, or pass values instead");
}

// Refused (unsupported): what obstacle() finds.
Result<void> check_handles(const Plan& plan, const LinkedImport& import, const wit::FunctionLayout& layout,
                           const ResourceType* only) {
  if (!has_handles(layout)) return {};
  uint32_t places_left = kMostPlaces;
  for (const wit::LayoutRef& each : {layout.parameters, layout.result}) {
    if (each == nullptr) continue;
    if (const char* why = obstacle(plan, *each, only, places_left))
      return failure(takes_no_resource(import, why));
  }
  return {};
}

}  // namespace

ImportCall::ImportCall(LinkedCallAdapter& adapter, CoreValue* values)
    : adapter_(adapter),
      values_(values),
      context_(*adapter.surroundings->store, *adapter.caller, *adapter.surroundings->host,
               adapter.caller_options) {
  if (layout().result_in_memory) return_pointer_ = values[layout().lowered_parameters.size() - 1].u32;
}

// ---- In another instance

Result<void> ImportCall::check_callee(Instance& callee, const ExportedFunction& function) {
  const Plan& theirs = callee.impl().plan;
  if (adapter_.checked.contains(theirs.id, function.index)) return {};
  const Plan::Lift& lift = theirs.lifts[function.index];
  const Plan& ours = *adapter_.surroundings->plan;
  WATTLE_CHECK(check_handles(ours, import(), layout(), nullptr));
  const auto is_same_resource = [&](wit::ResourceId left, wit::ResourceId right) {
    return left < ours.resources.size() && right < theirs.resources.size() &&
           ours.resources[left].host != nullptr && ours.resources[left].host == theirs.resources[right].host;
  };
  if (!wit::equal(type(), *lift.type, is_same_resource)) {
    return failure(
        Error(ErrorCode::unlinkable,
              fmt::format("the import \"{}\" of \"{}\" has another type than the export it is "
                          "linked to:\n  the caller asks for  {}\n  the callee has       {}",
                          import().name, import().interface, wit::to_string(type(), names_in(ours)),
                          wit::to_string(*lift.type, names_in(theirs))))
            .with_remedy("build both components against the same version of the interface"));
  }
  adapter_.checked.add(theirs.id, function.index);
  return {};
}

Result<void> ImportCall::run_in(InstancePool& pool, const ExportedFunction& function,
                                const engine::CallLimits& limits) {
  if (stack_ends_soon()) {
    return failure(Error(ErrorCode::overloaded, "calls between components are nested too deep")
                       .with_remedy("look for links that lead in a circle"));
  }
  WATTLE_TRY(auto lease, pool.acquire());
  WATTLE_CHECK(check_callee(*lease, function));
  return run(*lease, function, limits);
}

// A failure of the caller is left in its context, whose error then counts.
Result<void> ImportCall::run(Instance& instance, const ExportedFunction& function,
                             const engine::CallLimits& limits) {
  engine::Store& store = *instance.impl().store;
  ExportCall callee(instance, function);
  std::optional<engine::Store::Scope> scope;
  scope.emplace(store, limits);
  if (!callee.enter()) return failure(callee.take_error());
  if (!copy_arguments(callee.context()) || !callee.run(values_)) {
    if (context_.failed()) return failure(*context_.error());
    return failure(callee.take_error());
  }
  // Room for strings and lists comes from the caller's realloc, which runs in the caller's store.
  const bool needs_caller = layout().result != nullptr && layout().result->has_pointers;
  engine::CallLimits rest = limits;
  if (needs_caller) {
    if (limits.cpu_time != Duration::max())
      rest.cpu_time = std::max(limits.cpu_time - store.cpu_time_used(), Duration::zero());
    scope.reset();
  }
  copy_result(callee.context());
  if (context_.failed()) return failure(*context_.error());
  if (needs_caller && !callee.context().failed() && callee.has_post_return()) scope.emplace(store, rest);
  if (!callee.finish()) return failure(callee.take_error());
  has_answer_ = true;
  return {};
}

// False: failed; the caller's own failure is in its context.
bool ImportCall::copy_arguments(CallContext& callee) {
  if (adapter_.lower->is_direct) return true;
  Transfer there(context_, callee, *adapter_.caller);
  transfer_parameters(there, callee, layout(), values_);
  return !there.failed();
}

void ImportCall::copy_result(CallContext& callee) {
  if (adapter_.lower->is_direct) return;
  Transfer back(callee, context_, *adapter_.caller);
  transfer_result(back, layout(), return_pointer_, values_);
}

// ---- By values

Result<void> ImportCall::check_remote(const ResourceType& carried) const {
  return check_handles(*adapter_.surroundings->plan, import(), layout(), &carried);
}

bool ImportCall::passes_handles() const {
  return has_handles(layout());
}

const ResourceType* ImportCall::resource_type(wit::ResourceId resource) const {
  return adapter_.surroundings->plan->resources[resource].host;
}

Result<wit::Values> ImportCall::arguments() {
  auto lifted = lift_parameters(context_, layout(), values_);
  if (!lifted) context_.fail(lifted.error());
  return lifted;
}

Result<void> ImportCall::set_result(const std::optional<wit::Value>& result) {
  auto lowered = lower_result(context_, layout(), result, return_pointer_, values_);
  if (!lowered) {
    if (lowered.error().code() == ErrorCode::trap) context_.fail(lowered.error());
    return lowered;
  }
  has_answer_ = true;
  return {};
}

Result<wit::Values> ImportCall::seen_arguments() {
  return lift_parameters(context_, layout(), values_);
}

Result<std::optional<wit::Value>> ImportCall::seen_result() {
  engine::CoreValue core = values_[0];
  if (layout().result_in_memory) core.u32 = return_pointer_;
  return lift_result(context_, layout(), &core);
}

// ---- The adapter

bool LinkedCallAdapter::call(void* context, CoreValue* values) {
  auto& self = *static_cast<LinkedCallAdapter*>(context);
  if (!self.caller->may_leave) {
    self.surroundings->store->set_trap(Error(ErrorCode::trap, std::string(kCannotLeave)));
    return false;
  }
  ImportCall call(self, values);
  return call.conclude(self.callee->linked(call));
}

bool ImportCall::conclude(Result<void> answered) {
  if (answered && !has_answer_ && !context_.failed())
    answered =
        failure(ErrorCode::internal, "\"{}\" of \"{}\" was not answered", import().name, import().interface);
  if (context_.failed()) {
    context_.store.set_trap(*context_.take_error());
    return false;
  }
  if (!answered && !conclude_failed(answered.error())) return false;
  context_.lenders.give_back(context_.instance.handles);
  return true;
}

bool ImportCall::conclude_failed(const Error& error) {
  auto value = error_value(type().result, error);
  if (!value) {
    // With its cause, by which whoever called the instance tells it from a mistake of the guest.
    context_.store.set_trap(Error(
        ErrorCode::trap, fmt::format("\"{}\" of \"{}\" failed", import().name, import().interface), error));
    return false;
  }
  auto lowered = lower_result(context_, layout(), *value, return_pointer_, values_);
  if (lowered) return true;
  context_.store.set_trap(std::move(lowered).error());
  return false;
}

}  // namespace wattle::runtime
