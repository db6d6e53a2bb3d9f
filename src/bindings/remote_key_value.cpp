#include "bindings/remote_key_value.h"

#include "bindings/key_value_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using namespace key_value_wire;

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

// The answer as it is on the wire.
template <class T, class... Parameters>
RemoteKeyValue::Answer<T> RemoteKeyValue::ask(const Caller& caller, std::string_view instance,
                                              std::string_view function, const Parameters&... parameters) {
  auto answer = target_->call<key_value_wire::Answer<T>>(caller, instance, function, parameters...);
  if (!answer)
    return tl::make_unexpected(capability::KeyValueError{capability::KeyValueError::Kind::other,
                                                         runtime::error_text(answer.error())});
  if (!*answer) return tl::make_unexpected(error_from_wire(std::move(answer->error())));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(**answer);
}

RemoteKeyValue::Answer<void> RemoteKeyValue::open(const Caller&, std::string_view) {
  return {};
}

RemoteKeyValue::Answer<std::optional<std::string>> RemoteKeyValue::get(const Caller& caller,
                                                                       std::string_view bucket,
                                                                       std::string_view key) {
  return ask<std::optional<ByteString>>(caller, kStore, "get", bucket, key)
      .map([](std::optional<ByteString> value) -> std::optional<std::string> {
        if (!value) return std::nullopt;
        return std::move(value->bytes);
      });
}

RemoteKeyValue::Answer<void> RemoteKeyValue::set(const Caller& caller, std::string_view bucket,
                                                 std::string_view key, std::string_view value) {
  return ask<void>(caller, kStore, "set", bucket, key, bytes_of(value));
}

RemoteKeyValue::Answer<void> RemoteKeyValue::remove(const Caller& caller, std::string_view bucket,
                                                    std::string_view key) {
  return ask<void>(caller, kStore, "delete", bucket, key);
}

RemoteKeyValue::Answer<bool> RemoteKeyValue::exists(const Caller& caller, std::string_view bucket,
                                                    std::string_view key) {
  return ask<bool>(caller, kStore, "exists", bucket, key);
}

RemoteKeyValue::Answer<capability::KeyPage> RemoteKeyValue::list_keys(const Caller& caller,
                                                                      std::string_view bucket,
                                                                      std::optional<uint64_t> cursor) {
  return ask<Page>(caller, kStore, "list-keys", bucket, cursor).map([](Page page) {
    return capability::KeyPage{std::move(std::get<0>(page)), std::get<1>(page)};
  });
}

RemoteKeyValue::Answer<uint64_t> RemoteKeyValue::increment(const Caller& caller, std::string_view bucket,
                                                           std::string_view key, uint64_t delta) {
  return ask<uint64_t>(caller, kAtomics, "increment", bucket, key, delta);
}

RemoteKeyValue::Answer<std::vector<std::optional<std::string>>> RemoteKeyValue::get_many(
    const Caller& caller, std::string_view bucket, const std::vector<std::string>& keys) {
  return ask<MaybeEntries>(caller, kBatch, "get-many", bucket, keys).map([&](MaybeEntries entries) {
    std::vector<std::optional<std::string>> values(keys.size());
    for (size_t index = 0; index < values.size() && index < entries.size(); ++index)
      if (entries[index]) values[index] = std::move(std::get<1>(*entries[index]).bytes);
    return values;
  });
}

RemoteKeyValue::Answer<void> RemoteKeyValue::set_many(
    const Caller& caller, std::string_view bucket,
    const std::vector<std::pair<std::string, std::string>>& values) {
  std::vector<std::pair<std::string_view, std::span<const uint8_t>>> entries;
  entries.reserve(values.size());
  for (const auto& [key, value] : values) entries.emplace_back(key, bytes_of(value));
  return ask<void>(caller, kBatch, "set-many", bucket, entries);
}

RemoteKeyValue::Answer<void> RemoteKeyValue::remove_many(const Caller& caller, std::string_view bucket,
                                                         const std::vector<std::string>& keys) {
  return ask<void>(caller, kBatch, "delete-many", bucket, keys);
}

}  // namespace wattle::bindings
