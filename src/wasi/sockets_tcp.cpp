#include "wasi/sockets_tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

namespace wattle {
template <>
inline constexpr uint32_t kCaseCount<wasi::ShutdownType> = 3;
}

namespace wattle::wasi {

namespace {

using enum SocketErrorCode;
using Origin = IoError::Origin;

tl::unexpected<SocketErrorCode> refused(SocketErrorCode code) {
  return tl::make_unexpected(code);
}
tl::unexpected<SocketErrorCode> refused_errno() {
  return tl::make_unexpected(socket_error_of(errno));
}

class TcpSource final : public InputSource {
 public:
  explicit TcpSource(DescriptorPtr socket) : socket_(std::move(socket)) {}
  bool ready() override { return ended_ || socket_->is_readable(); }
  void watch(Watch& watch) override { watch.signals.push_back(&socket_->readable()); }

  Result<Streamed<Bytes>> read(size_t limit) override {
    if (ended_) return stream_closed();
    Bytes bytes(limit);
    const ssize_t count = ::recv(socket_->number(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Streamed<Bytes>(Bytes{});
    if (count <= 0) ended_ = true;
    if (count < 0) return stream_failed_errno(errno, "receiving", Origin::socket);
    if (count == 0) return stream_closed();
    bytes.resize(static_cast<size_t>(count));
    return Streamed<Bytes>(std::move(bytes));
  }

 private:
  DescriptorPtr socket_;
  bool ended_ = false;
};

class TcpSink final : public OutputSink {
 public:
  explicit TcpSink(DescriptorPtr socket) : socket_(std::move(socket)) {}

  bool ready() override {
    send_queued();
    return error_ != 0 || (queued_.empty() && socket_->is_writable());
  }
  void watch(Watch& watch) override { watch.signals.push_back(&socket_->writable()); }

  Streamed<uint64_t> check_write() override {
    const bool room = ready();
    if (error_ != 0) return broken();
    return room ? kPermit : 0;
  }
  Result<Streamed<void>> write(std::span<const uint8_t> bytes) override {
    queued_.assign(bytes.begin(), bytes.end());
    return flush();
  }
  Streamed<void> flush() override {
    send_queued();
    if (error_ != 0) return broken();
    return {};
  }
  void dropped() override {
    if (queued_.empty()) return;
    // Nobody will ask again: make room in the kernel for what is left.
    (void)set_buffer_size(*socket_, SO_SNDBUF, 1 << 20);
    send_queued();
  }

 private:
  // A third of the socket's buffer is free when it polls writable: this much fits, and what once in a while
  // does not waits in queued_.
  static constexpr uint64_t kPermit = 8192;

  void send_queued() {
    while (error_ == 0 && !queued_.empty()) {
      const ssize_t count =
          ::send(socket_->number(), queued_.data(), queued_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) {
        error_ = errno;
      } else {
        queued_.erase(0, static_cast<size_t>(count));
      }
    }
  }
  tl::unexpected<StreamError> broken() const {
    if (error_ == EPIPE) return stream_closed();
    return stream_failed_errno(error_, "sending", Origin::socket);
  }

  DescriptorPtr socket_;
  std::string queued_;
  int error_ = 0;
};

}  // namespace

SocketResult<std::unique_ptr<TcpSocket>> TcpSocket::adopt(Host& host, DescriptorPtr socket,
                                                          IpAddressFamily family, State state) {
  std::unique_ptr<TcpSocket> made(new TcpSocket(host, std::move(socket), family, state));
  if (!made->charge_.resize(kSocketCharge)) return refused(new_socket_limit);
  return made;
}

SocketResult<std::unique_ptr<TcpSocket>> TcpSocket::create(Host& host, IpAddressFamily family) {
  if (context_of(host).network.empty()) return refused(access_denied);
  auto socket = create_socket(family, SOCK_STREAM);
  if (!socket) return refused(socket.error());
  return adopt(host, std::move(*socket), family, State::unbound);
}

TcpSocket::Streams TcpSocket::streams_over(const DescriptorPtr& socket) {
  return Streams(std::make_unique<InputStream>(InputSourcePtr(new TcpSource(socket))),
                 std::make_unique<OutputStream>(OutputSinkPtr(new TcpSink(socket))));
}

// ---- bind, connect, listen, accept

SocketResult<void> TcpSocket::start_bind(Host& host, const IpSocketAddress& address) {
  const SocketAddress local = SocketAddress::from(address);
  if (auto allowed = check_bind(context_of(host).network, family_, local); !allowed) return allowed;
  if (state_ != State::unbound) return refused(invalid_state);
  // A server that comes back must not wait for the last one's connections to be forgotten.
  if (local.port() != 0) (void)set_option(*socket_, SOL_SOCKET, SO_REUSEADDR, 1);
  if (auto bound = bind_socket(*socket_, local); !bound) return bound;
  state_ = State::binding;
  return {};
}

SocketResult<void> TcpSocket::finish_bind() {
  if (state_ != State::binding) return refused(not_in_progress);
  state_ = State::bound;
  return {};
}

SocketResult<void> TcpSocket::start_connect(Host& host, const IpSocketAddress& address) {
  if (state_ == State::binding || state_ == State::starting_to_listen || state_ == State::connecting)
    return refused(concurrency_conflict);
  if (state_ != State::unbound && state_ != State::bound) return refused(invalid_state);
  const SocketAddress remote = SocketAddress::from(address);
  if (auto allowed = check_peer(context_of(host).network, family_, remote); !allowed) return allowed;
  connect_error_ = 0;
  if (::connect(socket_->number(), remote.data(), remote.length) != 0 && errno != EINPROGRESS)
    connect_error_ = errno;
  state_ = State::connecting;
  return {};
}

SocketResult<TcpSocket::Streams> TcpSocket::finish_connect() {
  if (state_ != State::connecting) return refused(not_in_progress);
  if (connect_error_ == 0) {
    if (!socket_->is_writable()) return refused(would_block);
    auto error = get_option(*socket_, SOL_SOCKET, SO_ERROR);
    connect_error_ = error ? *error : EIO;
  }
  if (connect_error_ != 0) {
    state_ = State::closed;
    return refused(socket_error_of(connect_error_));
  }
  state_ = State::connected;
  return streams_over(socket_);
}

SocketResult<void> TcpSocket::start_listen(Host& host) {
  if (state_ == State::binding || state_ == State::connecting || state_ == State::starting_to_listen)
    return refused(concurrency_conflict);
  if (state_ != State::bound) return refused(invalid_state);
  auto local = local_address_of(*socket_);
  if (!local) return refused(local.error());
  if (!context_of(host).network.allows_bind(local->ip(), local->port())) return refused(access_denied);
  if (::listen(socket_->number(), backlog_) != 0) return refused_errno();
  state_ = State::starting_to_listen;
  return {};
}

SocketResult<void> TcpSocket::finish_listen() {
  if (state_ != State::starting_to_listen) return refused(not_in_progress);
  state_ = State::listening;
  return {};
}

SocketResult<TcpSocket::Accepted> TcpSocket::accept(Host& host) {
  if (state_ != State::listening) return refused(invalid_state);
  const int number = ::accept4(socket_->number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (number < 0) {
    // Errors of a connection that broke before it was accepted are not the listener's.
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) return refused(would_block);
    return refused_errno();
  }
  auto client = adopt(host, DescriptorPtr(new Descriptor(number)), family_, State::connected);
  if (!client) return refused(client.error());
  auto [input, output] = streams_over((*client)->socket_);
  return Accepted(std::move(*client), std::move(input), std::move(output));
}

SocketResult<void> TcpSocket::shut_down(ShutdownType type) {
  if (state_ != State::connected) return refused(invalid_state);
  static constexpr int kHow[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
  if (::shutdown(socket_->number(), kHow[static_cast<size_t>(type)]) != 0) return refused_errno();
  return {};
}

std::unique_ptr<Pollable> TcpSocket::subscribe() const {
  if (state_ == State::connecting && connect_error_ == 0)
    return std::make_unique<Pollable>(WaitablePtr(new SocketWaitable(socket_, false)));
  if (state_ == State::listening)
    return std::make_unique<Pollable>(WaitablePtr(new SocketWaitable(socket_, true)));
  return std::make_unique<Pollable>(always_ready());
}

// ---- addresses and options

SocketResult<IpSocketAddress> TcpSocket::local_address() {
  if (state_ == State::unbound || state_ == State::binding || state_ == State::closed)
    return refused(invalid_state);
  auto address = local_address_of(*socket_);
  if (!address) return refused(address.error());
  return address->to_guest();
}

SocketResult<IpSocketAddress> TcpSocket::remote_address() {
  if (state_ != State::connected) return refused(invalid_state);
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getpeername(socket_->number(), address.data(), &address.length) != 0) return refused_errno();
  return address.to_guest();
}

SocketResult<void> TcpSocket::set_listen_backlog_size(uint64_t value) {
  if (value == 0) return refused(invalid_argument);
  if (state_ == State::connecting || state_ == State::connected || state_ == State::closed)
    return refused(invalid_state);
  backlog_ = static_cast<int>(std::min<uint64_t>(value, 4096));
  if (state_ == State::listening && ::listen(socket_->number(), backlog_) != 0) return refused_errno();
  return {};
}

SocketResult<bool> TcpSocket::keep_alive_enabled() {
  auto value = get_option(*socket_, SOL_SOCKET, SO_KEEPALIVE);
  if (!value) return refused(value.error());
  return *value != 0;
}

SocketResult<void> TcpSocket::set_keep_alive_enabled(bool value) {
  return set_option(*socket_, SOL_SOCKET, SO_KEEPALIVE, value ? 1 : 0);
}

SocketResult<uint64_t> TcpSocket::keep_alive_time(int option) {
  auto value = get_option(*socket_, IPPROTO_TCP, option);
  if (!value) return refused(value.error());
  return static_cast<uint64_t>(*value) * 1'000'000'000;
}

SocketResult<void> TcpSocket::set_keep_alive_time(int option, uint64_t nanoseconds) {
  if (nanoseconds == 0) return refused(invalid_argument);
  // Rounded up; the kernel takes 1 to 32767 seconds.
  const uint64_t seconds = nanoseconds / 1'000'000'000 + (nanoseconds % 1'000'000'000 != 0 ? 1 : 0);
  return set_option(*socket_, IPPROTO_TCP, option, static_cast<int>(std::min<uint64_t>(seconds, 32767)));
}

SocketResult<uint32_t> TcpSocket::keep_alive_count() {
  auto value = get_option(*socket_, IPPROTO_TCP, TCP_KEEPCNT);
  if (!value) return refused(value.error());
  return static_cast<uint32_t>(*value);
}

SocketResult<void> TcpSocket::set_keep_alive_count(uint32_t value) {
  if (value == 0) return refused(invalid_argument);
  return set_option(*socket_, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(std::min(value, 127u)));
}

// ---- linking

namespace {

constexpr std::string_view kTcp = "wasi:sockets/tcp@0.2.12";

void add_states(runtime::Linker& linker) {
  linker.function("wasi:sockets/tcp-create-socket@0.2.12", "create-tcp-socket",
                  [](Host& host, IpAddressFamily family) { return TcpSocket::create(host, family); });
  linker.function(kTcp, "[method]tcp-socket.start-bind",
                  [](Host& host, TcpSocket& self, Network&, IpSocketAddress address) {
                    return self.start_bind(host, address);
                  });
  linker.function(kTcp, "[method]tcp-socket.finish-bind",
                  [](Host&, TcpSocket& self) { return self.finish_bind(); });
  linker.function(kTcp, "[method]tcp-socket.start-connect",
                  [](Host& host, TcpSocket& self, Network&, IpSocketAddress address) {
                    return self.start_connect(host, address);
                  });
  linker.function(kTcp, "[method]tcp-socket.finish-connect",
                  [](Host&, TcpSocket& self) { return self.finish_connect(); });
  linker.function(kTcp, "[method]tcp-socket.start-listen",
                  [](Host& host, TcpSocket& self) { return self.start_listen(host); });
  linker.function(kTcp, "[method]tcp-socket.finish-listen",
                  [](Host&, TcpSocket& self) { return self.finish_listen(); });
  linker.function(kTcp, "[method]tcp-socket.accept",
                  [](Host& host, TcpSocket& self) { return self.accept(host); });
  linker.function(kTcp, "[method]tcp-socket.shutdown",
                  [](Host&, TcpSocket& self, ShutdownType type) { return self.shut_down(type); });
  linker.function(kTcp, "[method]tcp-socket.subscribe",
                  [](Host&, TcpSocket& self) { return self.subscribe(); });
  linker.function(kTcp, "[method]tcp-socket.local-address",
                  [](Host&, TcpSocket& self) { return self.local_address(); });
  linker.function(kTcp, "[method]tcp-socket.remote-address",
                  [](Host&, TcpSocket& self) { return self.remote_address(); });
  linker.function(kTcp, "[method]tcp-socket.is-listening",
                  [](Host&, TcpSocket& self) { return self.is_listening(); });
  linker.function(kTcp, "[method]tcp-socket.address-family",
                  [](Host&, TcpSocket& self) { return self.address_family(); });
  linker.function(kTcp, "[method]tcp-socket.set-listen-backlog-size",
                  [](Host&, TcpSocket& self, uint64_t value) { return self.set_listen_backlog_size(value); });
}

template <int kOption>
void add_keep_alive_time(runtime::Linker& linker, const std::string& name) {
  linker.function(kTcp, "[method]tcp-socket." + name,
                  [](Host&, TcpSocket& self) { return self.keep_alive_time(kOption); });
  linker.function(kTcp, "[method]tcp-socket.set-" + name, [](Host&, TcpSocket& self, uint64_t value) {
    return self.set_keep_alive_time(kOption, value);
  });
}

template <int kOption>
void add_buffer_size(runtime::Linker& linker, const std::string& name) {
  linker.function(kTcp, "[method]tcp-socket." + name,
                  [](Host&, TcpSocket& self) { return buffer_size(self.descriptor(), kOption); });
  linker.function(kTcp, "[method]tcp-socket.set-" + name, [](Host&, TcpSocket& self, uint64_t value) {
    return set_buffer_size(self.descriptor(), kOption, value);
  });
}

void add_options(runtime::Linker& linker) {
  linker.function(kTcp, "[method]tcp-socket.keep-alive-enabled",
                  [](Host&, TcpSocket& self) { return self.keep_alive_enabled(); });
  linker.function(kTcp, "[method]tcp-socket.set-keep-alive-enabled",
                  [](Host&, TcpSocket& self, bool value) { return self.set_keep_alive_enabled(value); });
  add_keep_alive_time<TCP_KEEPIDLE>(linker, "keep-alive-idle-time");
  add_keep_alive_time<TCP_KEEPINTVL>(linker, "keep-alive-interval");
  linker.function(kTcp, "[method]tcp-socket.keep-alive-count",
                  [](Host&, TcpSocket& self) { return self.keep_alive_count(); });
  linker.function(kTcp, "[method]tcp-socket.set-keep-alive-count",
                  [](Host&, TcpSocket& self, uint32_t value) { return self.set_keep_alive_count(value); });
  linker.function(kTcp, "[method]tcp-socket.hop-limit",
                  [](Host&, TcpSocket& self) { return hop_limit(self.descriptor(), self.address_family()); });
  linker.function(kTcp, "[method]tcp-socket.set-hop-limit", [](Host&, TcpSocket& self, uint8_t value) {
    return set_hop_limit(self.descriptor(), self.address_family(), value);
  });
  add_buffer_size<SO_RCVBUF>(linker, "receive-buffer-size");
  add_buffer_size<SO_SNDBUF>(linker, "send-buffer-size");
}

}  // namespace

void add_tcp(runtime::Linker& linker) {
  linker.resource<TcpSocket>();
  add_states(linker);
  add_options(linker);
}

}  // namespace wattle::wasi
