#include "wrpc/call_end.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "wrpc/inbox.h"

namespace wattle::wrpc {
namespace {

constexpr size_t kSubStreamsMax = 64;  // of one call, whether anybody asks for them or not
constexpr size_t kPathBytesMax = 64;
constexpr size_t kChunkBytesMax = 64 * 1024;
constexpr size_t kChunkHeadBytes = 5;
constexpr size_t kCompactBytes = 64 * 1024;

bool is_path(std::string_view text) {
  return !text.empty() && text.size() <= kPathBytesMax &&
         std::ranges::all_of(text, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

Error ended_early() {
  return wrpc_error(ErrorCode::unavailable, Reason::maybe_begun,
                    "the stream ended before its end: its sender failed or went away");
}

}  // namespace

size_t header_bytes(const lattice::Headers& headers) {
  size_t bytes = 12;  // "NATS/1.0", the empty line
  for (const auto& [name, value] : headers.fields()) bytes += name.size() + value.size() + 4;
  return bytes;
}

Result<std::string_view> ChunkReader::next(std::string_view& from, size_t most) {
  while (!at_end_) {
    if (left_ > 0) {
      const std::string_view piece = from.substr(0, std::min<uint64_t>(left_, most));
      from.remove_prefix(piece.size());
      left_ -= piece.size();
      return piece;
    }
    if (from.empty()) return std::string_view();
    const auto byte = static_cast<uint8_t>(from.front());
    from.remove_prefix(1);
    if (shift_ > 28 || (shift_ == 28 && (byte & 0x7f) > 0x0f))
      return failure(ErrorCode::malformed, "a chunk of a stream says a length beyond 32 bits");
    length_ |= static_cast<uint64_t>(byte & 0x7f) << shift_;
    shift_ += 7;
    if ((byte & 0x80) != 0) continue;
    left_ = length_;
    at_end_ = length_ == 0;
    length_ = shift_ = 0;
  }
  from = {};  // what follows the end says nothing
  return std::string_view();
}

std::string CallEnd::subject(std::string_view word, std::string_view path) const {
  return fmt::format("{}.{}{}{}", peer, word, path.empty() ? "" : ".", path);
}

// ---- what comes

void CallEnd::deliver(std::string_view suffix, lattice::Message&& message) {
  if (failure) return;
  if (suffix.empty()) return on_handshake(std::move(message));
  const size_t dot = suffix.find('.');
  const std::string_view word = suffix.substr(0, dot);
  // A copy: what follows lives in the message's subject.
  const std::string path(dot == std::string_view::npos ? "" : suffix.substr(dot + 1));
  if (word == in_word()) {
    if (path.empty()) return on_root(message);
    if (is_path(path)) return on_data(path, message);
  } else if (word == out_word()) {
    if (const auto credit = message.headers.find(kCreditHeader)) on_credit(path, *credit);
  }
}

void CallEnd::on_handshake(lattice::Message message) {
  const lattice::Headers& headers = message.headers;
  if (side_ == Side::callee) {
    // The bus says so of what was sent to the caller.
    if (headers.status() == 503)
      fail(wrpc_error(ErrorCode::unavailable, Reason::maybe_begun, "the caller went away"));
    return;
  }
  if (answer) return;
  if (const auto said = headers.find(kResultHeader)) {
    peer_is_wattle = true;
    if (!message.reply.empty()) peer = message.reply;
    if (*said == kResultAccepted) {
      accepted = !peer.empty();
    } else if (*said == kResultOk) {
      answer_has_streams = !message.reply.empty();
      answer = std::move(message.payload);
    } else {
      answer = wattle::failure(error_from_json(*said, message.payload));
    }
  } else if (headers.status() == 503 && !accepted) {
    return fail(wrpc_error(ErrorCode::unavailable, Reason::not_begun, "nobody listens to such calls"));
  } else if (headers.status() == 408) {
    return fail(wrpc_error(ErrorCode::deadline_exceeded, Reason::maybe_begun, "the bus says: time out"));
  } else if (headers.status() >= 400) {
    return fail(wrpc_error(ErrorCode::unavailable, Reason::maybe_begun,
                           fmt::format("the bus says: {} {}", headers.status(), headers.description())));
  } else if (!message.reply.empty() && !accepted) {
    peer = message.reply;
    accepted = true;
  }
  changed.notify();
}

void CallEnd::on_root(const lattice::Message& message) {
  if (root_ended) return;
  if (const auto said = message.headers.find(kResultHeader))
    return fail(error_from_json(*said, message.payload));
  if (message.payload.empty()) {
    root_ended = true;
  } else if (root.size() + message.payload.size() > limits_.message_bytes_max) {
    return fail(wrpc_error(ErrorCode::memory_exceeded, Reason::maybe_begun,
                           fmt::format("the peer sends more than the {} bytes that a call's {} may have",
                                       limits_.message_bytes_max, in_word())));
  } else {
    root += message.payload;
  }
  changed.notify();
}

void CallEnd::on_data(std::string_view path, const lattice::Message& message) {
  auto found = incoming_.find(path);
  if (found == incoming_.end()) {
    if (incoming_.size() >= kSubStreamsMax)
      return fail(wrpc_error(ErrorCode::overloaded, Reason::maybe_begun,
                             fmt::format("the peer sends more than {} sub-streams", kSubStreamsMax)));
    found = incoming_.try_emplace(std::string(path)).first;
  }
  Incoming& incoming = found->second;
  if (incoming.finished || incoming.ended) return;
  if (const auto said = message.headers.find(kResultHeader)) {
    incoming.error = error_from_json(*said, message.payload);
    incoming.ended = true;
  } else if (message.payload.empty()) {
    incoming.ended = true;
  } else if (make_room(incoming, message.payload.size())) {
    incoming.waiting += message.payload;
  }
  advance(found->first, incoming);
}

// False, and the sub-stream ends with an error, when the peer sends more than fits.
bool CallEnd::make_room(Incoming& incoming, size_t bytes) {
  const size_t waiting = incoming.waiting.size() - incoming.taken;
  if (peer_is_wattle) {
    if (waiting + bytes <= kWindowBytes) return true;
    incoming.error = Error(ErrorCode::malformed, "the peer sends more of a stream than it was allowed");
  } else {
    if (unpaced_bytes_ + bytes <= limits_.unpaced_bytes_max) {
      unpaced_bytes_ += bytes;
      return true;
    }
    incoming.error = Error(
        ErrorCode::overloaded,
        fmt::format("a stream is read more slowly than it is sent, and its sender knows no flow control: "
                    "more than {} bytes were waiting",
                    limits_.unpaced_bytes_max));
  }
  incoming.ended = true;
  return false;
}

Result<void> CallEnd::receive(const SubStreams& streams) {
  for (const SubStream& stream : streams) {
    if (failure) {
      stream.pipe->abort(*failure);
      continue;
    }
    const auto [place, is_new] = incoming_.try_emplace(to_string(stream.path));
    Incoming& incoming = place->second;
    if (incoming.attached) return wattle::failure(ErrorCode::malformed, "two streams under one path");
    incoming.pipe = stream.pipe;
    incoming.flow = stream.flow;
    incoming.attached = true;
    stream.pipe->writable().set_listener([end = weak_from_this(), path = place->first] {
      const auto self = end.lock();
      if (self == nullptr) return;
      if (const auto found = self->incoming_.find(path); found != self->incoming_.end())
        self->advance(path, found->second);
    });
    advance(place->first, incoming);
  }
  return {};
}

// Moves into the pipe what it has room for. Runs in the bus's reader, and where the pipe is read.
void CallEnd::advance(const std::string& path, Incoming& incoming) {
  if (!incoming.attached || incoming.finished || incoming.moving) return;
  const auto pipe = incoming.pipe.lock();
  if (pipe == nullptr || pipe->reader_gone()) return finish(path, incoming, std::nullopt);
  incoming.moving = true;
  const Result<void> moved = move_bytes(incoming, *pipe);
  incoming.moving = false;
  if (!moved) return finish(path, incoming, moved.error());
  if (incoming.chunks.at_end()) return finish(path, incoming, std::nullopt);
  if (incoming.ended && incoming.waiting.empty()) {
    const bool is_cut = incoming.flow == Flow::bytes && !incoming.error;
    return finish(path, incoming, is_cut ? ended_early() : incoming.error);
  }
  if (peer_is_wattle && !incoming.ended && incoming.allowed_later >= kWindowBytes / 2) allow(path, incoming);
}

Result<void> CallEnd::move_bytes(Incoming& incoming, async::Pipe& pipe) {
  std::string_view rest = std::string_view(incoming.waiting).substr(incoming.taken);
  const size_t before = rest.size();
  while (true) {
    std::string_view piece = rest.substr(0, pipe.room());
    if (incoming.flow == Flow::bytes) {
      WATTLE_TRY(piece, incoming.chunks.next(rest, pipe.room()));
    } else {
      rest.remove_prefix(piece.size());
    }
    if (piece.empty()) break;
    pipe.try_write({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
  }
  const size_t moved = before - rest.size();
  incoming.taken += moved;
  if (peer_is_wattle) {
    incoming.allowed_later += moved;
  } else {
    unpaced_bytes_ -= moved;
  }
  if (incoming.taken == incoming.waiting.size()) {
    incoming.waiting.clear();
    incoming.taken = 0;
  } else if (incoming.taken >= kCompactBytes) {
    incoming.waiting.erase(0, incoming.taken);
    incoming.taken = 0;
  }
  return {};
}

void CallEnd::finish(const std::string& path, Incoming& incoming, const std::optional<Error>& error) {
  incoming.finished = true;
  if (!peer_is_wattle) unpaced_bytes_ -= incoming.waiting.size() - incoming.taken;
  incoming.waiting = {};
  incoming.taken = 0;
  if (const auto pipe = incoming.pipe.lock()) {
    if (error) {
      pipe->abort(*error);
    } else {
      pipe->close();
    }
  }
  if (peer_is_wattle && !incoming.ended && !incoming.chunks.at_end()) {
    const lattice::Headers headers{{std::string(kCreditHeader), std::string(kCreditStop)}};
    (void)inbox_.bus().publish(subject(in_word(), path), {}, {.headers = &headers});
  }
  changed.notify();
}

// Tells the sender that it may send what was taken. Where that fails it is told later.
void CallEnd::allow(const std::string& path, Incoming& incoming) {
  const lattice::Headers headers{{std::string(kCreditHeader), std::to_string(incoming.allowed_later)}};
  if (inbox_.bus().publish(subject(in_word(), path), {}, {.headers = &headers})) incoming.allowed_later = 0;
}

// ---- what is sent

void CallEnd::on_credit(std::string_view path, std::string_view credit) {
  const auto found = outgoing_.find(path);
  if (found == outgoing_.end()) return;
  Outgoing& outgoing = *found->second;
  uint32_t bytes = 0;
  if (credit == kCreditStop) {
    outgoing.stopped = true;
  } else if (std::from_chars(credit.data(), credit.data() + credit.size(), bytes).ec == std::errc()) {
    outgoing.credit = std::min<size_t>(outgoing.credit + bytes, kWindowBytes);
  }
  outgoing.changed.notify();
}

void CallEnd::send(SubStreams streams, TimePoint deadline) {
  for (SubStream& stream : streams) {
    const std::string path = to_string(stream.path);
    auto outgoing = std::make_shared<Outgoing>();
    outgoing_[path] = outgoing;
    ++pumps_;
    inbox_.spawn([self = shared_from_this(), path, stream = std::move(stream), outgoing, deadline] {
      async::Fiber::current().set_deadline(deadline);
      self->pump(self->subject(self->out_word(), path), stream, *outgoing);
      --self->pumps_;
      self->changed.notify();
    });
  }
}

void CallEnd::pump(const std::string& to, const SubStream& stream, Outgoing& outgoing) {
  while (true) {
    const Result<bool> more = pump_step(to, stream, outgoing);
    if (more && *more) continue;
    if (more) return;
    stream.pipe->stop_reading();
    // The reader should not wait for what will not come.
    if (!outgoing.stopped) end_with(to, more.error());
    return;
  }
}

// False when everything is sent.
Result<bool> CallEnd::pump_step(const std::string& to, const SubStream& stream, Outgoing& outgoing) {
  if (failure) return wattle::failure(*failure);
  if (outgoing.stopped) return wattle::failure(ErrorCode::unavailable, "the peer reads the stream no more");
  async::Pipe& pipe = *stream.pipe;
  if (pipe.at_end()) {
    WATTLE_CHECK(end_stream(to, stream));
    return false;
  }
  const size_t allowed = peer_is_wattle ? outgoing.credit : kWindowBytes;
  if (pipe.buffered() == 0 || allowed <= kChunkHeadBytes) {
    const std::array<async::Signal*, 3> signals = {&pipe.readable(), &outgoing.changed, &changed};
    WATTLE_CHECK(async::Signal::wait_any(signals));
    return true;
  }
  const size_t most = std::min({kChunkBytesMax, inbox_.bus().max_payload_bytes(), allowed});
  const std::span<const uint8_t> ready = pipe.peek();
  const std::string_view bytes(reinterpret_cast<const char*>(ready.data()),
                               std::min(ready.size(), most - kChunkHeadBytes));
  std::string message;
  Writer writer(message);
  if (stream.flow == Flow::bytes) {
    writer.text(bytes);
  } else {
    writer.raw(bytes);
  }
  pipe.consume(bytes.size());
  if (peer_is_wattle) outgoing.credit -= message.size();
  WATTLE_CHECK(inbox_.publish_paced(to, message));
  return true;
}

Result<void> CallEnd::end_stream(const std::string& to, const SubStream& stream) {
  if (stream.pipe->error()) {
    end_with(to, *stream.pipe->error());
    return {};
  }
  if (stream.flow == Flow::bytes) WATTLE_CHECK(inbox_.publish_paced(to, std::string_view("\0", 1)));
  return inbox_.publish_paced(to, {});
}

// Peers of other makes see a stream without its end.
void CallEnd::end_with(const std::string& to, const Error& error) {
  if (!peer_is_wattle) return (void)inbox_.bus().publish(to, {});
  const lattice::Headers headers{{std::string(kResultHeader), std::string(wattle::to_string(error.code()))}};
  (void)inbox_.bus().publish(to, error_to_json(error, {}), {.headers = &headers});
}

Result<void> CallEnd::send_root(std::string_view bytes) {
  const std::string to = subject(out_word(), {});
  const size_t most = std::max<size_t>(inbox_.bus().max_payload_bytes(), 1);
  while (!bytes.empty()) {
    if (failure) return wattle::failure(*failure);
    WATTLE_CHECK(inbox_.publish_paced(to, bytes.substr(0, most)));
    bytes.remove_prefix(std::min(most, bytes.size()));
  }
  return inbox_.publish_paced(to, {});
}

// ---- the end

void CallEnd::stop_receiving() {
  for (auto& [path, incoming] : incoming_)
    if (!incoming.finished) finish(path, incoming, Error(ErrorCode::unavailable, "the call is over"));
}

void CallEnd::stop_sending() {
  for (const auto& [path, outgoing] : outgoing_) {
    outgoing->stopped = true;
    outgoing->changed.notify();
  }
}

bool CallEnd::idle() const {
  return pumps_ == 0 && std::ranges::all_of(incoming_, [](const auto& entry) {
           return !entry.second.attached || entry.second.finished;
         });
}

void CallEnd::fail(const Error& error) {
  if (failure) return;
  failure = error;
  for (auto& [path, incoming] : incoming_) {
    if (!incoming.attached || incoming.finished) continue;
    incoming.finished = true;
    if (const auto pipe = incoming.pipe.lock()) pipe->abort(error);
  }
  changed.notify();
}

}  // namespace wattle::wrpc
