// What a key-value store in memory holds, shared by all workers of a host: buckets of keys in the order of
// their positions, so that a page of keys can be found again by a number.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "capability/key_value.h"

namespace wattle::providers {

// Safe to use from any thread. Buckets come with their first key.
class MemoryContents {
 public:
  static constexpr size_t kBytesMax = size_t{1} << 30;
  explicit MemoryContents(size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}

  using Value = std::shared_ptr<const std::string>;
  // Null: there is none.
  Value get(std::string_view bucket, std::string_view key) const;
  // Refused (memory_exceeded): more bytes of keys and values than bytes_max.
  Result<void> set(std::string_view bucket, std::string_view key, std::string_view value);
  // Whether it was there.
  bool remove(std::string_view bucket, std::string_view key);
  capability::KeyPage list_keys(std::string_view bucket, std::optional<uint64_t> cursor) const;
  Result<uint64_t> increment(std::string_view bucket, std::string_view key, uint64_t delta);

 private:
  struct Key {
    uint64_t position;
    std::string text;
  };
  struct View {
    uint64_t position;
    std::string_view text;
  };
  struct Less {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.position != b.position ? a.position < b.position
                                      : std::string_view(a.text) < std::string_view(b.text);
    }
  };
  using Bucket = std::map<Key, Value, Less>;

  // Under the lock.
  Result<void> put(std::string_view bucket, std::string_view key, Value value);

  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
  size_t bytes_ = 0;
};

}  // namespace wattle::providers
