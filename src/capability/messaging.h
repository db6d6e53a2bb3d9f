// wasmcloud:messaging 0.2.0 (consumer) as C++. Its handler side is ComponentCalls::handle_message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "capability/provider.h"

namespace wattle::capability {

// wasmcloud:messaging's error is a text.
template <class T>
using MessagingResult = tl::expected<T, std::string>;

// wasmcloud:messaging/types.broker-message
struct BrokerMessage {
  std::string subject;
  std::string body;
  std::optional<std::string> reply_to;
};

class Messaging {
 public:
  virtual ~Messaging() = default;
  virtual MessagingResult<BrokerMessage> request(const Caller& caller, std::string_view subject,
                                                 std::string_view body, uint32_t timeout_ms) = 0;
  virtual MessagingResult<void> publish(const Caller& caller, const BrokerMessage& message) = 0;
};

}  // namespace wattle::capability
