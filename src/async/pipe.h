// A bounded byte queue between two fibers of one worker: how bodies flow between sockets and guests with
// backpressure. One side writes and closes, the other reads; either may abort.
//
// Reading and writing never wait by themselves: the caller asks, and waits on readable() or writable(), alone
// or together with other signals. read_some() and write_all() do the waiting for plain fibers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "async/signal.h"

namespace wattle::async {

class Pipe {
 public:
  explicit Pipe(size_t capacity_bytes = 64 * 1024) : capacity_(capacity_bytes) {}

  // Reader's side. Copies what is there, at most `into.size()`; 0 when nothing is there now.
  size_t try_read(std::span<uint8_t> into);
  // The same, and leaves them in.
  size_t copy(std::span<uint8_t> into) const;
  // The bytes that lie ready in one piece, without copying; consume() takes them out.
  std::span<const uint8_t> peek() const;
  void consume(size_t bytes);
  size_t buffered() const { return size_; }
  // Nothing more will come: closed by the writer and empty.
  bool at_end() const { return size_ == 0 && closed_; }
  // The reader will read no more: later writes fail. Buffered bytes are dropped.
  void stop_reading();
  // Waits for bytes; 0 is the end.
  Result<size_t> read_some(std::span<uint8_t> into);
  Signal& readable() { return readable_; }  // notified on bytes, close and abort

  // Writer's side. Takes at most room() bytes.
  size_t try_write(std::span<const uint8_t> bytes);
  size_t room() const { return size_ >= capacity_ || closed_ || reader_gone_ ? 0 : capacity_ - size_; }
  void close();
  // Ends the stream with an error, which the reader sees after the bytes before it.
  void abort(Error error);
  bool closed() const { return closed_; }
  bool reader_gone() const { return reader_gone_; }
  // Waits for room until everything is in. Fails when the reader went away (code unavailable).
  Result<void> write_all(std::span<const uint8_t> bytes);
  Signal& writable() { return writable_; }  // notified on room and when the reader goes away

  const std::optional<Error>& error() const { return error_; }

 private:
  void reserve(size_t bytes);

  size_t capacity_;
  std::vector<uint8_t> ring_;  // grows to capacity_ at most
  size_t head_ = 0;
  size_t size_ = 0;
  bool closed_ = false;
  bool reader_gone_ = false;
  std::optional<Error> error_;
  Signal readable_;
  Signal writable_;
};

}  // namespace wattle::async
