#include "component/decoder.h"

#include <algorithm>

#include "component/core_module.h"

namespace wattle::component {
namespace {

constexpr uint32_t kMaxDefinitions = 1'000'000;
constexpr uint32_t kMaxArguments = 100'000;
constexpr uint32_t kMaxAttributes = 10;

tl::unexpected<Error> unsupported(uint64_t offset, std::string_view message) {
  return failure(error_at(ErrorCode::unsupported, offset, message));
}

std::optional<Sort> core_export_sort(uint8_t code) {
  switch (code) {
    case 0x00:
      return Sort::core_function;
    case 0x01:
      return Sort::core_table;
    case 0x02:
      return Sort::core_memory;
    case 0x03:
      return Sort::core_global;
    case 0x04:
      return Sort::core_tag;
    default:
      return std::nullopt;
  }
}

// What a file that is no WebAssembly binary might be.
Error not_a_binary(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const size_t start = text.find_first_not_of(" \t\r\n");
  const bool looks_like_text =
      start != std::string_view::npos && (text[start] == '(' || text.substr(start).starts_with(";;"));
  if (looks_like_text)
    return error_at(ErrorCode::malformed, 0,
                    "magic header not detected: this is WebAssembly text, not a binary")
        .with_remedy("assemble it first: wasm-tools parse FILE.wat -o FILE.wasm");
  return error_at(
      ErrorCode::malformed, 0,
      "magic header not detected: this is not a WebAssembly binary, which starts with \"\\0asm\"");
}

}  // namespace

Result<std::shared_ptr<const Component>> decode(std::vector<uint8_t> binary,
                                                std::set<std::string_view>* later_features) {
  binary.shrink_to_fit();  // it is kept
  return decode_shared(std::make_shared<const std::vector<uint8_t>>(std::move(binary)), later_features);
}

Result<std::shared_ptr<const Component>> decode_shared(std::shared_ptr<const std::vector<uint8_t>> binary,
                                                       std::set<std::string_view>* later_features) {
  if (binary->empty())
    return failure(error_at(ErrorCode::malformed, 0, "unexpected end-of-file: the file is empty"));
  constexpr std::array<uint8_t, 4> kMagic = {0, 'a', 's', 'm'};
  const size_t compared = std::min(binary->size(), kMagic.size());
  if (!std::equal(kMagic.begin(), kMagic.begin() + compared, binary->begin()))
    return failure(not_a_binary(*binary));
  Decoder decoder;
  auto result = decoder.decode_component(Reader(*binary));
  if (later_features != nullptr) *later_features = decoder.features();
  WATTLE_TRY(auto decoded, std::move(result));
  // The decoder made it and nobody else has seen it yet.
  std::const_pointer_cast<Component>(decoded)->binary = std::move(binary);
  return decoded;
}

Result<void> for_each_core_module(const Component& component,
                                  const std::function<Result<void>(const ModuleBytes& module)>& check) {
  for (const ModuleBytes& module : component.modules) WATTLE_CHECK(check(module));
  for (const auto& nested : component.components) WATTLE_CHECK(for_each_core_module(*nested, check));
  return {};
}

// preamble ::= magic version layer
Result<void> Decoder::read_preamble(Reader& reader) {
  const uint64_t start = reader.offset();
  if (reader.remaining() < 8)
    return failure(error_at(ErrorCode::malformed, start,
                            fmt::format("unexpected end-of-file: a component starts with 8 bytes, there are "
                                        "only {}: the file is truncated",
                                        reader.remaining())));
  WATTLE_TRY(const auto preamble, reader.bytes(8));
  constexpr std::array<uint8_t, 4> kMagic = {0, 'a', 's', 'm'};
  if (!std::equal(kMagic.begin(), kMagic.end(), preamble.begin()))
    return failure(error_at(ErrorCode::malformed, start, "magic header not detected: bad magic number"));
  const uint32_t version = preamble[4] | preamble[5] << 8;
  const uint32_t layer = preamble[6] | preamble[7] << 8;
  if (layer == 0 && version == 1)
    return failure(error_at(ErrorCode::malformed, start + 4,
                            "expected a version header for a component: this is a core WebAssembly module")
                       .with_remedy("make a component of it: `wasm-tools component new` or, with npm, "
                                    "`jco new MODULE.wasm -o COMPONENT.wasm`"));
  if (layer != 1 || version != 0x0d)
    return failure(error_at(ErrorCode::malformed, start + 4,
                            fmt::format("unknown binary version: version {:#x}, layer {:#x}; components have "
                                        "version 0xd, layer 0x1",
                                        version, layer)));
  return {};
}

Result<std::shared_ptr<const Component>> Decoder::decode_component(Reader reader) {
  validator_.set_offset(reader.offset());
  WATTLE_CHECK(read_preamble(reader));
  WATTLE_CHECK(validator_.open_component());
  while (!reader.at_end()) {
    const uint64_t start = reader.offset();
    WATTLE_TRY(const uint8_t id, reader.byte());
    if (id > 12)
      return failure(error_at(ErrorCode::malformed, start, fmt::format("malformed section id: {}", id)));
    WATTLE_TRY(const uint32_t size, reader.u32());
    if (size > reader.remaining())
      return failure(
          error_at(ErrorCode::malformed, start,
                   fmt::format("unexpected end-of-file: section {} has {} bytes, only {} are left: "
                               "the file is truncated",
                               id, size, reader.remaining())));
    WATTLE_TRY(Reader section, reader.section(size));
    validator_.set_offset(section.offset());
    WATTLE_CHECK(read_section(id, section));
    if (!section.at_end())
      return section.malformed("section size mismatch: unexpected data at the end of the section");
  }
  auto component = validator_.close_component();
  std::const_pointer_cast<Component>(component)->later_features = validator_.features();
  return component;
}

template <class Read>
Result<void> Decoder::read_each(Reader& section, std::string_view what, Read read) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxDefinitions, what));
  for (uint32_t i = 0; i < count; i++) {
    validator_.set_offset(section.offset());
    WATTLE_CHECK(read());
  }
  return {};
}

Result<void> Decoder::read_section(uint8_t id, Reader& section) {
  switch (id) {
    case 0: {  // custom: whatever is in it may be invalid, even component-name
      WATTLE_CHECK(section.name());
      return section.skip(section.remaining());
    }
    case 1:
      return read_core_module(section);
    case 2:
      return read_each(section, "core instances", [&] { return read_core_instance(section); });
    case 3:
      return read_each(section, "core types", [&] { return read_core_type(section); });
    case 4:
      return read_nested_component(section);
    case 5:
      return read_each(section, "instances", [&] { return read_instance(section); });
    case 6:
      return read_each(section, "aliases", [&] { return read_alias(section); });
    case 7:
      return read_each(section, "types", [&] { return read_type(section); });
    case 8:
      return read_each(section, "canonical functions", [&] { return read_canonical(section); });
    case 10:
      return read_each(section, "imports", [&] { return read_import(section); });
    case 11:
      return read_each(section, "exports", [&] { return read_export(section); });
    default:  // start and values
      return unsupported(section.offset(), "support for component model `value`s is not enabled");
  }
}

Result<void> Decoder::read_core_module(Reader& section) {
  Reader module = section;
  ModuleBytes found;
  WATTLE_TRY(found.bytes, section.bytes(section.remaining()));
  WATTLE_TRY(found.type, decode_core_module(module));
  return validator_.add_core_module(std::move(found));
}

Result<void> Decoder::read_nested_component(Reader& section) {
  Reader nested = section;
  WATTLE_CHECK(section.skip(section.remaining()));
  WATTLE_TRY(auto component, decode_component(nested));
  return validator_.add_component(std::move(component));
}

// core:instanceexpr
Result<void> Decoder::read_core_instance(Reader& section) {
  WATTLE_TRY(const uint8_t form, section.byte());
  if (form == 0x00) {
    CoreInstantiate definition;
    WATTLE_TRY(definition.module, section.u32());
    WATTLE_TRY(const uint32_t count, section.count(kMaxArguments, "core instantiation arguments"));
    for (uint32_t i = 0; i < count; i++) {
      CoreInstantiate::Argument argument;
      WATTLE_TRY(argument.name, section.name());
      WATTLE_TRY(const uint8_t kind, section.byte());
      if (kind != 0x12) return section.bad_leading_byte(kind, "instantiation arg kind");
      WATTLE_TRY(argument.core_instance, section.u32());
      definition.arguments.push_back(std::move(argument));
    }
    return validator_.define(std::move(definition));
  }
  if (form != 0x01) return section.bad_leading_byte(form, "core instance");
  CoreInlineInstance definition;
  WATTLE_TRY(const uint32_t count, section.count(kMaxArguments, "core instantiation exports"));
  for (uint32_t i = 0; i < count; i++) {
    CoreInlineInstance::Export item;
    WATTLE_TRY(item.name, section.name());
    WATTLE_TRY(const uint8_t kind, section.byte());
    const auto sort = core_export_sort(kind);
    if (!sort) return section.bad_leading_byte(kind, "external kind");
    item.sort = *sort;
    WATTLE_TRY(item.index, section.u32());
    definition.exports.push_back(std::move(item));
  }
  return validator_.define(std::move(definition));
}

// sort, as far as it can cross a component's boundary
Result<Sort> Decoder::read_extern_sort(Reader& section) {
  WATTLE_TRY(const uint8_t code, section.byte());
  switch (code) {
    case 0x00: {
      WATTLE_TRY(const uint8_t core, section.byte());
      if (core != 0x11) return section.bad_leading_byte(core, "component external kind");
      return Sort::core_module;
    }
    case 0x01:
      return Sort::function;
    case 0x02:
      return Sort::value;
    case 0x03:
      return Sort::type;
    case 0x04:
      return Sort::component;
    case 0x05:
      return Sort::instance;
    default:
      return section.bad_leading_byte(code, "component external kind");
  }
}

// instanceexpr
Result<void> Decoder::read_instance(Reader& section) {
  WATTLE_TRY(const uint8_t form, section.byte());
  if (form == 0x01) return read_inline_instance(section);
  if (form != 0x00) return section.bad_leading_byte(form, "instance");
  Instantiate definition;
  WATTLE_TRY(definition.component, section.u32());
  WATTLE_TRY(const uint32_t count, section.count(kMaxArguments, "instantiation arguments"));
  for (uint32_t i = 0; i < count; i++) {
    Instantiate::Argument argument;
    WATTLE_TRY(argument.name, section.name());
    WATTLE_TRY(argument.sort, read_extern_sort(section));
    WATTLE_TRY(argument.index, section.u32());
    definition.arguments.push_back(std::move(argument));
  }
  return validator_.define(std::move(definition));
}

Result<void> Decoder::read_inline_instance(Reader& section) {
  InlineInstance definition;
  std::vector<ExternLabel> labels;
  WATTLE_TRY(const uint32_t count, section.count(kMaxArguments, "instantiation exports"));
  for (uint32_t i = 0; i < count; i++) {
    WATTLE_TRY(auto label, read_label(section));
    InlineInstance::Export item;
    item.name = std::string(label.name);
    WATTLE_TRY(item.sort, read_extern_sort(section));
    WATTLE_TRY(item.index, section.u32());
    labels.push_back(label);
    definition.exports.push_back(std::move(item));
  }
  return validator_.define(std::move(definition), labels);
}

// alias: the sort comes first, what it may be depends on the target that follows
Result<void> Decoder::read_alias(Reader& section) {
  const Reader start = section;
  WATTLE_TRY(const uint8_t sort, section.byte());
  std::optional<uint8_t> core_sort;
  if (sort == 0x00) {
    WATTLE_TRY(core_sort, section.byte());
  }
  WATTLE_TRY(const uint8_t target, section.byte());
  if (target == 0x00) {
    AliasExport definition;
    Reader again = start;
    WATTLE_TRY(definition.sort, read_extern_sort(again));
    WATTLE_TRY(definition.instance, section.u32());
    WATTLE_TRY(definition.name, section.name());
    return validator_.define(std::move(definition));
  }
  if (target == 0x01) {
    CoreAliasExport definition;
    WATTLE_TRY(definition.core_instance, section.u32());
    WATTLE_TRY(definition.name, section.name());
    const auto exported = core_sort ? core_export_sort(*core_sort) : std::nullopt;
    if (!exported) return section.bad_leading_byte(core_sort.value_or(sort), "external kind");
    definition.sort = *exported;
    return validator_.define(std::move(definition));
  }
  if (target == 0x02) return read_outer_alias(section, sort, core_sort);
  return section.bad_leading_byte(target, "alias");
}

Result<void> Decoder::read_outer_alias(Reader& section, uint8_t sort, std::optional<uint8_t> core_sort) {
  AliasOuter definition;
  if (core_sort == 0x10)
    definition.sort = Sort::core_type;
  else if (core_sort == 0x11)
    definition.sort = Sort::core_module;
  else if (sort == 0x03)
    definition.sort = Sort::type;
  else if (sort == 0x04)
    definition.sort = Sort::component;
  else
    return section.bad_leading_byte(core_sort.value_or(sort), "component outer alias kind");
  WATTLE_TRY(definition.count, section.u32());
  WATTLE_TRY(definition.index, section.u32());
  return validator_.define(std::move(definition));
}

// nameattributes
Result<ExternLabel> Decoder::read_label(Reader& section) {
  ExternLabel label;
  WATTLE_TRY(const uint8_t form, section.byte());
  if (form > 0x02) return section.bad_leading_byte(form, "component name");
  WATTLE_TRY(label.name, section.name());
  if (form != 0x02) return label;
  WATTLE_TRY(const uint32_t count, section.count(kMaxAttributes, "name options"));
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t start = section.offset();
    WATTLE_TRY(const uint8_t kind, section.byte());
    if (kind > 0x02) return section.bad_leading_byte(kind, "name option");
    WATTLE_TRY(const auto text, section.name());
    std::optional<std::string_view>* slots[] = {&label.implements, &label.version_suffix, &label.external_id};
    constexpr std::string_view kNames[] = {"implements", "versionsuffix", "external-id"};
    if (slots[kind]->has_value())
      return failure(
          error_at(ErrorCode::invalid, start, fmt::format("duplicate '{}' option in name", kNames[kind])));
    *slots[kind] = text;
  }
  return label;
}

// externtype
Result<ExternDescriptor> Decoder::read_descriptor(Reader& section) {
  const uint64_t start = section.offset();
  ExternDescriptor descriptor;
  WATTLE_TRY(descriptor.sort, read_extern_sort(section));
  if (descriptor.sort == Sort::value)
    return unsupported(start, "support for component model `value`s is not enabled");
  if (descriptor.sort == Sort::type) {
    WATTLE_TRY(const uint8_t bound, section.byte());
    if (bound > 0x01) return section.bad_leading_byte(bound, "type bound");
    descriptor.is_resource = bound == 0x01;
    if (descriptor.is_resource) return descriptor;
  }
  WATTLE_TRY(descriptor.index, section.u32());
  return descriptor;
}

Result<void> Decoder::read_import(Reader& section) {
  WATTLE_TRY(const auto label, read_label(section));
  WATTLE_TRY(const auto descriptor, read_descriptor(section));
  return validator_.add_import(label, descriptor);
}

Result<void> Decoder::read_export(Reader& section) {
  WATTLE_TRY(const auto label, read_label(section));
  WATTLE_TRY(const Sort sort, read_extern_sort(section));
  WATTLE_TRY(const uint32_t index, section.u32());
  WATTLE_TRY(const uint8_t has_type, section.byte());
  if (has_type > 0x01) return section.bad_leading_byte(has_type, "optional component export type");
  std::optional<ExternDescriptor> ascribed;
  if (has_type == 0x01) {
    WATTLE_TRY(ascribed, read_descriptor(section));
  }
  return validator_.add_export(label, sort, index, ascribed);
}

}  // namespace wattle::component
