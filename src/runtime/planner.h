// The abstract interpreter behind make_plan(): walks definitions as an instantiation would, with items that
// stand for what an instance will have, and writes the plan's steps.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/plan.h"

namespace wattle::runtime {

class Planner {
 public:
  Planner(const Component& component, ImportSource& imports)
      : component_(component), imports_(imports), plan_(std::make_shared<Plan>()) {}
  Result<std::shared_ptr<const Plan>> run();

 private:
  using Slot = Plan::Slot;
  struct Frame;
  struct InstanceItem;

  // A core instance: one that a step makes, or names given to existing items. Exports become slots when used.
  struct CoreInstanceItem {
    std::optional<uint32_t> core_instance;
    std::map<std::string, Slot, std::less<>> slots;
  };
  // A component with the scope that it was defined in, which it may alias from.
  struct ComponentItem {
    const component::Component* definition = nullptr;
    Frame* outer = nullptr;
  };
  // What a component-level index stands for. Which members count depends on the sort.
  struct Item {
    component::Sort sort = component::Sort::type;
    uint32_t index = 0;                              // function: in the list that `callee` says
    Plan::Callee callee = Plan::Callee::guest;       // function
    std::optional<ResourceIndex> resource = {};      // type: none for value types
    const component::ModuleBytes* module = nullptr;  // core module
    ComponentItem component = {};
    std::shared_ptr<const InstanceItem> instance = {};
  };
  struct InstanceItem {
    std::map<std::string, Item, std::less<>> exports;
  };

  // The index spaces of one component that is being instantiated.
  struct Frame {
    const component::Component* definition = nullptr;
    Frame* outer = nullptr;
    uint32_t component_instance = 0;
    size_t nesting = 0;
    std::map<component::Sort, std::vector<Slot>> core_items;  // functions, tables, memories, globals, tags
    std::vector<std::shared_ptr<CoreInstanceItem>> core_instances;
    std::map<component::Sort, std::vector<Item>> items;
    std::vector<std::optional<ResourceIndex>> resources;  // by the component's resource id
    std::map<std::string, Item, std::less<>> exports;
    // Types with resources replaced by their plan-wide indices, by the original's address.
    std::unordered_map<const wit::Type*, wit::TypeRef> resolved_types;
  };
  using Arguments = std::map<std::string, Item, std::less<>>;

  Result<std::shared_ptr<const InstanceItem>> instantiate(const component::Component& definition,
                                                          Frame* outer, const Arguments* arguments,
                                                          std::optional<uint32_t> parent, size_t nesting);
  Result<void> define(Frame& frame, const Arguments* arguments, const component::Definition& definition);

  Result<void> add(Frame& frame, const component::CoreModule& definition);
  Result<void> add(Frame& frame, const component::CoreInstantiate& definition);
  Result<void> add(Frame& frame, const component::CoreInlineInstance& definition);
  Result<void> add(Frame& frame, const component::CoreAliasExport& definition);
  Result<void> add(Frame& frame, const component::NestedComponent& definition);
  Result<void> add(Frame& frame, const component::Instantiate& definition);
  Result<void> add(Frame& frame, const component::InlineInstance& definition);
  Result<void> add(Frame& frame, const component::AliasExport& definition);
  Result<void> add(Frame& frame, const component::AliasOuter& definition);
  Result<void> add(Frame& frame, const component::TypeDefinition& definition);
  Result<void> add(Frame& frame, const component::CanonLift& definition);
  Result<void> add(Frame& frame, const component::CanonLower& definition);
  Result<void> add(Frame& frame, const component::CanonResource& definition);
  Result<void> add(Frame& frame, const component::LaterFunction& definition);
  Result<void> add(Frame& frame, const component::Export& definition);
  Result<void> add_import(Frame& frame, const Arguments* arguments, const component::Import& definition);

  // What the host supplies for an import of the outermost component.
  Result<Item> host_item(Frame& frame, const component::Import& import);
  Result<Item> host_instance(Frame& frame, const std::string& interface, const component::InstanceType& type);
  Result<Item> host_function(Frame& frame, const std::string& interface, const std::string& name,
                             const wit::FunctionType& type);
  Result<Item> host_resource(const std::string& interface, const std::string& name);

  // Resource ids that `type` introduces into the frame stand for the item's resources.
  void bind_resources(Frame& frame, const component::ExternType& type, const Item& item);
  void bind_resources(Frame& frame, const component::InstanceType& type, const InstanceItem& item);
  Result<wit::TypeRef> resolve(Frame& frame, const wit::TypeRef& type);
  Result<std::shared_ptr<const wit::FunctionType>> resolve(Frame& frame, const wit::FunctionType& type);
  wit::ResourceNamer namer(const Frame& frame) const;

  Result<const Item*> item(const Frame& frame, component::Sort sort, uint32_t index) const;
  Result<Slot> core_item(const Frame& frame, component::Sort sort, uint32_t index) const;
  Result<Slot> core_export(CoreInstanceItem& instance, std::string_view name);
  Result<Plan::Options> options(const Frame& frame, const component::CanonicalOptions& options) const;
  Result<void> collect_functions(const std::string& interface,
                                 const std::vector<component::NamedExtern>& types, Frame& frame,
                                 const std::map<std::string, Item, std::less<>>& exports);
  Slot new_slot() { return plan_->slot_count++; }

  const Component& component_;
  ImportSource& imports_;
  std::shared_ptr<Plan> plan_;
  std::deque<Frame> frames_;  // kept: nested components alias from the scopes that they were defined in
  size_t definition_count_ = 0;
};

}  // namespace wattle::runtime
