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
#include "wasi/http_body.h"

namespace wattle::wasi {

class IncomingRequest : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "incoming-request";

  // `exchange` outlives the invocation.
  explicit IncomingRequest(http::Exchange& exchange) : exchange_(exchange) {}
  HttpMethod method() const { return method_of(exchange_.request().method); }
  std::optional<std::string> path_with_query() const;
  std::optional<HttpScheme> scheme() const { return scheme_of(exchange_.request().scheme); }
  std::optional<std::string> authority() const;
  std::unique_ptr<HttpFields> headers(Host& host) const;
  // Once.
  tl::expected<std::unique_ptr<IncomingBody>, std::monostate> consume();

 private:
  http::Exchange& exchange_;
  bool consumed_ = false;
};

class OutgoingResponse : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "outgoing-response";

  OutgoingResponse(Host& host, std::unique_ptr<HttpFields> headers)
      : charge_(host.resources), fields_(headers->take()) {}
  uint16_t status_code() const { return status_; }
  // 100 to 999 (RFC 9110 section 15), but no interim one.
  tl::expected<void, std::monostate> set_status_code(uint16_t status);
  std::unique_ptr<HttpFields> headers(Host& host) const {
    return std::make_unique<HttpFields>(host, fields_);
  }
  // Once.
  Result<tl::expected<std::unique_ptr<OutgoingBody>, std::monostate>> body(Host& host);

 private:
  friend class ResponseSlot;
  Charge charge_;
  uint16_t status_ = 200;
  std::shared_ptr<http::Fields> fields_;
  BodyWriterPtr writer_;
};

// Where a guest's answer goes. Nothing is sent while the guest runs without waiting: if it is done by then,
// one write sends all, with Content-Length. As soon as the worker's loop gets a turn, a response that was set
// is begun, and streams.
class ResponseSlot : public boost::intrusive_ref_counter<ResponseSlot, boost::thread_unsafe_counter> {
 public:
  explicit ResponseSlot(http::Exchange& exchange) : exchange_(&exchange) {}

  // The guest's side: sets the answer. Precondition: not yet set.
  void set(std::unique_ptr<OutgoingResponse> response);
  void refuse(HttpErrorCode code);
  tl::expected<void, HttpErrorCode> inform(uint16_t status, const http::Fields& fields);

  // The driver's side. Ends the exchange after the guest has returned and its instance is gone; an error to
  // tell the operator, where there was one. `failure` is how the call ended if not well.
  Result<void> conclude(std::optional<Error> failure);

 private:
  void start();
  void begin_streaming();
  void answer_status(uint16_t status, bool retry = false);
  Result<void> conclude_failed(Error failure);
  Result<void> send_whole();

  http::Exchange* exchange_;  // null once concluded
  http::Response head_;
  BodyWriterPtr writer_;  // none: no body
  std::optional<HttpErrorCode> refused_;
  bool set_ = false;
  bool started_ = false;
};
using ResponseSlotPtr = boost::intrusive_ptr<ResponseSlot>;

class ResponseOutparam : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "response-outparam";

  explicit ResponseOutparam(ResponseSlotPtr slot) : slot_(std::move(slot)) {}
  ResponseSlot& slot() const { return *slot_; }

 private:
  ResponseSlotPtr slot_;
};

struct IncomingHandlerOptions {
  Duration timeout = std::chrono::seconds(30);  // of a request, from the wait for an instance on
  Duration cpu_time = Duration::max();
  Duration slice = std::chrono::milliseconds(5);
  // Told why a request failed in the guest or for want of an instance; clients learn only a status.
  std::function<void(const http::Request&, const Error&)> on_failure;
};

class IncomingHandler {
 public:
  // `pool` holds instances of `linked` and outlives the handler. Refused (not_found): a component that does
  // not export wasi:http/incoming-handler.
  static Result<std::unique_ptr<IncomingHandler>> create(runtime::InstancePool& pool,
                                                         const runtime::LinkedComponent& linked,
                                                         IncomingHandlerOptions options);

  // Serves one exchange on the current fiber. A guest that fails before its head went out gives 500; one out
  // of time 504; no instance 503 with Retry-After; one that fails later ends the connection or stream.
  void handle(http::Exchange& exchange);

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
