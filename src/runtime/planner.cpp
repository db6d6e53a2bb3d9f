#include "runtime/planner.h"

#include <algorithm>
#include <atomic>

#include "component/core_type.h"

namespace wattle::runtime {
namespace {

using component::Sort;

// Validation makes this impossible; a wrong index must still not be followed.
Error broken(std::string_view what) {
  return Error(ErrorCode::internal,
               fmt::format("the component was validated, but {} cannot be resolved", what));
}

bool passes_unchanged(const wit::LayoutRef& layout) {
  if (layout == nullptr) return true;
  switch (layout->kind) {
    case wit::Kind::u32:
    case wit::Kind::s32:
    case wit::Kind::u64:
    case wit::Kind::s64:
    case wit::Kind::f32:
    case wit::Kind::f64:
      return true;
    case wit::Kind::record:
    case wit::Kind::tuple:
      return std::all_of(layout->members.begin(), layout->members.end(),
                         [](const wit::LayoutMember& member) { return passes_unchanged(member.layout); });
    default:
      return false;
  }
}

Result<std::vector<engine::CoreType>> core_types(const std::vector<component::CoreValueType>& types) {
  std::vector<engine::CoreType> result;
  for (const component::CoreValueType& type : types) {
    if (type == component::kI32)
      result.push_back(engine::CoreType::i32);
    else if (type == component::kI64)
      result.push_back(engine::CoreType::i64);
    else if (type == component::kF32)
      result.push_back(engine::CoreType::f32);
    else if (type == component::kF64)
      result.push_back(engine::CoreType::f64);
    else
      return failure(ErrorCode::unsupported, "a function with a parameter or result of type {}",
                     component::to_string(type));
  }
  return result;
}

Result<engine::Signature> signature_of(const component::CoreFunctionType& type) {
  engine::Signature signature;
  WATTLE_TRY(signature.parameters, core_types(type.parameters));
  WATTLE_TRY(signature.results, core_types(type.results));
  return signature;
}

bool is_direct(const wit::FunctionLayout& layout) {
  return !layout.parameters_in_memory && !layout.result_in_memory && passes_unchanged(layout.parameters) &&
         passes_unchanged(layout.result);
}

}  // namespace

bool Plan::is_nested_in(uint32_t inner, uint32_t outer) const {
  std::optional<uint32_t> instance = inner;
  while (instance && *instance != outer) instance = component_instances[*instance].parent;
  return instance.has_value();
}

std::vector<uint32_t> Plan::entering_set(std::optional<uint32_t> caller, uint32_t callee) const {
  std::vector<uint32_t> entered;
  for (std::optional<uint32_t> instance = callee; instance; instance = component_instances[*instance].parent)
    if (!caller || !is_nested_in(*caller, *instance)) entered.push_back(*instance);
  return entered;
}

Result<std::shared_ptr<const Plan>> make_plan(const Component& component, ImportSource& imports) {
  return Planner(component, imports).run();
}

Result<std::shared_ptr<const Plan>> Planner::run() {
  const component::Component& definition = component_.definition();
  WATTLE_TRY(auto root, instantiate(definition, nullptr, nullptr, std::nullopt, 0));
  WATTLE_CHECK(collect_functions("", definition.type.exports, frames_.front(), root->exports));
  static std::atomic<uint64_t> last_id = 0;
  plan_->id = ++last_id;
  return std::shared_ptr<const Plan>(plan_);
}

Result<std::shared_ptr<const Planner::InstanceItem>> Planner::instantiate(
    const component::Component& definition, Frame* outer, const Arguments* arguments,
    std::optional<uint32_t> parent, size_t nesting) {
  if (nesting > Plan::kMaxNesting)
    return failure(ErrorCode::unsupported, "components are nested more than {} deep", Plan::kMaxNesting);
  if (plan_->component_instances.size() >= Plan::kMaxComponentInstances)
    return failure(ErrorCode::unsupported, "the component is made of more than {} component instances",
                   Plan::kMaxComponentInstances);
  Frame& frame = frames_.emplace_back();
  frame.definition = &definition;
  frame.outer = outer;
  frame.component_instance = static_cast<uint32_t>(plan_->component_instances.size());
  frame.nesting = nesting;
  frame.resources.resize(definition.resource_count);
  plan_->component_instances.push_back({parent});
  for (const component::Definition& each : definition.definitions) {
    if (++definition_count_ > Plan::kMaxDefinitions)
      return failure(ErrorCode::unsupported, "instantiating the component takes more than {} steps",
                     Plan::kMaxDefinitions);
    WATTLE_CHECK(define(frame, arguments, each));
  }
  return std::make_shared<const InstanceItem>(InstanceItem{frame.exports});
}

Result<void> Planner::define(Frame& frame, const Arguments* arguments,
                             const component::Definition& definition) {
  return std::visit(
      [&](const auto& each) -> Result<void> {
        if constexpr (std::is_same_v<std::decay_t<decltype(each)>, component::Import>)
          return add_import(frame, arguments, each);
        else
          return add(frame, each);
      },
      definition);
}

// ---- Core WebAssembly

Result<void> Planner::add(Frame& frame, const component::CoreModule& definition) {
  frame.items[Sort::core_module].push_back(
      {.sort = Sort::core_module, .module = &frame.definition->modules.at(definition.module)});
  return {};
}

Result<void> Planner::add(Frame& frame, const component::CoreInstantiate& definition) {
  WATTLE_TRY(const Item* found, item(frame, Sort::core_module, definition.module));
  Plan::InstantiateModule step;
  step.module = component_.module(*found->module);
  step.core_instance = plan_->core_instance_count++;
  for (const engine::ModuleImport& import : step.module->imports()) {
    auto argument = std::find_if(definition.arguments.begin(), definition.arguments.end(),
                                 [&](const auto& each) { return each.name == import.module; });
    if (argument == definition.arguments.end() || argument->core_instance >= frame.core_instances.size())
      return failure(broken("core import " + import.module));
    WATTLE_TRY(Slot slot, core_export(*frame.core_instances[argument->core_instance], import.name));
    step.imports.push_back(slot);
  }
  auto instance = std::make_shared<CoreInstanceItem>();
  instance->core_instance = step.core_instance;
  frame.core_instances.push_back(std::move(instance));
  plan_->steps.push_back(std::move(step));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::CoreInlineInstance& definition) {
  auto instance = std::make_shared<CoreInstanceItem>();
  for (const auto& each : definition.exports) {
    WATTLE_TRY(Slot slot, core_item(frame, each.sort, each.index));
    instance->slots.emplace(each.name, slot);
  }
  frame.core_instances.push_back(std::move(instance));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::CoreAliasExport& definition) {
  if (definition.core_instance >= frame.core_instances.size()) return failure(broken("a core instance"));
  WATTLE_TRY(Slot slot, core_export(*frame.core_instances[definition.core_instance], definition.name));
  frame.core_items[definition.sort].push_back(slot);
  return {};
}

Result<Planner::Slot> Planner::core_export(CoreInstanceItem& instance, std::string_view name) {
  if (auto known = instance.slots.find(name); known != instance.slots.end()) return known->second;
  if (!instance.core_instance) return failure(broken(fmt::format("core export \"{}\"", name)));
  const Slot slot = new_slot();
  plan_->steps.push_back(Plan::TakeExport{*instance.core_instance, std::string(name), slot});
  instance.slots.emplace(name, slot);
  return slot;
}

Result<Planner::Slot> Planner::core_item(const Frame& frame, Sort sort, uint32_t index) const {
  auto space = frame.core_items.find(sort);
  if (space == frame.core_items.end() || index >= space->second.size())
    return failure(broken(fmt::format("core item {}", index)));
  return space->second[index];
}

// ---- Components and instances

Result<const Planner::Item*> Planner::item(const Frame& frame, Sort sort, uint32_t index) const {
  auto space = frame.items.find(sort);
  if (space == frame.items.end() || index >= space->second.size())
    return failure(broken(fmt::format("item {} of sort {}", index, static_cast<int>(sort))));
  return &space->second[index];
}

Result<void> Planner::add(Frame& frame, const component::NestedComponent& definition) {
  const auto& nested = frame.definition->components.at(definition.component);
  frame.items[Sort::component].push_back({.sort = Sort::component, .component = {nested.get(), &frame}});
  return {};
}

Result<void> Planner::add(Frame& frame, const component::Instantiate& definition) {
  WATTLE_TRY(const Item* found, item(frame, Sort::component, definition.component));
  const ComponentItem child = found->component;
  Arguments arguments;
  for (const auto& argument : definition.arguments) {
    WATTLE_TRY(const Item* value, item(frame, argument.sort, argument.index));
    arguments.emplace(argument.name, *value);
  }
  WATTLE_TRY(auto instance, instantiate(*child.definition, child.outer, &arguments, frame.component_instance,
                                        frame.nesting + 1));
  if (definition.type) bind_resources(frame, *definition.type, *instance);
  frame.items[Sort::instance].push_back({.sort = Sort::instance, .instance = std::move(instance)});
  return {};
}

Result<void> Planner::add(Frame& frame, const component::InlineInstance& definition) {
  auto instance = std::make_shared<InstanceItem>();
  for (const auto& each : definition.exports) {
    WATTLE_TRY(const Item* value, item(frame, each.sort, each.index));
    instance->exports.emplace(each.name, *value);
  }
  if (definition.type) bind_resources(frame, *definition.type, *instance);
  frame.items[Sort::instance].push_back({.sort = Sort::instance, .instance = std::move(instance)});
  return {};
}

Result<void> Planner::add(Frame& frame, const component::AliasExport& definition) {
  WATTLE_TRY(const Item* instance, item(frame, Sort::instance, definition.instance));
  auto found = instance->instance->exports.find(definition.name);
  if (found == instance->instance->exports.end())
    return failure(broken(fmt::format("export \"{}\"", definition.name)));
  Item copy = found->second;
  frame.items[definition.sort].push_back(std::move(copy));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::AliasOuter& definition) {
  const Frame* scope = &frame;
  for (uint32_t level = 0; level < definition.count && scope != nullptr; ++level) scope = scope->outer;
  if (definition.sort == Sort::core_type) return {};
  if (scope == nullptr) return failure(broken("an outer alias"));
  WATTLE_TRY(const Item* found, item(*scope, definition.sort, definition.index));
  Item copy = *found;
  frame.items[definition.sort].push_back(std::move(copy));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::TypeDefinition& definition) {
  Item type{.sort = Sort::type};
  if (definition.resource) {
    Plan::Resource resource{.component_instance = frame.component_instance};
    const ResourceIndex index = static_cast<ResourceIndex>(plan_->resources.size());
    if (definition.resource->destructor) {
      WATTLE_TRY(resource.destructor,
                 core_item(frame, Sort::core_function, *definition.resource->destructor));
    }
    plan_->resources.push_back(std::move(resource));
    plan_->steps.push_back(Plan::PrepareResource{index});
    frame.resources.at(definition.resource->id) = index;
    type.resource = index;
  }
  frame.items[Sort::type].push_back(std::move(type));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::Export& definition) {
  if (definition.sort == Sort::value) return {};
  WATTLE_TRY(const Item* found, item(frame, definition.sort, definition.index));
  Item copy = *found;
  if (definition.type) bind_resources(frame, *definition.type, copy);
  if (copy.resource && plan_->resources[*copy.resource].name.empty())
    plan_->resources[*copy.resource].name = definition.name;
  frame.exports.emplace(definition.name, copy);
  frame.items[definition.sort].push_back(std::move(copy));
  return {};
}

// ---- Functions and resources

Result<Plan::Options> Planner::options(const Frame& frame, const component::CanonicalOptions& options) const {
  Plan::Options resolved{.encoding = options.string_encoding};
  if (options.memory) {
    WATTLE_TRY(resolved.memory, core_item(frame, Sort::core_memory, *options.memory));
  }
  if (options.realloc) {
    WATTLE_TRY(resolved.realloc, core_item(frame, Sort::core_function, *options.realloc));
  }
  if (options.post_return) {
    WATTLE_TRY(resolved.post_return, core_item(frame, Sort::core_function, *options.post_return));
  }
  return resolved;
}

Result<void> Planner::add(Frame& frame, const component::CanonLift& definition) {
  Plan::Lift lift{.component_instance = frame.component_instance};
  WATTLE_TRY(lift.core_function, core_item(frame, Sort::core_function, definition.core_function));
  WATTLE_TRY(lift.options, options(frame, definition.options));
  WATTLE_TRY(lift.type, resolve(frame, *definition.type));
  lift.layout = wit::layout_of(*lift.type);
  const uint32_t index = static_cast<uint32_t>(plan_->lifts.size());
  plan_->lifts.push_back(std::move(lift));
  plan_->steps.push_back(Plan::PrepareLift{index});
  frame.items[Sort::function].push_back({.sort = Sort::function, .index = index});
  return {};
}

Result<void> Planner::add(Frame& frame, const component::CanonLower& definition) {
  WATTLE_TRY(const Item* callee, item(frame, Sort::function, definition.function));
  Plan::Lower lower{.component_instance = frame.component_instance};
  WATTLE_TRY(lower.options, options(frame, definition.options));
  WATTLE_TRY(lower.type, resolve(frame, *definition.type));
  lower.layout = wit::layout_of(*lower.type);
  lower.callee_kind = callee->callee;
  lower.callee = callee->index;
  if (lower.callee_kind == Plan::Callee::host && plan_->host_imports[lower.callee]->linked_import)
    lower.is_direct = is_direct(lower.layout);
  if (lower.callee_kind == Plan::Callee::guest) {
    const uint32_t target = plan_->lifts[lower.callee].component_instance;
    // Stricter than the specification's reference code, as its test suite asks for.
    lower.is_recursive = plan_->is_nested_in(target, frame.component_instance) ||
                         plan_->is_nested_in(frame.component_instance, target);
    lower.is_direct = is_direct(lower.layout);
    lower.entered = plan_->entering_set(frame.component_instance, target);
  }
  const Slot slot = new_slot();
  plan_->steps.push_back(Plan::MakeLowered{static_cast<uint32_t>(plan_->lowers.size()), slot});
  plan_->lowers.push_back(std::move(lower));
  frame.core_items[Sort::core_function].push_back(slot);
  return {};
}

Result<void> Planner::add(Frame& frame, const component::CanonResource& definition) {
  if (definition.resource >= frame.resources.size() || !frame.resources[definition.resource])
    return failure(broken(fmt::format("resource {}", definition.resource)));
  Plan::MakeResourceFunction step{.operation = definition.operation,
                                  .resource = *frame.resources[definition.resource],
                                  .component_instance = frame.component_instance,
                                  .slot = new_slot()};
  const Plan::Resource& resource = plan_->resources[step.resource];
  if (resource.host == nullptr)
    step.entered = plan_->entering_set(frame.component_instance, resource.component_instance);
  frame.core_items[Sort::core_function].push_back(step.slot);
  plan_->steps.push_back(std::move(step));
  return {};
}

Result<void> Planner::add(Frame& frame, const component::LaterFunction& definition) {
  const uint32_t index = static_cast<uint32_t>(plan_->later_functions.size());
  Plan::LaterFunction later{.component_instance = frame.component_instance,
                            .feature = std::string(definition.feature),
                            .name = std::string(definition.name)};
  if (definition.sort == Sort::core_function) {
    if (definition.core_type == nullptr) return failure(broken("a function of a later feature"));
    WATTLE_TRY(later.signature, signature_of(*definition.core_type));
    const Slot slot = new_slot();
    plan_->steps.push_back(Plan::MakeLater{index, slot});
    frame.core_items[Sort::core_function].push_back(slot);
  } else {
    frame.items[Sort::function].push_back(
        {.sort = Sort::function, .index = index, .callee = Plan::Callee::later});
  }
  plan_->later_functions.push_back(std::move(later));
  return {};
}

// ---- Imports

Result<void> Planner::add_import(Frame& frame, const Arguments* arguments,
                                 const component::Import& definition) {
  const Sort sort = definition.type->sort;
  Item value;
  if (arguments == nullptr) {
    WATTLE_TRY(value, host_item(frame, definition));
  } else {
    auto found = arguments->find(definition.name);
    if (found == arguments->end())
      return failure(broken(fmt::format("the argument for import \"{}\"", definition.name)));
    value = found->second;
  }
  bind_resources(frame, *definition.type, value);
  frame.items[sort].push_back(std::move(value));
  return {};
}

Result<Planner::Item> Planner::host_item(Frame& frame, const component::Import& import) {
  switch (import.type->sort) {
    case Sort::instance:
      return host_instance(frame, import.name, *import.type->instance);
    case Sort::function:
      return host_function(frame, "", import.name, *import.type->function);
    case Sort::type:
      if (!import.type->type.resource) return Item{};
      return host_resource("", import.name);
    default:
      return failure(
          Error(ErrorCode::unlinkable,
                fmt::format("the component imports \"{}\", which is a {}", import.name,
                            import.type->sort == Sort::core_module ? "core module" : "component"))
              .with_remedy("a host supplies functions and resources only: compose the component with "
                           "one that has it"));
  }
}

Result<Planner::Item> Planner::host_instance(Frame& frame, const std::string& interface,
                                             const component::InstanceType& type) {
  auto instance = std::make_shared<InstanceItem>();
  for (const component::NamedExtern& each : type.exports) {
    Item value;
    if (each.type->sort == Sort::type) {
      if (each.type->type.resource) {
        const wit::ResourceId id = *each.type->type.resource;
        if (id < frame.resources.size() && frame.resources[id]) {
          value.resource = frame.resources[id];  // a type that another import brought in
        } else {
          WATTLE_TRY(value, host_resource(interface, each.name));
        }
        bind_resources(frame, *each.type, value);
      }
    } else if (each.type->sort == Sort::function) {
      WATTLE_TRY(value, host_function(frame, interface, each.name, *each.type->function));
    } else if (each.type->sort == Sort::instance) {
      WATTLE_TRY(value, host_instance(frame, interface + "/" + each.name, *each.type->instance));
    } else {
      return failure(ErrorCode::unlinkable, "the import \"{}\" asks for \"{}\", which no host can supply",
                     interface, each.name);
    }
    instance->exports.emplace(each.name, std::move(value));
  }
  return Item{.sort = Sort::instance, .instance = std::move(instance)};
}

Result<Planner::Item> Planner::host_function(Frame& frame, const std::string& interface,
                                             const std::string& name, const wit::FunctionType& type) {
  WATTLE_TRY(Plan::HostImportRef import, imports_.function(interface, name, type, namer(frame)));
  plan_->host_imports.push_back(std::move(import));
  return Item{.sort = Sort::function,
              .index = static_cast<uint32_t>(plan_->host_imports.size() - 1),
              .callee = Plan::Callee::host};
}

Result<Planner::Item> Planner::host_resource(const std::string& interface, const std::string& name) {
  // Kept by whoever answered: RecordedImports, which the linked component has.
  WATTLE_TRY(ResourceTypeRef kept, imports_.resource(interface, name));
  const ResourceType* const type = kept.get();
  auto& resources = plan_->resources;
  auto known = std::find_if(resources.begin(), resources.end(),
                            [&](const Plan::Resource& each) { return each.host == type; });
  if (known == resources.end()) {
    resources.push_back({.name = std::string(type->name), .host = type});
    known = resources.end() - 1;
  }
  return Item{.sort = Sort::type, .resource = static_cast<ResourceIndex>(known - resources.begin())};
}

// ---- Types

void Planner::bind_resources(Frame& frame, const component::ExternType& type, const Item& item) {
  if (type.sort == Sort::instance && type.instance && item.instance) {
    bind_resources(frame, *type.instance, *item.instance);
  } else if (type.sort == Sort::type && type.type.resource && item.resource) {
    const wit::ResourceId id = *type.type.resource;
    if (id < frame.resources.size() && !frame.resources[id]) frame.resources[id] = item.resource;
  }
}

void Planner::bind_resources(Frame& frame, const component::InstanceType& type, const InstanceItem& item) {
  for (const component::NamedExtern& each : type.exports)
    if (auto found = item.exports.find(each.name); found != item.exports.end())
      bind_resources(frame, *each.type, found->second);
}

Result<wit::TypeRef> Planner::resolve(Frame& frame, const wit::TypeRef& type) {
  if (type == nullptr || wit::is_primitive(type->kind)) return type;
  if (auto known = frame.resolved_types.find(type.get()); known != frame.resolved_types.end())
    return known->second;
  wit::TypeRef resolved = type;
  if (type->kind == wit::Kind::own || type->kind == wit::Kind::borrow) {
    if (type->resource >= frame.resources.size() || !frame.resources[type->resource])
      return failure(broken(fmt::format("resource {}", type->resource)));
    const ResourceIndex index = *frame.resources[type->resource];
    resolved = type->kind == wit::Kind::own ? wit::own_of(index) : wit::borrow_of(index);
  } else {
    wit::Type copy = *type;
    bool changed = false;
    for (wit::Member& member : copy.members) {
      WATTLE_TRY(wit::TypeRef inner, resolve(frame, member.type));
      changed |= inner != member.type;
      member.type = std::move(inner);
    }
    if (changed) resolved = std::make_shared<const wit::Type>(std::move(copy));
  }
  frame.resolved_types.emplace(type.get(), resolved);
  return resolved;
}

Result<std::shared_ptr<const wit::FunctionType>> Planner::resolve(Frame& frame,
                                                                  const wit::FunctionType& type) {
  auto resolved = std::make_shared<wit::FunctionType>(type);
  for (wit::Member& parameter : resolved->parameters) {
    WATTLE_TRY(parameter.type, resolve(frame, parameter.type));
  }
  WATTLE_TRY(resolved->result, resolve(frame, type.result));
  return std::shared_ptr<const wit::FunctionType>(std::move(resolved));
}

wit::ResourceNamer Planner::namer(const Frame& frame) const {
  return [this, &frame](wit::ResourceId id) -> std::string {
    if (id < frame.resources.size() && frame.resources[id])
      return plan_->resources[*frame.resources[id]].name;
    return fmt::format("resource-{}", id);
  };
}

// ---- Exports

Result<void> Planner::collect_functions(const std::string& interface,
                                        const std::vector<component::NamedExtern>& types, Frame& frame,
                                        const std::map<std::string, Item, std::less<>>& exports) {
  for (const component::NamedExtern& each : types) {
    auto found = exports.find(each.name);
    if (found == exports.end()) return failure(broken(fmt::format("export \"{}\"", each.name)));
    if (each.type->sort == Sort::instance) {
      const std::string inner = interface.empty() ? each.name : interface + "/" + each.name;
      WATTLE_CHECK(
          collect_functions(inner, each.type->instance->exports, frame, found->second.instance->exports));
    } else if (each.type->sort == Sort::function && found->second.callee == Plan::Callee::guest) {
      plan_->functions.push_back(std::make_shared<const ExportedFunction>(
          ExportedFunction{interface, each.name, found->second.index}));
    }
  }
  return {};
}

}  // namespace wattle::runtime
