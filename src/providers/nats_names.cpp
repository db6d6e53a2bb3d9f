#include "providers/nats_names.h"

#include <algorithm>
#include <charconv>

#include "base/result.h"

namespace wattle::providers {
namespace {

constexpr std::string_view kEmptyKey = "=_";
constexpr std::string_view kEncodedBucket = "x_";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

std::string base64_for_urls(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    count += 8;
    for (; count >= 6; count -= 6) text += digits[(bits >> (count - 6)) & 63];
  }
  if (count > 0) text += digits[(bits << (6 - count)) & 63];
  return text;
}

}  // namespace

std::string nats_key(std::string_view key) {
  if (key.empty()) return std::string(kEmptyKey);
  std::string text;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    const bool lone_dot = c == '.' && i != 0 && i + 1 != key.size() && key[i - 1] != '.';
    if (is_word(c) || c == '/' || lone_dot) {
      text += c;
    } else {
      fmt::format_to(std::back_inserter(text), "={:02X}", static_cast<uint8_t>(c));
    }
  }
  return text;
}

std::optional<std::string> key_of_nats_key(std::string_view nats_key) {
  if (nats_key == kEmptyKey) return std::string();
  std::string key;
  for (size_t i = 0; i < nats_key.size(); ++i) {
    if (nats_key[i] != '=') {
      key += nats_key[i];
      continue;
    }
    uint8_t byte = 0;
    if (nats_key.size() - i < 3) return std::nullopt;
    const char* const digits = nats_key.data() + i + 1;
    const auto [end, problem] = std::from_chars(digits, digits + 2, byte, 16);
    if (problem != std::errc() || end != digits + 2) return std::nullopt;
    key += static_cast<char>(byte);
    i += 2;
  }
  return key;
}

std::string nats_bucket(std::string_view bucket) {
  if (!bucket.empty() && std::ranges::all_of(bucket, is_word) && !bucket.starts_with(kEncodedBucket))
    return std::string(bucket);
  return std::string(kEncodedBucket) + base64_for_urls(bucket);
}

}  // namespace wattle::providers
