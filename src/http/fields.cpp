#include "http/fields.h"

#include <algorithm>
#include <array>

namespace wattle::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}

constexpr auto kToken = make_token_table();

constexpr unsigned char lower(unsigned char c) {
  return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

template <size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view other) { return same_name(name, other); });
}

constexpr std::array<std::string_view, 7> kConnectionFields{
    "connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "http2-settings"};
constexpr std::array<std::string_view, 3> kHostFields{"host", "proxy-authenticate", "proxy-authorization"};
constexpr std::array<std::string_view, 12> kNotInTrailers{
    "content-length",      "host",       "trailer",       "cache-control", "max-forwards",
    "authorization",       "set-cookie", "content-range", "content-type",  "content-encoding",
    "proxy-authorization", "expect"};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_token(std::string_view text) {
  for (unsigned char c : text)
    if (!kToken[c]) return false;
  return !text.empty();
}

bool is_field_value(std::string_view text) {
  for (unsigned char c : text)
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  return true;
}

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(static_cast<unsigned char>(a[i])) != lower(static_cast<unsigned char>(b[i]))) return false;
  return true;
}

bool is_connection_field(std::string_view name) {
  return is_one_of(name, kConnectionFields);
}

bool is_forbidden_field(std::string_view name) {
  return is_connection_field(name) || is_one_of(name, kHostFields);
}

bool is_forbidden_trailer(std::string_view name) {
  return is_connection_field(name) || is_one_of(name, kNotInTrailers);
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  for (auto field : *this)
    if (same_name(field.name, name)) return field.value;
  return std::nullopt;
}

std::vector<std::string_view> Fields::get_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (auto field : *this)
    if (same_name(field.name, name)) values.push_back(field.value);
  return values;
}

Result<void> Fields::append(std::string_view name, std::string_view value) {
  if (!is_token(name)) return failure(ErrorCode::invalid_argument, "\"{}\" is not a field name", name);
  if (!is_field_value(value))
    return failure(ErrorCode::invalid_argument, "the value of field {} holds a control character", name);
  append_checked(name, value);
  return {};
}

Result<void> Fields::set(std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) return append(name, value);
  const std::string kept_name(name), kept_value(value);  // they may point into this object
  erase(kept_name);
  append_checked(kept_name, kept_value);
  return {};
}

size_t Fields::erase(std::string_view name) {
  const std::string kept_name(name);
  const size_t before = entries_.size();
  std::erase_if(entries_, [&](const Entry& entry) {
    std::string_view other(text_.data() + entry.start, entry.name_bytes);
    if (!same_name(other, kept_name)) return false;
    live_bytes_ -= entry.name_bytes + entry.value_bytes;
    return true;
  });
  if (entries_.empty()) text_.clear();
  return before - entries_.size();
}

void Fields::clear() {
  text_.clear();
  entries_.clear();
  live_bytes_ = 0;
}

void Fields::append_checked(std::string_view name, std::string_view value) {
  value = trim(value);
  // Text of erased fields is dropped once it is more than what is alive.
  if (text_.size() > 4096 && text_.size() > 2 * live_bytes_) {
    std::string live;
    live.reserve(live_bytes_ + name.size() + value.size());
    for (Entry& entry : entries_) {
      const auto start = static_cast<uint32_t>(live.size());
      live.append(text_, entry.start, entry.name_bytes + entry.value_bytes);
      entry.start = start;
    }
    live.append(name).append(value);  // they may point into the old text
    entries_.push_back({static_cast<uint32_t>(live.size() - name.size() - value.size()),
                        static_cast<uint32_t>(name.size()), static_cast<uint32_t>(value.size())});
    text_ = std::move(live);
  } else {
    entries_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                        static_cast<uint32_t>(value.size())});
    const bool inside = name.data() >= text_.data() && name.data() < text_.data() + text_.size();
    const bool value_inside = value.data() >= text_.data() && value.data() < text_.data() + text_.size();
    if (inside || value_inside) {
      const std::string both = std::string(name) + std::string(value);
      text_.append(both);
    } else {
      text_.append(name).append(value);
    }
  }
  live_bytes_ += name.size() + value.size();
}

}  // namespace wattle::http
