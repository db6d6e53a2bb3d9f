// The fields of a manifest's objects, each defined once: its name, what it is for, what it takes, whether it
// must be there. A type lists its fields for a visitor; one visitor reads them (FieldReader), another writes
// them as JSON schema (schema.cpp).
//
//   template <class Visitor>
//   void list_fields(Visitor& fields, Spread& self) {
//     fields.required({.name = "name", .text = "What this spread is called"}, self.name);
//     fields.optional({.name = "weight", .text = "Its share of the instances"}, self.weight);
//   }
//
// A type with a function `Text& text_alone()` may also be written as that text alone.
//
// Reading goes on after a problem, so that all of them are told; what could not be read keeps its default.
// Internal to src/manager.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "manager/problem.h"
#include "manager/yaml_document.h"

namespace wattle::manager {

// Values with their places, which checks tell.
struct Text {
  std::string value{};
  Place place{};
};
struct Number {
  uint32_t value = 0;
  Place place{};
};
struct Flag {
  bool value = false;
  Place place{};
};
// A text or a number that stands for one: "500m", 2.
struct Quantity {
  std::string value{};
  Place place{};
};
using Texts = std::vector<Text>;
using TextMap = std::map<std::string, Text>;

// What a text must look like.
struct Form {
  std::string_view pattern;   // for the schema
  std::string_view sentence;  // for people: "a name of letters, ..."
  bool (*fits)(std::string_view);
};
extern const Form kApplicationName;  // one word: letters, digits, "-", "_"
extern const Form kConfigName;       // what can be a config's name on the bus
extern const Form kWitName;          // lower case, digits, "-"
extern const Form kDnsLabel;
extern const Form kAllowedHost;
extern const Form kPercent;   // "70%"
extern const Form kDuration;  // "90s", "5m"
extern const Form kMemory;    // "64Mi"
extern const Form kCpus;      // "500m"

struct Field {
  std::string_view name;
  std::string_view text;         // one sentence, without a full stop
  std::string_view one_of = {};  // words with "|" between them
  const Form* form = nullptr;
  uint32_t least = 0;                                    // of a number; of a list's items
  uint32_t most = std::numeric_limits<uint32_t>::max();  // of a number
  bool filled = false;  // of a text: it is not empty; so is every one that is required
  bool deprecated = false;
};

std::vector<std::string_view> words_of(std::string_view one_of);
// The field, where its text must not be empty.
Field filled(Field field);

// One of several types of `properties`, chosen by the value of the tag field.
template <class T>
struct Case {
  std::string_view tags;  // with "|" between them
  std::string_view text;
  std::optional<T>& value;
};

class FieldReader {
 public:
  FieldReader(const YamlNode& map, const Place& place, Problems& problems)
      : map_(map), place_(place), problems_(problems) {}

  template <class T>
  void required(const Field& field, T& value) {
    if (const YamlField* found = find(field))
      read(found->value, filled(field), place_of(*found), value);
    else
      missing(field, expectation<T>(field));
  }
  template <class T>
  void optional(const Field& field, T& value) {
    if (const YamlField* found = find(field)) read(found->value, field, place_of(*found), value);
  }
  // The same field under another name.
  template <class T>
  void alias(const Field& field, T& value) {
    optional(field, value);
  }
  // Of a required field that an older name may stand for: nothing is said when one of them is there.
  template <class T>
  void required_or(const Field& field, std::string_view older, T& value) {
    if (peek(older) != nullptr)
      optional(field, value);
    else
      required(field, value);
  }
  // Is there for others, and means nothing here.
  void left_out(const Field& field) { find(field); }
  // Exactly one of two optional fields.
  void exactly_one(std::string_view a, std::string_view b);
  template <class... Cases>
  void tagged(const Field& tag, Text& tag_value, const Field& properties, Cases... cases) {
    required(tag, tag_value);
    (read_case(tag_value, properties, cases), ...);
    find(properties);  // known, whatever the tag is
  }

  // Tells the fields that are not known.
  void finish();

 private:
  template <class T>
  void read_case(const Text& tag, const Field& properties, Case<T>& one) {
    for (const std::string_view word : words_of(one.tags))
      if (word == tag.value) required(properties, one.value.emplace());
  }

  const YamlField* peek(std::string_view name) const;
  const YamlField* find(const Field& field);  // remembers it as known; null where it is nothing
  Place place_of(const YamlField& field) const;
  void missing(const Field& field, std::string expected);
  static Place inside(const Place& place, std::string_view key, uint32_t line, uint32_t column);

  template <class T>
  static std::string expectation(const Field& field);

  void read(const YamlNode& node, const Field& field, const Place& place, Text& value);
  void read(const YamlNode& node, const Field& field, const Place& place, Number& value);
  void read(const YamlNode& node, const Field& field, const Place& place, Flag& value);
  void read(const YamlNode& node, const Field& field, const Place& place, Quantity& value);
  void read(const YamlNode& node, const Field& field, const Place& place, TextMap& value);
  template <class T>
  void read(const YamlNode& node, const Field& field, const Place& place, std::optional<T>& value) {
    read(node, field, place, value.emplace());
  }
  template <class T>
  void read(const YamlNode& node, const Field& field, const Place& place, std::vector<T>& value) {
    if (node.kind != YamlKind::list)
      return problems_.mismatch(place, expectation<std::vector<T>>(field), describe(node));
    if (node.items.size() < field.least)
      return problems_.mismatch(place, expectation<std::vector<T>>(field), "an empty one");
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      value.emplace_back();
      read(item, field, {fmt::format("{}[{}]", place.path, i), item.line, item.column}, value.back());
    }
  }
  template <class T>
    requires requires(FieldReader& fields, T& value) { list_fields(fields, value); }
  void read(const YamlNode& node, const Field& field, const Place& place, T& value) {
    value.place = place;
    if constexpr (requires { value.text_alone(); }) {
      if (node.kind == YamlKind::text) {
        problems_.warning(place, "a name alone is deprecated here",
                          fmt::format("write {{name: {}}}", in_quotes(node.text)));
        return read(node, field, place, value.text_alone());
      }
    }
    if (node.kind != YamlKind::map) return problems_.mismatch(place, expectation<T>(field), describe(node));
    FieldReader inner(node, place, problems_);
    list_fields(inner, value);
    inner.finish();
  }

  const YamlNode& map_;
  const Place& place_;
  Problems& problems_;
  std::vector<std::string_view> known_;
};

std::string expected_text(const Field& field);
std::string expected_number(const Field& field);

template <class T>
std::string FieldReader::expectation(const Field& field) {
  if constexpr (std::is_same_v<T, Text> || std::is_same_v<T, Quantity>)
    return expected_text(field);
  else if constexpr (std::is_same_v<T, Number>)
    return expected_number(field);
  else if constexpr (std::is_same_v<T, Flag>)
    return "true or false";
  else if constexpr (std::is_same_v<T, TextMap>)
    return "a map of texts";
  else if constexpr (requires(T value) { value.text_alone(); })
    return "a name, or a map";
  else if constexpr (requires(T value) { value.has_value(); })
    return expectation<typename T::value_type>(field);
  else if constexpr (requires(T value) { value.push_back({}); })
    return field.least == 0 ? "a list" : "a list that is not empty";
  else
    return "a map";
}

// A whole document as `T`.
template <class T>
T read_document(const YamlNode& document, Problems& problems) {
  T value;
  const Place place{{}, document.line, document.column};
  value.place = place;
  FieldReader fields(document, place, problems);
  list_fields(fields, value);
  fields.finish();
  return value;
}

}  // namespace wattle::manager
