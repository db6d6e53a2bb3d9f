#include "runtime/interface_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace wattle::runtime {
namespace {

// The number that `text` begins with, taken off it together with a following dot.
uint64_t take_number(std::string_view& text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const char* rest = std::from_chars(text.data(), end, number).ptr;
  if (rest != end && *rest == '.') ++rest;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  return number;
}

}  // namespace

InterfaceName split_version(std::string_view name) {
  const size_t at = name.rfind('@');
  if (at == std::string_view::npos) return {name, {}};
  return {name.substr(0, at), name.substr(at + 1)};
}

std::string_view version_track(std::string_view version) {
  if (version.find('-') != std::string_view::npos) return version;
  const size_t first = version.find('.');
  if (first == std::string_view::npos) return version;
  if (version.substr(0, first) != "0") return version.substr(0, first);
  const size_t second = version.find('.', first + 1);
  if (second == std::string_view::npos) return version;
  const bool is_zero_minor = version.substr(first + 1, second - first - 1) == "0";
  return is_zero_minor ? version : version.substr(0, second);
}

bool is_later_version(std::string_view left, std::string_view right) {
  for (int part = 0; part < 3; ++part) {
    const uint64_t left_number = take_number(left);
    const uint64_t right_number = take_number(right);
    if (left_number != right_number) return left_number > right_number;
  }
  return false;
}

size_t edit_distance(std::string_view left, std::string_view right, size_t limit) {
  std::vector<size_t> row(right.size() + 1);
  for (size_t column = 0; column <= right.size(); ++column) row[column] = column;
  for (size_t line = 1; line <= left.size(); ++line) {
    size_t diagonal = row[0];
    row[0] = line;
    for (size_t column = 1; column <= right.size(); ++column) {
      const size_t above = row[column];
      const size_t replaced = diagonal + (left[line - 1] != right[column - 1]);
      row[column] = std::min({replaced, above + 1, row[column - 1] + 1});
      diagonal = above;
    }
  }
  return std::min(row.back(), limit);
}

std::string nearest_names(std::string_view name, std::vector<std::string> names) {
  constexpr size_t kMaxSuggestions = 5;
  constexpr size_t kFar = 1000;
  std::stable_sort(names.begin(), names.end(), [&](const std::string& left, const std::string& right) {
    return edit_distance(left, name, kFar) < edit_distance(right, name, kFar);
  });
  std::string text;
  for (size_t index = 0; index < names.size() && index < kMaxSuggestions; ++index)
    text += fmt::format("{}\"{}\"", index > 0 ? ", " : "", names[index]);
  if (names.size() > kMaxSuggestions) text += fmt::format(" and {} more", names.size() - kMaxSuggestions);
  return text.empty() ? "nothing" : text;
}

}  // namespace wattle::runtime
