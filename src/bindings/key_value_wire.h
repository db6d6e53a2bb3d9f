// wasi:keyvalue's values in the plain types that the canonical ABI and wRPC carry.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/byte_string.h"
#include "capability/key_value.h"

namespace wattle::bindings::key_value_wire {

// What wRPC calls the interfaces: buckets are names there.
inline constexpr std::string_view kStore = "wrpc:keyvalue/store@0.2.0-draft";
inline constexpr std::string_view kAtomics = "wrpc:keyvalue/atomics@0.2.0-draft";
inline constexpr std::string_view kBatch = "wrpc:keyvalue/batch@0.2.0-draft";
inline constexpr std::string_view kWatcher = "wrpc:keyvalue/watcher@0.2.0-draft";

// no-such-store, access-denied, other
using WireError = std::variant<std::monostate, std::monostate, std::string>;
template <class T>
using Answer = tl::expected<T, WireError>;
// key-response
using Page = std::tuple<std::vector<std::string>, std::optional<uint64_t>>;
using Entry = std::tuple<std::string, ByteString>;
using Entries = std::vector<Entry>;
using MaybeEntries = std::vector<std::optional<Entry>>;

WireError other(std::string message);
WireError error_to_wire(capability::KeyValueError error);
capability::KeyValueError error_from_wire(WireError error);

// `keys` in the order of `values`.
MaybeEntries entries_of(const std::vector<std::string>& keys, std::vector<std::optional<std::string>> values);
std::vector<std::pair<std::string, std::string>> pairs_of(Entries entries);

template <class T>
Answer<T> answer_to_wire(capability::KeyValueResult<T> result) {
  if (!result) return tl::make_unexpected(error_to_wire(std::move(result.error())));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*result);
}

inline std::optional<ByteString> value_to_wire(std::optional<std::string> value) {
  if (!value) return std::nullopt;
  return ByteString{std::move(*value)};
}

}  // namespace wattle::bindings::key_value_wire
