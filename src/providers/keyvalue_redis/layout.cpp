#include "providers/keyvalue_redis/layout.h"

namespace wattle::providers::redis {
namespace {

constexpr std::string_view kPrefix = "wattle:";

}  // namespace

Layout::Layout(std::string_view bucket) : plain_(bucket == "default"), prefix_(kPrefix) {
  for (const char c : bucket) {
    if (c == ':') {
      prefix_ += "%3A";
    } else if (c == '%') {
      prefix_ += "%25";
    } else {
      prefix_ += c;
    }
  }
  prefix_ += ':';
}

std::string Layout::redis_key(std::string_view key) const {
  std::string whole = plain_ && !key.starts_with(kPrefix) ? std::string() : prefix_;
  whole += key;
  return whole;
}

std::optional<std::string_view> Layout::key_of(std::string_view redis_key) const {
  if (redis_key.starts_with(prefix_)) return redis_key.substr(prefix_.size());
  if (plain_ && !redis_key.starts_with(kPrefix)) return redis_key;
  return std::nullopt;
}

std::string Layout::pattern() const {
  if (plain_) return "*";
  std::string pattern;
  for (const char c : prefix_) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\' || c == '^') pattern += '\\';
    pattern += c;
  }
  return pattern + "*";
}

}  // namespace wattle::providers::redis
