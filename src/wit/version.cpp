#include "wit/version.h"

#include <algorithm>
#include <charconv>

namespace wattle::wit {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_identifier_character(char c) {
  return is_digit(c) || is_lower(c) || is_upper(c) || c == '-';
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Takes a number without leading zeros off the start of `text`.
bool take_number(std::string_view& text, uint64_t& number) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  auto length = static_cast<size_t>(end - text.data());
  if (code != std::errc() || length == 0 || !is_digit(text[0]) || (length > 1 && text[0] == '0'))
    return false;
  text.remove_prefix(length);
  return true;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// Takes identifiers with dots between them; a dot that no identifier follows stays. False if there is none,
// or one that a pre-release cannot have.
bool take_identifiers(std::string_view& text, std::string& identifiers, bool is_prerelease) {
  std::string_view start = text;
  size_t taken = 0;
  for (;;) {
    auto end = std::find_if_not(text.begin(), text.end(), is_identifier_character);
    auto length = static_cast<size_t>(end - text.begin());
    if (length == 0) break;
    if (is_prerelease && length > 1 && text[0] == '0' && is_number(text.substr(0, length))) return false;
    taken = static_cast<size_t>(text.data() - start.data()) + length;
    text.remove_prefix(length);
    if (!take(text, '.')) break;
  }
  text = start.substr(taken);
  identifiers = start.substr(0, taken);
  return taken > 0;
}

// Takes a version off the start of `text`.
std::optional<Version> take_version(std::string_view& text) {
  Version version;
  if (!take_number(text, version.major) || !take(text, '.')) return std::nullopt;
  if (!take_number(text, version.minor) || !take(text, '.')) return std::nullopt;
  if (!take_number(text, version.patch)) return std::nullopt;
  if (take(text, '-') && !take_identifiers(text, version.prerelease, true)) return std::nullopt;
  if (take(text, '+') && !take_identifiers(text, version.build, false)) return std::nullopt;
  return version;
}

template <class T>
int three_way(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

int compare_identifiers(std::string_view left, std::string_view right) {
  bool left_is_number = is_number(left);
  bool right_is_number = is_number(right);
  if (left_is_number != right_is_number) return left_is_number ? -1 : 1;
  if (left_is_number && left.size() != right.size()) return three_way(left.size(), right.size());
  return three_way(left, right);
}

std::string_view next_identifier(std::string_view& rest) {
  size_t dot = std::min(rest.find('.'), rest.size());
  std::string_view identifier = rest.substr(0, dot);
  rest.remove_prefix(std::min(dot + 1, rest.size()));
  return identifier;
}

int compare_prereleases(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return three_way(left.empty(), right.empty());
  while (!left.empty() && !right.empty())
    if (int order = compare_identifiers(next_identifier(left), next_identifier(right)); order != 0)
      return order;
  return three_way(!left.empty(), !right.empty());
}

}  // namespace

size_t version_length(std::string_view text) {
  std::string_view rest = text;
  return take_version(rest) ? text.size() - rest.size() : 0;
}

Result<Version> parse_version(std::string_view text) {
  std::string_view rest = text;
  if (std::optional<Version> version = take_version(rest); version && rest.empty()) return *version;
  return failure(ErrorCode::malformed, "'{}' is not a semantic version like 0.2.0 or 1.0.0-rc.1", text);
}

std::string to_string(const Version& version) {
  std::string text = fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
  if (!version.prerelease.empty()) text += "-" + version.prerelease;
  if (!version.build.empty()) text += "+" + version.build;
  return text;
}

int compare(const Version& left, const Version& right) {
  if (int order = three_way(left.major, right.major); order != 0) return order;
  if (int order = three_way(left.minor, right.minor); order != 0) return order;
  if (int order = three_way(left.patch, right.patch); order != 0) return order;
  return compare_prereleases(left.prerelease, right.prerelease);
}

std::string version_track(const Version& version) {
  if (!version.prerelease.empty()) return to_string(version);
  if (version.major > 0) return fmt::format("{}", version.major);
  if (version.minor > 0) return fmt::format("0.{}", version.minor);
  return fmt::format("0.0.{}", version.patch);
}

bool is_compatible(const Version& offered, const Version& wanted) {
  return version_track(offered) == version_track(wanted);
}

std::string unversioned(const PackageName& name) {
  return name.space + ":" + name.name;
}

std::string to_string(const PackageName& name) {
  return unversioned(name) + (name.version ? "@" + to_string(*name.version) : "");
}

std::string to_string(const InterfaceName& name) {
  std::string text = unversioned(name.package) + "/" + name.interface;
  return text + (name.package.version ? "@" + to_string(*name.package.version) : "");
}

std::string alternate_name(const InterfaceName& name) {
  std::string text = unversioned(name.package) + "/" + name.interface;
  return text + (name.package.version ? "@" + version_track(*name.package.version) : "");
}

Result<InterfaceName> parse_interface_name(std::string_view text) {
  auto refuse = [&] {
    return failure(ErrorCode::malformed, "'{}' is not the name of an interface like wasi:http/types@0.2.0",
                   text);
  };
  size_t at = text.find('@');
  std::string_view path = text.substr(0, at);
  size_t colon = path.find(':');
  size_t slash = path.find('/');
  if (colon == path.npos || slash == path.npos || slash < colon) return refuse();
  InterfaceName name{
      {std::string(path.substr(0, colon)), std::string(path.substr(colon + 1, slash - colon - 1)), {}},
      std::string(path.substr(slash + 1))};
  if (!is_label(name.package.space) || !is_label(name.package.name) || !is_label(name.interface))
    return refuse();
  if (at != text.npos) {
    WATTLE_TRY(name.package.version, parse_version(text.substr(at + 1)));
  }
  return name;
}

bool is_label(std::string_view text) {
  if (text.empty() || is_digit(text[0])) return false;
  bool has_lower = false;
  bool has_upper = false;
  size_t word_length = 0;
  for (char c : text) {
    if (c == '-') {
      if (word_length == 0) return false;
      has_lower = has_upper = false;
      word_length = 0;
      continue;
    }
    if (!is_digit(c) && !is_lower(c) && !is_upper(c)) return false;
    has_lower |= is_lower(c);
    has_upper |= is_upper(c);
    if (has_lower && has_upper) return false;
    word_length++;
  }
  return word_length > 0;
}

}  // namespace wattle::wit
