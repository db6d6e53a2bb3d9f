#include "values.h"

#include <charconv>
#include <cstdlib>

#include "wit/wave.h"

namespace wattle::conformance {

using wit::Kind;
using wit::Value;

namespace {

tl::unexpected<Error> misfit(const boost::json::value& json, const wit::TypeRef& type) {
  return failure(ErrorCode::invalid_argument, "{} is no {}", to_text(json), wit::to_string(type));
}

template <class Integer>
Result<Value> integer(const std::string& text, const boost::json::value& json, const wit::TypeRef& type) {
  Integer number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return misfit(json, type);
  return Value{number};
}

// The one Unicode scalar value that a text consists of.
std::optional<char32_t> scalar(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto lead = static_cast<uint8_t>(text[0]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() != length) return std::nullopt;
  if (length == 1) return lead;
  char32_t value = lead & (0x7f >> length);
  for (size_t i = 1; i < length; i++) value = value << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  return value;
}

Result<Value> primitive_value(const std::string& text, const boost::json::value& json,
                              const wit::TypeRef& type) {
  switch (type->kind) {
    case Kind::boolean:
      return Value{text == "true"};
    case Kind::s8:
      return integer<int8_t>(text, json, type);
    case Kind::u8:
      return integer<uint8_t>(text, json, type);
    case Kind::s16:
      return integer<int16_t>(text, json, type);
    case Kind::u16:
      return integer<uint16_t>(text, json, type);
    case Kind::s32:
      return integer<int32_t>(text, json, type);
    case Kind::u32:
      return integer<uint32_t>(text, json, type);
    case Kind::s64:
      return integer<int64_t>(text, json, type);
    case Kind::u64:
      return integer<uint64_t>(text, json, type);
    case Kind::f32:
      return Value{std::strtof(text.c_str(), nullptr)};
    case Kind::f64:
      return Value{std::strtod(text.c_str(), nullptr)};
    case Kind::character: {
      const auto value = scalar(text);
      if (!value) return misfit(json, type);
      return Value{*value};
    }
    default:
      return Value{text};
  }
}

Result<Value> case_of(uint32_t index, const boost::json::value& payload, const wit::TypeRef& type) {
  wit::CaseValue value;
  value.index = index;
  if (type != nullptr) {
    WATTLE_TRY(auto inner, to_value(payload, type));
    value.payload = std::make_shared<const Value>(std::move(inner));
  }
  return Value{std::move(value)};
}

std::optional<uint32_t> position(const wit::TypeRef& type, std::string_view name) {
  for (size_t i = 0; i < type->members.size(); i++)
    if (type->members[i].name == name) return static_cast<uint32_t>(i);
  return std::nullopt;
}

Result<Value> sequence(const boost::json::array& items, const wit::TypeRef& type) {
  wit::Values values;
  for (size_t i = 0; i < items.size(); i++) {
    const bool is_list = type->kind == Kind::list;
    if (!is_list && i >= type->members.size()) return misfit(items, type);
    // A record's fields are pairs of name and value.
    const bool is_field = type->kind == Kind::record;
    if (is_field && (!items[i].is_array() || items[i].get_array().size() != 2)) return misfit(items, type);
    WATTLE_TRY(auto value, to_value(is_field ? items[i].get_array()[1] : items[i],
                                    is_list ? type->element() : type->members[i].type));
    values.push_back(std::move(value));
  }
  if (type->kind == Kind::list) return wit::list_value(type->element(), std::move(values));
  if (values.size() != type->members.size()) return misfit(items, type);
  return Value{std::move(values)};
}

Result<Value> flags_value(const boost::json::array& labels, const wit::TypeRef& type) {
  wit::FlagsValue flags;
  flags.set.resize(type->members.size());
  for (const auto& label : labels) {
    const auto at = label.is_string() ? position(type, label.get_string()) : std::nullopt;
    if (!at) return misfit(labels, type);
    flags.set[*at] = true;
  }
  return Value{std::move(flags)};
}

}  // namespace

std::string to_text(const boost::json::value& json) {
  return boost::json::serialize(json);
}

Result<Value> to_value(const boost::json::value& json, const wit::TypeRef& type) {
  if (!json.is_object()) return misfit(json, type);
  const auto& object = json.get_object();
  const auto* content = object.if_contains("value");
  const boost::json::value nothing;
  const boost::json::value& value = content != nullptr ? *content : nothing;
  const auto* stated = object.if_contains("type");
  if (stated == nullptr || !stated->is_string() || stated->get_string() != wit::kind_name(type->kind))
    return misfit(json, type);
  switch (type->kind) {
    case Kind::list:
    case Kind::record:
    case Kind::tuple:
      return value.is_array() ? sequence(value.get_array(), type) : misfit(json, type);
    case Kind::flags:
      return value.is_array() ? flags_value(value.get_array(), type) : misfit(json, type);
    case Kind::enumeration:
    case Kind::variant: {
      const auto* name = type->kind == Kind::variant ? object.if_contains("case") : &value;
      if (name == nullptr || !name->is_string()) return misfit(json, type);
      const auto at = position(type, name->get_string());
      return at ? case_of(*at, value, type->members[*at].type) : misfit(json, type);
    }
    case Kind::option:
      return value.is_null() ? Value{wit::CaseValue{}} : case_of(1, value, type->element());
    case Kind::result: {
      const auto* ok = object.if_contains("ok");
      const bool is_ok = ok != nullptr && ok->is_bool() && ok->get_bool();
      return case_of(is_ok ? 0 : 1, value, is_ok ? type->ok() : type->error());
    }
    case Kind::own:
    case Kind::borrow:
      return misfit(json, type);
    default:
      return value.is_string() ? primitive_value(std::string(value.get_string()), json, type)
                               : misfit(json, type);
  }
}

Result<std::vector<Value>> to_values(const boost::json::array& json, const wit::FunctionType& type) {
  if (json.size() != type.parameters.size())
    return failure(ErrorCode::invalid_argument, "{} arguments for {} parameters", json.size(),
                   type.parameters.size());
  std::vector<Value> values;
  for (size_t i = 0; i < json.size(); i++) {
    WATTLE_TRY(auto value, to_value(json[i], type.parameters[i].type));
    values.push_back(std::move(value));
  }
  return values;
}

Outcome compare(const std::optional<Value>& result, const boost::json::array& expected,
                const wit::FunctionType& type) {
  if (expected.empty())
    return result ? Outcome::failed("a result where none is expected") : Outcome::passed();
  if (!result || type.result == nullptr) return Outcome::failed("no result, expected " + to_text(expected));
  const auto value = to_value(expected[0], type.result);
  if (!value) return Outcome::failed(value.error().full_message());
  if (*value == *result) return Outcome::passed();
  return Outcome::failed(
      fmt::format("got {}, expected {}", wit::to_wave(type.result, *result), to_text(expected[0])));
}

}  // namespace wattle::conformance
