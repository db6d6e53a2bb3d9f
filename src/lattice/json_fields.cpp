#include "lattice/json_fields.h"

#include <algorithm>

namespace wattle::lattice {
namespace {

// How many bytes of `text` are one character in UTF-8; 0: none.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  const auto follows = [&](size_t index, unsigned low = 0x80, unsigned high = 0xBF) {
    return index < text.size() && byte(index) >= low && byte(index) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF)
    return follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  if (first >= 0xF0 && first <= 0xF4)
    return follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && follows(2) && follows(3)
               ? 4
               : 0;
  return 0;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    if (bytes == 0)
      valid += "\xEF\xBF\xBD";
    else
      valid += text.substr(0, bytes);
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return valid;
}

Result<boost::json::value> parse_document(std::string_view text, std::string_view what, size_t depth_max) {
  if (text.size() > kDocumentBytesMax)
    return failure(ErrorCode::malformed, "{} has {} bytes, and at most {} are read", what, text.size(),
                   kDocumentBytesMax);
  boost::json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code problem;
  boost::json::value value = boost::json::parse(text, problem, {}, options);
  if (problem) return failure(ErrorCode::malformed, "{} is not JSON: {}", what, problem.message());
  return value;
}

Result<boost::json::object> parse_object(std::string_view text, std::string_view what, size_t depth_max) {
  WATTLE_TRY(boost::json::value value, parse_document(text, what, depth_max));
  if (!value.is_object()) return failure(ErrorCode::malformed, "{} must be a JSON object", what);
  return std::move(value.as_object());
}

Result<void> FieldReader::done() const {
  if (fault_) return failure(ErrorCode::malformed, "{}", *fault_);
  return {};
}

const boost::json::value* FieldReader::find(std::string_view name) const {
  const boost::json::value* value = object_.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

void FieldReader::refuse(std::string_view name, std::string_view why) {
  if (!fault_) fault_ = fmt::format("\"{}{}\" {}", path_, name, why);
}

std::string FieldReader::at(std::string_view name, size_t index) {
  return fmt::format("{}[{}]", name, index);
}

void FieldReader::read(const boost::json::value& from, std::string_view name, bool& value) {
  if (!from.is_bool()) return refuse(name, "must be true or false");
  value = from.get_bool();
}

void FieldReader::read(const boost::json::value& from, std::string_view name, std::string& value) {
  if (!from.is_string()) return refuse(name, "must be text");
  if (from.get_string().size() > kTextBytesMax) return refuse(name, "is too long");
  value.assign(from.get_string().data(), from.get_string().size());
}

void FieldReader::read(const boost::json::value& from, std::string_view name, boost::json::object& value) {
  if (!from.is_object()) return refuse(name, "must be an object");
  value = from.get_object();
}

}  // namespace wattle::lattice
