// What a guest sees of an http::Exchange, and how its answer gets there: the resources of
// wasi:http/incoming-handler.
#pragma once

#include <memory>
#include <optional>

#include "http/server.h"
#include "wasi/http_body.h"

namespace wattle::wasi {

class IncomingRequest : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "incoming-request";

  // `exchange` outlives the invocation.
  explicit IncomingRequest(http::Exchange& exchange) : exchange_(exchange) {}
  bool move_to(runtime::HostResources&) override { return true; }
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
  bool move_to(runtime::HostResources& receiver) override { return charge_.move_to(receiver); }
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
  // What the guest answered with; nothing when it has not.
  std::optional<uint16_t> status() const;

 private:
  void start();
  void begin_streaming();
  // Without `text`, the words for the status.
  void answer_status(uint16_t status, std::string text);
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
  bool move_to(runtime::HostResources&) override { return true; }
  ResponseSlot& slot() const { return *slot_; }

 private:
  ResponseSlotPtr slot_;
};

}  // namespace wattle::wasi
