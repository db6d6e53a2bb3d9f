// wasi:http/incoming-handler: from an http::Exchange through a component instance and back.
//
//   auto handler = IncomingHandler::create(pool, linked, options);
//   http::Server server(worker, {}, [&](http::Exchange& exchange) { handler->handle(exchange); });
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "http/server.h"
#include "runtime/runtime.h"
#include "wasi/http_incoming.h"

namespace wattle::wasi {

struct IncomingHandlerOptions {
  Duration timeout = std::chrono::seconds(30);  // of a request, from the wait for an instance on
  Duration cpu_time = Duration::max();
  Duration slice = engine::CallLimits{}.slice;
  // Told why a request failed in the guest or for want of an instance; clients learn only a status.
  std::function<void(const http::Request&, const Error&)> on_failure;
};

// How one exchange ended.
struct Handled {
  std::optional<uint16_t> status{};  // of the component's own answer, where it gave one
  std::optional<Error> error{};      // where it failed, or could not be called
};

class IncomingHandler {
 public:
  // `pool` holds instances of `linked` and outlives the handler. Refused (not_found): a component that does
  // not export wasi:http/incoming-handler.
  static Result<std::unique_ptr<IncomingHandler>> create(runtime::InstancePool& pool,
                                                         const runtime::LinkedComponent& linked,
                                                         IncomingHandlerOptions options);

  // Serves one exchange on the current fiber. A guest that fails before its head went out gives 500; one out
  // of time 504; no instance 503 with Retry-After; one that fails later ends the connection or stream. A
  // guest that traps because what it called could not be reached gives 502, 503 or 504, with the reason as
  // text.
  Handled handle(http::Exchange& exchange);

 private:
  IncomingHandler(runtime::InstancePool& pool, std::shared_ptr<const runtime::ExportedFunction> function,
                  IncomingHandlerOptions options)
      : pool_(pool), function_(std::move(function)), options_(std::move(options)) {}
  Result<void> run(http::Exchange& exchange, const ResponseSlotPtr& slot);

  runtime::InstancePool& pool_;
  std::shared_ptr<const runtime::ExportedFunction> function_;
  IncomingHandlerOptions options_;
};

}  // namespace wattle::wasi
