#include "wasi/stdio.h"

#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "wasi/descriptor.h"

namespace wattle::wasi {

namespace {

using Origin = IoError::Origin;

enum class Kind : uint8_t { file, socket, other };

Kind kind_of(int descriptor) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0) return Kind::other;
  if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return Kind::file;
  return S_ISSOCK(status.st_mode) ? Kind::socket : Kind::other;
}

// Waits for a descriptor through an epoll instance of its own, since waiting for it directly would make it
// non-blocking for everybody who shares it.
class Readiness {
 public:
  Readiness(int descriptor, short events) : descriptor_(descriptor), events_(events) {}

  bool ready() const { return poll_now(descriptor_, events_); }
  void watch(Watch& watch) {
    if (!epoll_) epoll_ = make();
    if (epoll_) {
      watch.signals.push_back(&epoll_->readable());
    } else {
      watch.until = std::min(watch.until, Clock::now() + std::chrono::milliseconds(10));
    }
  }

 private:
  DescriptorPtr make() const {
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) return nullptr;
    epoll_event event{};
    event.events = (events_ & POLLIN) != 0 ? EPOLLIN : EPOLLOUT;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor_, &event) != 0) {
      ::close(epoll);
      return nullptr;
    }
    return DescriptorPtr(new Descriptor(epoll));
  }

  int descriptor_;
  short events_;
  DescriptorPtr epoll_;
};

class DescriptorSource final : public InputSource {
 public:
  DescriptorSource(int descriptor, async::OffloadPool& pool)
      : descriptor_(descriptor), kind_(kind_of(descriptor)), pool_(pool), readiness_(descriptor, POLLIN) {}

  bool ready() override { return kind_ == Kind::file || ended_ || readiness_.ready(); }
  void watch(Watch& watch) override { readiness_.watch(watch); }

  Result<Streamed<Bytes>> read(size_t limit) override {
    if (ended_) return stream_closed();
    if (!ready()) return Streamed<Bytes>(Bytes{});
    Bytes bytes(limit);
    int number = 0;
    auto read_once = [&] {
      ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
      number = errno;
      return count;
    };
    const ssize_t count = kind_ == Kind::file ? async::offload(pool_, read_once) : read_once();
    if (count < 0) {
      if (number == EAGAIN || number == EINTR) return Streamed<Bytes>(Bytes{});
      return stream_failed_errno(number, "reading standard input", Origin::file);
    }
    if (count == 0) {
      ended_ = true;
      return stream_closed();
    }
    bytes.resize(static_cast<size_t>(count));
    return Streamed<Bytes>(std::move(bytes));
  }

 private:
  int descriptor_;
  Kind kind_;
  async::OffloadPool& pool_;
  Readiness readiness_;
  bool ended_ = false;
};

class DescriptorSink final : public OutputSink {
 public:
  DescriptorSink(int descriptor, async::OffloadPool& pool)
      : descriptor_(descriptor), kind_(kind_of(descriptor)), pool_(pool), readiness_(descriptor, POLLOUT) {}

  bool ready() override {
    if (kind_ == Kind::file) return true;
    send_queued();
    return error_ != 0 || (queued_.empty() && readiness_.ready());
  }
  void watch(Watch& watch) override { readiness_.watch(watch); }

  Streamed<uint64_t> check_write() override {
    if (kind_ == Kind::file) return kMaxChunkBytes;
    const bool room = ready();
    if (error_ != 0) return broken();
    // A pipe that polls writable takes this much without blocking.
    return room ? PIPE_BUF : 0;
  }

  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override {
    if (kind_ == Kind::file) return write_file(bytes);
    queued_.assign(bytes.begin(), bytes.end());
    return flush();
  }
  Streamed<void> flush() override {
    send_queued();
    if (error_ != 0) return broken();
    return {};
  }

 private:
  void send_queued() {
    while (error_ == 0 && !queued_.empty() && readiness_.ready()) {
      const ssize_t count = kind_ == Kind::socket ? ::send(descriptor_, queued_.data(), queued_.size(),
                                                           MSG_DONTWAIT | MSG_NOSIGNAL)
                                                  : ::write(descriptor_, queued_.data(), queued_.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) break;
      if (count < 0) {
        error_ = errno;
        break;
      }
      queued_.erase(0, static_cast<size_t>(count));
    }
  }

  tl::unexpected<StreamError> broken() const {
    if (error_ == EPIPE) return stream_closed();
    return stream_failed_errno(error_, "writing standard output", Origin::file);
  }

  Result<Streamed<void>> write_file(std::span<const uint8_t> bytes) {
    const int number = async::offload(pool_, [&] {
      while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
        if (count < 0 && errno != EINTR) return errno;
        if (count > 0) bytes = bytes.subspan(static_cast<size_t>(count));
      }
      return 0;
    });
    if (number != 0) return stream_failed_errno(number, "writing standard output", Origin::file);
    return Streamed<void>{};
  }

  int descriptor_;
  Kind kind_;
  async::OffloadPool& pool_;
  Readiness readiness_;
  int error_ = 0;       // errno, for good
  std::string queued_;  // at most PIPE_BUF bytes that poll(2) promised room for, but the kernel had none
};

class TextSource final : public InputSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  bool ready() override { return true; }
  void watch(Watch&) override {}
  Result<Streamed<Bytes>> read(size_t limit) override {
    if (at_ == text_.size()) return stream_closed();
    const size_t count = std::min(limit, text_.size() - at_);
    auto begin = text_.begin() + static_cast<ptrdiff_t>(at_);
    at_ += count;
    return Streamed<Bytes>(Bytes(begin, begin + static_cast<ptrdiff_t>(count)));
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

}  // namespace

InputSourcePtr descriptor_source(int descriptor, async::OffloadPool& pool) {
  return InputSourcePtr(new DescriptorSource(descriptor, pool));
}
OutputSinkPtr descriptor_sink(int descriptor, async::OffloadPool& pool) {
  return OutputSinkPtr(new DescriptorSink(descriptor, pool));
}
InputSourcePtr text_source(std::string text) {
  return InputSourcePtr(new TextSource(std::move(text)));
}

Streamed<uint64_t> BufferSink::check_write() {
  if (text_.size() >= limit_)
    return stream_failed(Error(ErrorCode::memory_exceeded,
                               fmt::format("the host keeps at most {} bytes of this output", limit_)));
  return std::min<uint64_t>(kMaxChunkBytes, limit_ - text_.size());
}

Result<Streamed<void>> BufferSink::write(std::span<const uint8_t> bytes) {
  text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return Streamed<void>{};
}

Result<Streamed<void>> LineSink::write(std::span<const uint8_t> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty()) {
    const size_t end = text.find('\n');
    line_.append(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (end == text.npos && line_.size() < kMaxLineBytes) break;
    take_line_(line_);
    line_.clear();
  }
  return Streamed<void>{};
}

void LineSink::dropped() {
  if (line_.empty()) return;
  take_line_(line_);
  line_.clear();
}

Stdio inherit_stdio(async::OffloadPool& pool) {
  return Stdio{descriptor_source(STDIN_FILENO, pool),
               descriptor_sink(STDOUT_FILENO, pool),
               descriptor_sink(STDERR_FILENO, pool),
               isatty(STDIN_FILENO) != 0,
               isatty(STDOUT_FILENO) != 0,
               isatty(STDERR_FILENO) != 0};
}

}  // namespace wattle::wasi
