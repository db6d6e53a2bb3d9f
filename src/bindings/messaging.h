// wasmcloud:messaging between its WIT and capability::Messaging; and a component's handler.
#pragma once

#include <memory>
#include <string>

#include "capability/messaging.h"
#include "runtime/runtime.h"

namespace wattle::bindings {

// A component's wasmcloud:messaging/handler.handle-message. Refused (not_found): it exports none.
Result<std::shared_ptr<const runtime::ExportedFunction>> find_message_handler(
    const runtime::LinkedComponent& component);
// The inner string is the component's own error.
Result<tl::expected<void, std::string>> call_message_handler(runtime::Instance& instance,
                                                             const runtime::ExportedFunction& handler,
                                                             const engine::CallLimits& limits,
                                                             capability::BrokerMessage message);

}  // namespace wattle::bindings
