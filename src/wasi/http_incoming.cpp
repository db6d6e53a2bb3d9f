#include "wasi/http_incoming.h"

#include "runtime/error_mapping.h"

namespace wattle::wasi {

using http::ErrorCase;

namespace {

uint16_t status_for(const Error& error) {
  if (error.code() == ErrorCode::overloaded || error.code() == ErrorCode::cancelled) return 503;
  return error.code() == ErrorCode::deadline_exceeded ? 504 : 500;
}

// What another component or a provider failed with, where that ended the guest as a trap because the
// function that it called has no room for an error. Null: the guest failed by itself.
const Error* failure_of_others(const Error& error) {
  const Error* below = &error;
  while (below != nullptr && below->code() == ErrorCode::trap) below = below->cause();
  return error.code() == ErrorCode::trap ? below : nullptr;
}

}  // namespace

// ---- incoming-request

std::optional<std::string> IncomingRequest::path_with_query() const {
  const std::string& path = exchange_.request().path_with_query;
  if (path.empty()) return std::nullopt;
  return path;
}

std::optional<std::string> IncomingRequest::authority() const {
  const std::string& authority = exchange_.request().authority;
  if (authority.empty()) return std::nullopt;
  return authority;
}

std::unique_ptr<HttpFields> IncomingRequest::headers(Host& host) const {
  // The exchange outlives every resource of the invocation, so these fields need no owner.
  return std::make_unique<HttpFields>(
      host, std::shared_ptr<http::Fields>(std::shared_ptr<void>(), &exchange_.request().fields));
}

tl::expected<std::unique_ptr<IncomingBody>, std::monostate> IncomingRequest::consume() {
  if (std::exchange(consumed_, true)) return tl::make_unexpected(std::monostate{});
  return std::make_unique<IncomingBody>(exchange_.body());
}

// ---- outgoing-response

tl::expected<void, std::monostate> OutgoingResponse::set_status_code(uint16_t status) {
  if (status < 200 || status > 999) return tl::make_unexpected(std::monostate{});
  status_ = status;
  return {};
}

Result<tl::expected<std::unique_ptr<OutgoingBody>, std::monostate>> OutgoingResponse::body(Host& host) {
  if (writer_) return tl::make_unexpected(std::monostate{});
  if (!charge_.resize(BodyWriter::kCollectBytes))
    return failure(ErrorCode::memory_exceeded, "the guest holds more bodies than the host allows");
  writer_ = new BodyWriter(declared_length(*fields_));
  return OutgoingBody::create(host, writer_, ErrorCase::http_response_body_size);
}

// ---- the slot

void ResponseSlot::set(std::unique_ptr<OutgoingResponse> response) {
  set_ = true;
  if (exchange_ == nullptr) return;
  head_.status = response->status_;
  // The guest may still hold a view of the fields, which then shows what was sent.
  head_.fields = *response->fields_;
  writer_ = std::move(response->writer_);
  async::Worker::current()->post([self = ResponseSlotPtr(this)] { self->start(); });
}

void ResponseSlot::refuse(HttpErrorCode code) {
  set_ = true;
  refused_ = std::move(code);
}

tl::expected<void, HttpErrorCode> ResponseSlot::inform(uint16_t status, const http::Fields& fields) {
  if (exchange_ == nullptr || set_) return tl::make_unexpected(error_code_of(ErrorCase::internal_error));
  http::Response interim;
  interim.status = status;
  interim.fields = fields;
  auto sent = exchange_->inform(interim);
  if (!sent) return tl::make_unexpected(error_code_of(sent.error()));
  return {};
}

// The loop's turn: what has been set goes out now.
void ResponseSlot::start() {
  if (exchange_ == nullptr || started_) return;
  begin_streaming();
}

void ResponseSlot::begin_streaming() {
  started_ = true;
  std::shared_ptr<http::Body> body;
  if (!writer_) {
    body = http::body_of({});
  } else if (writer_->error()) {
    started_ = false;  // conclude() answers with a status instead
    return;
  } else {
    auto ends = http::make_body(BodyWriter::kCollectBytes);
    if (writer_->finished() && !writer_->trailers())
      ends.writer->content_length = writer_->collected().size();
    writer_->stream_into(std::move(ends.writer));
    body = std::move(ends.reader);
  }
  auto begun = exchange_->respond_streaming(head_, std::move(body));
  if (!begun && writer_) writer_->abort(std::move(begun).error());
}

void ResponseSlot::answer_status(uint16_t status, std::string text) {
  started_ = true;
  http::Response response;
  response.status = status;
  if (status == 503) response.fields.append_checked("retry-after", "1");
  response.fields.append_checked("content-type", "text/plain; charset=utf-8");
  if (text.empty()) text = http::reason_phrase(status);
  text.push_back('\n');
  (void)exchange_->respond(response, http::as_bytes(text));
}

Result<void> ResponseSlot::conclude_failed(Error error) {
  if (started_) {
    if (writer_ && !writer_->finished()) writer_->abort(error);
  } else if (exchange_->disconnected()) {
    started_ = true;  // nobody to tell
  } else if (const Error* below = failure_of_others(error)) {
    const uint16_t status = status_for(*below);
    answer_status(status == 500 ? 502 : status, runtime::error_text(error));
  } else {
    answer_status(status_for(error), {});
  }
  return failure(std::move(error));
}

Result<void> ResponseSlot::send_whole() {
  started_ = true;
  if (!writer_) return exchange_->respond(head_);
  if (!writer_->trailers()) return exchange_->respond(head_, http::as_bytes(writer_->collected()));
  begin_streaming();
  return {};
}

std::optional<uint16_t> ResponseSlot::status() const {
  if (refused_) return status_of(case_of(*refused_));
  return set_ ? std::optional(head_.status) : std::nullopt;
}

Result<void> ResponseSlot::conclude(std::optional<Error> error) {
  auto concluded = [&]() -> Result<void> {
    if (error) return conclude_failed(std::move(*error));
    if (refused_) {
      const ErrorCase reason = case_of(*refused_);
      answer_status(status_of(reason),
                    fmt::format("the component answered with the error {}", http::to_string(reason)));
      return failure(ErrorCode::unavailable, "the guest answered with the error {}", http::to_string(reason));
    }
    if (!set_) return conclude_failed(Error(ErrorCode::trap, "the guest returned without an answer"));
    if (started_) return {};
    if (writer_ && !writer_->finished())
      return conclude_failed(writer_->error().value_or(
          Error(ErrorCode::trap, "the guest returned without finishing the body of its answer")));
    return send_whole();
  }();
  exchange_ = nullptr;
  return concluded;
}

}  // namespace wattle::wasi
