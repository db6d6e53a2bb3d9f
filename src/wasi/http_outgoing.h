// wasi:http/outgoing-handler: requests that a guest sends through the context's http::Client, to the hosts
// that the context allows.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/client.h"
#include "wasi/context.h"
#include "wasi/http_body.h"

namespace wattle::wasi {

class OutgoingRequest : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "outgoing-request";
  using Accepted = tl::expected<void, std::monostate>;

  OutgoingRequest(Host& host, std::unique_ptr<HttpFields> headers)
      : charge_(host.resources), fields_(headers->take()) {}
  bool move_to(runtime::HostResources& receiver) override { return charge_.move_to(receiver); }
  // Once.
  Result<tl::expected<std::unique_ptr<OutgoingBody>, std::monostate>> body(Host& host);
  HttpMethod method() const { return method_of(method_); }
  Accepted set_method(const HttpMethod& method);
  std::optional<std::string> path_with_query() const { return path_with_query_; }
  Accepted set_path_with_query(std::optional<std::string> path);
  std::optional<HttpScheme> scheme() const;
  Accepted set_scheme(const std::optional<HttpScheme>& scheme);
  std::optional<std::string> authority() const { return authority_; }
  Accepted set_authority(std::optional<std::string> authority);
  std::unique_ptr<HttpFields> headers(Host& host) const {
    return std::make_unique<HttpFields>(host, fields_);
  }

  // The request to send; an error-code where something is missing or cannot be sent.
  tl::expected<http::Request, HttpErrorCode> head() const;
  // The reading end of its body; null where there is none. What was not finished by now is streamed.
  std::shared_ptr<http::Body> start_body();

 private:
  Charge charge_;
  std::shared_ptr<http::Fields> fields_;
  std::string method_ = "GET";
  std::optional<std::string> path_with_query_;
  std::optional<std::string> scheme_;
  std::optional<std::string> authority_;
  BodyWriterPtr writer_;
};

class RequestOptions : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "request-options";

  bool move_to(runtime::HostResources&) override { return true; }

  // Nanoseconds.
  std::optional<uint64_t> connect_timeout;
  std::optional<uint64_t> first_byte_timeout;
  std::optional<uint64_t> between_bytes_timeout;
};

class IncomingResponse : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "incoming-response";

  explicit IncomingResponse(http::ClientResponse response)
      : status_(response.head.status),
        fields_(std::make_shared<http::Fields>(std::move(response.head.fields))),
        body_(std::move(response.body)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  uint16_t status() const { return status_; }
  std::unique_ptr<HttpFields> headers(Host& host) const {
    return std::make_unique<HttpFields>(host, fields_);
  }
  // Once.
  tl::expected<std::unique_ptr<IncomingBody>, std::monostate> consume();

 private:
  uint16_t status_;
  std::shared_ptr<http::Fields> fields_;
  std::shared_ptr<http::Body> body_;
};

// A request under way.
class FutureIncomingResponse : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "future-incoming-response";
  using Response = tl::expected<std::unique_ptr<IncomingResponse>, HttpErrorCode>;
  // Nothing before it is there; err when asked for again.
  using Got = std::optional<tl::expected<Response, std::monostate>>;

  // Sends on a fiber of its own. error-code connection-limit-reached where the invocation has too many under
  // way.
  static tl::expected<std::unique_ptr<FutureIncomingResponse>, HttpErrorCode> send(
      Host& host, Context::SendHttp send, http::Request request, std::shared_ptr<http::Body> body,
      http::RequestOptions options);
  ~FutureIncomingResponse() override;

  std::unique_ptr<Pollable> subscribe() const { return std::make_unique<Pollable>(state_); }
  Got get();

 private:
  static constexpr size_t kChargedBytes = 64 * 1024;  // about what its buffers take
  struct State final : Waitable {
    bool ready() override { return done; }
    void watch(Watch& watch) override { watch.signals.push_back(&changed); }
    bool done = false;
    std::optional<Result<http::ClientResponse>> result;  // until taken
    async::Signal changed;
    std::shared_ptr<async::Fiber> fiber;  // while it runs
  };
  explicit FutureIncomingResponse(Host& host) : charge_(host.resources), state_(new State) {}

  Charge charge_;
  boost::intrusive_ptr<State> state_;
};

// wasi:http/outgoing-handler.handle
tl::expected<std::unique_ptr<FutureIncomingResponse>, HttpErrorCode> handle_outgoing(
    Host& host, OutgoingRequest& request, const RequestOptions* options);

}  // namespace wattle::wasi
