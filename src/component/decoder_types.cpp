// Type sections: core types, value types, functions, components, instances and resources.

#include "component/core_module.h"
#include "component/decoder.h"

namespace wattle::component {

using wit::Kind;

namespace {

constexpr uint32_t kMaxDeclarations = 1'000'000;
constexpr uint32_t kMaxModuleDeclarations = 100'000;
constexpr uint32_t kMaxMembers = 10'000;
constexpr uint32_t kMaxParameters = 1'000;
constexpr uint32_t kMaxFlagsRead = 1'000;

// primvaltype
std::optional<Kind> primitive_kind(uint8_t code) {
  if (code < 0x73 || code > 0x7f) return std::nullopt;
  constexpr Kind kKinds[] = {Kind::string, Kind::character, Kind::f64,    Kind::f32, Kind::u64,
                             Kind::s64,    Kind::u32,       Kind::s32,    Kind::u16, Kind::s16,
                             Kind::u8,     Kind::s8,        Kind::boolean};
  return kKinds[code - 0x73];
}

tl::unexpected<Error> later_feature(uint64_t offset, std::string_view what, std::string_view feature) {
  return failure(error_at(ErrorCode::unsupported, offset,
                          fmt::format("{} require the component model {} feature", what, feature)));
}

}  // namespace

// core:deftype; a non-final sub type is prefixed by 0x00 here, because 0x50 alone is a module type
Result<void> Decoder::read_core_type(Reader& section) {
  WATTLE_TRY(const uint8_t form, section.peek());
  if (form == 0x50) {
    WATTLE_CHECK(section.skip(1));
    WATTLE_TRY(auto type, read_module_type(section));
    return validator_.add_core_type({nullptr, std::move(type), false});
  }
  if (form == 0x00) {
    WATTLE_CHECK(section.skip(1));
    WATTLE_TRY(const uint8_t sub, section.peek());
    if (sub != 0x50) {
      WATTLE_CHECK(section.skip(1));
      return section.bad_leading_byte(sub, "non-final sub type");
    }
    return validator_.add_core_types([&](auto& types) { return read_core_sub_type(section, types); });
  }
  return validator_.add_core_types([&](auto& types) { return read_core_recursive_type(section, types); });
}

// core:moduletype: an index space of its own, and aliases to the types around it
Result<std::shared_ptr<const CoreModuleType>> Decoder::read_module_type(Reader& section) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxModuleDeclarations, "module type declarations"));
  std::vector<CoreTypeEntry> types;
  CoreModuleType module;
  std::unordered_set<std::string> imports, exports;
  for (uint32_t i = 0; i < count; i++) {
    const uint64_t start = section.offset();
    const size_t import_count = module.imports.size(), export_count = module.exports.size();
    WATTLE_CHECK(read_module_declaration(section, types, module));
    if (module.imports.size() > import_count) {
      const CoreImport& item = module.imports.back();
      if (!imports.insert(item.module + '\0' + item.name).second)
        return failure(
            error_at(ErrorCode::invalid, start,
                     fmt::format("duplicate import name `{}:{}` already defined", item.module, item.name)));
    }
    if (module.exports.size() > export_count && !exports.insert(module.exports.back().name).second)
      return failure(
          error_at(ErrorCode::invalid, start,
                   fmt::format("duplicate export name `{}` already defined", module.exports.back().name)));
  }
  for (const CoreTypeEntry& type : types) note_features(type, module.later_features);
  return std::make_shared<const CoreModuleType>(std::move(module));
}

Result<void> Decoder::read_module_declaration(Reader& section, std::vector<CoreTypeEntry>& types,
                                              CoreModuleType& module) {
  validator_.set_offset(section.offset());
  WATTLE_TRY(const uint8_t kind, section.byte());
  switch (kind) {
    case 0x00: {
      CoreImport import;
      WATTLE_TRY(import.module, section.name());
      WATTLE_TRY(import.name, section.name());
      WATTLE_TRY(import.type, read_core_extern_type(section, types));
      note_features(import.type, module.later_features);
      module.imports.push_back(std::move(import));
      return {};
    }
    case 0x01:
      return read_core_recursive_type(section, types);
    case 0x02: {
      WATTLE_TRY(const uint8_t sort, section.byte());
      if (sort != 0x10) return section.bad_leading_byte(sort, "outer alias kind");
      WATTLE_TRY(const uint8_t target, section.byte());
      if (target != 0x01) return section.bad_leading_byte(target, "outer alias target");
      const uint64_t start = section.offset();
      WATTLE_TRY(const uint32_t count, section.u32());
      WATTLE_TRY(const uint32_t index, section.u32());
      CoreTypeEntry entry;
      if (count == 0) {
        if (index >= types.size())
          return failure(error_at(ErrorCode::invalid, start,
                                  fmt::format("unknown type {}: type index out of bounds", index)));
        entry = types[index];
      } else {
        WATTLE_TRY(const Scope* const scope, validator_.outer(count - 1));
        WATTLE_TRY(entry, validator_.core_type_at(*scope, index));
      }
      if (entry.module != nullptr)
        return failure(
            error_at(ErrorCode::invalid, start,
                     fmt::format("type index {} is a module type, which cannot be aliased here", index)));
      types.push_back(std::move(entry));
      return {};
    }
    case 0x03: {
      CoreExport item;
      WATTLE_TRY(item.name, section.name());
      WATTLE_TRY(item.type, read_core_extern_type(section, types));
      note_features(item.type, module.later_features);
      module.exports.push_back(std::move(item));
      return {};
    }
    default:
      return section.bad_leading_byte(kind, "type definition");
  }
}

// deftype
Result<void> Decoder::read_type(Reader& section) {
  WATTLE_TRY(const uint8_t code, section.byte());
  switch (code) {
    case 0x3f:
      return read_resource_type(section);
    case 0x40:
      return read_function_type(section, false);
    case 0x41:
      return read_component_type(section);
    case 0x42:
      return read_instance_type(section);
    case 0x43:
      return read_function_type(section, true);
    default:
      return read_defined_type(section, code);
  }
}

Result<void> Decoder::read_resource_type(Reader& section) {
  WATTLE_TRY(const auto representation, read_core_value_type(section));
  WATTLE_TRY(const uint8_t has_destructor, section.byte());
  if (has_destructor > 0x01) return section.bad_leading_byte(has_destructor, "resource destructor");
  std::optional<uint32_t> destructor;
  if (has_destructor == 0x01) {
    WATTLE_TRY(destructor, section.u32());
  }
  return validator_.add_resource_type(representation, destructor);
}

// functype
Result<void> Decoder::read_function_type(Reader& section, bool is_async) {
  wit::FunctionType type;
  type.is_async = is_async;
  if (is_async) validator_.note_feature("async");
  WATTLE_TRY(const uint32_t count, section.count(kMaxParameters, "function parameters"));
  for (uint32_t i = 0; i < count; i++) {
    wit::Member parameter;
    WATTLE_TRY(parameter.name, section.name());
    WATTLE_TRY(parameter.type, read_value_type(section));
    type.parameters.push_back(std::move(parameter));
  }
  WATTLE_TRY(const uint8_t form, section.byte());
  if (form == 0x00) {
    WATTLE_TRY(type.result, read_value_type(section));
  } else if (form == 0x01) {
    WATTLE_TRY(const uint8_t results, section.byte());
    if (results != 0x00) return section.bad_leading_byte(results, "number of results");
  } else {
    return section.bad_leading_byte(form, "component function results");
  }
  return validator_.add_function_type(std::move(type));
}

// componenttype
Result<void> Decoder::read_component_type(Reader& section) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxDeclarations, "component type declarations"));
  WATTLE_CHECK(validator_.open_type(Scope::Kind::component_type));
  for (uint32_t i = 0; i < count; i++) {
    validator_.set_offset(section.offset());
    WATTLE_TRY(const uint8_t kind, section.byte());
    if (kind == 0x03) {
      WATTLE_CHECK(read_import(section));
    } else {
      WATTLE_CHECK(read_declaration(section, kind));
    }
  }
  return validator_.close_component_type();
}

// instancetype
Result<void> Decoder::read_instance_type(Reader& section) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxDeclarations, "instance type declarations"));
  WATTLE_CHECK(validator_.open_type(Scope::Kind::instance_type));
  for (uint32_t i = 0; i < count; i++) {
    validator_.set_offset(section.offset());
    WATTLE_TRY(const uint8_t kind, section.byte());
    WATTLE_CHECK(read_declaration(section, kind));
  }
  return validator_.close_instance_type();
}

// instancedecl
Result<void> Decoder::read_declaration(Reader& section, uint8_t kind) {
  switch (kind) {
    case 0x00:
      return read_core_type(section);
    case 0x01:
      return read_type(section);
    case 0x02:
      return read_alias(section);
    case 0x04: {
      WATTLE_TRY(const auto label, read_label(section));
      WATTLE_TRY(const auto descriptor, read_descriptor(section));
      return validator_.declare_export(label, descriptor);
    }
    default:
      return section.bad_leading_byte(kind, "component or instance type declaration");
  }
}

// valtype: a primitive, or the index of a defined type
Result<wit::TypeRef> Decoder::read_value_type(Reader& section) {
  const uint64_t start = section.offset();
  WATTLE_TRY(const uint8_t next, section.peek());
  if (const auto kind = primitive_kind(next)) {
    WATTLE_CHECK(section.skip(1));
    return validator_.primitive(*kind);
  }
  if (next == 0x64) {
    validator_.note_feature("error-context");
    return later_feature(start, "`error-context` types", "error-context");
  }
  WATTLE_TRY(const int64_t index, section.s33());
  if (index < 0) return failure(error_at(ErrorCode::malformed, start, "invalid leading byte for value type"));
  return validator_.value_type_at(static_cast<uint32_t>(index));
}

Result<wit::TypeRef> Decoder::read_optional_value_type(Reader& section) {
  WATTLE_TRY(const uint8_t present, section.byte());
  if (present > 0x01) return section.bad_leading_byte(present, "optional component value type");
  if (present == 0x00) return wit::TypeRef();
  return read_value_type(section);
}

Result<std::vector<wit::Member>> Decoder::read_labelled_types(Reader& section, std::string_view what) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxMembers, what));
  std::vector<wit::Member> members;
  for (uint32_t i = 0; i < count; i++) {
    wit::Member member;
    WATTLE_TRY(member.name, section.name());
    WATTLE_TRY(member.type, read_value_type(section));
    members.push_back(std::move(member));
  }
  return members;
}

Result<std::vector<wit::Member>> Decoder::read_cases(Reader& section) {
  WATTLE_TRY(const uint32_t count, section.count(kMaxMembers, "variant cases"));
  std::vector<wit::Member> cases;
  for (uint32_t i = 0; i < count; i++) {
    wit::Member member;
    WATTLE_TRY(member.name, section.name());
    WATTLE_TRY(member.type, read_optional_value_type(section));
    WATTLE_TRY(const uint8_t zero, section.byte());
    if (zero != 0x00) return section.bad_leading_byte(zero, "zero byte required");
    cases.push_back(std::move(member));
  }
  return cases;
}

Result<std::vector<wit::Member>> Decoder::read_label_list(Reader& section, uint32_t limit,
                                                          std::string_view what) {
  WATTLE_TRY(const uint32_t count, section.count(limit, what));
  std::vector<wit::Member> labels;
  for (uint32_t i = 0; i < count; i++) {
    WATTLE_TRY(const auto label, section.name());
    labels.push_back({std::string(label), nullptr});
  }
  return labels;
}

// defvaltype
Result<void> Decoder::read_defined_type(Reader& section, uint8_t code) {
  if (const auto kind = primitive_kind(code)) return validator_.add_primitive_type(*kind);
  wit::Type type;
  switch (code) {
    case 0x72: {
      type.kind = Kind::record;
      WATTLE_TRY(type.members, read_labelled_types(section, "record fields"));
      break;
    }
    case 0x71: {
      type.kind = Kind::variant;
      WATTLE_TRY(type.members, read_cases(section));
      break;
    }
    case 0x70: {
      type.kind = Kind::list;
      type.members.resize(1);
      WATTLE_TRY(type.members[0].type, read_value_type(section));
      break;
    }
    case 0x6f: {
      type.kind = Kind::tuple;
      WATTLE_TRY(const uint32_t count, section.count(kMaxMembers, "tuple types"));
      for (uint32_t i = 0; i < count; i++) {
        WATTLE_TRY(auto element, read_value_type(section));
        type.members.push_back({std::to_string(i), std::move(element)});
      }
      break;
    }
    case 0x6e: {
      type.kind = Kind::flags;
      WATTLE_TRY(type.members, read_label_list(section, kMaxFlagsRead, "flag names"));
      break;
    }
    case 0x6d: {
      type.kind = Kind::enumeration;
      WATTLE_TRY(type.members, read_label_list(section, kMaxMembers, "enum cases"));
      break;
    }
    case 0x6b: {
      type.kind = Kind::option;
      type.members = {{"some", nullptr}};
      WATTLE_TRY(type.members[0].type, read_value_type(section));
      break;
    }
    case 0x6a: {
      type.kind = Kind::result;
      type.members = {{"ok", nullptr}, {"error", nullptr}};
      WATTLE_TRY(type.members[0].type, read_optional_value_type(section));
      WATTLE_TRY(type.members[1].type, read_optional_value_type(section));
      break;
    }
    case 0x69:
    case 0x68: {
      WATTLE_TRY(const uint32_t resource, section.u32());
      return validator_.add_handle_type(code == 0x69 ? Kind::own : Kind::borrow, resource);
    }
    default:
      return read_later_type(section, code);
  }
  return validator_.add_value_type(std::move(type));
}

// Types of later features: read and checked, so that a component that merely mentions them stays readable.
Result<void> Decoder::read_later_type(Reader& section, uint8_t code) {
  switch (code) {
    case 0x67: {
      WATTLE_CHECK(read_value_type(section));
      const uint64_t start = section.offset();
      WATTLE_TRY(const uint32_t length, section.u32());
      if (length == 0)
        return failure(
            error_at(ErrorCode::invalid, start, "Fixed-length lists must have more than zero elements"));
      return validator_.add_later_type("fixed-length list", "fixed-length-lists");
    }
    case 0x66: {
      WATTLE_TRY(const auto element, read_optional_value_type(section));
      if (element != nullptr && element->kind == Kind::character)
        return validator_.refuse(
            "`stream<char>` is not valid at this time, use `stream<u8>` with a defined by encoding instead "
            "for "
            "now");
      return validator_.add_later_type("stream", "async");
    }
    case 0x65:
      WATTLE_CHECK(read_optional_value_type(section));
      return validator_.add_later_type("future", "async");
    case 0x64:
      return validator_.add_later_type("error-context", "error-context");
    case 0x63:
      WATTLE_CHECK(read_value_type(section));
      WATTLE_CHECK(read_value_type(section));
      return validator_.add_later_type("map", "map");
    default:
      return section.bad_leading_byte(code, "component defined type");
  }
}

}  // namespace wattle::component
