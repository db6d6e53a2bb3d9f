// Checks each definition of a component as it is read, and keeps the index spaces. The decoder opens a scope,
// hands over one definition after the other, and closes the scope.
//
// Clauses: the validation notes of component-model Binary.md and Explainer.md; CanonicalABI.md "Canonical
// Definitions" for canon.
#pragma once

#include <memory>
#include <string_view>

#include "component/names.h"
#include "component/scope.h"
#include "component/substitution.h"
#include "component/subtype.h"
#include "component/type_table.h"

namespace wattle::component {

inline constexpr size_t kMaxInstances = 1'000;
inline constexpr uint32_t kMaxNesting = 100;  // components and types within each other

// The type of an import or export as the binary says it.
struct ExternDescriptor {
  Sort sort = Sort::function;
  uint32_t index = 0;        // type index; for a module, core type index; unused for a new resource
  bool is_resource = false;  // (type (sub resource))
};

// The attributes that may follow a name.
struct ExternLabel {
  std::string_view name;
  std::optional<std::string_view> implements, version_suffix, external_id;
};

class Validator {
 public:
  enum class Direction : uint8_t { import, export_ };

  // Where errors are said to be; the decoder moves it along.
  void set_offset(uint64_t offset) { offset_ = offset; }

  // A refusal at the current offset.
  tl::unexpected<Error> refuse(std::string message) const { return invalid(std::move(message)); }

  // ---- Scopes
  Result<void> open_component();
  std::shared_ptr<const Component> close_component();
  Result<void> open_type(Scope::Kind kind);
  Result<void> close_component_type();
  Result<void> close_instance_type();
  Scope& current() { return *scopes_.back(); }
  // The scope `count` levels out; count 0 is the current one.
  Result<Scope*> outer(uint32_t count);

  // ---- Core
  Result<void> add_core_type(CoreTypeEntry entry);
  // Lets `read` append types that may refer to each other and to earlier ones.
  template <class Read>
  Result<void> add_core_types(Read read) {
    const size_t before = current().core_types.size();
    WATTLE_CHECK(read(current().core_types));
    return finish_core_types(before);
  }
  Result<void> add_core_module(ModuleBytes module);
  Result<void> define(CoreInstantiate definition);
  Result<void> define(CoreInlineInstance definition);
  Result<void> define(CoreAliasExport definition);
  Result<CoreTypeEntry> core_type_at(const Scope& scope, uint32_t index);

  // ---- Components and instances
  Result<void> add_component(std::shared_ptr<const Component> component);
  Result<void> define(Instantiate definition);
  Result<void> define(InlineInstance definition, const std::vector<ExternLabel>& labels);
  Result<void> define(AliasExport definition);
  Result<void> define(AliasOuter definition);

  // ---- Types
  Result<wit::TypeRef> value_type_at(uint32_t index);
  Result<void> add_value_type(wit::Type type, uint32_t alias = 0);
  // A primitive under a type index of its own.
  Result<void> add_primitive_type(wit::Kind kind);
  Result<void> add_handle_type(wit::Kind kind, uint32_t resource_index);
  Result<void> add_function_type(wit::FunctionType type);
  Result<void> add_resource_type(CoreValueType representation, std::optional<uint32_t> destructor);
  wit::TypeRef primitive(wit::Kind kind) const { return table_.primitive(kind); }

  // A type constructor of a later feature: it can be named, but nothing can be made of it.
  Result<void> add_later_type(std::string_view constructor, std::string_view feature);
  // Remembers that a later feature is in use.
  void note_feature(std::string_view feature) { features_.insert(feature); }
  const std::set<std::string_view>& features() const { return features_; }

  // ---- Canonical definitions
  Result<void> lift(uint32_t core_function, const CanonicalOptions& options, uint32_t type_index);
  Result<void> lower(uint32_t function, const CanonicalOptions& options);
  Result<void> resource_builtin(CanonResource::Operation operation, uint32_t type_index);
  Result<void> check_memory(uint32_t memory);
  Result<void> check_function(uint32_t core_function);
  Result<void> check_table(uint32_t table);
  // A built-in or an async lifting or lowering of a later feature, with its core signature.
  Result<void> add_later_core_function(std::string_view name, std::string_view feature,
                                       CoreFunctionType type);
  Result<void> lift_later(uint32_t core_function, const CanonicalOptions& options, uint32_t type_index);
  Result<void> lower_later(uint32_t function, const CanonicalOptions& options);
  // The core parameters that task.return takes for a result type.
  std::vector<CoreValueType> task_return_parameters(const wit::TypeRef& result);
  // That a type index is a stream (or a future): "`stream.read` requires a stream type".
  Result<void> check_later_type(uint32_t index, std::string_view constructor, std::string_view builtin);

  // ---- Imports and exports
  Result<void> add_import(const ExternLabel& label, const ExternDescriptor& descriptor);
  // An export of something that exists; ascribed: the type it is to have outside.
  Result<void> add_export(const ExternLabel& label, Sort sort, uint32_t index,
                          const std::optional<ExternDescriptor>& ascribed);
  // An export declarator of a component or instance type.
  Result<void> declare_export(const ExternLabel& label, const ExternDescriptor& descriptor);

 private:
  // An item's type on its way into an index space; `fresh_resource` marks (sub resource).
  struct Described {
    ExternType type;
    std::optional<ExternType> referenced;  // type (eq i): what i is
    bool fresh_resource = false;
  };

  Result<void> finish_core_types(size_t before);
  tl::unexpected<Error> invalid(std::string message) const;
  Result<void> check_budget() const;
  Result<void> check_count(size_t count, size_t limit, std::string_view what) const;
  void push(Definition definition);

  template <class T>
  Result<const T*> at(const std::vector<T>& space, uint32_t index, std::string_view what) const;
  Result<CoreExternType> core_item_at(Sort sort, uint32_t index);
  Result<ExternType> item_at(Sort sort, uint32_t index);
  Result<void> add_core_item(const CoreExternType& type);
  Result<void> add_item(const ExternType& type);
  Result<Described> describe(const ExternDescriptor& descriptor);
  const ExternType* find_export(const std::shared_ptr<const InstanceType>& instance, std::string_view name);

  ExternType with_new_identity(const ExternType& type);
  Result<void> add_entity(Described& described, std::string_view name, Direction direction);
  void open_instance(std::shared_ptr<const InstanceType>& type, Direction direction);
  void open_ascription(Described& described, const Subtyping& subtyping, Export& definition);
  Result<void> name_entity(Described& described, const ExternLabel& label, Direction direction);
  bool register_visible(const ExternType& type, const std::optional<ExternType>& referenced,
                        Direction direction);
  bool parts_visible(const ExternType& type, VisibleTypes& visible);
  bool is_visible(const wit::TypeRef& type, VisibleTypes& visible);
  bool members_visible(const wit::Type& type, VisibleTypes& visible);
  bool function_visible(const wit::FunctionType& type, VisibleTypes& visible);

  Result<void> add_name(const ExternLabel& label, const ExternType& type, Direction direction,
                        ExternNames& names, uint32_t& size, uint32_t& depth);
  Result<void> check_attributes(const ExternLabel& label, const ExternName& name, const ExternType& type);
  Result<void> check_annotation(const ExternName& name, const ExternType& type, const ExternNames& names,
                                const ExternLabel& label);
  Result<void> check_resource_name(const wit::TypeRef& handle, std::string_view expected,
                                   const ExternNames& names);

  Result<void> check_labels(const std::vector<wit::Member>& members, std::string_view what,
                            std::string_view role);
  Result<void> check_realloc(const CanonicalOptions& options);
  Result<CoreFunctionType> core_signature(const wit::FunctionType& type, const CanonicalOptions& options,
                                          bool lifted);
  Result<wit::ResourceId> resource_at(uint32_t index);

  TypeTable table_;
  std::set<std::string_view> features_;
  uint64_t offset_ = 0;
  uint32_t next_alias_ = 1;
  std::vector<std::unique_ptr<Scope>> scopes_;
  std::unordered_map<const InstanceType*, std::unordered_map<std::string_view, const ExternType*>>
      export_index_;
  std::vector<std::shared_ptr<const InstanceType>> indexed_;  // keeps the keys above alive
};

template <class T>
Result<const T*> Validator::at(const std::vector<T>& space, uint32_t index, std::string_view what) const {
  if (index >= space.size())
    return invalid(fmt::format("unknown {0} {1}: {0} index out of bounds", what, index));
  return &space[index];
}

}  // namespace wattle::component
