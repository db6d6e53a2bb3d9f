// What lattice::Store keeps of a key, and how that is written into a bucket: one line of JSON, then the value
// as it is.
//
//   {"format":1,"readable_by":1,"id":"9s...","epoch":4,"sequence":17}\n{"source_id":"shop",...}
//
// Internal to src/lattice.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::lattice {

inline constexpr uint32_t kStoreFormat = 1;
inline constexpr size_t kStoreKeyBytesMax = 500;

// What orders all writes of a key: the epoch tells one bucket from the one that took its place when it was
// lost, the sequence is the bucket's revision. The later one wins.
struct StoreVersion {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  auto operator<=>(const StoreVersion&) const = default;
};

struct StoreRecord {
  std::string id;        // of the write
  bool deleted = false;  // a tombstone
  std::string value;
  // Of a record that was carried over from a bucket that was lost; otherwise the bucket says it.
  std::optional<StoreVersion> origin;
  bool operator==(const StoreRecord&) const = default;
};

// What a bucket says of itself, under kMetaKey.
struct StoreMeta {
  uint64_t epoch = 0;
};

std::string encode(const StoreRecord& record);
std::string encode(const StoreMeta& meta);
// Refused: malformed; unsupported for what was written for newer readers only.
Result<StoreRecord> decode_record(std::string_view bytes);
Result<StoreMeta> decode_meta(std::string_view bytes);

// Keys of the bucket: those of the store begin with "k." and have what a bucket's key cannot hold as "=XX".
inline constexpr std::string_view kMetaKey = "meta";
inline constexpr std::string_view kSkipKey =
    "skip";  // written only to move the bucket's revision on, which every copy reports
// Refused (invalid_argument): an empty or overlong key.
Result<std::string> bucket_key(std::string_view key);
// Nothing for what is no key of the store's.
std::optional<std::string> store_key(std::string_view bucket_key);

}  // namespace wattle::lattice
