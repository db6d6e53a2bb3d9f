#include "wasi/io.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>

#include "runtime/runtime.h"
#include "wit/transcode.h"

namespace wattle::wasi {

namespace {

Error misuse(std::string message) {
  return Error(ErrorCode::trap, std::move(message));
}

constexpr std::array<uint8_t, kMaxBlockingWriteBytes> kZeroes{};

class EmptySource final : public InputSource {
 public:
  bool ready() override { return true; }
  void watch(Watch&) override {}
  Result<Streamed<Bytes>> read(size_t) override { return stream_closed(); }
};

class DiscardingSink final : public OutputSink {
 public:
  bool ready() override { return true; }
  void watch(Watch&) override {}
  Streamed<uint64_t> check_write() override { return kMaxChunkBytes; }
  Result<Streamed<void>> write(std::span<const uint8_t>) override { return Streamed<void>{}; }
  Streamed<void> flush() override { return {}; }
};

}  // namespace

Result<void> wait_until_ready(Waitable& waitable) {
  while (!waitable.ready()) {
    Watch watch;
    waitable.watch(watch);
    WATTLE_CHECK(async::Signal::wait_any({watch.signals.data(), watch.signals.size()}, watch.until));
  }
  return {};
}

tl::unexpected<StreamError> stream_closed() {
  return tl::unexpected<StreamError>(std::monostate{});
}

tl::unexpected<StreamError> stream_failed(Error error, IoError::Origin origin, int number) {
  return tl::unexpected<StreamError>(std::make_unique<IoError>(std::move(error), origin, number));
}

tl::unexpected<StreamError> stream_failed_errno(int number, std::string_view doing, IoError::Origin origin) {
  std::string message = fmt::format("{}: {}", doing, std::generic_category().message(number));
  return stream_failed(Error(ErrorCode::io, std::move(message)), origin, number);
}

Result<Streamed<uint64_t>> InputSource::skip(size_t limit) {
  WATTLE_TRY(auto bytes, read(limit));
  if (!bytes) return tl::unexpected<StreamError>(std::move(bytes.error()));
  return Streamed<uint64_t>(bytes->size());
}

// ---- poll

Result<std::vector<uint32_t>> poll(std::span<Pollable* const> pollables) {
  if (pollables.empty()) return failure(misuse("poll of an empty list"));
  std::vector<uint32_t> ready;
  for (;;) {
    for (uint32_t index = 0; index < pollables.size(); ++index)
      if (pollables[index]->ready()) ready.push_back(index);
    if (!ready.empty()) return ready;
    Watch watch;
    for (Pollable* pollable : pollables) pollable->waitable().watch(watch);
    WATTLE_CHECK(async::Signal::wait_any({watch.signals.data(), watch.signals.size()}, watch.until));
  }
}

// ---- input-stream

Result<Streamed<Bytes>> InputStream::read(uint64_t length) {
  if (length == 0) return Streamed<Bytes>(Bytes{});
  return source_->read(std::min(length, kMaxChunkBytes));
}

Result<Streamed<Bytes>> InputStream::blocking_read(uint64_t length) {
  for (;;) {
    WATTLE_TRY(auto bytes, read(length));
    if (!bytes || !bytes->empty() || length == 0) return bytes;
    WATTLE_CHECK(wait_until_ready(*source_));
  }
}

Result<Streamed<uint64_t>> InputStream::skip(uint64_t length) {
  if (length == 0) return Streamed<uint64_t>(0);
  return source_->skip(std::min(length, kMaxChunkBytes));
}

Result<Streamed<uint64_t>> InputStream::blocking_skip(uint64_t length) {
  for (;;) {
    WATTLE_TRY(auto skipped, skip(length));
    if (!skipped || *skipped > 0 || length == 0) return skipped;
    WATTLE_CHECK(wait_until_ready(*source_));
  }
}

// ---- output-stream

Result<Streamed<uint64_t>> OutputStream::check_write() {
  auto room = sink_->check_write();
  permit_ = room ? *room : 0;
  return room;
}

Result<Streamed<void>> OutputStream::write(std::span<const uint8_t> contents) {
  if (contents.size() > permit_)
    return failure(
        misuse(fmt::format("write of {} bytes where check-write permitted {}", contents.size(), permit_)));
  permit_ -= contents.size();
  if (contents.empty()) return Streamed<void>{};
  return sink_->write(contents);
}

Result<Streamed<uint64_t>> OutputStream::wait_for_room() {
  for (;;) {
    WATTLE_TRY(auto room, check_write());
    if (!room || *room > 0) return room;
    WATTLE_CHECK(wait_until_ready(*sink_));
  }
}

Result<Streamed<void>> OutputStream::write_waiting(std::span<const uint8_t> contents) {
  while (!contents.empty()) {
    WATTLE_TRY(auto room, wait_for_room());
    if (!room) return tl::unexpected<StreamError>(std::move(room.error()));
    auto piece = contents.first(std::min<uint64_t>(*room, contents.size()));
    WATTLE_TRY(auto written, write(piece));
    if (!written) return written;
    contents = contents.subspan(piece.size());
  }
  return Streamed<void>{};
}

Result<Streamed<void>> OutputStream::blocking_write_and_flush(std::span<const uint8_t> contents) {
  if (contents.size() > kMaxBlockingWriteBytes)
    return failure(
        misuse(fmt::format("blocking-write-and-flush of {} bytes: it takes 4096", contents.size())));
  WATTLE_TRY(auto written, write_waiting(contents));
  if (!written) return written;
  return blocking_flush();
}

Result<Streamed<void>> OutputStream::flush() {
  return sink_->flush();
}

Result<Streamed<void>> OutputStream::blocking_flush() {
  auto begun = sink_->flush();
  if (!begun) return begun;
  WATTLE_CHECK(wait_until_ready(*sink_));
  auto room = sink_->check_write();
  if (!room) return tl::unexpected<StreamError>(std::move(room.error()));
  return Streamed<void>{};
}

Result<Streamed<void>> OutputStream::write_zeroes(uint64_t length) {
  if (length > permit_)
    return failure(
        misuse(fmt::format("write-zeroes of {} bytes where check-write permitted {}", length, permit_)));
  while (length > 0) {
    const size_t piece = std::min<uint64_t>(length, kZeroes.size());
    WATTLE_TRY(auto written, write({kZeroes.data(), piece}));
    if (!written) return written;
    length -= piece;
  }
  return Streamed<void>{};
}

Result<Streamed<void>> OutputStream::blocking_write_zeroes_and_flush(uint64_t length) {
  if (length > kMaxBlockingWriteBytes)
    return failure(misuse(fmt::format("blocking-write-zeroes-and-flush of {} bytes: it takes 4096", length)));
  return blocking_write_and_flush({kZeroes.data(), static_cast<size_t>(length)});
}

Result<Streamed<uint64_t>> OutputStream::splice(InputStream& source, uint64_t length) {
  WATTLE_TRY(auto room, check_write());
  if (!room) return room;
  const uint64_t limit = std::min(length, *room);
  if (limit == 0) return Streamed<uint64_t>(0);
  WATTLE_TRY(auto bytes, source.read(limit));
  if (!bytes) return tl::unexpected<StreamError>(std::move(bytes.error()));
  WATTLE_TRY(auto written, write(*bytes));
  if (!written) return tl::unexpected<StreamError>(std::move(written.error()));
  return Streamed<uint64_t>(bytes->size());
}

Result<Streamed<uint64_t>> OutputStream::blocking_splice(InputStream& source, uint64_t length) {
  if (length == 0) return Streamed<uint64_t>(0);
  for (;;) {
    WATTLE_TRY(auto room, wait_for_room());
    if (!room) return room;
    WATTLE_CHECK(wait_until_ready(source.source()));
    WATTLE_TRY(auto moved, splice(source, length));
    if (!moved || *moved > 0) return moved;
  }
}

InputSourcePtr empty_source() {
  return InputSourcePtr(new EmptySource);
}
OutputSinkPtr discarding_sink() {
  return OutputSinkPtr(new DiscardingSink);
}

bool is_utf8(std::string_view text) {
  return wit::validate_utf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()}).has_value();
}

// ---- linking

namespace {

void add_poll(runtime::Linker& linker) {
  constexpr std::string_view kPoll = "wasi:io/poll@0.2.12";
  linker.resource<Pollable>();
  linker.function(kPoll, "[method]pollable.ready", [](Host&, Pollable& self) { return self.ready(); });
  linker.function(kPoll, "[method]pollable.block", [](Host&, Pollable& self) { return self.block(); });
  linker.function(kPoll, "poll", [](Host&, std::vector<Pollable*> pollables) { return poll(pollables); });
  linker.resource<IoError>();
  linker.function("wasi:io/error@0.2.12", "[method]error.to-debug-string",
                  [](Host&, IoError& self) { return self.error().full_message(); });
}

void add_input_stream(runtime::Linker& linker) {
  constexpr std::string_view kStreams = "wasi:io/streams@0.2.12";
  linker.resource<InputStream>();
  linker.function(kStreams, "[method]input-stream.read",
                  [](Host&, InputStream& self, uint64_t length) { return self.read(length); });
  linker.function(kStreams, "[method]input-stream.blocking-read",
                  [](Host&, InputStream& self, uint64_t length) { return self.blocking_read(length); });
  linker.function(kStreams, "[method]input-stream.skip",
                  [](Host&, InputStream& self, uint64_t length) { return self.skip(length); });
  linker.function(kStreams, "[method]input-stream.blocking-skip",
                  [](Host&, InputStream& self, uint64_t length) { return self.blocking_skip(length); });
  linker.function(kStreams, "[method]input-stream.subscribe",
                  [](Host&, InputStream& self) { return self.subscribe(); });
}

void add_output_stream(runtime::Linker& linker) {
  using View = std::span<const uint8_t>;
  constexpr std::string_view kStreams = "wasi:io/streams@0.2.12";
  linker.resource<OutputStream>();
  linker.function(kStreams, "[method]output-stream.check-write",
                  [](Host&, OutputStream& self) { return self.check_write(); });
  linker.function(kStreams, "[method]output-stream.write",
                  [](Host&, OutputStream& self, View contents) { return self.write(contents); });
  linker.function(
      kStreams, "[method]output-stream.blocking-write-and-flush",
      [](Host&, OutputStream& self, View contents) { return self.blocking_write_and_flush(contents); });
  linker.function(kStreams, "[method]output-stream.flush",
                  [](Host&, OutputStream& self) { return self.flush(); });
  linker.function(kStreams, "[method]output-stream.blocking-flush",
                  [](Host&, OutputStream& self) { return self.blocking_flush(); });
  linker.function(kStreams, "[method]output-stream.subscribe",
                  [](Host&, OutputStream& self) { return self.subscribe(); });
  linker.function(kStreams, "[method]output-stream.write-zeroes",
                  [](Host&, OutputStream& self, uint64_t length) { return self.write_zeroes(length); });
  linker.function(kStreams, "[method]output-stream.blocking-write-zeroes-and-flush",
                  [](Host&, OutputStream& self, uint64_t length) {
                    return self.blocking_write_zeroes_and_flush(length);
                  });
  linker.function(kStreams, "[method]output-stream.splice",
                  [](Host&, OutputStream& self, InputStream& source, uint64_t length) {
                    return self.splice(source, length);
                  });
  linker.function(kStreams, "[method]output-stream.blocking-splice",
                  [](Host&, OutputStream& self, InputStream& source, uint64_t length) {
                    return self.blocking_splice(source, length);
                  });
}

}  // namespace

void add_io(runtime::Linker& linker) {
  add_poll(linker);
  add_input_stream(linker);
  add_output_stream(linker);
}

}  // namespace wattle::wasi
