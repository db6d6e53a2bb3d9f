#include "providers/settings.h"

#include <charconv>

namespace wattle::providers {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return lower;
}

Settings::Settings(std::initializer_list<const Map*> sources) {
  for (const Map* source : sources)
    for (const auto& [key, value] : *source) values_[lower_case(key)] = value;
}

bool Settings::mentions(std::string_view key) const {
  return values_.contains(lower_case(key));
}

std::optional<std::string> Settings::find(std::string_view key) const {
  const auto found = values_.find(lower_case(key));
  if (found == values_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

std::string Settings::text(std::string_view key, std::string_view otherwise) const {
  return find(key).value_or(std::string(otherwise));
}

std::vector<std::string> Settings::list(std::string_view key) const {
  std::vector<std::string> parts;
  const std::string whole = text(key);
  std::string_view rest = whole;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view part = trimmed(rest.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return parts;
}

Result<bool> Settings::flag(std::string_view key, bool otherwise) const {
  const auto value = find(key);
  if (!value) return otherwise;
  const std::string lower = lower_case(trimmed(*value));
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return true;
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return false;
  return failure(ErrorCode::invalid_argument, "the setting \"{}\" is neither true nor false", key);
}

Result<uint64_t> Settings::number(std::string_view key, uint64_t otherwise, uint64_t least,
                                  uint64_t most) const {
  const auto value = find(key);
  if (!value) return otherwise;
  const std::string_view digits = trimmed(*value);
  uint64_t number = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem != std::errc() || end != digits.data() + digits.size() || number < least || number > most)
    return failure(ErrorCode::invalid_argument, "the setting \"{}\" is no number between {} and {}", key,
                   least, most);
  return number;
}

Result<Duration> Settings::milliseconds(std::string_view key, Duration otherwise) const {
  const auto otherwise_ms = std::chrono::duration_cast<std::chrono::milliseconds>(otherwise).count();
  WATTLE_TRY(const uint64_t number, number(key, static_cast<uint64_t>(otherwise_ms), 1, 24ull * 3600 * 1000));
  return std::chrono::milliseconds(number);
}

}  // namespace wattle::providers
