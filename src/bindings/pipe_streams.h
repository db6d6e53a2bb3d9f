// Pipes as wasi:io streams: how contents flow between a guest and a provider.
#pragma once

#include <memory>

#include "async/pipe.h"
#include "wasi/io.h"

namespace wattle::bindings {

// What comes out of a pipe. Dropped by the guest, the pipe's writer learns that nobody reads any more.
class PipeSource final : public wasi::InputSource {
 public:
  explicit PipeSource(std::shared_ptr<async::Pipe> pipe) : pipe_(std::move(pipe)) {}
  bool ready() override { return pipe_->buffered() > 0 || pipe_->closed(); }
  void watch(wasi::Watch& watch) override { watch.signals.push_back(&pipe_->readable()); }
  Result<wasi::Streamed<wasi::Bytes>> read(size_t limit) override;
  void dropped() override { pipe_->stop_reading(); }

 private:
  std::shared_ptr<async::Pipe> pipe_;
};

// Into a pipe that has a reader, or gets one: as long as `has_reader` says that there is none, a full pipe is
// an error, since nothing would ever empty it.
class PipeSink final : public wasi::OutputSink {
 public:
  PipeSink(std::shared_ptr<async::Pipe> pipe, std::shared_ptr<const bool> has_reader)
      : pipe_(std::move(pipe)), has_reader_(std::move(has_reader)) {}
  bool ready() override { return pipe_->room() > 0 || is_over() || !*has_reader_; }
  void watch(wasi::Watch& watch) override { watch.signals.push_back(&pipe_->writable()); }
  wasi::Streamed<uint64_t> check_write() override;
  Result<wasi::Streamed<void>> write(std::span<const uint8_t> bytes) override;
  wasi::Streamed<void> flush() override { return {}; }

 private:
  bool is_over() const { return pipe_->closed() || pipe_->reader_gone(); }
  std::shared_ptr<async::Pipe> pipe_;
  std::shared_ptr<const bool> has_reader_;
};

// Moves what comes out of `from` into `to`, and its end or its error; ends early, and stops reading, when
// nobody reads `to` any more or the fiber's wait ends.
void pour(async::Pipe& from, async::Pipe& to);
// The same, but `to` stays open where `from` ended well: true.
bool pour_contents(async::Pipe& from, async::Pipe& to);

// The same out of a stream of a guest's, of which nothing is read beyond what `to` takes.
void pour(wasi::InputSource& from, async::Pipe& to);

// All that comes out of `pipe`. Refused: memory_exceeded beyond `bytes_max`, and what aborted the pipe.
Result<std::string> read_all(async::Pipe& pipe, size_t bytes_max);

}  // namespace wattle::bindings
