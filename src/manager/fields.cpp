#include "manager/fields.h"

#include <algorithm>
#include <charconv>

#include "base/parse.h"
#include "lattice/names.h"
#include "wit/version.h"

namespace wattle::manager {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter_or_digit(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c);
}

template <class Predicate>
bool all_of(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

bool is_application_name(std::string_view text) {
  return text.size() <= lattice::kNameBytesMax / 2 &&
         all_of(text, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; });
}

bool is_wit_name(std::string_view text) {
  return text.size() <= lattice::kNameBytesMax && wit::is_label(text);
}

bool is_dns_label(std::string_view text) {
  return text.size() <= 63 && all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; }) &&
         text.front() != '-' && text.back() != '-';
}

bool is_host_label(std::string_view label) {
  return all_of(label, [](char c) { return is_letter_or_digit(c) || c == '-'; }) && label.front() != '-' &&
         label.back() != '-';
}

// "*", HOST, *.HOST, each perhaps with a port, or as a URL without a path.
bool is_allowed_host(std::string_view text) {
  if (text == "*") return true;
  if (const size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    if (!all_of(text.substr(0, scheme), is_letter_or_digit)) return false;
    text.remove_prefix(scheme + 3);
    if (text.ends_with('/')) text.remove_suffix(1);
  }
  if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
    if (!all_of(text.substr(colon + 1), is_digit)) return false;
    text = text.substr(0, colon);
  }
  if (text.starts_with("*.")) text.remove_prefix(2);
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    if (!is_host_label(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

bool is_percent(std::string_view text) {
  if (!text.ends_with('%')) return false;
  text.remove_suffix(1);
  return text == "100" ||
         (!text.empty() && text.size() <= 2 && all_of(text, is_digit) && text.front() != '0');
}

}  // namespace

const Form kApplicationName{"^[-_A-Za-z0-9]{1,128}$", "a name of letters, digits, \"-\" and \"_\"",
                            is_application_name};
const Form kConfigName{"^[-_=/A-Za-z0-9]{1,256}$", "a name of letters, digits and -_=/",
                       [](std::string_view text) { return lattice::check_id(text, "").has_value(); }};
const Form kWitName{"^([a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(-([a-z0-9]+|[A-Z0-9]+))*$",
                    "a name of WIT, as \"keyvalue\"", is_wit_name};
const Form kDnsLabel{"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", "a name of lower-case letters, digits and \"-\"",
                     is_dns_label};
const Form kAllowedHost{R"(^(\*|([A-Za-z0-9]+://)?(\*\.)?[-A-Za-z0-9]+(\.[-A-Za-z0-9]+)*(:[0-9]+)?/?)$)",
                        "a host, HOST:PORT, *.HOST or *", is_allowed_host};
const Form kPercent{"^([1-9][0-9]?|100)%$", "a share from 1% to 100%", is_percent};
const Form kDuration{"^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)$", "a time, as 90s, 5m or 1h",
                     [](std::string_view text) { return parse_duration(text).has_value(); }};
const Form kMemory{"^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T|[eE][0-9]{1,2})?$",
                   "memory of 1024Ti at most, as 64Mi, 1G or bytes",
                   [](std::string_view text) { return parse_memory_quantity(text).has_value(); }};
const Form kCpus{"^[0-9]+(\\.[0-9]{1,3}|m)?$", "CPUs or thousandths of one, as 2, 0.5 or 500m",
                 [](std::string_view text) { return parse_cpu_quantity(text).has_value(); }};

std::vector<std::string_view> words_of(std::string_view one_of) {
  std::vector<std::string_view> words;
  while (!one_of.empty()) {
    const size_t end = std::min(one_of.find('|'), one_of.size());
    words.push_back(one_of.substr(0, end));
    one_of.remove_prefix(std::min(end + 1, one_of.size()));
  }
  return words;
}

Field filled(Field field) {
  field.filled = true;
  return field;
}

std::string expected_text(const Field& field) {
  if (!field.one_of.empty()) return listed(words_of(field.one_of));
  return field.form == nullptr ? "a text" : std::string(field.form->sentence);
}

std::string expected_number(const Field& field) {
  return fmt::format("a whole number from {} to {}", field.least, field.most);
}

const YamlField* FieldReader::peek(std::string_view name) const {
  for (const YamlField& field : map_.fields)
    if (field.key == name) return field.value.kind == YamlKind::nothing ? nullptr : &field;
  return nullptr;
}

const YamlField* FieldReader::find(const Field& field) {
  known_.push_back(field.name);
  const YamlField* found = peek(field.name);
  if (found != nullptr && field.deprecated)
    problems_.warning(place_of(*found), fmt::format("\"{}\" is deprecated", field.name),
                      std::string(field.text));
  return found;
}

Place FieldReader::inside(const Place& place, std::string_view key, uint32_t line, uint32_t column) {
  const bool simple = !key.empty() && key.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-") == std::string_view::npos;
  if (!simple) return {fmt::format("{}[{}]", place.path, in_quotes(key)), line, column};
  return {place.path.empty() ? std::string(key) : fmt::format("{}.{}", place.path, key), line, column};
}

Place FieldReader::place_of(const YamlField& field) const {
  return inside(place_, field.key, field.value.line, field.value.column);
}

void FieldReader::missing(const Field& field, std::string expected) {
  problems_.mismatch(inside(place_, field.name, place_.line, place_.column), std::move(expected), "nothing",
                     fmt::format("\"{}\" must be there", field.name));
}

void FieldReader::exactly_one(std::string_view a, std::string_view b) {
  const bool has_a = peek(a) != nullptr, has_b = peek(b) != nullptr;
  if (has_a != has_b) return;
  problems_.mismatch(place_, fmt::format("either \"{}\" or \"{}\"", a, b), has_a ? "both" : "neither");
}

void FieldReader::finish() {
  for (const YamlField& field : map_.fields) {
    if (std::find(known_.begin(), known_.end(), field.key) != known_.end()) continue;
    const std::string_view near = problems_.nearest(field.key, known_);
    problems_.error(inside(place_, field.key, field.line, field.column),
                    fmt::format("there is no field {} here", in_quotes(field.key)),
                    near.empty() ? fmt::format("known are {}", listed(known_))
                                 : fmt::format("did you mean \"{}\"?", near));
  }
}

void FieldReader::read(const YamlNode& node, const Field& field, const Place& place, Text& value) {
  value.place = place;
  if (node.kind == YamlKind::number || node.kind == YamlKind::boolean)
    return problems_.mismatch(place, expected_text(field), describe(node),
                              fmt::format("put it in quotes: {}", in_quotes(node.text)));
  if (node.kind != YamlKind::text) return problems_.mismatch(place, expected_text(field), describe(node));
  const auto words = words_of(field.one_of);
  if (!words.empty() && std::find(words.begin(), words.end(), node.text) == words.end()) {
    const std::string_view near = problems_.nearest(node.text, words);
    problems_.mismatch(place, expected_text(field), describe(node),
                       near.empty() ? std::string() : fmt::format("did you mean \"{}\"?", near));
  } else if (field.form != nullptr && !field.form->fits(node.text)) {
    problems_.mismatch(place, expected_text(field), describe(node));
  } else if (field.filled && node.text.empty()) {
    problems_.mismatch(place, "a text that is not empty", "an empty one");
  }
  value.value = node.text;
}

void FieldReader::read(const YamlNode& node, const Field& field, const Place& place, Number& value) {
  value.place = place;
  const auto wrong = [&] { problems_.mismatch(place, expected_number(field), describe(node)); };
  if (node.kind != YamlKind::number) return wrong();
  std::string_view digits = node.text;
  const int base = digits.starts_with("0x") ? 16 : digits.starts_with("0o") ? 8 : 10;
  digits.remove_prefix(base != 10 ? 2 : digits.starts_with('+') ? 1 : 0);
  uint32_t number = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (fault != std::errc() || end != digits.data() + digits.size() || number < field.least ||
      number > field.most)
    return wrong();
  value.value = number;
}

void FieldReader::read(const YamlNode& node, const Field&, const Place& place, Flag& value) {
  value.place = place;
  if (node.kind != YamlKind::boolean) return problems_.mismatch(place, "true or false", describe(node));
  value.value = node.text.front() == 't' || node.text.front() == 'T';
}

void FieldReader::read(const YamlNode& node, const Field& field, const Place& place, Quantity& value) {
  value.place = place;
  const bool is_word = node.kind == YamlKind::text || node.kind == YamlKind::number;
  if (!is_word || !field.form->fits(node.text))
    return problems_.mismatch(place, expected_text(field), describe(node));
  value.value = node.text;
}

void FieldReader::read(const YamlNode& node, const Field& field, const Place& place, TextMap& value) {
  if (node.kind != YamlKind::map) return problems_.mismatch(place, "a map of texts", describe(node));
  for (const YamlField& entry : node.fields)
    read(entry.value, {.name = field.name, .text = field.text},
         inside(place, entry.key, entry.value.line, entry.value.column), value[entry.key]);
}

}  // namespace wattle::manager
