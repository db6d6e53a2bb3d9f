// Components, from bytes to a call:
//
//   WATTLE_TRY(auto component, Component::load(bytes, {}));            // decode, validate, compile: any
//   thread Linker linker; wasi::add_to(linker);                                              // host
//   functions by interface WATTLE_TRY(auto linked, linker.link(component));                   // every import
//   found and of the right type WATTLE_TRY(auto instance, Instance::create(linked, {}));           // on the
//   worker's thread WATTLE_TRY(auto add, linked->find_function("ns:demo/calc@1.0.0", "add")); WATTLE_TRY(auto
//   results, instance->call(*add, {1u, 2u}, limits));
//
// Linking flattens nested components into a Plan, one linear list of steps, so that creating an instance only
// walks the list (plan.h). A call runs on the current fiber.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "component/component.h"
#include "engine/engine.h"
#include "engine/store_pool.h"
#include "runtime/bind.h"
#include "runtime/host.h"
#include "wit/layout.h"
#include "wit/value.h"

namespace wattle::runtime {

struct LoadOptions {
  uint64_t max_memory_bytes = uint64_t{4} << 30;  // all linear memories of an instance together
  bool compile = true;                            // false: decode and validate only, for tools
};

// A component that was decoded, validated and compiled. Immutable, for any thread.
class Component {
 public:
  // Blocks while compiling: see async::offload. Errors: malformed, invalid, unsupported, memory_exceeded.
  static Result<std::shared_ptr<const Component>> load(std::vector<uint8_t> bytes,
                                                       const LoadOptions& options);

  const component::Component& definition() const { return *definition_; }
  const LoadOptions& options() const { return options_; }
  // A core module of the component, or of one nested in it.
  const std::shared_ptr<const engine::Module>& module(const component::ModuleBytes& bytes) const;

 private:
  friend class Linker;
  friend class LinkedComponent;
  using MakeModule = std::function<Result<std::shared_ptr<const engine::Module>>(
      std::span<const uint8_t> bytes, const engine::CompileOptions& options)>;

  // A component that was loaded before, from the same bytes with the same options; `modules` are the records
  // of its core modules in the order of component::for_each_core_module.
  static Result<std::shared_ptr<const Component>> restore(std::shared_ptr<const std::vector<uint8_t>> binary,
                                                          const LoadOptions& options,
                                                          std::span<const engine::ModuleRecord> modules);
  Result<void> make_modules(const MakeModule& make);

  std::shared_ptr<const component::Component> definition_;
  LoadOptions options_;
  std::map<const uint8_t*, std::shared_ptr<const engine::Module>> modules_;  // by where their bytes are
};

struct Plan;            // plan.h
class RecordedImports;  // linked_component.h

// An exported function of a linked component, found by name once and called often. Little: whoever holds it
// keeps nothing that an idle component could give up.
struct ExportedFunction {
  std::string interface;  // empty: exported by the component itself
  std::string name;
  uint32_t index = 0;  // in Plan::lifts
};

// One function that a component imports through a link: satisfied at call time.
struct LinkedImport {
  std::string interface;  // as imported: "shop:pricing/prices@1.0.0"
  std::string name;
  uint32_t index = 0;  // among LinkedComponent::linked_imports()
};
class ImportCall;  // import_call.h, which says how it is used
using LinkedFunction = std::function<Result<void>(ImportCall& call)>;

// A component with all imports bound: for any thread. What an idle one needs no longer can be given up (park)
// and is made anew when it is needed: nobody sees that but by time.
class LinkedComponent {
 public:
  const LoadOptions& options() const { return options_; }
  // `interface` is the instance export's name, empty for functions of the component itself. A version is
  // matched semver-compatibly: "wasi:http/incoming-handler@0.2.0" finds @0.2.3. Refuses with not_found,
  // naming what there is.
  Result<std::shared_ptr<const ExportedFunction>> find_function(std::string_view interface,
                                                                std::string_view name) const;
  std::vector<std::shared_ptr<const ExportedFunction>> functions() const;
  // Precondition: `function` is of this component.
  Result<std::shared_ptr<const wit::FunctionType>> type_of(const ExportedFunction& function) const;
  // The functions that go through links, by LinkedImport::index. They live as long as this.
  std::vector<const LinkedImport*> linked_imports() const;
  // How instances are made.
  Result<std::shared_ptr<const Plan>> plan() const;

  // Instances that live now, on all workers.
  size_t live_instances() const { return live_instances_; }
  // Gives up all but the component's bytes, unless an instance lives. Plan, code and shared image come back
  // with the next one, in a few milliseconds for a small component.
  void park() const;

 private:
  friend class Linker;
  friend class Instance;
  std::shared_ptr<const engine::Image> image() const;
  // Shares `image` with later instances, unless there is one already; returns the one that is shared.
  std::shared_ptr<const engine::Image> publish_image(std::shared_ptr<const engine::Image> image) const;

  LoadOptions options_;
  std::shared_ptr<const std::vector<uint8_t>> binary_;
  std::vector<engine::ModuleRecord> modules_;
  std::shared_ptr<const RecordedImports> imports_;
  mutable std::atomic<size_t> live_instances_ = 0;
  mutable std::mutex mutex_;  // of what follows; never held while guest code runs, which may give way
  mutable std::shared_ptr<const Plan> plan_;
  mutable std::shared_ptr<const engine::Image> image_;  // of the first instance, shared by later ones
};

// A host function with a type known only at run time. `arguments` in order; returns the result, or nothing
// for a function without one; an error traps.
using DynamicFunction =
    std::function<Result<std::optional<wit::Value>>(Host&, std::span<const wit::Value> arguments)>;

// What a host offers, by interface. Filled once, then shared.
class Linker {
 public:
  // Defines the function `name` ("now", "[method]input-stream.read", "[constructor]fields") of `interface`,
  // which is given with the highest version offered: "wasi:clocks/monotonic-clock@0.2.12" serves every 0.2.x
  // import.
  template <class Callable>
  void function(std::string_view interface, std::string_view name, Callable callable) {
    define(interface, name, bind(std::move(callable)));
  }
  // A C++ resource class; its name comes from T::kInterface and T::kName. `version` is for an interface
  // that has no function of its own, and so says it nowhere else: "0.2.12".
  template <class T>
  void resource(std::string_view version = {}) {
    define_resource(host_resource_type<T>, version);
  }
  // A function whose type is the importing component's own business; used for tools, tests and remote calls.
  void dynamic_function(std::string_view interface, std::string_view name, DynamicFunction function);

  // Every function of `interface`, of whatever version and type, goes through `call`. Its resources are
  // types of their own, whose handles no call can make or pass.
  void linked_interface(std::string_view interface, LinkedFunction call);
  // The same for every interface of which nothing here is known.
  void link_other_interfaces(LinkedFunction call);

  // Says what a function's WIT type is, for a check of names and shapes beyond the core signature; a function
  // that is not declared is checked by its core signature alone. `resource_name` names the type's resources
  // as the interface does.
  void declare(std::string_view interface, std::string_view name,
               std::shared_ptr<const wit::FunctionType> type, wit::ResourceNamer resource_name);

  // Resolves every import. An import that nothing satisfies is unlinkable: the error names it, says what is
  // available, and how to allow it; one of another type shows both sides.
  Result<std::shared_ptr<const LinkedComponent>> link(std::shared_ptr<const Component> component) const;

  // The interfaces offered, with versions, in order.
  std::vector<std::string> interfaces() const;
  // A C++ function as it was defined; null: there is none of that name. Versions do not matter.
  const HostFunction* find_function(std::string_view interface, std::string_view name) const;
  bool has_resource(std::string_view interface, std::string_view name) const;

 private:
  void define(std::string_view interface, std::string_view name, HostFunction function);
  void define_resource(const ResourceType& type, std::string_view version);

  class Source;
  struct Declaration {
    std::shared_ptr<const wit::FunctionType> type;
    wit::ResourceNamer resource_name;
  };
  struct Interface {
    std::string version;
    std::map<std::string, HostFunction, std::less<>> functions;
    std::map<std::string, DynamicFunction, std::less<>> dynamic_functions;
    std::map<std::string, const ResourceType*, std::less<>> resources;
    std::map<std::string, Declaration, std::less<>> declarations;
    LinkedFunction linked;  // set: all of them
  };
  Interface& interface(std::string_view name);
  std::map<std::string, Interface, std::less<>> interfaces_;  // by name without version
  LinkedFunction linked_otherwise_;
};

// One live instance of a linked component, with everything it is composed of, in a Store of its own. Belongs
// to one worker's thread; one call at a time.
class Instance {
 public:
  // Instantiates: runs start functions under `limits`. Waits and host calls work as in a call.
  // `store`: a fresh one that was made ahead; null: made here, which takes about 2 ms.
  static Result<std::unique_ptr<Instance>> create(std::shared_ptr<const LinkedComponent> linked, Host&& host,
                                                  const engine::CallLimits& limits,
                                                  std::unique_ptr<engine::Store> store = nullptr);
  ~Instance();

  Host& host();
  const LinkedComponent& linked() const;
  // Precondition: `function` is of the instance's component.
  const wit::FunctionType& type_of(const ExportedFunction& function) const;
  const wit::FunctionLayout& layout_of(const ExportedFunction& function) const;
  // The host's resource type behind a number in the component's function types; null: a component's own.
  const ResourceType* resource_type(wit::ResourceId resource) const;

  // Calls an export with run-time values. Resources of the guest appear as HandleValues of this instance.
  // Errors: invalid_argument (wrong number or shape), trap, and those of engine::Store::call. After an error
  // other than invalid_argument the instance is poisoned: later calls are refused with trap.
  Result<std::optional<wit::Value>> call(const ExportedFunction& function,
                                         std::span<const wit::Value> arguments,
                                         const engine::CallLimits& limits);

  // The same with C++ types, by the table in abi.h: instance.call<uint32_t>(add, limits, 1u, 2u). Own handles
  // of host resources are passed as std::unique_ptr. The types must be those of the export, by shape: else
  // invalid_argument. Results that view guest memory are not possible: post-return frees it.
  template <class R, class... Args>
  Result<R> call(const ExportedFunction& function, const engine::CallLimits& limits, Args... arguments);

  // Enters the instance once for several calls under one set of limits: a call in it costs less. While it
  // lives, nothing else may call this instance.
  class Session;

  // Ends what an own handle of a guest's resource stands for, which a call returned: runs its destructor.
  Result<void> drop(const wit::HandleValue& handle, const engine::CallLimits& limits);

  bool poisoned() const;
  // Back to the state after create(), if possible: memory, globals, tables, handle tables; host resources are
  // dropped. A poisoned instance is as good as new then. False: this instance must be thrown away.
  bool reset();
  // Ends this instance and leaves the store that it was in, for who wants to end that elsewhere.
  static std::unique_ptr<engine::Store> dismantle(std::unique_ptr<Instance> instance);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  explicit Instance(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PoolOptions {
  uint32_t max_instances = 64;  // of this component on this worker, busy and ready together
  uint32_t max_queue = 1024;    // calls that wait for an instance
  bool pristine = true;         // false: instances keep their state between calls (an explicit choice)
  Duration idle_time =
      std::chrono::seconds(30);  // ready instances and code are dropped after this; zero: kept
  engine::CallLimits instantiate_limits{};
  // Attaches to each new instance's host what the host functions need: start functions may call them.
  std::function<void(Host&)> prepare_host;
  // Called with the host of an instance that is about to be lent, before every call.
  std::function<void(Host&)> before_call;
  // Where stores come from, and where those of dropped instances go; must outlive the pool. Null: each new
  // instance makes its own, which blocks the worker for about 2 ms.
  engine::StorePool* spare_stores = nullptr;
  // After a call spoilt its instance, others are made while the worker has nothing else to do, until so many
  // are ready: then the calls after it need not.
  uint32_t replaced_ahead = 0;
};

// The instances of one linked component on one worker: ready ones wait in it, each call takes one and gives
// it back reset. When all are busy, calls queue up to a bound and their deadline.
class InstancePool {
 public:
  InstancePool(async::Worker& worker, std::shared_ptr<const LinkedComponent> linked,
               const PoolOptions& options);
  ~InstancePool();  // Precondition: no lease is out.

  // Gives its instance back when it is destroyed: reset, or thrown away when that cannot be.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    ~Lease();
    Instance& operator*() const;
    Instance* operator->() const;

   private:
    friend class InstancePool;
    Lease(InstancePool& pool, std::unique_ptr<Instance> instance);
    InstancePool* pool_;
    std::unique_ptr<Instance> instance_;
  };

  // Waits for an instance, bounded by the fiber's deadline. Refuses with overloaded when the queue is full.
  Result<Lease> acquire();

  struct Counts {
    size_t ready = 0, busy = 0, queued = 0;
    uint64_t created = 0, reset = 0, dropped = 0, refused = 0;
  };
  Counts counts() const;
  // Ends the calls in flight with `reason`, and refuses new ones.
  void shut_down(const Error& reason);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- Calls with C++ types

struct LiveLift;

// One call of an export, step by step: enter, lower arguments into context(), run, lift the result, finish.
// Needs the instance's store to be entered. Once a step has failed, the instance is poisoned.
class ExportCall {
 public:
  ExportCall(Instance& instance, const ExportedFunction& function);
  ~ExportCall();
  ExportCall(const ExportCall&) = delete;
  ExportCall& operator=(const ExportCall&) = delete;

  CallContext& context() { return context_; }
  bool enter();
  // `values`: the lowered arguments, then the core results. Fails at once if lowering them failed.
  bool run(engine::CoreValue* values);
  bool has_post_return() const;
  // Checks what the call must leave behind, runs post-return, leaves the instance.
  bool finish();
  Error take_error();
  // Ends the call before run() or after it because of `error`. One of the caller's own (invalid_argument)
  // leaves the instance usable.
  Error refuse(Error error);

 private:
  Instance::Impl& instance_;
  const LiveLift& lift_;
  uint32_t index_;
  Task task_;
  CallContext context_;
  engine::CoreValue core_result_{};
  enum class State : uint8_t { made, entered, finished } state_ = State::made;
};

class Instance::Session {
 public:
  Session(Instance& instance, const engine::CallLimits& limits);

  template <class R, class... Args>
  Result<R> call(const ExportedFunction& function, Args... arguments);

 private:
  Instance& instance_;
  engine::Store::Scope scope_;
};

namespace call_detail {

Error shape_error(const Instance& instance, const ExportedFunction& function);

template <class R, class Parameters>
bool has_shape(const wit::FunctionLayout& layout) {
  const wit::Layout& parameters = *layout.parameters;
  if (parameters.size != Parameters::kSize || parameters.flat.size() != Parameters::kFlatCount ||
      !std::equal(parameters.flat.begin(), parameters.flat.end(), Parameters::kFlat.begin()))
    return false;
  if constexpr (std::is_void_v<R>)
    return layout.result == nullptr;
  else
    return layout.result != nullptr && layout.result->size == Abi<R>::kSize &&
           layout.result_in_memory == (Abi<R>::kFlat.size() > wit::kMaxFlatResults) &&
           (layout.result_in_memory || layout.result->flat[0] == Abi<R>::kFlat[0]);
}

template <class Parameters, class... Args>
void lower_arguments(CallContext& context, std::tuple<Args...> arguments, engine::CoreValue* values) {
  if constexpr (Parameters::kFlatCount > wit::kMaxFlatParameters) {
    const uint32_t pointer = context.allocate(Parameters::kAlignment, Parameters::kSize, "value");
    Parameters::store_all(context, std::move(arguments), pointer);
    values[0].u64 = pointer;
  } else {
    Parameters::lower_all(context, std::move(arguments), values);
  }
}

// Call only after run() succeeded; on failure the context has the error and the value means nothing.
template <class R>
R lift_result(CallContext& context, const engine::CoreValue* values) {
  if constexpr (Abi<R>::kFlat.size() > wit::kMaxFlatResults) {
    static constexpr uint8_t kNothing[Abi<R>::kSize] = {};
    const uint8_t* address = context.at(values[0].u32, Abi<R>::kSize, Abi<R>::kAlignment);
    return Abi<R>::load(context, address == nullptr ? kNothing : address);
  } else {
    return Abi<R>::lift(context, values);
  }
}

}  // namespace call_detail

template <class R, class... Args>
Result<R> Instance::Session::call(const ExportedFunction& function, Args... arguments) {
  using Parameters = ProductAbi<Args...>;
  static_assert(Parameters::kFlatCount <= wit::kMaxFlatKept, "pass so many parameters as run-time values");
  if (!call_detail::has_shape<R, Parameters>(instance_.layout_of(function)))
    return failure(call_detail::shape_error(instance_, function));
  ExportCall call(instance_, function);
  if (!call.enter()) return failure(call.take_error());
  engine::CoreValue values[wit::kMaxFlatParameters + 1];
  call_detail::lower_arguments<Parameters>(call.context(), std::tuple<Args...>(std::move(arguments)...),
                                           values);
  if (!call.run(values)) return failure(call.take_error());
  if constexpr (std::is_void_v<R>) {
    if (!call.finish()) return failure(call.take_error());
    return {};
  } else {
    R result = call_detail::lift_result<R>(call.context(), values);
    if (!call.finish()) return failure(call.take_error());
    return result;
  }
}

template <class R, class... Args>
Result<R> Instance::call(const ExportedFunction& function, const engine::CallLimits& limits,
                         Args... arguments) {
  return Session(*this, limits).call<R>(function, std::move(arguments)...);
}

}  // namespace wattle::runtime
