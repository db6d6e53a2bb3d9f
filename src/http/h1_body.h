// Bodies of HTTP/1.1 in motion between a transport and a pipe, by events and without a fiber; for server and
// client alike. Their owner calls pump() or fill() when the socket or the pipe has changed, inside a
// DeferWakesScope.
#pragma once

#include <functional>

#include "http/h1_parser.h"
#include "http/transport.h"

namespace wattle::http {

// Takes the framing off a body and feeds a pipe with it.
class BodyReceiver {
 public:
  ~BodyReceiver() { detach(Error(ErrorCode::internal, "the connection was dropped")); }
  // The body that follows a head. Nothing moves before attach().
  void begin(const MessageFraming& framing, const HeadLimits& limits, std::optional<uint64_t> max_bytes);
  // `body` is its writing side; `on_room` is called when its pipe may take more.
  void attach(std::shared_ptr<Body> body, std::function<void()> on_room);
  bool attached() const { return body_ != nullptr; }
  // Every byte of the body has been taken off the transport.
  bool done() const { return decoder_.done(); }
  // The peer has hung up, and what it has sent does not hold the rest.
  bool cut_short(const Transport& transport) const {
    return transport.hung_up() && decoder_.would_be_cut_after(transport.pending_bytes());
  }
  // The pipe's reader has gone before the end.
  bool abandoned() const { return attached() && !done() && body_->pipe.reader_gone(); }
  // More bytes from the peer are what it waits for, and the pipe has room for them.
  bool starved() const { return attached() && !done() && body_->pipe.room() > 0; }
  uint64_t received_bytes() const { return decoder_.decoded_bytes(); }

  enum class State : uint8_t {
    waiting,  // for the socket
    blocked,  // by the pipe's reader
    done,
    failed,  // the pipe has been told why; the connection is of no more use
  };
  State pump(Transport& transport);
  // Reads the rest away, as far as it has come: done, waiting, or failed when the body is larger than
  // `limit_bytes` altogether.
  State discard(Transport& transport, uint64_t limit_bytes);
  // Lets go of the pipe; its reader sees `error` unless the body had ended.
  void detach(Error error);

 private:
  State fail(Error error);

  BodyDecoder decoder_;
  std::optional<uint64_t> max_bytes_;
  std::shared_ptr<Body> body_;
};

// Frames what comes out of a pipe.
class BodySender {
 public:
  ~BodySender() { detach(); }
  static constexpr size_t kHighWater = 64 * 1024;

  // `body` is its reading side; `on_bytes` is called when its pipe has more.
  void attach(std::shared_ptr<Body> body, std::function<void()> on_bytes);
  bool attached() const { return body_ != nullptr; }
  const Body& body() const { return *body_; }
  // Chunked, or of a length that is kept to the byte, or (neither) to the connection's end.
  void begin(bool chunked, std::optional<uint64_t> length);
  // The body is read away instead of being sent: the answer to HEAD.
  void begin_discarding();

  enum class State : uint8_t {
    waiting,   // for the pipe's writer
    full,      // the transport's output buffer
    complete,  // everything is in the output buffer
    failed,    // the pipe failed, or did not keep to its length
  };
  State fill(Transport& transport);
  // Lets go of the pipe; its writer learns that nobody reads.
  void detach();

 private:
  State finish(Transport& transport);

  std::shared_ptr<Body> body_;
  bool chunked_ = false;
  bool discarding_ = false;
  std::optional<uint64_t> left_;
};

}  // namespace wattle::http
