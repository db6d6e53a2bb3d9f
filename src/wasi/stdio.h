// Standard input and output of a guest: on file descriptors of this process, or in memory.
//
// The descriptors are shared with other processes (a shell, a pipe's other end), so their flags stay
// untouched: reads and writes happen only when poll(2) says that they will not block, in pieces that then
// cannot.
#pragma once

#include <functional>
#include <string>

#include "async/offload.h"
#include "wasi/io.h"

namespace wattle::wasi {

// Reads `descriptor`, which stays the caller's and must outlive the source. Regular files are read on `pool`.
InputSourcePtr descriptor_source(int descriptor, async::OffloadPool& pool);
// Writes to `descriptor`, likewise.
OutputSinkPtr descriptor_sink(int descriptor, async::OffloadPool& pool);

// What a guest writes, kept in memory up to a bound; beyond it writing fails.
class BufferSink final : public OutputSink {
 public:
  explicit BufferSink(size_t limit_bytes = size_t{1} << 20) : limit_(limit_bytes) {}
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

  bool ready() override { return true; }
  void watch(Watch&) override {}
  Streamed<uint64_t> check_write() override;
  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override;
  Streamed<void> flush() override { return {}; }

 private:
  std::string text_;
  size_t limit_;
};

// Hands what a guest writes on line by line, for logs. Lines longer than 8 KiB are broken; the last line
// comes when the guest drops its stream.
class LineSink final : public OutputSink {
 public:
  explicit LineSink(std::function<void(std::string_view line)> take_line)
      : take_line_(std::move(take_line)) {}

  bool ready() override { return true; }
  void watch(Watch&) override {}
  Streamed<uint64_t> check_write() override { return kMaxLineBytes; }
  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override;
  Streamed<void> flush() override { return {}; }
  void dropped() override;

 private:
  static constexpr size_t kMaxLineBytes = 8192;
  std::function<void(std::string_view)> take_line_;
  std::string line_;
};

// A guest's input from memory.
InputSourcePtr text_source(std::string text);

struct Stdio {
  InputSourcePtr input = empty_source();
  OutputSinkPtr output = discarding_sink();
  OutputSinkPtr error = discarding_sink();
  bool input_is_terminal = false;
  bool output_is_terminal = false;
  bool error_is_terminal = false;
};
// This process's own.
Stdio inherit_stdio(async::OffloadPool& pool);

}  // namespace wattle::wasi
