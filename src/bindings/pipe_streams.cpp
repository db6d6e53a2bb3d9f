#include "bindings/pipe_streams.h"

#include <algorithm>
#include <array>

namespace wattle::bindings {

using wasi::Bytes;
using wasi::Streamed;

Result<Streamed<Bytes>> PipeSource::read(size_t limit) {
  if (pipe_->buffered() == 0 && pipe_->closed()) {
    if (pipe_->error()) return wasi::stream_failed(*pipe_->error());
    return wasi::stream_closed();
  }
  Bytes bytes(std::min(limit, pipe_->buffered()));
  bytes.resize(pipe_->try_read(bytes));
  return Streamed<Bytes>(std::move(bytes));
}

Streamed<uint64_t> PipeSink::check_write() {
  if (pipe_->error()) return wasi::stream_failed(*pipe_->error());
  if (is_over()) return wasi::stream_closed();
  const size_t room = pipe_->room();
  if (room == 0 && !*has_reader_) {
    return wasi::stream_failed(
        Error(ErrorCode::memory_exceeded, "too much was written before anything takes it")
            .with_remedy("call container.write-data before writing more"));
  }
  return std::min<uint64_t>(room, wasi::kMaxChunkBytes);
}

Result<Streamed<void>> PipeSink::write(std::span<const uint8_t> bytes) {
  if (pipe_->error()) return wasi::stream_failed(*pipe_->error());
  if (is_over()) return wasi::stream_closed();
  pipe_->try_write(bytes);  // no more than check_write() permitted
  return Streamed<void>{};
}

bool pour_contents(async::Pipe& from, async::Pipe& to) {
  const auto end = [&](Error error) {
    to.abort(std::move(error));
    from.stop_reading();
    return false;
  };
  std::array<uint8_t, 16 * 1024> piece;
  while (true) {
    const size_t bytes = from.try_read(piece);
    if (bytes > 0) {
      if (auto written = to.write_all({piece.data(), bytes}); !written) return end(written.error());
    } else if (from.closed()) {
      return from.error() ? end(*from.error()) : true;
    } else if (to.reader_gone()) {
      return end(Error(ErrorCode::unavailable, "nobody reads any more"));
    } else {
      async::Signal* const signals[] = {&from.readable(), &to.writable()};
      if (auto waited = async::Signal::wait_any(signals); !waited) return end(waited.error());
    }
  }
}

void pour(async::Pipe& from, async::Pipe& to) {
  if (pour_contents(from, to)) to.close();
}

namespace {

// Until there is something to read and room for it, or nobody reads.
Result<void> wait_to_pour(wasi::InputSource& from, async::Pipe& to) {
  wasi::Watch watch;
  watch.signals.push_back(&to.writable());
  if (to.room() > 0) from.watch(watch);
  return async::Signal::wait_any({watch.signals.data(), watch.signals.size()}, watch.until);
}

}  // namespace

void pour(wasi::InputSource& from, async::Pipe& to) {
  while (!to.reader_gone()) {
    if (to.room() == 0 || !from.ready()) {
      if (auto waited = wait_to_pour(from, to); !waited) return to.abort(waited.error());
      continue;
    }
    auto read = from.read(std::min<size_t>(to.room(), wasi::kMaxChunkBytes));
    if (!read) return to.abort(read.error());
    if (!*read) {
      const auto* failed = std::get_if<std::unique_ptr<wasi::IoError>>(&read->error());
      return failed == nullptr ? to.close() : to.abort((*failed)->error());
    }
    to.try_write(**read);
  }
}

Result<std::string> read_all(async::Pipe& pipe, size_t bytes_max) {
  std::string all;
  while (true) {
    const auto ready = pipe.peek();
    if (ready.empty()) {
      uint8_t first[1];
      WATTLE_TRY(const size_t bytes, pipe.read_some(first));
      if (bytes == 0) return all;
      all.append(reinterpret_cast<const char*>(first), bytes);
    } else {
      all.append(reinterpret_cast<const char*>(ready.data()), ready.size());
      pipe.consume(ready.size());
    }
    if (all.size() > bytes_max) {
      pipe.stop_reading();
      return failure(Error(ErrorCode::memory_exceeded, fmt::format("there are more than {} bytes", bytes_max))
                         .with_remedy("read them as a stream"));
    }
  }
}

}  // namespace wattle::bindings
