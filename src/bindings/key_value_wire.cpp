#include "bindings/key_value_wire.h"

namespace wattle::bindings::key_value_wire {

using capability::KeyValueError;

WireError other(std::string message) {
  return WireError(std::in_place_index<2>, std::move(message));
}

WireError error_to_wire(KeyValueError error) {
  switch (error.kind) {
    case KeyValueError::Kind::no_such_store:
      return WireError(std::in_place_index<0>);
    case KeyValueError::Kind::access_denied:
      return WireError(std::in_place_index<1>);
    case KeyValueError::Kind::other:
      break;
  }
  return other(std::move(error.message));
}

KeyValueError error_from_wire(WireError error) {
  KeyValueError made{static_cast<KeyValueError::Kind>(error.index()), {}};
  if (auto* message = std::get_if<2>(&error)) made.message = std::move(*message);
  return made;
}

MaybeEntries entries_of(const std::vector<std::string>& keys,
                        std::vector<std::optional<std::string>> values) {
  MaybeEntries entries(values.size());
  for (size_t index = 0; index < values.size() && index < keys.size(); ++index)
    if (values[index]) entries[index].emplace(keys[index], ByteString{std::move(*values[index])});
  return entries;
}

std::vector<std::pair<std::string, std::string>> pairs_of(Entries entries) {
  std::vector<std::pair<std::string, std::string>> pairs;
  pairs.reserve(entries.size());
  for (auto& [key, value] : entries) pairs.emplace_back(std::move(key), std::move(value.bytes));
  return pairs;
}

}  // namespace wattle::bindings::key_value_wire
