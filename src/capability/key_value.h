// wasi:keyvalue 0.2.0-draft (store, atomics, batch) as C++, without resources: a bucket is its name, as in
// wrpc:keyvalue. Waits suspend the fiber; its deadline ends them with an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "capability/provider.h"

namespace wattle::capability {

// wasi:keyvalue/store.error
struct KeyValueError {
  enum class Kind : uint8_t { no_such_store, access_denied, other };
  Kind kind = Kind::other;
  std::string message;  // of `other`
};
template <class T>
using KeyValueResult = tl::expected<T, KeyValueError>;

// A page of keys holds about so many, at most.
inline constexpr size_t kKeysPerPage = 1000;

// wasi:keyvalue/store.key-response
struct KeyPage {
  std::vector<std::string> keys;
  std::optional<uint64_t> cursor;  // where the next page begins; none: this was the last
};

class KeyValue {
 public:
  virtual ~KeyValue() = default;

  // Whether the bucket can be used through this caller's link; it is made if the backend makes buckets by
  // themselves.
  virtual KeyValueResult<void> open(const Caller& caller, std::string_view bucket) = 0;
  virtual KeyValueResult<std::optional<std::string>> get(const Caller& caller, std::string_view bucket,
                                                         std::string_view key) = 0;
  virtual KeyValueResult<void> set(const Caller& caller, std::string_view bucket, std::string_view key,
                                   std::string_view value) = 0;
  // A key that is not there is no failure.
  virtual KeyValueResult<void> remove(const Caller& caller, std::string_view bucket,
                                      std::string_view key) = 0;
  virtual KeyValueResult<bool> exists(const Caller& caller, std::string_view bucket,
                                      std::string_view key) = 0;
  // No order is promised. A key that is there throughout is told, by most backends once (Redis may repeat
  // one while it resizes a table). Cursors do not expire, and any worker understands another's. A page
  // can be empty and still have a cursor.
  virtual KeyValueResult<KeyPage> list_keys(const Caller& caller, std::string_view bucket,
                                            std::optional<uint64_t> cursor) = 0;
  // Adds to the decimal text under `key` (1 to 20 digits), which is 0 when it is missing, atomically among
  // all callers; returns the new value. `other` when it is no such number or the sum passes 2^64 - 1.
  virtual KeyValueResult<uint64_t> increment(const Caller& caller, std::string_view bucket,
                                             std::string_view key, uint64_t delta) = 0;

  // In the order of `keys`; none where there is no value.
  virtual KeyValueResult<std::vector<std::optional<std::string>>> get_many(
      const Caller& caller, std::string_view bucket, const std::vector<std::string>& keys) = 0;
  // Not atomic: when it fails, any part may have been done.
  virtual KeyValueResult<void> set_many(const Caller& caller, std::string_view bucket,
                                        const std::vector<std::pair<std::string, std::string>>& values) = 0;
  virtual KeyValueResult<void> remove_many(const Caller& caller, std::string_view bucket,
                                           const std::vector<std::string>& keys) = 0;
};

}  // namespace wattle::capability
