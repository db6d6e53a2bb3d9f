#include "javascript.h"

#include <fmt/format.h>

#include <cmath>

namespace wattle::differential {

using wit::Kind;

namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\' || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  // Two line ends that JavaScript source may not always have in a string are fine since ES2019.
  return out + "\"";
}

std::string utf8(char32_t scalar) {
  std::string out;
  const auto add = [&](uint32_t bits) { out += static_cast<char>(bits); };
  if (scalar < 0x80) {
    add(scalar);
  } else if (scalar < 0x800) {
    add(0xc0 | scalar >> 6);
    add(0x80 | (scalar & 0x3f));
  } else if (scalar < 0x10000) {
    add(0xe0 | scalar >> 12);
    add(0x80 | (scalar >> 6 & 0x3f));
    add(0x80 | (scalar & 0x3f));
  } else {
    add(0xf0 | scalar >> 18);
    add(0x80 | (scalar >> 12 & 0x3f));
    add(0x80 | (scalar >> 6 & 0x3f));
    add(0x80 | (scalar & 0x3f));
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return fmt::format("{:.17g}", value);
}

std::string_view typed_array(Kind kind) {
  switch (kind) {
    case Kind::s8:
      return "Int8Array";
    case Kind::u8:
      return "Uint8Array";
    case Kind::s16:
      return "Int16Array";
    case Kind::u16:
      return "Uint16Array";
    case Kind::s32:
      return "Int32Array";
    case Kind::u32:
      return "Uint32Array";
    case Kind::s64:
      return "BigInt64Array";
    case Kind::u64:
      return "BigUint64Array";
    case Kind::f32:
      return "Float32Array";
    case Kind::f64:
      return "Float64Array";
    default:
      return "";
  }
}

// An option is its payload or undefined, unless its payload could be undefined itself.
bool is_nullable(const wit::TypeRef& type) {
  return type->kind == Kind::option && !is_nullable(type->element());
}

std::string case_text(std::string_view tag, const wit::TypeRef& type, const wit::CaseValue& value) {
  if (type == nullptr || value.payload == nullptr) return fmt::format("{{tag: {}}}", in_quotes(tag));
  return fmt::format("{{tag: {}, val: {}}}", in_quotes(tag), to_javascript(type, *value.payload));
}

std::string sequence(const wit::TypeRef& type, const wit::Values& values) {
  std::string items;
  for (size_t i = 0; i < values.size(); i++) {
    if (i > 0) items += ", ";
    if (type->kind == Kind::record) items += camel_case(type->members[i].name) + ": ";
    items += to_javascript(type->kind == Kind::list ? type->element() : type->members[i].type, values[i]);
  }
  if (type->kind == Kind::record) return "{" + items + "}";
  const std::string_view array = type->kind == Kind::list ? typed_array(type->element()->kind) : "";
  return array.empty() ? "[" + items + "]" : fmt::format("new {}([{}])", array, items);
}

std::string cases(const wit::TypeRef& type, const wit::CaseValue& value) {
  const wit::Member& member = type->members[type->kind == Kind::option ? 0 : value.index];
  switch (type->kind) {
    case Kind::enumeration:
      return in_quotes(member.name);
    case Kind::option:
      if (is_nullable(type))
        return value.index == 0 ? "undefined" : to_javascript(member.type, *value.payload);
      return case_text(value.index == 0 ? "none" : "some", member.type, value);
    case Kind::result:
      return case_text(value.index == 0 ? "ok" : "err", member.type, value);
    default:
      return case_text(member.name, member.type, value);
  }
}

std::string flags(const wit::TypeRef& type, const wit::FlagsValue& value) {
  std::string items;
  for (size_t i = 0; i < type->members.size(); i++)
    items +=
        fmt::format("{}{}: {}", i == 0 ? "" : ", ", camel_case(type->members[i].name), bool{value.set[i]});
  return "{" + items + "}";
}

}  // namespace

std::string camel_case(std::string_view label) {
  std::string out;
  bool starts_word = false;
  for (const char c : label) {
    if (c == '-') {
      starts_word = true;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += static_cast<char>(starts_word ? std::toupper(byte) : std::tolower(byte));
    starts_word = false;
  }
  return out;
}

std::string to_javascript(const wit::TypeRef& type, const wit::Value& value) {
  return std::visit(
      [&](const auto& data) -> std::string {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<Data, bool>)
          return data ? "true" : "false";
        else if constexpr (std::is_same_v<Data, int64_t> || std::is_same_v<Data, uint64_t>)
          return fmt::format("{}n", data);
        else if constexpr (std::is_same_v<Data, char32_t>)
          return in_quotes(utf8(data));
        else if constexpr (std::is_floating_point_v<Data>)
          return number(data);
        else if constexpr (std::is_integral_v<Data>)
          return fmt::format("{}", static_cast<int64_t>(data));
        else if constexpr (std::is_same_v<Data, std::string>)
          return in_quotes(data);
        else if constexpr (std::is_same_v<Data, wit::Values>)
          return sequence(type, data);
        else if constexpr (std::is_same_v<Data, wit::ByteList>)
          return fmt::format("new {}([{}])", typed_array(Kind::u8), fmt::join(data, ", "));
        else if constexpr (std::is_same_v<Data, wit::CaseValue>)
          return cases(type, data);
        else if constexpr (std::is_same_v<Data, wit::FlagsValue>)
          return flags(type, data);
        else
          return fmt::format("{}({})", data.owned ? "own" : "borrow", data.representation);
      },
      value.data);
}

}  // namespace wattle::differential
