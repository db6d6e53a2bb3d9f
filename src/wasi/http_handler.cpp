#include "wasi/http_handler.h"

#include <algorithm>

namespace wattle::wasi {

Result<std::unique_ptr<IncomingHandler>> IncomingHandler::create(runtime::InstancePool& pool,
                                                                 const runtime::LinkedComponent& linked,
                                                                 IncomingHandlerOptions options) {
  auto function = linked.find_function("wasi:http/incoming-handler@0.2.0", "handle");
  if (!function)
    return failure(Error(ErrorCode::not_found,
                         "this component serves no HTTP: it does not export wasi:http/incoming-handler",
                         std::move(function).error())
                       .with_remedy("run it if it exports wasi:cli/run, or call one of its functions"));
  return std::unique_ptr<IncomingHandler>(
      new IncomingHandler(pool, std::move(*function), std::move(options)));
}

Result<void> IncomingHandler::run(http::Exchange& exchange, const ResponseSlotPtr& slot) {
  engine::CallLimits limits;
  limits.deadline = std::min(Clock::now() + options_.timeout, async::Fiber::current().deadline());
  limits.cpu_time = options_.cpu_time;
  limits.slice = options_.slice;
  async::DeadlineScope deadline(limits.deadline);
  // The instance goes back to its pool before anything is written to the socket.
  WATTLE_TRY(auto lease, pool_.acquire());
  return lease->call<void>(*function_, limits, std::make_unique<IncomingRequest>(exchange),
                           std::make_unique<ResponseOutparam>(slot));
}

Handled IncomingHandler::handle(http::Exchange& exchange) {
  ResponseSlotPtr slot(new ResponseSlot(exchange));
  auto ran = run(exchange, slot);
  std::optional<Error> error;
  if (!ran) error = std::move(ran).error();
  const bool client_left = exchange.disconnected();  // by itself; conclude() may end the connection, too
  auto concluded = slot->conclude(std::move(error));
  if (!concluded && options_.on_failure && !client_left)
    options_.on_failure(exchange.request(), concluded.error());
  return {slot->status(), concluded ? std::nullopt : std::optional(std::move(concluded).error())};
}

}  // namespace wattle::wasi
