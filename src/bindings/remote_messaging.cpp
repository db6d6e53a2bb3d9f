#include "bindings/remote_messaging.h"

#include "bindings/messaging_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {

using namespace messaging_wire;

capability::MessagingResult<capability::BrokerMessage> RemoteMessaging::request(
    const capability::Caller& caller, std::string_view subject, std::string_view body, uint32_t timeout_ms) {
  // The provider waits for as long; its own answer should be the first to come.
  constexpr Duration kOnTheWay = std::chrono::milliseconds(500);
  const async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(timeout_ms) + kOnTheWay);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(body.data()), body.size());
  auto answer = target_->call<Answer<Message>>(caller, kConsumer, "request", subject, bytes, timeout_ms);
  if (!answer) return tl::make_unexpected(runtime::error_text(answer.error()));
  return std::move(*answer).map(message_from_wire);
}

capability::MessagingResult<void> RemoteMessaging::publish(const capability::Caller& caller,
                                                           const capability::BrokerMessage& message) {
  auto answer = target_->call<Answer<void>>(caller, kConsumer, "publish", message_to_wire(message));
  if (!answer) return tl::make_unexpected(runtime::error_text(answer.error()));
  return std::move(*answer);
}

}  // namespace wattle::bindings
