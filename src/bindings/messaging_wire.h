// wasmcloud:messaging's message in the plain types that the canonical ABI and wRPC carry.
#pragma once

#include <optional>
#include <string>
#include <tuple>

#include "bindings/byte_string.h"
#include "capability/messaging.h"

namespace wattle::bindings::messaging_wire {

inline constexpr std::string_view kConsumer = "wasmcloud:messaging/consumer@0.2.0";
inline constexpr std::string_view kHandler = "wasmcloud:messaging/handler@0.2.0";

// broker-message
using Message = std::tuple<std::string, ByteString, std::optional<std::string>>;
template <class T>
using Answer = tl::expected<T, std::string>;

inline Message message_to_wire(capability::BrokerMessage message) {
  return {std::move(message.subject), ByteString{std::move(message.body)}, std::move(message.reply_to)};
}
inline capability::BrokerMessage message_from_wire(Message message) {
  auto& [subject, body, reply_to] = message;
  return {std::move(subject), std::move(body.bytes), std::move(reply_to)};
}

}  // namespace wattle::bindings::messaging_wire
