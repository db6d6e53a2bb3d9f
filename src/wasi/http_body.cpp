#include "wasi/http_body.h"

#include <algorithm>
#include <charconv>

namespace wattle::wasi {

using http::ErrorCase;

std::optional<uint64_t> declared_length(const http::Fields& fields) {
  auto text = fields.get("content-length");
  if (!text) return std::nullopt;
  uint64_t length = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), length);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return length;
}

// ---- incoming

Result<Streamed<Bytes>> BodySource::read(size_t limit) {
  async::Pipe& pipe = body_->pipe;
  if (pipe.buffered() == 0 && pipe.closed()) {
    if (pipe.error()) return stream_failed(*pipe.error(), IoError::Origin::http);
    return stream_closed();
  }
  Bytes bytes(std::min(limit, pipe.buffered()));
  pipe.try_read(bytes);
  return Streamed<Bytes>(std::move(bytes));
}

bool TrailersWaitable::ready() {
  async::Pipe& pipe = body_->pipe;
  while (pipe.buffered() > 0) pipe.consume(pipe.peek().size());
  return pipe.at_end();
}

FutureTrailers::Got FutureTrailers::get(Host& host) {
  if (!waitable_->ready()) return std::nullopt;
  if (std::exchange(taken_, true)) return tl::make_unexpected(std::monostate{});
  http::Body& body = waitable_->body();
  if (body.pipe.error()) return Trailers(tl::make_unexpected(error_code_of(*body.pipe.error())));
  std::optional<std::unique_ptr<HttpFields>> trailers;
  if (body.trailers)
    trailers = std::make_unique<HttpFields>(host, std::make_shared<http::Fields>(std::move(*body.trailers)));
  return Trailers(std::move(trailers));
}

tl::expected<std::unique_ptr<InputStream>, std::monostate> IncomingBody::stream() {
  if (std::exchange(streamed_, true)) return tl::make_unexpected(std::monostate{});
  return std::make_unique<InputStream>(InputSourcePtr(new BodySource(body_)));
}

// ---- outgoing

bool BodyWriter::ready() {
  if (error_ || finished_) return true;
  if (body_) return body_->pipe.room() > 0 || body_->pipe.reader_gone();
  return collected_.size() < kCollectBytes;
}

void BodyWriter::watch(Watch& watch) {
  watch.signals.push_back(&changed_);
  if (body_) watch.signals.push_back(&body_->pipe.writable());
}

Streamed<uint64_t> BodyWriter::check_write() {
  if (error_) return stream_failed(*error_, IoError::Origin::http);
  if (finished_) return stream_closed();
  if (!body_) return kCollectBytes - collected_.size();
  if (body_->pipe.reader_gone()) return stream_closed();
  return std::min<uint64_t>(body_->pipe.room(), kMaxChunkBytes);
}

Result<Streamed<void>> BodyWriter::write(std::span<const uint8_t> bytes) {
  if (error_) return stream_failed(*error_, IoError::Origin::http);
  if (finished_) return stream_closed();
  if (declared_ && bytes.size() > *declared_ - written_) {
    abort(http::http_error(ErrorCase::http_response_body_size,
                           fmt::format("more was written than the promised {} bytes", *declared_)));
    return stream_failed(*error_, IoError::Origin::http);
  }
  written_ += bytes.size();
  if (!body_) {
    collected_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if (body_->pipe.reader_gone()) {
    return stream_closed();
  } else {
    body_->pipe.try_write(bytes);
  }
  return Streamed<void>{};
}

Streamed<void> BodyWriter::flush() {
  if (error_) return stream_failed(*error_, IoError::Origin::http);
  if (finished_) return stream_closed();
  return {};
}

tl::expected<void, HttpErrorCode> BodyWriter::finish(std::shared_ptr<http::Fields> trailers,
                                                     ErrorCase mismatch) {
  if (error_) return tl::make_unexpected(error_code_of(*error_));
  if (declared_ && written_ < *declared_) {
    abort(http::http_error(mismatch,
                           fmt::format("{} bytes were written of the promised {}", written_, *declared_)));
    return tl::make_unexpected(error_code_of(*error_));
  }
  finished_ = true;
  trailers_ = std::move(trailers);
  if (body_) {
    if (trailers_) body_->trailers = *trailers_;
    body_->pipe.close();
  }
  changed_.notify();
  return {};
}

void BodyWriter::abort(Error error) {
  if (finished_ || error_) return;
  error_ = std::move(error);
  if (body_) body_->pipe.abort(*error_);
  collected_.clear();
  changed_.notify();
}

void BodyWriter::stream_into(std::shared_ptr<http::Body> body) {
  body_ = std::move(body);
  if (declared_) body_->content_length = declared_;
  if (error_) return body_->pipe.abort(*error_);
  body_->pipe.try_write(http::as_bytes(collected_));
  collected_ = {};
  if (finished_) {
    if (trailers_) body_->trailers = *trailers_;
    body_->pipe.close();
  }
  changed_.notify();
}

Result<std::unique_ptr<OutgoingBody>> OutgoingBody::create(Host& host, BodyWriterPtr writer,
                                                           ErrorCase mismatch) {
  std::unique_ptr<OutgoingBody> body(new OutgoingBody(host, std::move(writer), mismatch));
  if (!body->charge_.resize(BodyWriter::kCollectBytes))
    return failure(ErrorCode::memory_exceeded, "the guest holds more bodies than the host allows");
  return body;
}

OutgoingBody::~OutgoingBody() {
  if (writer_)
    writer_->abort(
        http::http_error(ErrorCase::connection_terminated, "the guest dropped its body unfinished"));
}

tl::expected<std::unique_ptr<OutputStream>, std::monostate> OutgoingBody::write() {
  if (std::exchange(written_, true)) return tl::make_unexpected(std::monostate{});
  return std::make_unique<OutputStream>(writer_);
}

tl::expected<void, HttpErrorCode> OutgoingBody::finish(std::optional<std::unique_ptr<HttpFields>> trailers) {
  BodyWriterPtr writer = std::move(writer_);
  return writer->finish(trailers ? (*trailers)->take() : nullptr, mismatch_);
}

}  // namespace wattle::wasi
