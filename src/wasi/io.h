// wasi:io: streams, pollables and errors.
//
// A stream or a pollable that a guest holds is a thin resource over a shared source, sink or Waitable,
// counted by reference: so a parent may be dropped before its children, in any order, and nothing dangles.
//
// Nothing here blocks a thread. Operations that must wait suspend the current fiber; when that is cancelled
// or its deadline passes, they fail with that error, which ends the guest's call.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "async/signal.h"
#include "base/result.h"
#include "base/time.h"
#include "runtime/host.h"

namespace wattle::runtime {
class Linker;
}

namespace wattle::wasi {

using runtime::Host;
using runtime::HostResource;
using Bytes = std::vector<uint8_t>;

// At most this much is read, skipped or permitted to be written at once.
inline constexpr uint64_t kMaxChunkBytes = 64 * 1024;
// What blocking-write-and-flush and blocking-write-zeroes-and-flush take; more traps.
inline constexpr uint64_t kMaxBlockingWriteBytes = 4096;

// What a wait has to watch: it is over when one of the signals is notified or the time has come.
struct Watch {
  boost::container::small_vector<async::Signal*, 8> signals;
  TimePoint until = kNever;
};

// Something that is or becomes ready. Belongs to one worker's thread.
class Waitable : public boost::intrusive_ref_counter<Waitable, boost::thread_unsafe_counter> {
 public:
  virtual ~Waitable() = default;
  virtual bool ready() = 0;
  // Adds what may make it ready. Called only while it is not.
  virtual void watch(Watch& watch) = 0;
};
using WaitablePtr = boost::intrusive_ptr<Waitable>;

// Suspends the fiber until `waitable` is ready.
Result<void> wait_until_ready(Waitable& waitable);

// wasi:io/error.error. Origin and number (errno) are for the interfaces that refine it, such as
// filesystem-error-code.
class IoError : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:io/error";
  static constexpr std::string_view kName = "error";
  enum class Origin : uint8_t { other, file, socket, http };

  IoError(Error error, Origin origin, int number)
      : error_(std::move(error)), origin_(origin), number_(number) {}

  bool move_to(runtime::HostResources&) override { return true; }
  const Error& error() const { return error_; }
  Origin origin() const { return origin_; }
  int number() const { return number_; }

 private:
  Error error_;
  Origin origin_;
  int number_;
};

// wasi:io/streams.stream-error: last-operation-failed, or closed.
using StreamError = std::variant<std::unique_ptr<IoError>, std::monostate>;
template <class T>
using Streamed = tl::expected<T, StreamError>;

tl::unexpected<StreamError> stream_closed();
tl::unexpected<StreamError> stream_failed(Error error, IoError::Origin origin = IoError::Origin::other,
                                          int number = 0);
// Failed with the operating system's errno.
tl::unexpected<StreamError> stream_failed_errno(int number, std::string_view doing, IoError::Origin origin);

// Where an input-stream's bytes come from. Ready: a read would give bytes, the end or an error.
class InputSource : public Waitable {
 public:
  // At most `limit` bytes (1 to kMaxChunkBytes) that are there now; none if nothing is. After the end:
  // closed. May suspend the fiber where the answer needs blocking work, as for files.
  virtual Result<Streamed<Bytes>> read(size_t limit) = 0;
  // The same without handing them out.
  virtual Result<Streamed<uint64_t>> skip(size_t limit);
  // The guest dropped the stream.
  virtual void dropped() {}
};
using InputSourcePtr = boost::intrusive_ptr<InputSource>;

// Where an output-stream's bytes go. Ready: check_write would give room or an error.
class OutputSink : public Waitable {
 public:
  // How many bytes write() would take now; 0 while full or while a flush is in progress.
  virtual Streamed<uint64_t> check_write() = 0;
  // Takes all of `bytes`: at most what check_write() returned.
  virtual Result<Streamed<void>> write(std::span<const uint8_t> bytes) = 0;
  // Begins a flush; it is over when the sink is ready again.
  virtual Streamed<void> flush() = 0;
  // The guest dropped the stream.
  virtual void dropped() {}
};
using OutputSinkPtr = boost::intrusive_ptr<OutputSink>;

// wasi:io/poll.pollable
class Pollable : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:io/poll";
  static constexpr std::string_view kName = "pollable";

  explicit Pollable(WaitablePtr waitable) : waitable_(std::move(waitable)) {}
  bool move_to(runtime::HostResources&) override { return true; }
  bool ready() const { return waitable_->ready(); }
  Result<void> block() const { return wait_until_ready(*waitable_); }
  Waitable& waitable() const { return *waitable_; }

 private:
  WaitablePtr waitable_;
};

// wasi:io/poll.poll: waits until one of `pollables` is ready; the positions of all that are. An empty list
// traps.
Result<std::vector<uint32_t>> poll(std::span<Pollable* const> pollables);

// wasi:io/streams.input-stream
class InputStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:io/streams";
  static constexpr std::string_view kName = "input-stream";

  explicit InputStream(InputSourcePtr source) : source_(std::move(source)) {}
  ~InputStream() override { source_->dropped(); }
  bool move_to(runtime::HostResources&) override { return true; }

  Result<Streamed<Bytes>> read(uint64_t length);
  Result<Streamed<Bytes>> blocking_read(uint64_t length);
  Result<Streamed<uint64_t>> skip(uint64_t length);
  Result<Streamed<uint64_t>> blocking_skip(uint64_t length);
  std::unique_ptr<Pollable> subscribe() const { return std::make_unique<Pollable>(source_); }
  InputSource& source() const { return *source_; }

 private:
  InputSourcePtr source_;
};

// wasi:io/streams.output-stream. Writing more than the last check-write permitted traps.
class OutputStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:io/streams";
  static constexpr std::string_view kName = "output-stream";

  explicit OutputStream(OutputSinkPtr sink) : sink_(std::move(sink)) {}
  ~OutputStream() override { sink_->dropped(); }
  bool move_to(runtime::HostResources&) override { return true; }

  Result<Streamed<uint64_t>> check_write();
  Result<Streamed<void>> write(std::span<const uint8_t> contents);
  Result<Streamed<void>> blocking_write_and_flush(std::span<const uint8_t> contents);
  Result<Streamed<void>> flush();
  Result<Streamed<void>> blocking_flush();
  Result<Streamed<void>> write_zeroes(uint64_t length);
  Result<Streamed<void>> blocking_write_zeroes_and_flush(uint64_t length);
  Result<Streamed<uint64_t>> splice(InputStream& source, uint64_t length);
  Result<Streamed<uint64_t>> blocking_splice(InputStream& source, uint64_t length);
  std::unique_ptr<Pollable> subscribe() const { return std::make_unique<Pollable>(sink_); }

 private:
  Result<Streamed<uint64_t>> wait_for_room();
  Result<Streamed<void>> write_waiting(std::span<const uint8_t> contents);

  OutputSinkPtr sink_;
  uint64_t permit_ = 0;
};

// An input that has ended, and an output that takes and forgets everything.
InputSourcePtr empty_source();
OutputSinkPtr discarding_sink();

// Whether the host may hand this text to a guest.
bool is_utf8(std::string_view text);

void add_io(runtime::Linker& linker);

}  // namespace wattle::wasi
