// YAML as manifests are written in it, JSON among it, with the line and column of every value. Read with
// libyaml, whose parser tells events one by one with exact marks and never recurses, so that the bounds here
// are kept while reading: of bytes, depth, and values once aliases are written out.
//
// Plain words have the types of YAML 1.2's core schema: "yes" and "on" are texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "manager/problem.h"

namespace wattle::manager {

inline constexpr size_t kYamlBytesMax = size_t{1} << 20;
inline constexpr size_t kYamlDepthMax = 32;
inline constexpr size_t kYamlValuesMax = 100'000;
inline constexpr size_t kYamlTextBytesMax = size_t{4} << 20;  // of all texts, aliases written out
inline constexpr size_t kYamlKeyBytesMax = 512;
inline constexpr size_t kYamlDocumentsMax = 64;

enum class YamlKind : uint8_t { nothing, boolean, number, text, list, map };

struct YamlField;

struct YamlNode {
  YamlKind kind = YamlKind::nothing;
  uint32_t line = 0;  // from 1
  uint32_t column = 0;
  std::string text{};  // of a boolean, a number or a text: as it is written
  std::vector<YamlNode> items;
  std::vector<YamlField> fields;  // in the file's order, no key twice
};

struct YamlField {
  std::string key{};
  uint32_t line = 0;  // of the key
  uint32_t column = 0;
  YamlNode value{};
};

// The documents of a text. What is no YAML, or beyond the bounds, is a problem that ends the reading:
// documents before it are returned. A key that stands twice is a problem, and its first value is kept.
std::vector<YamlNode> read_yaml(std::string_view text, Problems& problems);

// "the number 8080", "a list", "nothing": for messages.
std::string describe(const YamlNode& node);

}  // namespace wattle::manager
