// A decoded and validated component: what the binary says, with every index resolved as far as validation
// can, and with the types that validation computed. The runtime turns it into a plan and never looks at the
// binary again.
//
// Clauses: component-model Binary.md (decoding), Explainer.md (index spaces, naming), and the validation
// rules that the two state in prose.
//
//   WATTLE_TRY(auto component, component::decode(bytes));   // malformed or invalid: refused with offset and
//   rule
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wit/strings.h"
#include "wit/type.h"

namespace wattle::component {

// Everything that a component can name, each sort with its own index space.
enum class Sort : uint8_t {
  core_function,
  core_table,
  core_memory,
  core_global,
  core_tag,
  core_type,
  core_module,
  core_instance,
  function,
  value,
  type,
  component,
  instance,
};

struct CoreFunctionType;  // core_type.h: signatures, limits, core module types, and a module's imports and
                          // exports
struct CoreModuleType;
struct Component;

// ---- Types of the things that cross a component's boundary

struct ExternType;

// Names in declaration order, with the types they have inside this scope.
struct NamedExtern {
  std::string name;  // as written: plain, or "ns:package/interface@version"
  std::shared_ptr<const ExternType> type;
};

struct InstanceType {
  std::vector<NamedExtern> exports;
  // Only an instance type that is declared, not yet that of an instance: the resources that every instance of
  // it brings along. Empty for actual instances.
  std::vector<wit::ResourceId> bound_resources;
  uint32_t size = 1;  // of the whole type tree, in nodes; validation bounds it, and its depth
  uint32_t depth = 1;
  bool has_resources = false;  // a resource is mentioned somewhere inside
};

struct ComponentType {
  std::vector<NamedExtern> imports;
  std::vector<NamedExtern> exports;
  std::vector<wit::ResourceId> imported_resources;  // abstract: an instantiation says what they are
  std::vector<wit::ResourceId> defined_resources;   // generative: fresh in every instance
  uint32_t size = 1;
  uint32_t depth = 1;
  bool has_resources = false;
};

// A type that is imported, exported or aliased: either a resource or a plain value type. For a function,
// instance or component type, which only validation cares about, both are empty and ExternType's `function`,
// `instance` or `component` is set.
struct TypeBound {
  std::optional<wit::ResourceId> resource;  // set: this name stands for that resource
  wit::TypeRef value_type;                  // set: a value type
  wit::TypeRef source;                      // a value type that is another name for this one; often null
  uint32_t alias = 0;                       // validation: which of the resource's names this is
};

struct ExternType {
  Sort sort = Sort::function;
  std::shared_ptr<const wit::FunctionType> function;
  std::shared_ptr<const InstanceType> instance;
  std::shared_ptr<const ComponentType> component;
  std::shared_ptr<const CoreModuleType> module;
  TypeBound type;
  wit::TypeRef value;
  std::string_view later_type;  // sort is type: a constructor of a later feature, such as "stream"; the rest
                                // is empty
};

// ---- Definitions, in the order of the binary
// --------------------------------------------------------------- Each definition adds to the index space of
// its sort, in order; "index" always means an index into those spaces at that point, which only ever grow.

using wit::StringEncoding;

struct CanonicalOptions {
  StringEncoding string_encoding = StringEncoding::utf8;
  std::optional<uint32_t> memory;       // core memory index
  std::optional<uint32_t> realloc;      // core function index
  std::optional<uint32_t> post_return;  // core function index
};

struct CoreModule {
  uint32_t module;
};  // adds a core module: index into Component::modules
struct CoreInstantiate {  // adds a core instance
  uint32_t module;        // core module index
  struct Argument {
    std::string name;
    uint32_t core_instance;
  };
  std::vector<Argument> arguments;
};
struct CoreInlineInstance {  // adds a core instance made of existing items
  struct Export {
    std::string name;
    Sort sort;
    uint32_t index;
  };
  std::vector<Export> exports;
};
struct CoreAliasExport {
  uint32_t core_instance;
  std::string name;
  Sort sort;
};  // adds to `sort`
struct NestedComponent {
  uint32_t component;
};  // adds a component: index into Component::components
struct Instantiate {   // adds an instance
  uint32_t component;  // component index
  struct Argument {
    std::string name;
    Sort sort;
    uint32_t index;
  };
  std::vector<Argument> arguments;
  std::shared_ptr<const InstanceType> type;  // of the new instance, with fresh resource ids of this scope
};
struct InlineInstance {  // adds an instance made of existing items
  struct Export {
    std::string name;
    Sort sort;
    uint32_t index;
  };
  std::vector<Export> exports;
  std::shared_ptr<const InstanceType> type;
};
struct AliasExport {
  uint32_t instance;
  std::string name;
  Sort sort;
};  // adds to `sort`
struct AliasOuter {
  uint32_t count;
  uint32_t index;
  Sort sort;
};  // adds to `sort`; count 0 is this component
// Adds a type. Only resources matter at run time.
struct TypeDefinition {
  struct Resource {
    wit::ResourceId id;
    std::optional<uint32_t> destructor;  // core function index
  };
  std::optional<Resource> resource;  // set for (type (resource ...))
};
struct CanonLift {  // adds a function
  uint32_t core_function;
  CanonicalOptions options;
  std::shared_ptr<const wit::FunctionType> type;
};
struct CanonLower {  // adds a core function
  uint32_t function;
  CanonicalOptions options;
  std::shared_ptr<const wit::FunctionType> type;
};
struct CanonResource {  // adds a core function
  enum class Operation : uint8_t { create, drop, representation } operation;
  wit::ResourceId resource;
};
// Adds a core function or a function of a later feature (async, threads, ...). Whoever calls it gets a trap
// that names the feature; a component that never does so works.
struct LaterFunction {
  Sort sort;                                          // core_function or function
  std::string_view feature;                           // "async"
  std::string_view name;                              // "waitable-set.new"
  std::shared_ptr<const CoreFunctionType> core_type;  // core_function
  std::shared_ptr<const wit::FunctionType> type;      // function
};
struct Import {
  std::string name;
  std::shared_ptr<const ExternType> type;
};  // adds to the sort of `type`
struct Export {  // adds to `sort`
  std::string name;
  Sort sort;
  uint32_t index;
  std::shared_ptr<const ExternType> type;
  // An ascribed type may hide which resource it is about: pairs of the resource that `type` mentions and the
  // one that it really is.
  std::vector<std::pair<wit::ResourceId, wit::ResourceId>> hidden_resources;
};

using Definition =
    std::variant<CoreModule, CoreInstantiate, CoreInlineInstance, CoreAliasExport, NestedComponent,
                 Instantiate, InlineInstance, AliasExport, AliasOuter, TypeDefinition, CanonLift, CanonLower,
                 CanonResource, LaterFunction, Import, Export>;

// A core module inside the binary.
struct ModuleBytes {
  std::span<const uint8_t> bytes;  // into the binary, which the outermost Component keeps
  std::shared_ptr<const CoreModuleType> type;
};

// One component, outermost or nested. Resource ids count within one component and start at 0: a nested
// component has its own.
struct Component {
  std::shared_ptr<const std::vector<uint8_t>> binary;  // of the outermost component only
  std::vector<ModuleBytes> modules;                    // modules defined right here
  std::vector<std::shared_ptr<const Component>> components;
  std::vector<Definition> definitions;
  ComponentType type;  // in terms of this component's own resource ids
  uint32_t resource_count = 0;
  // Later features that this component or one nested in it mentions, such as "async"; mostly empty.
  std::set<std::string_view> later_features;
};

// Decodes and validates. The error names the byte offset and the rule; a core module's bytes instead of a
// component's are refused with a remedy. Bodies of core modules are left to the engine: see
// for_each_core_module. `later_features`, if given, receives what Component::later_features would say, also
// if decoding fails.
Result<std::shared_ptr<const Component>> decode(std::vector<uint8_t> binary,
                                                std::set<std::string_view>* later_features = nullptr);
// The same for bytes that others keep, too.
Result<std::shared_ptr<const Component>> decode_shared(std::shared_ptr<const std::vector<uint8_t>> binary,
                                                       std::set<std::string_view>* later_features = nullptr);

// Calls `check` for every core module of a component and of those nested in it, in the order of the binary
// within each, until one fails. The engine's validation goes here.
Result<void> for_each_core_module(const Component& component,
                                  const std::function<Result<void>(const ModuleBytes& module)>& check);

}  // namespace wattle::component
