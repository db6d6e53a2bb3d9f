// One connected socket, plain or TLS: non-blocking, edge-triggered, with an input and an output buffer. It
// never waits and never calls back for bytes: its owner fills, consumes, queues and flushes, and is told when
// the socket became ready again or the peer hung up. fill() and flush() cost a system call only when the
// socket may have something to give.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/poller.h"
#include "http/error.h"
#include "http/tls.h"

namespace wattle::http {

class Transport final : private async::Poller::Watcher {
 public:
  // Told from the loop or, after flush(), not at all: ready to read, ready to write, or hung up.
  class Owner {
   public:
    virtual void on_transport_event() = 0;

   protected:
    ~Owner() = default;
  };

  // Takes over `descriptor`, a connected (or connecting) non-blocking socket, and closes it in the end.
  Transport(async::Worker& worker, int descriptor, Owner& owner);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Watches the socket. Refused (io): the kernel's limit of watches.
  Result<void> open();
  void set_owner(Owner& owner) { owner_ = &owner; }
  // To be called before the first byte; then handshake() until it is done.
  void use_tls(TlsSession session);
  enum class Progress : uint8_t { done, waiting, failed };
  Progress handshake();

  // Input. fill() reads once what is there, at most `max_bytes`; done = something came.
  Progress fill(size_t max_bytes = 64 * 1024);
  std::string_view input() const { return {input_.data() + input_begin_, input_end_ - input_begin_}; }
  void consume(size_t bytes);
  // The peer closed its side, and everything it sent has been filled in.
  bool at_end() const { return at_end_; }
  // The peer closed its side or the connection broke; there may be bytes left to fill.
  bool hung_up() const { return hung_up_; }
  // What has been received and not consumed, here or in the socket; encrypted bytes count as they are.
  size_t pending_bytes() const;
  // Both directions are gone, not only the peer's.
  bool broken() const { return broken_ || error_.has_value(); }
  // Gives back memory that a long message needed; for a connection that falls idle.
  void shrink();

  // Output. Append to it, then flush().
  std::string& output() { return output_; }
  size_t queued() const { return output_.size() - output_begin_; }
  // Sends what the socket takes: done = all of it, waiting = told when the socket takes more.
  Progress flush();
  // Sends `text` before anything is copied; what the socket does not take is queued.
  Progress send(std::string_view text);
  uint64_t sent_bytes() const { return sent_bytes_; }

  // Why it failed, once anything returned `failed`.
  const Error& error() const { return *error_; }
  bool failed() const { return error_.has_value(); }

  // Says that nothing more will be sent (close_notify, FIN); what is queued is lost.
  void shut_down_sending();
  void close();
  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  bool is_tls() const { return tls_ != nullptr; }
  std::string_view alpn() const { return tls_ ? negotiated_protocol(tls_.get()) : std::string_view{}; }

 private:
  friend struct TlsSocket;
  void on_events(uint32_t events) override;
  void make_space(size_t bytes);
  Progress fill_tls(size_t max_bytes);
  Progress flush_tls();
  Progress fail(int error_number, std::string_view doing);
  Progress fail_tls(int result, std::string_view doing);
  // The socket's own calls, which remember readiness. Like recv and send: -1 and errno.
  ssize_t receive(char* into, size_t bytes);
  ssize_t transmit(const char* from, size_t bytes);

  async::Worker& worker_;
  Owner* owner_;
  int descriptor_;
  bool watched_ = false;
  bool readable_ = true;
  bool writable_ = true;
  bool hung_up_ = false;
  bool broken_ = false;
  bool at_end_ = false;
  TlsSession tls_;
  std::optional<Error> error_;
  std::vector<char> input_;
  size_t input_begin_ = 0;
  size_t input_end_ = 0;
  std::string output_;
  size_t output_begin_ = 0;
  uint64_t sent_bytes_ = 0;
};

}  // namespace wattle::http
