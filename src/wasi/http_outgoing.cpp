#include "wasi/http_outgoing.h"

#include <algorithm>

#include "http/h1_parser.h"
#include "wasi/clocks.h"

namespace wattle::wasi {

using http::ErrorCase;

namespace {

tl::unexpected<std::monostate> refused() {
  return tl::make_unexpected(std::monostate{});
}

Duration timeout_or(std::optional<uint64_t> nanoseconds, Duration otherwise) {
  constexpr uint64_t kMost = 24ull * 3600 * 1'000'000'000;
  if (!nanoseconds) return otherwise;
  return std::chrono::nanoseconds(static_cast<int64_t>(std::min(*nanoseconds, kMost)));
}

}  // namespace

// ---- outgoing-request

Result<tl::expected<std::unique_ptr<OutgoingBody>, std::monostate>> OutgoingRequest::body(Host& host) {
  if (writer_) return refused();
  if (!charge_.resize(BodyWriter::kCollectBytes))
    return failure(ErrorCode::memory_exceeded, "the guest holds more bodies than the host allows");
  writer_ = new BodyWriter(declared_length(*fields_));
  return OutgoingBody::create(host, writer_, ErrorCase::http_request_body_size);
}

OutgoingRequest::Accepted OutgoingRequest::set_method(const HttpMethod& method) {
  auto text = method_text(method);
  if (!text) return refused();
  method_ = std::move(*text);
  return {};
}

OutgoingRequest::Accepted OutgoingRequest::set_path_with_query(std::optional<std::string> path) {
  if (path && !path->empty() && !http::is_target(*path)) return refused();
  path_with_query_ = std::move(path);
  return {};
}

std::optional<HttpScheme> OutgoingRequest::scheme() const {
  if (!scheme_) return std::nullopt;
  return scheme_of(*scheme_);
}

OutgoingRequest::Accepted OutgoingRequest::set_scheme(const std::optional<HttpScheme>& scheme) {
  if (!scheme) {
    scheme_.reset();
    return {};
  }
  auto text = scheme_text(*scheme);
  if (!text) return refused();
  scheme_ = std::move(text);
  return {};
}

OutgoingRequest::Accepted OutgoingRequest::set_authority(std::optional<std::string> authority) {
  if (authority && !http::is_authority(*authority)) return refused();
  authority_ = std::move(authority);
  return {};
}

tl::expected<http::Request, HttpErrorCode> OutgoingRequest::head() const {
  http::Request request;
  request.method = method_;
  request.scheme = scheme_.value_or("https");
  if (request.scheme != "http" && request.scheme != "https")
    return tl::make_unexpected(error_code_of(ErrorCase::http_protocol_error));
  if (!authority_ || authority_->empty())
    return tl::make_unexpected(error_code_of(ErrorCase::http_request_uri_invalid));
  request.authority = *authority_;
  request.path_with_query = path_with_query_ && !path_with_query_->empty() ? *path_with_query_ : "/";
  if (request.path_with_query.front() == '?') request.path_with_query.insert(0, 1, '/');
  if (request.path_with_query.front() != '/' && request.path_with_query != "*")
    return tl::make_unexpected(error_code_of(ErrorCase::http_request_uri_invalid));
  request.fields = *fields_;
  return request;
}

std::shared_ptr<http::Body> OutgoingRequest::start_body() {
  if (!writer_) return nullptr;
  auto ends = http::make_body(BodyWriter::kCollectBytes);
  if (writer_->finished() && !writer_->trailers()) ends.writer->content_length = writer_->collected().size();
  writer_->stream_into(std::move(ends.writer));
  return std::move(ends.reader);
}

// ---- incoming-response

tl::expected<std::unique_ptr<IncomingBody>, std::monostate> IncomingResponse::consume() {
  if (!body_) return refused();
  return std::make_unique<IncomingBody>(std::exchange(body_, nullptr));
}

// ---- future-incoming-response

tl::expected<std::unique_ptr<FutureIncomingResponse>, HttpErrorCode> FutureIncomingResponse::send(
    Host& host, Context::SendHttp send, http::Request request, std::shared_ptr<http::Body> body,
    http::RequestOptions options) {
  std::unique_ptr<FutureIncomingResponse> future(new FutureIncomingResponse(host));
  if (!future->charge_.resize(kChargedBytes))
    return tl::make_unexpected(error_code_of(ErrorCase::connection_limit_reached));
  auto send_it = [state = future->state_, send_now = std::move(send), sent = std::move(request),
                  outgoing = std::move(body), how = std::move(options)]() mutable {
    state->result.emplace(send_now(sent, std::move(outgoing), how));
    state->done = true;
    state->fiber.reset();
    state->changed.notify();
  };
  // std::function copies what it is given; the fiber's state is moved in once and shared.
  auto shared = std::make_shared<decltype(send_it)>(std::move(send_it));
  future->state_->fiber = async::Worker::current()->spawn([shared] { (*shared)(); });
  return future;
}

FutureIncomingResponse::~FutureIncomingResponse() {
  if (state_->fiber) state_->fiber->cancel();
}

FutureIncomingResponse::Got FutureIncomingResponse::get() {
  if (!state_->done) return std::nullopt;
  if (!state_->result) return tl::make_unexpected(std::monostate{});
  Result<http::ClientResponse> result = std::move(*state_->result);
  state_->result.reset();
  if (!result) return Response(tl::make_unexpected(error_code_of(result.error())));
  return Response(std::make_unique<IncomingResponse>(std::move(*result)));
}

// ---- outgoing-handler

namespace {

tl::expected<Context::SendHttp, HttpErrorCode> find_way_out(Host& host) {
  Context& context = context_of(host);
  if (context.http_link) {
    auto send = context.http_link(host);
    if (!send) return tl::make_unexpected(error_code_of(send.error()));
    return std::move(*send);
  }
  if (context.client == nullptr || context.outgoing_http.empty())
    return tl::make_unexpected(error_code_of(ErrorCase::http_request_denied));
  // A copy: the request's fiber may outlive the context for a moment, when it is cancelled.
  return [client = context.client, policy = context.outgoing_http](
             const http::Request& sent, std::shared_ptr<http::Body> body, http::RequestOptions how) {
    how.allow = [&policy](const http::Endpoint& endpoint) { return http::check_allowed(policy, endpoint); };
    return client->send(sent, std::move(body), how);
  };
}

}  // namespace

tl::expected<std::unique_ptr<FutureIncomingResponse>, HttpErrorCode> handle_outgoing(
    Host& host, OutgoingRequest& request, const RequestOptions* options) {
  auto send = find_way_out(host);
  if (!send) return tl::make_unexpected(std::move(send.error()));
  auto head = request.head();
  if (!head) return tl::make_unexpected(std::move(head.error()));
  http::RequestOptions how;
  if (options != nullptr) {
    how.connect_timeout = timeout_or(options->connect_timeout, how.connect_timeout);
    how.first_byte_timeout = timeout_or(options->first_byte_timeout, how.first_byte_timeout);
    how.between_bytes_timeout = timeout_or(options->between_bytes_timeout, how.between_bytes_timeout);
  }
  return FutureIncomingResponse::send(host, std::move(*send), std::move(*head), request.start_body(),
                                      std::move(how));
}

}  // namespace wattle::wasi
