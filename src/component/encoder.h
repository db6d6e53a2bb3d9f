// Writes component binaries, one definition at a time: for tests, tools and generated adapters. It does not
// validate: decode() does.
//
//   InstanceTypeEncoder host;                                // (instance (export "log" (func (param "text"
//   string)))) host.function("log", type); Encoder encoder; const uint32_t instance =
//   encoder.import_instance("test:demo/host", host); const uint32_t log = encoder.alias_export(instance,
//   "log", Sort::function);
//   ...
//   std::vector<uint8_t> bytes = encoder.finish();
//
// Clauses: component-model Binary.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "component/component.h"
#include "component/core_type.h"

namespace wattle::component {

// Appends the binary format's basic values to a buffer.
class ByteWriter {
 public:
  void byte(uint8_t value) { bytes_.push_back(value); }
  void u32(uint32_t value);  // unsigned LEB128
  void signed_leb(int64_t value);
  void name(std::string_view text);  // length and bytes
  void raw(std::span<const uint8_t> bytes);
  void block(std::span<const uint8_t> bytes);  // length and bytes
  void section(uint8_t id, const ByteWriter& content);
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

// The type definitions of one scope. Types that were defined or bound before are referred to by index.
class TypeEncoder {
 public:
  virtual ~TypeEncoder() = default;

  // Index of a value type that is no plain primitive; defines what is missing.
  uint32_t define(const wit::TypeRef& type);
  uint32_t define(const wit::FunctionType& type);
  // Type `index` of this scope is this type: an alias or an import. Resources are bound by id.
  void bind(const wit::TypeRef& type, uint32_t index) { indices_[type.get()] = index; }
  void bind(wit::ResourceId resource, uint32_t index) { resources_[resource] = index; }

 protected:
  // Adds a definition to the scope; returns its index.
  virtual uint32_t add_type(const ByteWriter& definition) = 0;
  // Gives a record, variant, enumeration or flags type a name that others can see, where the scope has names;
  // returns the index to refer to it by.
  virtual uint32_t name_type(const wit::TypeRef& type, uint32_t index) = 0;

 private:
  void write_value_type(ByteWriter& out, const wit::TypeRef& type);
  void write_optional(ByteWriter& out, const wit::TypeRef& type);
  ByteWriter definition(const wit::TypeRef& type);

  std::unordered_map<const wit::Type*, uint32_t> indices_;
  std::unordered_map<wit::ResourceId, uint32_t> resources_;
};

// An instance type, for imports. Every type that needs a name is exported as "t0", "t1", ...
class InstanceTypeEncoder : public TypeEncoder {
 public:
  // Declares an abstract resource type; own and borrow types refer to it by id.
  void resource(std::string_view name, wit::ResourceId id);
  void function(std::string_view name, const wit::FunctionType& type);

  struct NamedType {
    wit::TypeRef type;
    std::string name;
  };
  const std::vector<NamedType>& named_types() const { return named_; }
  // instancetype
  ByteWriter encode() const;

 protected:
  uint32_t add_type(const ByteWriter& definition) override;
  uint32_t name_type(const wit::TypeRef& type, uint32_t index) override;

 private:
  void declare(const ByteWriter& declaration);

  ByteWriter declarations_;
  uint32_t declaration_count_ = 0;
  uint32_t type_count_ = 0;
  std::vector<NamedType> named_;
};

class Encoder : public TypeEncoder {
 public:
  Encoder();

  // Each adds one definition and returns its index in the space of its sort.
  uint32_t core_module(std::span<const uint8_t> bytes);
  uint32_t core_instantiate(uint32_t module, std::span<const CoreInstantiate::Argument> arguments);
  uint32_t core_inline_instance(std::span<const CoreInlineInstance::Export> exports);
  uint32_t alias_core_export(uint32_t core_instance, std::string_view name, Sort sort);
  uint32_t component(std::span<const uint8_t> bytes);
  uint32_t instantiate(uint32_t component, std::span<const Instantiate::Argument> arguments);
  uint32_t inline_instance(std::span<const InlineInstance::Export> exports);
  uint32_t alias_export(uint32_t instance, std::string_view name, Sort sort);
  // Imports an instance and binds its named types, so that functions of this component can use them.
  uint32_t import_instance(std::string_view name, const InstanceTypeEncoder& type);
  uint32_t import_function(std::string_view name, const wit::FunctionType& type);
  // A type equal to type `index`; returns the index that the import makes.
  uint32_t import_type(std::string_view name, uint32_t index);
  // Another component's resource type, abstract here; own and borrow types refer to it by id.
  uint32_t import_resource(std::string_view name, wit::ResourceId id);
  // (resource (rep i32)); own and borrow types refer to it by id.
  uint32_t resource(wit::ResourceId id, std::optional<uint32_t> destructor);
  uint32_t lift(uint32_t core_function, const CanonicalOptions& options, const wit::FunctionType& type);
  uint32_t lower(uint32_t function, const CanonicalOptions& options);
  uint32_t resource_builtin(CanonResource::Operation operation, uint32_t resource_type);
  uint32_t export_item(std::string_view name, Sort sort, uint32_t index);
  // The same with another name for its type: one whose parts are exported as well.
  uint32_t export_function(std::string_view name, uint32_t index, const wit::FunctionType& type);

  // The whole binary.
  std::vector<uint8_t> finish() const { return out_.bytes(); }

 protected:
  uint32_t add_type(const ByteWriter& definition) override;
  uint32_t name_type(const wit::TypeRef& type, uint32_t index) override;

 private:
  uint32_t next(Sort sort) { return counts_[static_cast<size_t>(sort)]++; }
  void one(uint8_t section, const ByteWriter& definition);  // a section with one definition

  ByteWriter out_;
  std::array<uint32_t, 13> counts_{};  // by Sort
};

}  // namespace wattle::component
