// How to instantiate a component: one linear list of steps, made once, walked for each instance.
//
// Everything that the component is composed of (nested components, core modules, functions that cross from
// one to another, resource types) has a position in one of the plan's lists, and every name is resolved.
// Items of core WebAssembly live in numbered slots: a step fills a slot, later ones use it.
//
// Clauses: component-model Explainer.md "Instance Definitions", "Alias Definitions"; CanonicalABI.md
// "ComponentInstance" (entering_set), "canon lift", "canon lower".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "component/component.h"
#include "engine/engine.h"
#include "runtime/bind.h"
#include "runtime/handle_table.h"
#include "runtime/runtime.h"
#include "wit/layout.h"

namespace wattle::runtime {

struct Plan {
  // Bounds: a small binary can ask for exponentially many instances.
  static constexpr size_t kMaxDefinitions = 500'000;
  static constexpr size_t kMaxComponentInstances = 1'000;
  static constexpr size_t kMaxNesting = 100;

  using Slot = uint32_t;

  // Canonical options, with slots in place of indices.
  struct Options {
    wit::StringEncoding encoding = wit::StringEncoding::utf8;
    std::optional<Slot> memory = {}, realloc = {}, post_return = {};
  };

  // A core function seen as a component's function.
  struct Lift {
    uint32_t component_instance = 0;
    Slot core_function = 0;
    Options options = {};
    std::shared_ptr<const wit::FunctionType> type = {};  // resources by ResourceIndex
    wit::FunctionLayout layout = {};
  };

  // A function that the host supplies: bound at compile time, dynamic, or linked.
  struct HostImport {
    std::shared_ptr<const void> closure;
    void (*call)(const void* closure, CallContext& context, engine::CoreValue* values) = nullptr;
    DynamicFunction dynamic;
    std::optional<LinkedImport> linked_import;
    LinkedFunction linked;  // with linked_import
  };
  using HostImportRef = std::shared_ptr<const HostImport>;

  // Something that needs a later feature than WASI 0.2: whoever calls it gets a trap that says so.
  struct LaterFunction {
    uint32_t component_instance = 0;  // of the core function's caller
    std::string feature, name;
    engine::Signature signature = {};
  };

  enum class Callee : uint8_t { guest, host, later };

  // A component's function seen as a core function.
  struct Lower {
    uint32_t component_instance = 0;  // the caller
    Options options = {};
    Callee callee_kind = Callee::guest;
    uint32_t callee = 0;  // in lifts, host_imports or later_functions
    std::shared_ptr<const wit::FunctionType> type = {};
    wit::FunctionLayout layout = {};
    // A call between a component and one that it is nested in, or itself: always traps.
    bool is_recursive = false;
    // Parameters and result are numbers that pass through unchanged.
    bool is_direct = false;
    std::vector<uint32_t> entered = {};  // component instances that the call enters
  };

  struct Resource {
    std::string name = {};
    const ResourceType* host = nullptr;  // null: a component's own
    uint32_t component_instance = 0;     // the one that defines it
    std::optional<Slot> destructor = {};
  };

  struct ComponentInstance {
    std::optional<uint32_t> parent;
  };

  // ---- Steps
  struct InstantiateModule {
    std::shared_ptr<const engine::Module> module;
    std::vector<Slot> imports;  // in the module's order
    uint32_t core_instance = 0;
  };
  struct TakeExport {
    uint32_t core_instance = 0;
    std::string name;
    Slot slot = 0;
  };
  struct MakeLowered {
    uint32_t lower = 0;
    Slot slot = 0;
  };
  struct MakeLater {
    uint32_t later = 0;
    Slot slot = 0;
  };
  struct MakeResourceFunction {
    component::CanonResource::Operation operation{};
    ResourceIndex resource = 0;
    uint32_t component_instance = 0;
    std::vector<uint32_t> entered = {};  // by calling the destructor
    Slot slot = 0;
  };
  struct PrepareLift {
    uint32_t lift = 0;
  };
  struct PrepareResource {
    ResourceIndex resource = 0;
  };
  using Step = std::variant<InstantiateModule, TakeExport, MakeLowered, MakeLater, MakeResourceFunction,
                            PrepareLift, PrepareResource>;

  uint64_t id = 0;  // no two plans of this process have the same; never 0 once made
  std::vector<Step> steps;
  std::vector<Lift> lifts;
  std::vector<Lower> lowers;
  std::vector<HostImportRef> host_imports;
  std::vector<LaterFunction> later_functions;
  std::vector<Resource> resources;
  std::vector<ComponentInstance> component_instances;  // the first is the outermost
  uint32_t slot_count = 0;
  uint32_t core_instance_count = 0;
  std::vector<std::shared_ptr<const ExportedFunction>> functions;

  // The component instances that a call from `caller` (none: the host) into `callee` enters: callee and those
  // it is nested in, less those that the caller is in already.
  std::vector<uint32_t> entering_set(std::optional<uint32_t> caller, uint32_t callee) const;
  bool is_nested_in(uint32_t inner, uint32_t outer) const;  // or the same
};

// Of the host (which live for ever), or of a linked interface.
using ResourceTypeRef = std::shared_ptr<const ResourceType>;

// What the host has for one import of an interface; the planner asks for it.
class ImportSource {
 public:
  virtual ~ImportSource() = default;
  // `type` in the component's own resource ids, with their layouts' flat form; `resource_name` names those.
  virtual Result<Plan::HostImportRef> function(std::string_view interface, std::string_view name,
                                               const wit::FunctionType& type,
                                               const wit::ResourceNamer& resource_name) = 0;
  virtual Result<ResourceTypeRef> resource(std::string_view interface, std::string_view name) = 0;
};

// Flattens `component`. Errors: unlinkable (from `imports`, or an import that no host can supply),
// unsupported (a bound is exceeded).
Result<std::shared_ptr<const Plan>> make_plan(const Component& component, ImportSource& imports);

}  // namespace wattle::runtime
