#include "bindings/remote_components.h"

#include "bindings/key_value_wire.h"
#include "bindings/messaging_wire.h"
#include "bindings/remote_http.h"
#include "lattice/names.h"

namespace wattle::bindings {

RemoteTarget RemoteComponents::component(std::string_view id) const {
  return RemoteTarget(client_, std::string(id),
                      [prefix = lattice::call_prefix(lattice_, id)] { return std::vector{prefix}; });
}

void RemoteComponents::handle_http(std::string_view target, http::Exchange& exchange) {
  (void)forward_exchange(component(target), caller(), exchange);
}

Result<tl::expected<void, std::string>> RemoteComponents::handle_message(
    std::string_view target, const capability::BrokerMessage& message) {
  return component(target).call<tl::expected<void, std::string>>(
      caller(), messaging_wire::kHandler, "handle-message", messaging_wire::message_to_wire(message));
}

Result<void> RemoteComponents::key_was_set(std::string_view target, std::string_view bucket,
                                           std::string_view key, std::string_view value) {
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size());
  return component(target).call_without_result(caller(), key_value_wire::kWatcher, "on-set", bucket, key,
                                               bytes);
}

Result<void> RemoteComponents::key_was_deleted(std::string_view target, std::string_view bucket,
                                               std::string_view key) {
  return component(target).call_without_result(caller(), key_value_wire::kWatcher, "on-delete", bucket, key);
}

Result<std::string> RemoteComponents::call_encoded(std::string_view target, std::string_view interface,
                                                   std::string_view function, std::string_view parameters,
                                                   const wrpc::IsWhole& is_whole) {
  const std::string prefix = lattice::call_prefix(lattice_, target);
  const lattice::Headers headers{{"source-id", provider_id_}, {"link-name", ""}};
  auto answer = client_.invoke({.prefix = prefix,
                                .instance = interface,
                                .function = function,
                                .headers = &headers,
                                .parameters = parameters,
                                .is_whole = is_whole});
  if (!answer)
    return failure(answer.error().with_context(fmt::format("calling {}.{} of \"{}\" from \"{}\" failed",
                                                           interface, function, target, provider_id_)));
  return std::move(answer->result);
}

Result<KeyChange> key_change_of(wrpc::IncomingCall& call) {
  if (call.instance == key_value_wire::kWatcher && call.function == "on-set") {
    WATTLE_TRY(auto parameters, (wrpc::parameters_of<std::string, std::string, ByteString>(call)));
    auto& [bucket, key, value] = parameters;
    return KeyChange{std::move(bucket), std::move(key), std::move(value.bytes)};
  }
  if (call.instance == key_value_wire::kWatcher && call.function == "on-delete") {
    WATTLE_TRY(auto parameters, (wrpc::parameters_of<std::string, std::string>(call)));
    auto& [bucket, key] = parameters;
    return KeyChange{std::move(bucket), std::move(key), std::nullopt};
  }
  return failure(wrpc::refused(
      Error(ErrorCode::unsupported, fmt::format("\"{}\" is no function of a watcher", call.operation))));
}

}  // namespace wattle::bindings
