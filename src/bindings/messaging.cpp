#include "bindings/messaging.h"

#include "bindings/add_to.h"
#include "bindings/byte_string.h"
#include "bindings/invocation.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using capability::BrokerMessage;
using runtime::Host;

constexpr std::string_view kConsumer = "wasmcloud:messaging/consumer@0.2.0";
constexpr std::string_view kInterface = "wasmcloud:messaging/consumer";

template <class T>
using Answer = tl::expected<T, std::string>;
using WitMessage = std::tuple<std::string, ByteString, std::optional<std::string>>;

WitMessage wit_message(BrokerMessage&& message) {
  return {std::move(message.subject), ByteString{std::move(message.body)}, std::move(message.reply_to)};
}

Result<Target<capability::Messaging>> resolve(Host& host) {
  Invocation& invocation = invocation_of(host);
  return invocation.resolver().messaging(kInterface, invocation.link_name(kInterface));
}

Answer<WitMessage> request(Host& host, std::string_view subject, ByteView body, uint32_t timeout_ms) {
  auto target = resolve(host);
  if (!target) return tl::make_unexpected(runtime::error_text(target.error()));
  auto reply = target->capability->request(target->caller(), subject, text_of(body), timeout_ms);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return wit_message(std::move(*reply));
}

Answer<void> publish(Host& host, WitMessage message) {
  auto target = resolve(host);
  if (!target) return tl::make_unexpected(runtime::error_text(target.error()));
  auto& [subject, body, reply_to] = message;
  return target->capability->publish(target->caller(),
                                     {std::move(subject), std::move(body.bytes), std::move(reply_to)});
}

}  // namespace

void add_messaging(runtime::Linker& linker) {
  linker.function(kConsumer, "request",
                  [](Host& host, std::string_view subject, ByteView body, uint32_t timeout_ms) {
                    return request(host, subject, body, timeout_ms);
                  });
  linker.function(kConsumer, "publish",
                  [](Host& host, WitMessage message) { return publish(host, std::move(message)); });
}

Result<std::shared_ptr<const runtime::ExportedFunction>> find_message_handler(
    const runtime::LinkedComponent& component) {
  return component.find_function("wasmcloud:messaging/handler@0.2.0", "handle-message");
}

Result<tl::expected<void, std::string>> call_message_handler(runtime::Instance& instance,
                                                             const runtime::ExportedFunction& handler,
                                                             const engine::CallLimits& limits,
                                                             BrokerMessage message) {
  return instance.call<tl::expected<void, std::string>>(handler, limits, wit_message(std::move(message)));
}

}  // namespace wattle::bindings
