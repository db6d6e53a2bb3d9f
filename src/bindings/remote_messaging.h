// capability::Messaging on another process: a client of wasmcloud:messaging/consumer over wRPC.
#pragma once

#include <memory>

#include "bindings/remote_target.h"
#include "capability/messaging.h"

namespace wattle::bindings {

class RemoteMessaging final : public capability::Messaging {
 public:
  explicit RemoteMessaging(std::shared_ptr<const RemoteTarget> target) : target_(std::move(target)) {}
  // Within `timeout_ms` too.
  capability::MessagingResult<capability::BrokerMessage> request(const capability::Caller& caller,
                                                                 std::string_view subject,
                                                                 std::string_view body,
                                                                 uint32_t timeout_ms) override;
  capability::MessagingResult<void> publish(const capability::Caller& caller,
                                            const capability::BrokerMessage& message) override;

 private:
  std::shared_ptr<const RemoteTarget> target_;
};

}  // namespace wattle::bindings
