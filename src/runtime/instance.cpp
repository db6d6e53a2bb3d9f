#include "runtime/instance.h"

#include "runtime/values.h"

namespace wattle::runtime {
namespace {

using engine::CoreType;

std::vector<CoreType> core_types(const std::vector<wit::FlatType>& flat) {
  std::vector<CoreType> types;
  for (wit::FlatType each : flat) {
    switch (each) {
      case wit::FlatType::i32:
        types.push_back(CoreType::i32);
        break;
      case wit::FlatType::i64:
        types.push_back(CoreType::i64);
        break;
      case wit::FlatType::f32:
        types.push_back(CoreType::f32);
        break;
      case wit::FlatType::f64:
        types.push_back(CoreType::f64);
        break;
    }
  }
  return types;
}

}  // namespace

// ---- Instantiation

Instance::Impl::Impl(std::shared_ptr<const LinkedComponent> linked_component,
                     std::shared_ptr<const Plan> its_plan, Host&& host_state,
                     std::unique_ptr<engine::Store> engine_store)
    : linked(std::move(linked_component)),
      plan_owner(std::move(its_plan)),
      plan(*plan_owner),
      host(std::move(host_state)),
      store(std::move(engine_store)),
      surroundings{store.get(), &host, &plan},
      components(plan.component_instances.size()),
      destructors(plan.resources.size()),
      slots(plan.slot_count),
      core_instances(plan.core_instance_count),
      lifts(plan.lifts.size()),
      entered_by_host(plan.lifts.size()) {
  ++linked->live_instances_;
  resources.reserve(plan.resources.size());
  for (const Plan::Resource& resource : plan.resources) {
    if (resource.host != nullptr) {
      resources.push_back({resource.host, nullptr});
    } else {
      const ResourceType& type = own_resource_types.emplace_back(ResourceType{"", resource.name, false});
      resources.push_back({&type, &components[resource.component_instance]});
    }
  }
  for (ComponentInstance& each : components) each.resources = resources;
}

Result<void> Instance::Impl::instantiate() {
  for (const Plan::Step& step : plan.steps)
    WATTLE_CHECK(std::visit([&](const auto& each) { return take(each); }, step));
  return {};
}

LiveOptions Instance::Impl::live(const Plan::Options& options) {
  LiveOptions result{.encoding = options.encoding};
  if (options.memory) result.memory = store->memory(slots[*options.memory]);
  if (options.realloc) result.realloc = function(*options.realloc);
  if (options.post_return) result.post_return = function(*options.post_return);
  return result;
}

EnteringSet Instance::Impl::entering_set(const std::vector<uint32_t>& component_instances) {
  std::vector<ComponentInstance*> instances;
  for (uint32_t index : component_instances) instances.push_back(&components[index]);
  return EnteringSet(std::move(instances));
}

Result<void> Instance::Impl::take(const Plan::InstantiateModule& step) {
  std::vector<engine::Extern> imports;
  for (Plan::Slot slot : step.imports) imports.push_back(slots[slot]);
  WATTLE_TRY(core_instances[step.core_instance], store->instantiate(*step.module, imports));
  return {};
}

Result<void> Instance::Impl::take(const Plan::TakeExport& step) {
  WATTLE_TRY(slots[step.slot], store->exported(core_instances[step.core_instance], step.name));
  return {};
}

Result<void> Instance::Impl::take(const Plan::MakeLowered& step) {
  const Plan::Lower& lower = plan.lowers[step.lower];
  const engine::Signature signature{core_types(lower.layout.lowered_parameters),
                                    core_types(lower.layout.lowered_results)};
  ComponentInstance& caller = components[lower.component_instance];
  engine::Extern& slot = slots[step.slot];
  switch (lower.callee_kind) {
    case Plan::Callee::host:
      slot = make_host_call(lower, signature);
      return {};
    case Plan::Callee::guest: {
      GuestCallAdapter& adapter =
          guest_calls.emplace_back(GuestCallAdapter{&surroundings, &lower, &caller, live(lower.options),
                                                    &lifts[lower.callee], entering_set(lower.entered)});
      slot = store->make_host_function(
          signature, lower.is_direct ? GuestCallAdapter::call_direct : GuestCallAdapter::call, &adapter);
      return {};
    }
    case Plan::Callee::later:
      slot = make_later(plan.later_functions[lower.callee], signature, caller);
      return {};
  }
  return {};
}

engine::Extern Instance::Impl::make_host_call(const Plan::Lower& lower, const engine::Signature& signature) {
  const Plan::HostImport& callee = *plan.host_imports[lower.callee];
  ComponentInstance& caller = components[lower.component_instance];
  if (callee.linked_import) {
    LinkedCallAdapter& adapter = linked_calls.emplace_back(
        LinkedCallAdapter{&surroundings, &lower, &callee, &caller, live(lower.options), {}});
    return store->make_host_function(signature, LinkedCallAdapter::call, &adapter);
  }
  HostCallAdapter& adapter =
      host_calls.emplace_back(HostCallAdapter{&surroundings, &lower, &callee, &caller, live(lower.options)});
  return store->make_host_function(
      signature, callee.dynamic ? HostCallAdapter::call_dynamic : HostCallAdapter::call, &adapter);
}

engine::Extern Instance::Impl::make_later(const Plan::LaterFunction& later,
                                          const engine::Signature& signature, ComponentInstance& caller) {
  LaterAdapter& adapter = later_calls.emplace_back(LaterAdapter{&surroundings, &later, &caller});
  return store->make_host_function(signature, LaterAdapter::call, &adapter);
}

Result<void> Instance::Impl::take(const Plan::MakeLater& step) {
  const Plan::LaterFunction& later = plan.later_functions[step.later];
  slots[step.slot] = make_later(later, later.signature, components[later.component_instance]);
  return {};
}

Result<void> Instance::Impl::take(const Plan::MakeResourceFunction& step) {
  using Operation = component::CanonResource::Operation;
  ResourceAdapter& adapter = resource_calls.emplace_back(
      ResourceAdapter{&surroundings, &components[step.component_instance], step.resource,
                      destructors[step.resource], entering_set(step.entered)});
  const bool has_result = step.operation != Operation::drop;
  const engine::Signature signature{{CoreType::i32},
                                    has_result ? std::vector{CoreType::i32} : std::vector<CoreType>{}};
  slots[step.slot] =
      store->make_host_function(signature,
                                step.operation == Operation::create ? ResourceAdapter::create
                                : step.operation == Operation::drop ? ResourceAdapter::drop
                                                                    : ResourceAdapter::representation,
                                &adapter);
  return {};
}

Result<void> Instance::Impl::take(const Plan::PrepareLift& step) {
  const Plan::Lift& lift = plan.lifts[step.lift];
  lifts[step.lift] = {&components[lift.component_instance], function(lift.core_function), live(lift.options)};
  entered_by_host[step.lift] = entering_set(plan.entering_set(std::nullopt, lift.component_instance));
  return {};
}

Result<void> Instance::Impl::take(const Plan::PrepareResource& step) {
  const Plan::Resource& resource = plan.resources[step.resource];
  if (resource.destructor) destructors[step.resource] = function(*resource.destructor);
  return {};
}

// ---- Reset

// Host resources that start functions have made cannot be made anew: such an instance serves one call.
void Instance::Impl::remember() {
  if (host.resources.count() > 0) return;
  auto shared = linked->image();
  auto image = store->take_image(shared);
  if (!image) return;
  // Guest code ran for that, so the fiber may have given way (which is why no lock is held) while another
  // instance was the first: then this one shares with it.
  if (shared == nullptr && (shared = linked->publish_image(*image)) != *image) {
    image = store->take_image(shared);
    if (!image) return;
  }
  has_image = true;
  for (const ComponentInstance& each : components) first_handles.push_back(each.handles);
}

bool Instance::Impl::reset() {
  host.resources.clear();
  if (!has_image) return false;
  // Whoever gives an instance back may have been cancelled: the next one has not.
  std::optional<async::MaskScope> mask;
  if (async::Fiber::current_or_null() != nullptr) mask.emplace();
  engine::Store::Scope scope(*store, {});
  if (!store->reset()) return false;
  for (size_t index = 0; index < components.size(); ++index) {
    HandleTable& handles = components[index].handles;
    if (handles.was_used()) handles = first_handles[index];
    components[index].may_enter = components[index].may_leave = true;
  }
  is_poisoned = false;
  return true;
}

Error Instance::Impl::poison(Error error) {
  is_poisoned = true;
  if (error.code() == ErrorCode::trap && error.message() == "unreachable")
    return Error(ErrorCode::trap, "wasm trap: wasm `unreachable` instruction executed");
  return error;
}

// ---- Instance

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// Host resources go first: they may refer to what the embedder attached, not to the store.
Instance::~Instance() {
  impl_->host.resources.clear();
}

std::unique_ptr<engine::Store> Instance::dismantle(std::unique_ptr<Instance> instance) {
  instance->impl_->host.resources.clear();
  return std::move(instance->impl_->store);
}

Result<std::unique_ptr<Instance>> Instance::create(std::shared_ptr<const LinkedComponent> linked, Host&& host,
                                                   const engine::CallLimits& limits,
                                                   std::unique_ptr<engine::Store> store) {
  if (store == nullptr) {
    engine::StoreOptions options;
    options.max_memory_bytes = linked->options().max_memory_bytes;
    WATTLE_TRY(store, engine::Store::create(options));
  }
  WATTLE_TRY(auto plan, linked->plan());
  auto impl = std::make_unique<Impl>(std::move(linked), std::move(plan), std::move(host), std::move(store));
  engine::Store::Scope scope(*impl->store, limits);
  if (auto done = impl->instantiate(); !done) return failure(impl->poison(std::move(done).error()));
  impl->remember();
  return std::unique_ptr<Instance>(new Instance(std::move(impl)));
}

Host& Instance::host() {
  return impl_->host;
}

const LinkedComponent& Instance::linked() const {
  return *impl_->linked;
}

bool Instance::poisoned() const {
  return impl_->is_poisoned;
}

const wit::FunctionType& Instance::type_of(const ExportedFunction& function) const {
  return *impl_->plan.lifts[function.index].type;
}

const wit::FunctionLayout& Instance::layout_of(const ExportedFunction& function) const {
  return impl_->plan.lifts[function.index].layout;
}

const ResourceType* Instance::resource_type(wit::ResourceId resource) const {
  return impl_->plan.resources[resource].host;
}

bool Instance::reset() {
  return impl_->reset();
}

Result<std::optional<wit::Value>> Instance::call(const ExportedFunction& function,
                                                 std::span<const wit::Value> arguments,
                                                 const engine::CallLimits& limits) {
  const size_t wanted = type_of(function).parameters.size();
  if (arguments.size() != wanted)
    return failure(ErrorCode::invalid_argument, "\"{}\" takes {} arguments, not {}", function.name, wanted,
                   arguments.size());
  const wit::FunctionLayout& layout = layout_of(function);
  engine::Store::Scope scope(*impl_->store, limits);
  ExportCall call(*this, function);
  if (!call.enter()) return failure(call.take_error());
  engine::CoreValue values[wit::kMaxFlatParameters + 1];
  if (auto lowered = lower_parameters(call.context(), layout, arguments, values); !lowered)
    return failure(call.refuse(std::move(lowered).error()));
  if (!call.run(values)) return failure(call.take_error());
  auto result = lift_result(call.context(), layout, values);
  if (!result) return failure(call.refuse(std::move(result).error()));
  if (!call.finish()) return failure(call.take_error());
  return result;
}

Result<void> Instance::drop(const wit::HandleValue& handle, const engine::CallLimits& limits) {
  for (size_t index = 0; index < impl_->resources.size(); ++index) {
    const ResourceDefinition& resource = impl_->resources[index];
    if (resource.type != handle.resource_type || resource.type->is_host || !handle.owned) continue;
    if (impl_->is_poisoned) return failure(Error(ErrorCode::trap, std::string(kCannotEnter)));
    engine::Store::Scope scope(*impl_->store, limits);
    EnteringSet entered = impl_->entering_set(
        impl_->plan.entering_set(std::nullopt, impl_->plan.resources[index].component_instance));
    auto destroyed = destroy_resource(impl_->surroundings, resource, handle.representation,
                                      impl_->destructors[index], entered);
    if (!destroyed) return failure(impl_->poison(std::move(destroyed).error()));
    return {};
  }
  return failure(ErrorCode::invalid_argument, "not an own handle of a resource that this instance defines");
}

Instance::Session::Session(Instance& instance, const engine::CallLimits& limits)
    : instance_(instance), scope_(*instance.impl().store, limits) {}

// ---- ExportCall

ExportCall::ExportCall(Instance& instance, const ExportedFunction& function)
    : instance_(instance.impl()),
      lift_(instance_.lifts[function.index]),
      index_(function.index),
      context_(*instance_.store, *lift_.instance, instance_.host, lift_.options) {
  context_.task = &task_;
}

ExportCall::~ExportCall() {
  if (state_ == State::entered) instance_.is_poisoned = true;
}

bool ExportCall::enter() {
  if (instance_.is_poisoned || !instance_.entered_by_host[index_].try_enter()) {
    context_.trap(kCannotEnter);
    return false;
  }
  state_ = State::entered;
  return true;
}

bool ExportCall::run(engine::CoreValue* values) {
  if (context_.failed()) return false;
  if (auto called = context_.store.call(lift_.function, values); !called) {
    context_.fail(std::move(called).error());
    return false;
  }
  core_result_ = values[0];
  return true;
}

bool ExportCall::has_post_return() const {
  return lift_.options.post_return.has_value();
}

bool ExportCall::finish() {
  if (context_.failed()) return false;
  if (task_.borrow_count > 0) return context_.trap(kBorrowsRemain), false;
  if (lift_.options.post_return) {
    if (auto done = run_post_return(context_.store, lift_, core_result_); !done)
      return context_.fail(std::move(done).error()), false;
  }
  instance_.entered_by_host[index_].leave();
  state_ = State::finished;
  return true;
}

Error ExportCall::take_error() {
  return instance_.poison(*context_.take_error());
}

Error ExportCall::refuse(Error error) {
  // A borrow handle that was made for the call must not outlive it.
  if (error.code() != ErrorCode::invalid_argument || task_.borrow_count > 0)
    return instance_.poison(std::move(error));
  instance_.entered_by_host[index_].leave();
  state_ = State::finished;
  return error;
}

Error call_detail::shape_error(const Instance& instance, const ExportedFunction& function) {
  return Error(ErrorCode::invalid_argument,
               fmt::format("the C++ types of the call do not fit \"{}\", which is {}", function.name,
                           wit::to_string(instance.type_of(function))));
}

}  // namespace wattle::runtime
