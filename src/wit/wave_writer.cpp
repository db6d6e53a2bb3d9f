#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "wit/transcode.h"
#include "wit/wave.h"

namespace wattle::wit {
namespace {

class Writer {
 public:
  explicit Writer(size_t bytes_max = std::numeric_limits<size_t>::max()) : bytes_max_(bytes_max) {}
  void write(const TypeRef& type, const Value& value) {
    std::visit([&](const auto& data) { write_data(*type, data); }, value.data);
  }
  std::string take() { return std::move(text_); }

 private:
  template <class T>
  void write_number(const Type& type, Kind kind, T number) {
    if (type.kind != kind) return mismatch(type);
    char buffer[64];
    auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, number);
    std::string_view digits(buffer, static_cast<size_t>(end - buffer));
    if (code == std::errc()) append_number(digits);
  }

  // The encoding's exponents have no leading zero: 1e+05 is 1e+5.
  void append_number(std::string_view digits) {
    size_t exponent = digits.find('e');
    if (exponent == digits.npos || digits == "-inf") {
      text_ += digits == "-nan" ? "nan" : digits;
      return;
    }
    text_ += digits.substr(0, exponent + 2);
    size_t first = digits.find_first_not_of('0', exponent + 2);
    text_ += digits.substr(first);
  }

  void mismatch(const Type& type) { text_ += fmt::format("<not a {}>", kind_name(type.kind)); }

  void write_data(const Type& type, bool value) {
    if (type.kind != Kind::boolean) return mismatch(type);
    text_ += value ? "true" : "false";
  }
  void write_data(const Type& type, int8_t value) { write_number(type, Kind::s8, value); }
  void write_data(const Type& type, uint8_t value) { write_number(type, Kind::u8, value); }
  void write_data(const Type& type, int16_t value) { write_number(type, Kind::s16, value); }
  void write_data(const Type& type, uint16_t value) { write_number(type, Kind::u16, value); }
  void write_data(const Type& type, int32_t value) { write_number(type, Kind::s32, value); }
  void write_data(const Type& type, uint32_t value) { write_number(type, Kind::u32, value); }
  void write_data(const Type& type, int64_t value) { write_number(type, Kind::s64, value); }
  void write_data(const Type& type, uint64_t value) { write_number(type, Kind::u64, value); }
  void write_data(const Type& type, float value) { write_number(type, Kind::f32, value); }
  void write_data(const Type& type, double value) { write_number(type, Kind::f64, value); }

  void write_data(const Type& type, char32_t value) {
    if (type.kind != Kind::character) return mismatch(type);
    text_ += '\'';
    append_escaped(value, U'\'');
    text_ += '\'';
  }

  void write_data(const Type& type, const std::string& value) {
    if (type.kind != Kind::string) return mismatch(type);
    text_ += '"';
    for (size_t position = 0; position < value.size() && !is_full();)
      append_escaped(next_utf8(value, position), U'"');
    text_ += '"';
  }

  void append_escaped(char32_t character, char32_t quote) {
    if (character == U'\n') {
      text_ += "\\n";
    } else if (character == U'\t') {
      text_ += "\\t";
    } else if (character == U'\r') {
      text_ += "\\r";
    } else if (character == U'\\' || character == quote) {
      text_ += '\\';
      text_ += static_cast<char>(character);
    } else if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
      text_ += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(character));
    } else {
      append_utf8(text_, character);
    }
  }

  void write_data(const Type& type, const Values& values) {
    bool is_list = type.kind == Kind::list;
    bool is_record = type.kind == Kind::record;
    if (!is_list && ((!is_record && type.kind != Kind::tuple) || values.size() != type.members.size()))
      return mismatch(type);
    text_ += is_list ? '[' : is_record ? '{' : '(';
    for (size_t i = 0; i < values.size() && !is_full(); i++) {
      if (i > 0) text_ += ", ";
      if (is_record) text_ += type.members[i].name + ": ";
      write(is_list ? type.element() : type.members[i].type, values[i]);
    }
    text_ += is_list ? ']' : is_record ? '}' : ')';
  }

  void write_data(const Type& type, const ByteList& value) {
    if (!is_list_of_bytes(type)) return mismatch(type);
    text_ += '[';
    for (size_t i = 0; i < value.size() && !is_full(); i++) {
      if (i > 0) text_ += ", ";
      write_data(*type.element(), value[i]);
    }
    text_ += ']';
  }

  void write_data(const Type& type, const CaseValue& value) {
    if (value.index >= case_count(type)) return mismatch(type);
    std::string_view label = case_label(type, value.index);
    bool is_declared = type.kind == Kind::variant || type.kind == Kind::enumeration;
    if (is_declared && is_wave_keyword(label)) text_ += '%';
    text_ += label;
    TypeRef payload = case_type(type, value.index);
    if (!payload) return;
    text_ += '(';
    if (value.payload) {
      write(payload, *value.payload);
    } else {
      mismatch(*payload);
    }
    text_ += ')';
  }

  void write_data(const Type& type, const FlagsValue& value) {
    if (type.kind != Kind::flags || value.set.size() != type.members.size()) return mismatch(type);
    text_ += '{';
    bool is_first = true;
    for (size_t i = 0; i < value.set.size(); i++) {
      if (!value.set[i]) continue;
      if (!is_first) text_ += ", ";
      is_first = false;
      text_ += type.members[i].name;
    }
    text_ += '}';
  }

  void write_data(const Type& type, const HandleValue& value) {
    if (type.kind != Kind::own && type.kind != Kind::borrow) return mismatch(type);
    text_ += fmt::format("<handle {}>", value.representation);
  }

  bool is_full() const { return text_.size() >= bytes_max_; }

  const size_t bytes_max_;
  std::string text_;
};

}  // namespace

bool is_wave_keyword(std::string_view label) {
  constexpr std::array<std::string_view, 8> keywords = {"true", "false", "inf", "nan",
                                                        "some", "none",  "ok",  "err"};
  return std::find(keywords.begin(), keywords.end(), label) != keywords.end();
}

size_t case_count(const Type& type) {
  switch (type.kind) {
    case Kind::variant:
    case Kind::enumeration:
      return type.members.size();
    case Kind::option:
    case Kind::result:
      return 2;
    default:
      return 0;
  }
}

std::string_view case_label(const Type& type, uint32_t index) {
  if (type.kind == Kind::option) return index == 0 ? "none" : "some";
  if (type.kind == Kind::result) return index == 0 ? "ok" : "err";
  return type.members[index].name;
}

TypeRef case_type(const Type& type, uint32_t index) {
  if (type.kind == Kind::option) return index == 0 ? nullptr : type.element();
  return type.members[index].type;
}

std::string to_wave(const TypeRef& type, const Value& value) {
  Writer writer;
  writer.write(type, value);
  return writer.take();
}

std::string to_short_wave(const TypeRef& type, const Value& value, size_t bytes_max) {
  Writer writer(bytes_max);
  writer.write(type, value);
  return writer.take();
}

}  // namespace wattle::wit
