#include "http/h1_body.h"

#include <algorithm>

#include "http/h1_writer.h"

namespace wattle::http {

using Progress = Transport::Progress;

void BodyReceiver::begin(const MessageFraming& framing, const HeadLimits& limits,
                         std::optional<uint64_t> max_bytes) {
  decoder_.begin(framing, limits);
  max_bytes_ = max_bytes;
}

void BodyReceiver::attach(std::shared_ptr<Body> body, std::function<void()> on_room) {
  body_ = std::move(body);
  body_->pipe.writable().set_listener(std::move(on_room));
}

BodyReceiver::State BodyReceiver::fail(Error error) {
  detach(std::move(error));
  return State::failed;
}

void BodyReceiver::detach(Error error) {
  if (!body_) return;
  auto body = std::move(body_);
  body->pipe.writable().set_listener(nullptr);
  body->pipe.abort(std::move(error));
}

BodyReceiver::State BodyReceiver::pump(Transport& transport) {
  async::Pipe& pipe = body_->pipe;
  while (!decoder_.done()) {
    const size_t room = pipe.room();
    if (room == 0) return State::blocked;
    auto step = decoder_.next(as_bytes(transport.input()), room);
    if (!step) return fail(step.error().error());
    if (max_bytes_ && decoder_.decoded_bytes() > *max_bytes_)
      return fail(http_error(ErrorCase::http_request_body_size, "the body is larger than the limit"));
    pipe.try_write(step->data);
    transport.consume(step->consumed);
    if (!step->more_input) continue;
    const auto filled = transport.fill();
    if (filled == Progress::done) continue;
    if (filled == Progress::failed) return fail(transport.error());
    if (!transport.at_end()) return State::waiting;
    if (auto ended = decoder_.end_of_input(); !ended) return fail(ended.error().error());
  }
  if (!pipe.closed()) {
    body_->trailers = decoder_.take_trailers();
    pipe.close();
  }
  return State::done;
}

BodyReceiver::State BodyReceiver::discard(Transport& transport, uint64_t limit_bytes) {
  while (!decoder_.done()) {
    auto step = decoder_.next(as_bytes(transport.input()), BodySender::kHighWater);
    if (!step || decoder_.decoded_bytes() > limit_bytes) return State::failed;
    transport.consume(step->consumed);
    if (!step->more_input) continue;
    const auto filled = transport.fill();
    if (filled == Progress::failed || (filled == Progress::waiting && transport.at_end()))
      return State::failed;
    if (filled == Progress::waiting) return State::waiting;
  }
  return State::done;
}

void BodySender::attach(std::shared_ptr<Body> body, std::function<void()> on_bytes) {
  body_ = std::move(body);
  body_->pipe.readable().set_listener(std::move(on_bytes));
}

void BodySender::begin(bool chunked, std::optional<uint64_t> length) {
  chunked_ = chunked;
  left_ = length;
  discarding_ = false;
}

void BodySender::begin_discarding() {
  begin(false, std::nullopt);
  discarding_ = true;
}

void BodySender::detach() {
  if (!body_) return;
  auto body = std::move(body_);
  body->pipe.readable().set_listener(nullptr);
  body->pipe.stop_reading();
}

BodySender::State BodySender::fill(Transport& transport) {
  async::Pipe& pipe = body_->pipe;
  while (!pipe.at_end()) {
    if (transport.queued() >= kHighWater) return State::full;
    auto bytes = pipe.peek();
    if (bytes.empty()) return State::waiting;
    bytes = bytes.first(std::min(bytes.size(), kHighWater));
    const size_t count = bytes.size();
    // More than was promised: the peer could take it for the next message.
    if (left_ && count > *left_) return State::failed;
    if (left_) *left_ -= count;
    if (chunked_) {
      append_chunk(transport.output(), bytes);
    } else if (!discarding_) {
      transport.output().append(reinterpret_cast<const char*>(bytes.data()), count);
    }
    pipe.consume(count);
  }
  return finish(transport);
}

BodySender::State BodySender::finish(Transport& transport) {
  if (body_->pipe.error() || left_.value_or(0) > 0) return State::failed;
  if (chunked_) append_last_chunk(transport.output(), body_->trailers);
  return State::complete;
}

}  // namespace wattle::http
