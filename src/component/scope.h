// The index spaces and names of one component, component type or instance type while it is being read.
//
// Clauses: component-model Explainer.md "Index Spaces", "Declarators", "External Visibility of Types".
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "component/component.h"
#include "component/core_type_reader.h"

namespace wattle::component {

// The types that can be seen from outside under a name: value types by identity, resources by the name that
// was used.
class VisibleTypes {
 public:
  void insert(const ExternType& type);
  bool contains(const wit::Type* type) const { return values_.contains(type); }
  bool contains(wit::ResourceId resource, uint32_t alias) const {
    return resources_.contains(key(resource, alias));
  }
  // Types whose parts were all found visible before; what is visible stays so.
  std::unordered_set<const wit::Type*> checked;

 private:
  static uint64_t key(wit::ResourceId resource, uint32_t alias) { return uint64_t{resource} << 32 | alias; }
  std::unordered_set<const wit::Type*> values_;
  std::unordered_set<uint64_t> resources_;
};

// Names of one direction: imports or exports.
struct ExternNames {
  std::vector<NamedExtern> items;
  std::unordered_map<std::string, std::string> canonical;    // canonical name -> name as written
  std::unordered_map<uint64_t, std::string> resource_names;  // (resource, alias) -> name
  std::unordered_set<std::string> known_resources;
};

using CoreInstanceExports = std::unordered_map<std::string, CoreExternType>;

struct Scope {
  enum class Kind : uint8_t { component, component_type, instance_type };
  Kind kind = Kind::component;
  std::shared_ptr<Component> component;     // what is being built; component scopes only
  std::shared_ptr<uint32_t> next_resource;  // of the enclosing component

  std::vector<CoreFunctionRef> core_functions;
  std::vector<CoreExternType> core_tables, core_memories, core_globals, core_tags;
  std::vector<CoreTypeEntry> core_types;
  std::vector<std::shared_ptr<const CoreModuleType>> modules;
  std::vector<std::shared_ptr<const CoreInstanceExports>> core_instances;
  std::vector<std::shared_ptr<const wit::FunctionType>> functions;
  std::vector<ExternType> types;  // sort is type
  std::vector<std::shared_ptr<const ComponentType>> components;
  std::vector<std::shared_ptr<const InstanceType>> instances;

  ExternNames imports, exports;
  VisibleTypes visible_to_imports, visible_to_exports;
  std::vector<wit::ResourceId> imported_resources, defined_resources;
  std::unordered_set<wit::ResourceId> local_resources;  // defined right here, with a representation
  uint32_t type_size = 1;
  uint32_t type_depth = 1;
};

}  // namespace wattle::component
