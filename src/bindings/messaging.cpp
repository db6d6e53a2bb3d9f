#include "bindings/messaging.h"

#include "bindings/add_to.h"
#include "bindings/invocation.h"
#include "bindings/messaging_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using capability::BrokerMessage;
using runtime::Host;
using namespace messaging_wire;

constexpr std::string_view kInterface = "wasmcloud:messaging/consumer";

Result<Target<capability::Messaging>> resolve(Host& host) {
  Invocation& invocation = invocation_of(host);
  return invocation.resolver().messaging(kInterface, invocation.link_name(kInterface));
}

Answer<Message> request(Host& host, std::string_view subject, ByteView body, uint32_t timeout_ms) {
  auto target = resolve(host);
  if (!target) return tl::make_unexpected(runtime::error_text(target.error()));
  const async::DeadlineScope deadline(target->deadline());
  auto reply = target->capability->request(target->caller(), subject, text_of(body), timeout_ms);
  if (!reply) return tl::make_unexpected(std::move(reply.error()));
  return message_to_wire(std::move(*reply));
}

Answer<void> publish(Host& host, Message message) {
  auto target = resolve(host);
  if (!target) return tl::make_unexpected(runtime::error_text(target.error()));
  const async::DeadlineScope deadline(target->deadline());
  return target->capability->publish(target->caller(), message_from_wire(std::move(message)));
}

}  // namespace

void add_messaging(runtime::Linker& linker) {
  linker.function(kConsumer, "request",
                  [](Host& host, std::string_view subject, ByteView body, uint32_t timeout_ms) {
                    return request(host, subject, body, timeout_ms);
                  });
  linker.function(kConsumer, "publish",
                  [](Host& host, Message message) { return publish(host, std::move(message)); });
}

Result<std::shared_ptr<const runtime::ExportedFunction>> find_message_handler(
    const runtime::LinkedComponent& component) {
  return component.find_function(messaging_wire::kHandler, "handle-message");
}

Result<tl::expected<void, std::string>> call_message_handler(runtime::Instance& instance,
                                                             const runtime::ExportedFunction& handler,
                                                             const engine::CallLimits& limits,
                                                             BrokerMessage message) {
  return instance.call<tl::expected<void, std::string>>(handler, limits,
                                                        messaging_wire::message_to_wire(std::move(message)));
}

}  // namespace wattle::bindings
