#include "bindings/remote_http.h"

#include "bindings/http_wire.h"
#include "runtime/error_mapping.h"

namespace wattle::bindings {
namespace {

using http::ErrorCase;
using namespace http_wire;

ErrorCase case_for(const Error& error) {
  if (auto known = http::case_of(error)) return *known;
  switch (error.code()) {
    case ErrorCode::deadline_exceeded:
      return ErrorCase::http_response_timeout;
    case ErrorCode::overloaded:
      return ErrorCase::connection_limit_reached;
    case ErrorCode::unavailable:
      return ErrorCase::destination_unavailable;
    case ErrorCode::not_found:
      return ErrorCase::destination_not_found;
    case ErrorCode::permission_denied:
      return ErrorCase::http_request_denied;
    default:
      return ErrorCase::internal_error;
  }
}

// One that says why, so that an error on this side means the same as on the other.
Error http_failure(const Error& error) {
  if (http::case_of(error)) return error;
  return http::http_error(case_for(error), "the request failed", error);
}

// Until the body has ended, much of it has come, or a moment has passed. Callee and caller both hold a
// response's head so long: a small answer goes out whole or not at all, and a client whose callee is stopped
// or lost within it is told so instead of seeing it cut. What streams slowly (server-sent events) loses that
// moment, once.
Result<void> wait_for_beginning(http::Body& body) {
  constexpr Duration kHeldAtMost = std::chrono::milliseconds(20);
  constexpr size_t kHeldBytes = 16 * 1024;
  const TimePoint until = Clock::now() + kHeldAtMost;
  async::Signal* const readable = &body.pipe.readable();
  while (body.pipe.room() > 0 && body.pipe.buffered() < kHeldBytes && Clock::now() < until)
    WATTLE_CHECK(async::Signal::wait_any({&readable, 1}, until));
  if (body.pipe.error()) return failure(*body.pipe.error());
  return {};
}

// The error that the handler itself returned.
template <class WireError>
Error declared_error(const RemoteTarget& target, const WireError& declared) {
  const ErrorCase reason = wasi::case_of(declared);
  return http::http_error(reason, fmt::format("\"{}\" answers {}", target.id(), to_string(reason)));
}

uint64_t nanoseconds(Duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
}

Duration timeout_or(std::optional<uint64_t> nanoseconds, Duration otherwise) {
  constexpr uint64_t kMost = uint64_t{24} * 3600 * 1'000'000'000;
  if (!nanoseconds) return otherwise;
  return std::chrono::nanoseconds(std::min(*nanoseconds, kMost));
}

// The exchange that a call is, for as long as its handler runs.
class CalledExchange final : public http::Exchange {
 public:
  explicit CalledExchange(ReceivedRequest request)
      : request_(std::move(request.head)), body_(std::move(request.body)) {}
  CalledExchange(const CalledExchange&) = delete;
  CalledExchange& operator=(const CalledExchange&) = delete;

  http::Request& request() override { return request_; }
  // Whether bytes will come is not known beforehand.
  bool has_body() const override {
    if (const auto length = http::content_length_of(request_.fields)) return *length > 0;
    return request_.method != "GET" && request_.method != "HEAD";
  }
  std::shared_ptr<http::Body> body() override { return body_; }
  Result<void> respond(const http::Response& response, std::span<const uint8_t> bytes) override {
    return respond_streaming(response, http::body_of(bytes));
  }
  Result<void> respond_streaming(const http::Response& response, std::shared_ptr<http::Body> body) override {
    if (responded()) return failure(ErrorCode::internal, "the request was answered before");
    response_ = response;
    response_body_ = std::move(body);
    changed_.notify();
    return {};
  }
  Result<void> inform(const http::Response&) override { return {}; }  // nothing on the wire says it
  void end_connection() override {}                                   // there is none
  void abort() override {
    if (response_body_ != nullptr && !response_body_->pipe.closed())
      response_body_->pipe.abort(
          http::http_error(ErrorCase::http_response_incomplete, "the handler ended its response early"));
    end();
  }
  bool responded() const override { return response_.has_value(); }
  bool disconnected() const override { return is_cancelled_; }
  http::Protocol protocol() const override { return http::Protocol::http_1_1; }
  bool secure() const override { return request_.scheme == "https"; }
  const boost::asio::ip::tcp::endpoint& peer() const override { return peer_; }

  // The handler has returned.
  void end() {
    is_over_ = true;
    changed_.notify();
  }
  // Nobody waits for the answer any more.
  void cancel() { is_cancelled_ = true; }
  Result<void> wait_for_response() {
    while (!responded() && !is_over_) WATTLE_CHECK(changed_.wait());
    return response_body_ == nullptr ? Result<void>() : wait_for_beginning(*response_body_);
  }
  Answer take_answer() {
    if (!responded()) return tl::make_unexpected(wasi::error_code_of(ErrorCase::http_response_incomplete));
    return response_to_wire(*response_, response_body_);
  }

  ~CalledExchange() = default;

 private:
  http::Request request_;
  std::shared_ptr<http::Body> body_;
  std::optional<http::Response> response_;
  std::shared_ptr<http::Body> response_body_;
  boost::asio::ip::tcp::endpoint peer_;
  bool is_over_ = false;
  bool is_cancelled_ = false;
  async::Signal changed_;
};

}  // namespace

// ---- incoming-handler

void answer_failure(http::Exchange& exchange, const Error& error) {
  if (exchange.responded()) return exchange.abort();
  const uint16_t status = wasi::status_of(case_for(error));
  http::Response response;
  response.status = status >= 500 ? status : 502;
  if (response.status == 503) (void)response.fields.append("retry-after", "1");
  (void)response.fields.append("content-type", "text/plain; charset=utf-8");
  (void)exchange.respond(response, http::as_bytes(runtime::error_text(error) + "\n"));
}

Result<void> forward_exchange(const RemoteTarget& target, const capability::Caller& caller,
                              http::Exchange& exchange) {
  const auto failed = [&](Error error) {
    answer_failure(exchange, error);
    return failure(std::move(error));
  };
  const auto body = exchange.has_body() ? exchange.body() : nullptr;
  auto answer =
      target.call_streaming<Answer>(caller, kIncoming, "handle", request_to_wire(exchange.request(), body));
  if (!answer) return failed(std::move(answer).error());
  if (!*answer) return failed(declared_error(target, answer->error()));
  auto response = response_from_wire(std::move(**answer));
  if (!response) return failed(std::move(response).error());
  if (auto begun = wait_for_beginning(*response->body); !begun) return failed(std::move(begun).error());
  (void)exchange.respond_streaming(response->head, std::move(response->body));
  return {};
}

Result<wrpc::Reply> answer_incoming(wrpc::IncomingCall& call,
                                    const std::function<void(http::Exchange&)>& handle) {
  WATTLE_TRY(auto parameters, wrpc::parameters_of<Request>(call));
  WATTLE_TRY(auto request, request_from_wire(std::move(std::get<0>(parameters))));
  const auto exchange = std::make_shared<CalledExchange>(std::move(request));
  const auto fiber = async::Fiber::current().worker().spawn([exchange, handle, deadline = call.deadline] {
    const async::DeadlineScope scope(deadline);
    handle(*exchange);
    exchange->end();
  });
  if (auto waited = exchange->wait_for_response(); !waited) {
    exchange->cancel();
    fiber->cancel(waited.error());
    return failure(std::move(waited).error());
  }
  return wrpc::reply_with(exchange->take_answer());
}

// ---- outgoing-handler

Result<http::ClientResponse> send_remotely(const RemoteTarget& target, const capability::Caller& caller,
                                           const http::Request& request,
                                           const std::shared_ptr<http::Body>& body,
                                           const http::RequestOptions& options) {
  const std::optional<Options> timeouts(std::in_place, nanoseconds(options.connect_timeout),
                                        nanoseconds(options.first_byte_timeout),
                                        nanoseconds(options.between_bytes_timeout));
  auto answer =
      target.call_streaming<Answer>(caller, kOutgoing, "handle", request_to_wire(request, body), timeouts);
  if (!answer) return failure(http_failure(answer.error()));
  if (!*answer) return failure(declared_error(target, answer->error()));
  auto response = response_from_wire(std::move(**answer));
  if (!response) return failure(http_failure(response.error()));
  return http::ClientResponse{std::move(response->head), std::move(response->body)};
}

Result<wrpc::Reply> answer_outgoing(wrpc::IncomingCall& call, const SendHttp& send) {
  WATTLE_TRY(auto parameters, (wrpc::parameters_of<Request, std::optional<Options>>(call)));
  WATTLE_TRY(auto request, request_from_wire(std::move(std::get<0>(parameters))));
  http::RequestOptions options;
  if (const auto& given = std::get<1>(parameters)) {
    options.connect_timeout = timeout_or(std::get<0>(*given), options.connect_timeout);
    options.first_byte_timeout = timeout_or(std::get<1>(*given), options.first_byte_timeout);
    options.between_bytes_timeout = timeout_or(std::get<2>(*given), options.between_bytes_timeout);
  }
  const bool may_have_body = http::content_length_of(request.head.fields).value_or(1) > 0 &&
                             request.head.method != "GET" && request.head.method != "HEAD";
  auto response = send(request.head, may_have_body ? request.body : nullptr, options);
  if (!response)
    return wrpc::reply_with(Answer(tl::unexpect, wasi::error_code_of(http_failure(response.error()))));
  return wrpc::reply_with(Answer(response_to_wire(response->head, response->body)));
}

}  // namespace wattle::bindings
