// wasi:sockets/tcp: the state machine of its documentation over a non-blocking socket.
#pragma once

#include "wasi/sockets_network.h"

namespace wattle::wasi {

enum class ShutdownType : uint8_t { receive, send, both };

class TcpSocket : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/tcp";
  static constexpr std::string_view kName = "tcp-socket";
  using Streams = std::tuple<std::unique_ptr<InputStream>, std::unique_ptr<OutputStream>>;
  using Accepted =
      std::tuple<std::unique_ptr<TcpSocket>, std::unique_ptr<InputStream>, std::unique_ptr<OutputStream>>;

  // access-denied while the context allows no address at all; new-socket-limit beyond the invocation's
  // budget.
  static SocketResult<std::unique_ptr<TcpSocket>> create(Host& host, IpAddressFamily family);

  SocketResult<void> start_bind(Host& host, const IpSocketAddress& address);
  SocketResult<void> finish_bind();
  SocketResult<void> start_connect(Host& host, const IpSocketAddress& address);
  SocketResult<Streams> finish_connect();
  SocketResult<void> start_listen(Host& host);
  SocketResult<void> finish_listen();
  SocketResult<Accepted> accept(Host& host);
  SocketResult<IpSocketAddress> local_address();
  SocketResult<IpSocketAddress> remote_address();
  bool is_listening() const { return state_ == State::listening; }
  IpAddressFamily address_family() const { return family_; }
  SocketResult<void> set_listen_backlog_size(uint64_t value);
  SocketResult<void> shut_down(ShutdownType type);
  std::unique_ptr<Pollable> subscribe() const;

  SocketResult<bool> keep_alive_enabled();
  SocketResult<void> set_keep_alive_enabled(bool value);
  // Times are in nanoseconds, kept in whole seconds.
  SocketResult<uint64_t> keep_alive_time(int option);
  SocketResult<void> set_keep_alive_time(int option, uint64_t nanoseconds);
  SocketResult<uint32_t> keep_alive_count();
  SocketResult<void> set_keep_alive_count(uint32_t value);
  Descriptor& descriptor() const { return *socket_; }

 private:
  enum class State : uint8_t {
    unbound,
    binding,
    bound,
    connecting,
    connected,
    starting_to_listen,
    listening,
    closed
  };
  TcpSocket(Host& host, DescriptorPtr socket, IpAddressFamily family, State state)
      : charge_(host.resources), socket_(std::move(socket)), family_(family), state_(state) {}
  static SocketResult<std::unique_ptr<TcpSocket>> adopt(Host& host, DescriptorPtr socket,
                                                        IpAddressFamily family, State state);
  static Streams streams_over(const DescriptorPtr& socket);

  Charge charge_;
  DescriptorPtr socket_;
  IpAddressFamily family_;
  State state_;
  int connect_error_ = 0;  // errno of connect() where that did not begin
  int backlog_ = 128;
};

}  // namespace wattle::wasi
