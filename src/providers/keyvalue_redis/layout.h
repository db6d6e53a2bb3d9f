// Which of Redis's keys stands for a key of a bucket.
//
//   Layout("default").redis_key("a")     "a"
//   Layout("carts").redis_key("a")       "wattle:carts:a"
//
// A key of the default bucket that looks like another bucket's is kept as one of "wattle:default:".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wattle::providers::redis {

class Layout {
 public:
  explicit Layout(std::string_view bucket);

  std::string redis_key(std::string_view key) const;
  // Nothing: it is no key of this bucket.
  std::optional<std::string_view> key_of(std::string_view redis_key) const;
  // A glob pattern that all keys of this bucket match.
  std::string pattern() const;

 private:
  bool plain_ = false;
  std::string prefix_;
};

// The beginning of keys that are no component's.
inline constexpr std::string_view kOwnPrefix = "wattle::";

}  // namespace wattle::providers::redis
