#include "wit/json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "wit/transcode.h"
#include "wit/wave.h"

namespace wattle::wit {
namespace {

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (char character : text) {
    auto byte = static_cast<uint8_t>(character);
    if (character == '"' || character == '\\') {
      json += '\\';
      json += character;
    } else if (byte < 0x20 || byte == 0x7f) {
      json += fmt::format("\\u{:04x}", byte);
    } else {
      json += character;
    }
  }
  return json + '"';
}

std::string object(std::string_view key, const std::string& value) {
  return "{" + json_string(key) + ": " + value + "}";
}

std::string mismatch(const Type& type) {
  return json_string(fmt::format("<not a {}>", kind_name(type.kind)));
}

std::string values_json(const Type& type, const Values& values) {
  bool is_list = type.kind == Kind::list;
  bool is_record = type.kind == Kind::record;
  std::string json = is_record ? "{" : "[";
  for (size_t i = 0; i < values.size(); i++) {
    if (i > 0) json += ", ";
    if (is_record) json += json_string(type.members[i].name) + ": ";
    json += to_json(is_list ? type.element() : type.members[i].type, values[i]);
  }
  return json + (is_record ? "}" : "]");
}

std::string bytes_json(const ByteList& bytes) {
  return fmt::format("[{}]", fmt::join(bytes, ", "));
}

std::string case_json(const Type& type, const CaseValue& value) {
  if (value.index >= case_count(type)) return mismatch(type);
  TypeRef payload_type = case_type(type, value.index);
  std::string_view label = case_label(type, value.index);
  if ((payload_type != nullptr) != (value.payload != nullptr)) return mismatch(type);
  std::string payload = payload_type ? to_json(payload_type, *value.payload) : "null";
  if (type.kind == Kind::result) return object(label, payload);
  if (type.kind == Kind::option)
    return payload_type && payload_type->kind == Kind::option ? object(label, payload) : payload;
  return payload_type ? object(label, payload) : json_string(label);
}

std::string flags_json(const Type& type, const FlagsValue& flags) {
  std::string json = "[";
  for (size_t i = 0; i < flags.set.size(); i++) {
    if (!flags.set[i]) continue;
    if (json.size() > 1) json += ", ";
    json += json_string(type.members[i].name);
  }
  return json + "]";
}

}  // namespace

std::string to_json(const TypeRef& type, const Value& value) {
  switch (type->kind) {
    case Kind::string:
      if (const auto* text = std::get_if<std::string>(&value.data)) return json_string(*text);
      return mismatch(*type);
    case Kind::character:
      if (const auto* character = std::get_if<char32_t>(&value.data)) {
        std::string text;
        append_utf8(text, *character);
        return json_string(text);
      }
      return mismatch(*type);
    case Kind::list:
    case Kind::record:
    case Kind::tuple:
      if (const auto* bytes = std::get_if<ByteList>(&value.data); bytes && is_list_of_bytes(*type))
        return bytes_json(*bytes);
      if (const auto* values = std::get_if<Values>(&value.data);
          values && (type->kind == Kind::list || values->size() == type->members.size()))
        return values_json(*type, *values);
      return mismatch(*type);
    case Kind::variant:
    case Kind::enumeration:
    case Kind::option:
    case Kind::result:
      if (const auto* chosen = std::get_if<CaseValue>(&value.data)) return case_json(*type, *chosen);
      return mismatch(*type);
    case Kind::flags:
      if (const auto* flags = std::get_if<FlagsValue>(&value.data);
          flags && flags->set.size() == type->members.size())
        return flags_json(*type, *flags);
      return mismatch(*type);
    case Kind::own:
    case Kind::borrow:
      if (const auto* handle = std::get_if<HandleValue>(&value.data))
        return object("handle", std::to_string(handle->representation));
      return mismatch(*type);
    default:
      break;
  }
  // A number or boolean reads in JSON as it does in WAVE, except what JSON has no number for.
  std::string text = to_wave(type, value);
  bool is_plain = text != "nan" && text != "inf" && text != "-inf" && text[0] != '<';
  return is_plain ? text : json_string(text);
}

}  // namespace wattle::wit
