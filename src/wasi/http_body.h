// The bodies of wasi:http/types: incoming ones are read from an http::Body; outgoing ones are collected until
// somebody wants them sent, so that a small response that a guest writes at once goes out as one write, and
// are streamed through an http::Body from then on.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/message.h"
#include "wasi/http_fields.h"
#include "wasi/http_types.h"
#include "wasi/io.h"

namespace wattle::wasi {

// The bytes of an incoming body, with the body's error at their end.
class BodySource final : public InputSource {
 public:
  explicit BodySource(std::shared_ptr<http::Body> body) : body_(std::move(body)) {}
  bool ready() override { return body_->pipe.buffered() > 0 || body_->pipe.closed(); }
  void watch(Watch& watch) override { watch.signals.push_back(&body_->pipe.readable()); }
  Result<Streamed<Bytes>> read(size_t limit) override;

 private:
  std::shared_ptr<http::Body> body_;
};

// Ready once a body has ended; what is left of it is thrown away.
class TrailersWaitable final : public Waitable {
 public:
  explicit TrailersWaitable(std::shared_ptr<http::Body> body) : body_(std::move(body)) {}
  bool ready() override;
  void watch(Watch& watch) override { watch.signals.push_back(&body_->pipe.readable()); }
  http::Body& body() { return *body_; }

 private:
  std::shared_ptr<http::Body> body_;
};

class FutureTrailers : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "future-trailers";
  // ok(none): the body had no trailers.
  using Trailers = tl::expected<std::optional<std::unique_ptr<HttpFields>>, HttpErrorCode>;
  // Nothing before the body has ended; err when asked for again.
  using Got = std::optional<tl::expected<Trailers, std::monostate>>;

  explicit FutureTrailers(std::shared_ptr<http::Body> body)
      : waitable_(new TrailersWaitable(std::move(body))) {}
  bool move_to(runtime::HostResources&) override { return true; }
  std::unique_ptr<Pollable> subscribe() const { return std::make_unique<Pollable>(waitable_); }
  Got get(Host& host);

 private:
  boost::intrusive_ptr<TrailersWaitable> waitable_;
  bool taken_ = false;
};

class IncomingBody : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "incoming-body";

  explicit IncomingBody(std::shared_ptr<http::Body> body) : body_(std::move(body)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  // Once.
  tl::expected<std::unique_ptr<InputStream>, std::monostate> stream();
  std::unique_ptr<FutureTrailers> finish() { return std::make_unique<FutureTrailers>(std::move(body_)); }

 private:
  std::shared_ptr<http::Body> body_;
  bool streamed_ = false;
};

// The writing end of an outgoing body. Guests hold it through outgoing-body and its output-stream, the sender
// through a response or request.
class BodyWriter final : public OutputSink {
 public:
  // What is collected at most before it must be streamed.
  static constexpr size_t kCollectBytes = 32 * 1024;

  // `declared` is what Content-Length promises: neither more nor less may be written.
  explicit BodyWriter(std::optional<uint64_t> declared) : declared_(declared) {}

  // The guest's side.
  bool ready() override;
  void watch(Watch& watch) override;
  Streamed<uint64_t> check_write() override;
  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override;
  Streamed<void> flush() override;
  // The body is whole. An error where less was written than promised.
  tl::expected<void, HttpErrorCode> finish(std::shared_ptr<http::Fields> trailers, http::ErrorCase mismatch);
  // It never will be: the receiver sees an error. Nothing happens after finish().
  void abort(Error error);

  // The sender's side. From now on everything goes into `body`, what was collected first.
  void stream_into(std::shared_ptr<http::Body> body);
  bool streaming() const { return body_ != nullptr; }
  bool finished() const { return finished_; }
  const std::optional<Error>& error() const { return error_; }
  const std::string& collected() const { return collected_; }
  const std::shared_ptr<http::Fields>& trailers() const { return trailers_; }
  std::optional<uint64_t> declared() const { return declared_; }

 private:
  std::string collected_;
  std::shared_ptr<http::Body> body_;
  std::shared_ptr<http::Fields> trailers_;
  std::optional<uint64_t> declared_;
  uint64_t written_ = 0;
  std::optional<Error> error_;
  bool finished_ = false;
  async::Signal changed_;
};
using BodyWriterPtr = boost::intrusive_ptr<BodyWriter>;

class OutgoingBody : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:http/types";
  static constexpr std::string_view kName = "outgoing-body";

  // `mismatch`: the error for a body that is not as long as promised. Refused (memory_exceeded): more bodies
  // than the invocation's budget has room for.
  static Result<std::unique_ptr<OutgoingBody>> create(Host& host, BodyWriterPtr writer,
                                                      http::ErrorCase mismatch);
  ~OutgoingBody() override;
  bool move_to(runtime::HostResources& receiver) override { return charge_.move_to(receiver); }
  // Once.
  tl::expected<std::unique_ptr<OutputStream>, std::monostate> write();
  tl::expected<void, HttpErrorCode> finish(std::optional<std::unique_ptr<HttpFields>> trailers);

 private:
  OutgoingBody(Host& host, BodyWriterPtr writer, http::ErrorCase mismatch)
      : charge_(host.resources), writer_(std::move(writer)), mismatch_(mismatch) {}

  Charge charge_;
  BodyWriterPtr writer_;
  http::ErrorCase mismatch_;
  bool written_ = false;
};

// What a Content-Length field promises, if there is a valid one.
std::optional<uint64_t> declared_length(const http::Fields& fields);

}  // namespace wattle::wasi
