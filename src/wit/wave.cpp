#include "wit/wave.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "wit/transcode.h"

namespace wattle::wit {
namespace {

constexpr size_t kMaxNamesInMessage = 12;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

bool has_flat_payload(const TypeRef& payload) {
  return payload && payload->kind != Kind::option && payload->kind != Kind::result;
}

std::string names_of(const Type& type) {
  std::string text;
  size_t count =
      type.kind == Kind::flags || type.kind == Kind::record ? type.members.size() : case_count(type);
  for (size_t i = 0; i < count && i < kMaxNamesInMessage; i++) {
    if (i > 0) text += ", ";
    text += type.kind == Kind::flags || type.kind == Kind::record
                ? std::string_view(type.members[i].name)
                : case_label(type, static_cast<uint32_t>(i));
  }
  if (count > kMaxNamesInMessage) text += ", ...";
  return text;
}

struct Label {
  std::string_view name;
  bool escaped = false;  // written with %
  size_t position = 0;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Value> whole(const TypeRef& type) {
    WATTLE_TRY(Value value, parse(type));
    skip_space();
    if (position_ < text_.size()) return unexpected("the end of the text");
    return value;
  }

 private:
  // ---- Where we are

  std::string place(size_t position) const {
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < position; i++) {
      if (text_[i] == '\n') {
        line++;
        column = 1;
      } else if ((static_cast<uint8_t>(text_[i]) & 0xc0) != 0x80) {
        column++;
      }
    }
    return line == 1 ? fmt::format("column {}", column) : fmt::format("line {}, column {}", line, column);
  }

  // What stands at `position`, for a message: a word, or one character.
  std::string found_at(size_t position) const {
    if (position >= text_.size()) return "the end of the text";
    size_t end = position;
    while (end < text_.size() && is_label_character(text_[end]) && end - position < 40) end++;
    if (end == position) next_utf8(text_, end);
    return fmt::format("'{}'", text_.substr(position, end - position));
  }

  tl::unexpected<Error> error_at(size_t position, std::string_view message) const {
    return failure(ErrorCode::invalid_argument, "{}: {}", place(position), message);
  }

  tl::unexpected<Error> unexpected(std::string_view expected) const {
    return error_at(position_, fmt::format("found {}, expected {}", found_at(position_), expected));
  }

  // ---- Tokens

  char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

  bool starts_with(std::string_view token) const { return text_.substr(position_).starts_with(token); }

  void skip_space() {
    while (position_ < text_.size()) {
      if (starts_with("//")) {
        size_t end = text_.find('\n', position_);
        position_ = end == std::string_view::npos ? text_.size() : end;
      } else if (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
        position_++;
      } else {
        return;
      }
    }
  }

  bool accept(char token) {
    skip_space();
    if (peek() != token || position_ >= text_.size()) return false;
    position_++;
    return true;
  }

  Result<void> expect(char token, std::string_view expected) {
    if (accept(token)) return {};
    return unexpected(expected);
  }

  // A label or keyword, if one stands here; the position stays when none does.
  std::optional<Label> label() {
    skip_space();
    size_t start = position_;
    bool escaped = peek() == '%';
    size_t end = start + (escaped ? 1 : 0);
    size_t name_start = end;
    while (end < text_.size() && is_label_character(text_[end])) end++;
    if (end == name_start || is_digit(text_[name_start]) || text_[name_start] == '-') return std::nullopt;
    position_ = end;
    return Label{text_.substr(name_start, end - name_start), escaped, start};
  }

  // Takes a keyword out of `keywords`; empty, and nothing taken, if another thing stands here.
  std::string_view keyword(std::initializer_list<std::string_view> keywords) {
    size_t start = position_;
    if (std::optional<Label> found = label(); found && !found->escaped)
      for (std::string_view name : keywords)
        if (name == found->name) return name;
    position_ = start;
    return {};
  }

  // ---- Values

  Result<Value> parse(const TypeRef& type) {
    if (depth_ >= kMaxWaveDepth) return error_at(position_, "values are nested too deeply");
    depth_++;
    skip_space();
    Result<Value> value = parse_kind(type);
    depth_--;
    return value;
  }

  Result<Value> parse_kind(const TypeRef& type) {
    switch (type->kind) {
      case Kind::boolean:
        return boolean();
      case Kind::s8:
        return integer<int8_t>(*type);
      case Kind::u8:
        return integer<uint8_t>(*type);
      case Kind::s16:
        return integer<int16_t>(*type);
      case Kind::u16:
        return integer<uint16_t>(*type);
      case Kind::s32:
        return integer<int32_t>(*type);
      case Kind::u32:
        return integer<uint32_t>(*type);
      case Kind::s64:
        return integer<int64_t>(*type);
      case Kind::u64:
        return integer<uint64_t>(*type);
      case Kind::f32:
        return number<float>(*type);
      case Kind::f64:
        return number<double>(*type);
      case Kind::character:
        return character();
      case Kind::string:
        return string();
      case Kind::list:
        return list(*type);
      case Kind::record:
        return record(*type);
      case Kind::tuple:
        return tuple(*type);
      case Kind::variant:
      case Kind::enumeration:
        return variant(*type);
      case Kind::option:
        return option(*type);
      case Kind::result:
        return result(*type);
      case Kind::flags:
        return flags(*type);
      case Kind::own:
      case Kind::borrow:
        return error_at(position_, "a resource handle has no text form, so it cannot be an argument");
    }
    return error_at(position_, "no such type");
  }

  Result<Value> boolean() {
    std::string_view word = keyword({"true", "false"});
    if (word.empty()) return unexpected("true or false");
    return Value{word == "true"};
  }

  // The characters of a number: '-'? digits ('.' digits)? (e sign? digits)?; empty if none stands here.
  std::string_view number_text() const {
    size_t end = position_;
    auto digits = [&] {
      size_t start = end;
      while (end < text_.size() && is_digit(text_[end])) end++;
      return end > start;
    };
    auto is_at = [&](std::string_view any) { return end < text_.size() && any.find(text_[end]) != any.npos; };
    if (is_at("-")) end++;
    if (!digits()) return {};
    if (is_at(".")) {
      end++;
      if (!digits()) return {};
    }
    if (is_at("eE")) {
      end++;
      if (is_at("+-")) end++;
      if (!digits()) return {};
    }
    return text_.substr(position_, end - position_);
  }

  Result<std::string_view> number_token(const Type& type) {
    std::string_view token = number_text();
    if (token.empty()) return unexpected(fmt::format("a number ({})", kind_name(type.kind)));
    std::string_view digits = token.substr(token[0] == '-' ? 1 : 0);
    if (digits.size() > 1 && digits[0] == '0' && is_digit(digits[1]))
      return error_at(position_, "a number does not start with 0");
    return token;
  }

  template <class T>
  Result<Value> integer(const Type& type) {
    WATTLE_TRY(std::string_view token, number_token(type));
    if (token.find_first_of(".eE") != token.npos)
      return error_at(position_,
                      fmt::format("found {}, expected a whole number ({})", token, kind_name(type.kind)));
    T value = 0;
    auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (token == "-0") {
      value = 0;
    } else if (code != std::errc() || end != token.data() + token.size()) {
      return error_at(position_,
                      fmt::format("{} is out of range for {} ({} to {})", token, kind_name(type.kind),
                                  std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
    position_ += token.size();
    return Value{value};
  }

  template <class T>
  Result<Value> number(const Type& type) {
    std::string_view word = keyword({"nan", "inf"});
    if (word == "nan") return Value{std::numeric_limits<T>::quiet_NaN()};
    if (word == "inf") return Value{std::numeric_limits<T>::infinity()};
    if (starts_with("-inf") &&
        !is_label_character(position_ + 4 < text_.size() ? text_[position_ + 4] : ' ')) {
      position_ += 4;
      return Value{-std::numeric_limits<T>::infinity()};
    }
    WATTLE_TRY(std::string_view token, number_token(type));
    T value = 0;
    auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (code != std::errc() || end != token.data() + token.size())
      return error_at(position_, fmt::format("{} is out of range for {}", token, kind_name(type.kind)));
    position_ += token.size();
    return Value{value};
  }

  // One character of a string or char, at position_: itself or an escape.
  Result<char32_t> one_character() {
    if (peek() != '\\') return next_utf8(text_, position_);
    size_t start = position_++;
    char escape = peek();
    position_ += position_ < text_.size() ? 1 : 0;
    switch (escape) {
      case 'n':
        return U'\n';
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case '\\':
      case '\'':
      case '"':
        return static_cast<char32_t>(escape);
      case 'u':
        return unicode_escape(start);
      default:
        return error_at(start, "no such escape; there are \\n \\t \\r \\\\ \\' \\\" and \\u{...}");
    }
  }

  // After "\u".
  Result<char32_t> unicode_escape(size_t start) {
    size_t close = text_.find('}', position_);
    if (peek() != '{' || close == text_.npos || close == position_ + 1)
      return error_at(start, "a character by its number is written \\u{1f600}");
    std::string_view digits = text_.substr(position_ + 1, close - position_ - 1);
    uint32_t value = 0;
    auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (end != digits.data() + digits.size() || code != std::errc() || !is_scalar_value(value))
      return error_at(start,
                      fmt::format("'{}' is not the hexadecimal number of a character", digits.substr(0, 40)));
    position_ = close + 1;
    return static_cast<char32_t>(value);
  }

  Result<Value> character() {
    size_t start = position_;
    if (peek() != '\'') return unexpected("a character like 'x'");
    position_++;
    if (position_ >= text_.size() || peek() == '\'' || peek() == '\n')
      return error_at(start,
                      "a character literal holds one character; ' and a line end are written \\' and \\n");
    WATTLE_TRY(char32_t value, one_character());
    if (peek() != '\'') return unexpected("' after one character");
    position_++;
    return Value{value};
  }

  Result<Value> string() {
    size_t start = position_;
    if (starts_with("\"\"\"")) return multiline_string();
    if (peek() != '"') return unexpected("a string in double quotes");
    position_++;
    std::string value;
    while (peek() != '"') {
      if (position_ >= text_.size()) return error_at(start, "the string does not end: a \" is missing");
      if (peek() == '\n') return error_at(position_, "a line end inside a string is written \\n");
      WATTLE_TRY(char32_t next, one_character());
      append_utf8(value, next);
    }
    position_++;
    return Value{std::move(value)};
  }

  Result<Value> multiline_string() {
    size_t start = position_;
    position_ += 3;
    if (peek() == '\r') position_++;
    if (peek() != '\n') return unexpected("a line end after \"\"\"");
    size_t body = ++position_;
    size_t close = text_.find("\"\"\"", body);
    if (close == text_.npos) return error_at(start, "the string does not end: a \"\"\" is missing");
    size_t last_line = close;
    while (last_line > body && text_[last_line - 1] == ' ') last_line--;
    if (last_line > body && text_[last_line - 1] != '\n')
      return error_at(close, "\"\"\" ends a string only at the start of a line; inside one, write \"\"\\\"");
    size_t indent = close - last_line;
    std::string value;
    while (position_ < last_line) {
      if (position_ > body) value += '\n';
      WATTLE_CHECK(multiline_line(indent, value));
    }
    position_ = close + 3;
    return Value{std::move(value)};
  }

  // One line with its end, which is there: the last line, before """, is none.
  Result<void> multiline_line(size_t indent, std::string& value) {
    size_t end = text_.find('\n', position_);
    size_t next = end + 1;
    if (end > position_ && text_[end - 1] == '\r') end--;
    for (size_t i = 0; i < indent && position_ < end; i++, position_++)
      if (peek() != ' ') return error_at(position_, "the line is indented less than the closing \"\"\"");
    while (position_ < end) {
      WATTLE_TRY(char32_t character, one_character());
      append_utf8(value, character);
    }
    position_ = next;
    return {};
  }

  // Elements up to `close`, with commas between and one allowed at the end.
  template <class Element>
  Result<void> sequence(char close, std::string_view expected_close, Element element) {
    while (!accept(close)) {
      WATTLE_CHECK(element());
      if (accept(close)) return {};
      WATTLE_CHECK(expect(',', expected_close));
    }
    return {};
  }

  Result<Value> list(const Type& type) {
    if (!accept('[')) return unexpected("a list in [ ]");
    Values values;
    WATTLE_CHECK(sequence(']', ", or ] of the list", [&]() -> Result<void> {
      WATTLE_TRY(Value value, parse(type.element()));
      values.push_back(std::move(value));
      return {};
    }));
    return list_value(type.element(), std::move(values));
  }

  Result<Value> tuple(const Type& type) {
    size_t start = position_;
    if (!accept('(')) return unexpected("a tuple in ( )");
    Values values;
    WATTLE_CHECK(sequence(')', ", or ) of the tuple", [&]() -> Result<void> {
      if (values.size() == type.members.size())
        return unexpected(fmt::format(") since the tuple has {} elements", type.members.size()));
      WATTLE_TRY(Value value, parse(type.members[values.size()].type));
      values.push_back(std::move(value));
      return {};
    }));
    if (values.size() < type.members.size())
      return error_at(
          start, fmt::format("the tuple has {} elements, expected {}", values.size(), type.members.size()));
    return Value{std::move(values)};
  }

  // The place among the type's members of the label that must stand here.
  Result<size_t> member_label(const Type& type, std::string_view what) {
    std::optional<Label> found = label();
    if (!found) return unexpected(fmt::format("a {}: {}", what, names_of(type)));
    for (size_t i = 0; i < type.members.size(); i++)
      if (type.members[i].name == found->name) return i;
    return error_at(found->position, fmt::format("there is no {} '{}', expected one of: {}", what,
                                                 found->name, names_of(type)));
  }

  Result<Value> record(const Type& type) {
    size_t start = position_;
    if (!accept('{')) return unexpected("a record in { }");
    std::vector<std::optional<Value>> fields(type.members.size());
    bool is_empty = accept(':');
    if (is_empty) {
      WATTLE_CHECK(expect('}', "} after {:"));
    } else {
      WATTLE_CHECK(sequence('}', ", or } of the record", [&] { return field(type, fields); }));
    }
    Values values;
    for (size_t i = 0; i < fields.size(); i++) {
      if (!fields[i] && type.members[i].type->kind != Kind::option)
        return error_at(start, fmt::format("the field '{}' ({}) is missing", type.members[i].name,
                                           to_string(type.members[i].type)));
      values.push_back(fields[i] ? std::move(*fields[i]) : case_value(0));
    }
    return Value{std::move(values)};
  }

  Result<void> field(const Type& type, std::vector<std::optional<Value>>& fields) {
    skip_space();
    size_t start = position_;
    WATTLE_TRY(size_t index, member_label(type, "field"));
    if (fields[index])
      return error_at(start, fmt::format("the field '{}' is there twice", type.members[index].name));
    WATTLE_CHECK(expect(':', fmt::format(": after the field '{}'", type.members[index].name)));
    WATTLE_TRY(fields[index], parse(type.members[index].type));
    return {};
  }

  Result<Value> flags(const Type& type) {
    if (!accept('{')) return unexpected("flags in { }");
    FlagsValue flags;
    flags.set.resize(type.members.size());
    WATTLE_CHECK(sequence('}', ", or } of the flags", [&]() -> Result<void> {
      skip_space();
      size_t start = position_;
      WATTLE_TRY(size_t index, member_label(type, "flag"));
      if (flags.set[index])
        return error_at(start, fmt::format("the flag '{}' is there twice", type.members[index].name));
      flags.set[index] = true;
      return {};
    }));
    return Value{std::move(flags)};
  }

  Result<Value> variant(const Type& type) {
    size_t start = position_;
    std::optional<Label> found = label();
    if (!found) return unexpected(fmt::format("one of: {}", names_of(type)));
    for (size_t i = 0; i < type.members.size(); i++) {
      if (type.members[i].name != found->name) continue;
      if (!found->escaped && is_wave_keyword(found->name))
        return error_at(start, fmt::format("'{}' is a word of the encoding; the case is written %{}",
                                           found->name, found->name));
      return payload_of(type, static_cast<uint32_t>(i));
    }
    return error_at(start,
                    fmt::format("there is no case '{}', expected one of: {}", found->name, names_of(type)));
  }

  // After the label of a case: its payload in parentheses, if it has one.
  Result<Value> payload_of(const Type& type, uint32_t index) {
    TypeRef payload = case_type(type, index);
    if (!payload) return case_value(index);
    std::string_view name = case_label(type, index);
    WATTLE_CHECK(expect('(', fmt::format("( and the value of '{}', a {}", name, kind_name(payload->kind))));
    WATTLE_TRY(Value value, parse(payload));
    WATTLE_CHECK(expect(')', fmt::format(") after the value of '{}'", name)));
    return case_value(index, std::move(value));
  }

  Result<Value> option(const Type& type) {
    std::string_view word = keyword({"none", "some"});
    if (!word.empty()) return payload_of(type, word == "none" ? 0 : 1);
    if (!has_flat_payload(type.element())) return unexpected("some(...) or none");
    WATTLE_TRY(Value value, parse(type.element()));
    return case_value(1, std::move(value));
  }

  Result<Value> result(const Type& type) {
    std::string_view word = keyword({"ok", "err"});
    if (!word.empty()) return payload_of(type, word == "ok" ? 0 : 1);
    if (!has_flat_payload(type.ok())) return unexpected("ok or err");
    WATTLE_TRY(Value value, parse(type.ok()));
    return case_value(0, std::move(value));
  }

  std::string_view text_;
  size_t position_ = 0;
  uint32_t depth_ = 0;
};

}  // namespace

Result<Value> parse_wave(const TypeRef& type, std::string_view text) {
  Bytes bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  if (Result<void> valid = validate_utf8(bytes); !valid)
    return failure(ErrorCode::invalid_argument, "the text is not UTF-8: {}", valid.error().message());
  return Parser(text).whole(type);
}

}  // namespace wattle::wit
