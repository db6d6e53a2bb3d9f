#include "component/encoder.h"

namespace wattle::component {

using wit::Kind;

namespace {

void write_core_sort(ByteWriter& out, Sort sort) {
  switch (sort) {
    case Sort::core_table:
      return out.byte(0x01);
    case Sort::core_memory:
      return out.byte(0x02);
    case Sort::core_global:
      return out.byte(0x03);
    case Sort::core_tag:
      return out.byte(0x04);
    case Sort::core_type:
      return out.byte(0x10);
    case Sort::core_module:
      return out.byte(0x11);
    case Sort::core_instance:
      return out.byte(0x12);
    default:
      return out.byte(0x00);
  }
}

void write_sort(ByteWriter& out, Sort sort) {
  switch (sort) {
    case Sort::function:
      return out.byte(0x01);
    case Sort::value:
      return out.byte(0x02);
    case Sort::type:
      return out.byte(0x03);
    case Sort::component:
      return out.byte(0x04);
    case Sort::instance:
      return out.byte(0x05);
    default:
      out.byte(0x00);
      return write_core_sort(out, sort);
  }
}

void write_extern_name(ByteWriter& out, std::string_view name) {
  out.byte(0x00);
  out.name(name);
}

void write_options(ByteWriter& out, const CanonicalOptions& options) {
  const uint32_t count =
      1 + (options.memory ? 1 : 0) + (options.realloc ? 1 : 0) + (options.post_return ? 1 : 0);
  out.u32(count);
  out.byte(static_cast<uint8_t>(options.string_encoding));
  const auto write = [&](uint8_t code, const std::optional<uint32_t>& index) {
    if (!index) return;
    out.byte(code);
    out.u32(*index);
  };
  write(0x03, options.memory);
  write(0x04, options.realloc);
  write(0x05, options.post_return);
}

uint8_t primitive_code(Kind kind) {
  return static_cast<uint8_t>(0x7f - static_cast<uint8_t>(kind));
}

void write_labels(ByteWriter& out, const wit::Type& type) {
  out.u32(static_cast<uint32_t>(type.members.size()));
  for (const wit::Member& member : type.members) out.name(member.name);
}

}  // namespace

// ---- Bytes

void ByteWriter::u32(uint32_t value) {
  while (value >= 0x80) {
    byte(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  byte(static_cast<uint8_t>(value));
}

void ByteWriter::signed_leb(int64_t value) {
  while (value < -0x40 || value > 0x3f) {
    byte(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  byte(static_cast<uint8_t>(value & 0x7f));
}

void ByteWriter::name(std::string_view text) {
  u32(static_cast<uint32_t>(text.size()));
  bytes_.insert(bytes_.end(), text.begin(), text.end());
}

void ByteWriter::raw(std::span<const uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

void ByteWriter::block(std::span<const uint8_t> bytes) {
  u32(static_cast<uint32_t>(bytes.size()));
  raw(bytes);
}

void ByteWriter::section(uint8_t id, const ByteWriter& content) {
  byte(id);
  block(content.bytes());
}

// ---- Types

void TypeEncoder::write_value_type(ByteWriter& out, const wit::TypeRef& type) {
  if (wit::is_primitive(type->kind) && !indices_.contains(type.get()))
    out.byte(primitive_code(type->kind));
  else
    out.signed_leb(define(type));
}

void TypeEncoder::write_optional(ByteWriter& out, const wit::TypeRef& type) {
  out.byte(type == nullptr ? 0x00 : 0x01);
  if (type != nullptr) write_value_type(out, type);
}

ByteWriter TypeEncoder::definition(const wit::TypeRef& type) {
  ByteWriter out;
  const auto write_members = [&](uint8_t code, bool named) {
    out.byte(code);
    out.u32(static_cast<uint32_t>(type->members.size()));
    for (const wit::Member& member : type->members) {
      if (named) out.name(member.name);
      write_value_type(out, member.type);
    }
  };
  switch (type->kind) {
    case Kind::record:
      write_members(0x72, true);
      break;
    case Kind::tuple:
      write_members(0x6f, false);
      break;
    case Kind::variant:
      out.byte(0x71);
      out.u32(static_cast<uint32_t>(type->members.size()));
      for (const wit::Member& member : type->members) {
        out.name(member.name);
        write_optional(out, member.type);
        out.byte(0x00);
      }
      break;
    case Kind::list:
    case Kind::option:
      out.byte(type->kind == Kind::list ? 0x70 : 0x6b);
      write_value_type(out, type->element());
      break;
    case Kind::flags:
    case Kind::enumeration:
      out.byte(type->kind == Kind::flags ? 0x6e : 0x6d);
      write_labels(out, *type);
      break;
    case Kind::result:
      out.byte(0x6a);
      write_optional(out, type->ok());
      write_optional(out, type->error());
      break;
    case Kind::own:
    case Kind::borrow:
      out.byte(type->kind == Kind::own ? 0x69 : 0x68);
      out.u32(resources_[type->resource]);
      break;
    default:
      out.byte(primitive_code(type->kind));
  }
  return out;
}

uint32_t TypeEncoder::define(const wit::TypeRef& type) {
  if (const auto known = indices_.find(type.get()); known != indices_.end()) return known->second;
  const ByteWriter written = definition(type);  // defines what it refers to first
  uint32_t index = add_type(written);
  const bool needs_name = type->kind == Kind::record || type->kind == Kind::variant ||
                          type->kind == Kind::flags || type->kind == Kind::enumeration;
  if (needs_name) index = name_type(type, index);
  return indices_[type.get()] = index;
}

uint32_t TypeEncoder::define(const wit::FunctionType& type) {
  ByteWriter out;
  out.byte(type.is_async ? 0x43 : 0x40);
  out.u32(static_cast<uint32_t>(type.parameters.size()));
  for (const wit::Member& parameter : type.parameters) {
    out.name(parameter.name);
    write_value_type(out, parameter.type);
  }
  if (type.result != nullptr) {
    out.byte(0x00);
    write_value_type(out, type.result);
  } else {
    out.byte(0x01);
    out.byte(0x00);
  }
  return add_type(out);
}

// ---- Instance types

void InstanceTypeEncoder::declare(const ByteWriter& declaration) {
  declarations_.raw(declaration.bytes());
  declaration_count_ += 1;
}

uint32_t InstanceTypeEncoder::add_type(const ByteWriter& definition) {
  ByteWriter out;
  out.byte(0x01);
  out.raw(definition.bytes());
  declare(out);
  return type_count_++;
}

uint32_t InstanceTypeEncoder::name_type(const wit::TypeRef& type, uint32_t index) {
  named_.push_back({type, fmt::format("t{}", named_.size())});
  ByteWriter out;
  out.byte(0x04);
  write_extern_name(out, named_.back().name);
  out.byte(0x03);
  out.byte(0x00);  // (eq index)
  out.u32(index);
  declare(out);
  return type_count_++;
}

void InstanceTypeEncoder::resource(std::string_view name, wit::ResourceId id) {
  ByteWriter out;
  out.byte(0x04);
  write_extern_name(out, name);
  out.byte(0x03);
  out.byte(0x01);  // (sub resource)
  declare(out);
  bind(id, type_count_++);
}

void InstanceTypeEncoder::function(std::string_view name, const wit::FunctionType& type) {
  const uint32_t index = define(type);
  ByteWriter out;
  out.byte(0x04);
  write_extern_name(out, name);
  out.byte(0x01);
  out.u32(index);
  declare(out);
}

ByteWriter InstanceTypeEncoder::encode() const {
  ByteWriter out;
  out.byte(0x42);
  out.u32(declaration_count_);
  out.raw(declarations_.bytes());
  return out;
}

// ---- Components

Encoder::Encoder() {
  constexpr std::array<uint8_t, 8> kPreamble = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};
  out_.raw(kPreamble);
}

void Encoder::one(uint8_t section, const ByteWriter& definition) {
  ByteWriter content;
  content.u32(1);
  content.raw(definition.bytes());
  out_.section(section, content);
}

uint32_t Encoder::add_type(const ByteWriter& definition) {
  one(7, definition);
  return next(Sort::type);
}

uint32_t Encoder::name_type(const wit::TypeRef&, uint32_t index) {
  return index;
}

uint32_t Encoder::core_module(std::span<const uint8_t> bytes) {
  ByteWriter content;
  content.raw(bytes);
  out_.section(1, content);
  return next(Sort::core_module);
}

uint32_t Encoder::core_instantiate(uint32_t module, std::span<const CoreInstantiate::Argument> arguments) {
  ByteWriter out;
  out.byte(0x00);
  out.u32(module);
  out.u32(static_cast<uint32_t>(arguments.size()));
  for (const auto& argument : arguments) {
    out.name(argument.name);
    out.byte(0x12);
    out.u32(argument.core_instance);
  }
  one(2, out);
  return next(Sort::core_instance);
}

uint32_t Encoder::core_inline_instance(std::span<const CoreInlineInstance::Export> exports) {
  ByteWriter out;
  out.byte(0x01);
  out.u32(static_cast<uint32_t>(exports.size()));
  for (const auto& item : exports) {
    out.name(item.name);
    write_core_sort(out, item.sort);
    out.u32(item.index);
  }
  one(2, out);
  return next(Sort::core_instance);
}

uint32_t Encoder::alias_core_export(uint32_t core_instance, std::string_view name, Sort sort) {
  ByteWriter out;
  out.byte(0x00);
  write_core_sort(out, sort);
  out.byte(0x01);
  out.u32(core_instance);
  out.name(name);
  one(6, out);
  return next(sort);
}

uint32_t Encoder::component(std::span<const uint8_t> bytes) {
  ByteWriter content;
  content.raw(bytes);
  out_.section(4, content);
  return next(Sort::component);
}

uint32_t Encoder::instantiate(uint32_t component, std::span<const Instantiate::Argument> arguments) {
  ByteWriter out;
  out.byte(0x00);
  out.u32(component);
  out.u32(static_cast<uint32_t>(arguments.size()));
  for (const auto& argument : arguments) {
    out.name(argument.name);
    write_sort(out, argument.sort);
    out.u32(argument.index);
  }
  one(5, out);
  return next(Sort::instance);
}

uint32_t Encoder::inline_instance(std::span<const InlineInstance::Export> exports) {
  ByteWriter out;
  out.byte(0x01);
  out.u32(static_cast<uint32_t>(exports.size()));
  for (const auto& item : exports) {
    write_extern_name(out, item.name);
    write_sort(out, item.sort);
    out.u32(item.index);
  }
  one(5, out);
  return next(Sort::instance);
}

uint32_t Encoder::alias_export(uint32_t instance, std::string_view name, Sort sort) {
  ByteWriter out;
  write_sort(out, sort);
  out.byte(0x00);
  out.u32(instance);
  out.name(name);
  one(6, out);
  return next(sort);
}

uint32_t Encoder::import_instance(std::string_view name, const InstanceTypeEncoder& type) {
  const uint32_t index = add_type(type.encode());
  ByteWriter out;
  write_extern_name(out, name);
  out.byte(0x05);
  out.u32(index);
  one(10, out);
  const uint32_t instance = next(Sort::instance);
  for (const auto& named : type.named_types())
    bind(named.type, alias_export(instance, named.name, Sort::type));
  return instance;
}

uint32_t Encoder::import_function(std::string_view name, const wit::FunctionType& type) {
  const uint32_t index = define(type);
  ByteWriter out;
  write_extern_name(out, name);
  out.byte(0x01);
  out.u32(index);
  one(10, out);
  return next(Sort::function);
}

uint32_t Encoder::import_type(std::string_view name, uint32_t index) {
  ByteWriter out;
  write_extern_name(out, name);
  out.byte(0x03);
  out.byte(0x00);  // (eq index)
  out.u32(index);
  one(10, out);
  return next(Sort::type);
}

uint32_t Encoder::import_resource(std::string_view name, wit::ResourceId id) {
  ByteWriter out;
  write_extern_name(out, name);
  out.byte(0x03);
  out.byte(0x01);  // (sub resource)
  one(10, out);
  const uint32_t index = next(Sort::type);
  bind(id, index);
  return index;
}

uint32_t Encoder::resource(wit::ResourceId id, std::optional<uint32_t> destructor) {
  ByteWriter out;
  out.byte(0x3f);
  out.byte(kI32.code);
  out.byte(destructor ? 0x01 : 0x00);
  if (destructor) out.u32(*destructor);
  const uint32_t index = add_type(out);
  bind(id, index);
  return index;
}

uint32_t Encoder::lift(uint32_t core_function, const CanonicalOptions& options,
                       const wit::FunctionType& type) {
  const uint32_t index = define(type);
  ByteWriter out;
  out.byte(0x00);
  out.byte(0x00);
  out.u32(core_function);
  write_options(out, options);
  out.u32(index);
  one(8, out);
  return next(Sort::function);
}

uint32_t Encoder::lower(uint32_t function, const CanonicalOptions& options) {
  ByteWriter out;
  out.byte(0x01);
  out.byte(0x00);
  out.u32(function);
  write_options(out, options);
  one(8, out);
  return next(Sort::core_function);
}

uint32_t Encoder::resource_builtin(CanonResource::Operation operation, uint32_t resource_type) {
  ByteWriter out;
  out.byte(static_cast<uint8_t>(0x02 + static_cast<uint8_t>(operation)));
  out.u32(resource_type);
  one(8, out);
  return next(Sort::core_function);
}

uint32_t Encoder::export_item(std::string_view name, Sort sort, uint32_t index) {
  ByteWriter out;
  write_extern_name(out, name);
  write_sort(out, sort);
  out.u32(index);
  out.byte(0x00);
  one(11, out);
  return next(sort);
}

uint32_t Encoder::export_function(std::string_view name, uint32_t index, const wit::FunctionType& type) {
  const uint32_t type_index = define(type);
  ByteWriter out;
  write_extern_name(out, name);
  write_sort(out, Sort::function);
  out.u32(index);
  out.byte(0x01);
  out.byte(0x01);
  out.u32(type_index);
  one(11, out);
  return next(Sort::function);
}

}  // namespace wattle::component
