#include "wasi/sockets_lookup.h"
#include "wasi/sockets_tcp.h"
#include "wasi/sockets_udp.h"
#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

using enum SocketErrorCode;

IpSocketAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
  return Ipv4SocketAddress{port, {a, b, c, d}};
}
IpSocketAddress loopback(uint16_t port) {
  return v4(127, 0, 0, 1, port);
}
uint16_t port_of(const IpSocketAddress& address) {
  return std::get<Ipv4SocketAddress>(address).port;
}

class Sockets : public WasiTest {
 protected:
  // With this machine's own addresses allowed.
  void on_network(const std::function<void()>& body) {
    on_fiber([&] {
      EXPECT_TRUE(context->network.allow("127.0.0.1:*"));
      body();
    });
  }
  std::unique_ptr<TcpSocket> tcp() { return std::move(*TcpSocket::create(*host, IpAddressFamily::ipv4)); }
  std::unique_ptr<UdpSocket> udp() { return std::move(*UdpSocket::create(*host, IpAddressFamily::ipv4)); }
  std::unique_ptr<TcpSocket> listener() {
    auto socket = tcp();
    EXPECT_TRUE(socket->start_bind(*host, loopback(0)));
    EXPECT_TRUE(socket->finish_bind());
    EXPECT_TRUE(socket->start_listen(*host));
    EXPECT_TRUE(socket->finish_listen());
    return socket;
  }
  std::unique_ptr<UdpSocket> bound_udp() {
    auto socket = udp();
    EXPECT_TRUE(socket->start_bind(*host, loopback(0)));
    EXPECT_TRUE(socket->finish_bind());
    return socket;
  }
};

#define EXPECT_REFUSED(result, code)                                       \
  do {                                                                     \
    const auto outcome_ = (result);                                        \
    ASSERT_FALSE(outcome_.has_value());                                    \
    EXPECT_EQ(static_cast<int>(outcome_.error()), static_cast<int>(code)); \
  } while (false)

TEST_F(Sockets, AreRefusedWithoutANetwork) {
  on_fiber([&] {
    EXPECT_REFUSED(TcpSocket::create(*host, IpAddressFamily::ipv4), access_denied);
    EXPECT_REFUSED(UdpSocket::create(*host, IpAddressFamily::ipv6), access_denied);
    EXPECT_REFUSED(ResolveAddressStream::resolve(*host, "localhost"), access_denied);
  });
}

TEST_F(Sockets, ConnectAndTalk) {
  on_network([&] {
    auto server = listener();
    EXPECT_TRUE(server->is_listening());
    EXPECT_REFUSED(server->accept(*host), would_block);
    auto client = tcp();
    EXPECT_TRUE(client->start_connect(*host, *server->local_address()));
    EXPECT_TRUE(client->subscribe()->block());
    auto streams = client->finish_connect();
    ASSERT_TRUE(streams);
    EXPECT_TRUE(server->subscribe()->block());
    auto accepted = server->accept(*host);
    ASSERT_TRUE(accepted);
    auto& [peer, peer_in, peer_out] = *accepted;
    EXPECT_EQ(port_of(*client->remote_address()), port_of(*server->local_address()));
    EXPECT_EQ(port_of(*peer->remote_address()), port_of(*client->local_address()));
    EXPECT_TRUE(std::get<1>(*streams)->blocking_write_and_flush(bytes_of("ping")).value());
    EXPECT_EQ(text_of(good(peer_in->blocking_read(10))), "ping");
    EXPECT_TRUE(good(std::get<0>(*streams)->read(10)).empty());
    EXPECT_TRUE(peer->shut_down(ShutdownType::send));
    EXPECT_EQ(std::get<0>(*streams)->blocking_read(10).value().error().index(), 1u);
    EXPECT_REFUSED(client->start_connect(*host, *server->local_address()), invalid_state);
    EXPECT_REFUSED(client->start_listen(*host), invalid_state);
  });
}

TEST_F(Sockets, SendAsMuchAsIsRead) {
  on_network([&] {
    auto server = listener();
    auto client = tcp();
    EXPECT_TRUE(client->start_connect(*host, *server->local_address()));
    EXPECT_TRUE(client->subscribe()->block());
    auto streams = std::move(*client->finish_connect());
    EXPECT_TRUE(server->subscribe()->block());
    auto [peer, peer_in, peer_out] = std::move(*server->accept(*host));
    size_t sent = 0;
    while (uint64_t room = good(std::get<1>(streams)->check_write())) {
      EXPECT_TRUE(std::get<1>(streams)->write(Bytes(room, 'x')).value());
      sent += room;
      ASSERT_LT(sent, size_t{64} << 20);
    }
    EXPECT_FALSE(std::get<1>(streams)->subscribe()->ready());
    std::get<1>(streams).reset();
    EXPECT_TRUE(client->shut_down(ShutdownType::send));
    size_t received = 0;
    for (;;) {
      auto bytes = peer_in->blocking_read(65536).value();
      if (!bytes) break;
      received += bytes->size();
    }
    EXPECT_EQ(received, sent);
  });
}

TEST_F(Sockets, KeepToTheirStates) {
  on_network([&] {
    auto socket = tcp();
    EXPECT_REFUSED(socket->finish_bind(), not_in_progress);
    EXPECT_REFUSED(socket->finish_connect(), not_in_progress);
    EXPECT_REFUSED(socket->finish_listen(), not_in_progress);
    EXPECT_REFUSED(socket->start_listen(*host), invalid_state);
    EXPECT_REFUSED(socket->accept(*host), invalid_state);
    EXPECT_REFUSED(socket->shut_down(ShutdownType::both), invalid_state);
    EXPECT_REFUSED(socket->local_address(), invalid_state);
    EXPECT_REFUSED(socket->remote_address(), invalid_state);
    EXPECT_TRUE(socket->start_bind(*host, loopback(0)));
    EXPECT_REFUSED(socket->start_connect(*host, loopback(1)), concurrency_conflict);
    EXPECT_TRUE(socket->finish_bind());
    EXPECT_REFUSED(socket->start_bind(*host, loopback(0)), invalid_state);
  });
}

TEST_F(Sockets, CheckAddresses) {
  on_network([&] {
    auto socket = tcp();
    EXPECT_REFUSED(socket->start_connect(*host, v4(0, 0, 0, 0, 80)), invalid_argument);
    EXPECT_REFUSED(socket->start_connect(*host, v4(224, 0, 0, 1, 80)), invalid_argument);
    EXPECT_REFUSED(socket->start_connect(*host, v4(255, 255, 255, 255, 80)), invalid_argument);
    EXPECT_REFUSED(socket->start_connect(*host, loopback(0)), invalid_argument);
    EXPECT_REFUSED(socket->start_connect(*host, Ipv6SocketAddress{80, 0, {0, 0, 0, 0, 0, 0, 0, 1}, 0}),
                   invalid_argument);
    EXPECT_REFUSED(socket->start_connect(*host, v4(10, 0, 0, 1, 80)), access_denied);
    EXPECT_REFUSED(socket->start_bind(*host, v4(10, 0, 0, 1, 80)), access_denied);
    EXPECT_REFUSED(socket->start_bind(*host, v4(224, 0, 0, 1, 80)), invalid_argument);
  });
}

TEST_F(Sockets, ListeningOnAnyPortNeedsPermission) {
  on_fiber([&] {
    EXPECT_TRUE(context->network.allow("127.0.0.1:1"));
    auto socket = tcp();
    EXPECT_TRUE(socket->start_bind(*host, loopback(0)));
    EXPECT_TRUE(socket->finish_bind());
    EXPECT_REFUSED(socket->start_listen(*host), access_denied);
  });
}

TEST_F(Sockets, ARefusedConnectionClosesTheSocket) {
  on_network([&] {
    uint16_t port = port_of(*listener()->local_address());
    auto socket = tcp();
    EXPECT_TRUE(socket->start_connect(*host, loopback(port)));
    EXPECT_TRUE(socket->subscribe()->block());
    EXPECT_REFUSED(socket->finish_connect(), connection_refused);
    EXPECT_REFUSED(socket->finish_connect(), not_in_progress);
    EXPECT_REFUSED(socket->start_connect(*host, loopback(port)), invalid_state);
  });
}

TEST_F(Sockets, HaveOptions) {
  on_network([&] {
    auto socket = tcp();
    EXPECT_REFUSED(socket->set_listen_backlog_size(0), invalid_argument);
    EXPECT_TRUE(socket->set_listen_backlog_size(UINT64_MAX));
    EXPECT_TRUE(socket->set_keep_alive_enabled(true));
    EXPECT_TRUE(*socket->keep_alive_enabled());
    EXPECT_REFUSED(socket->set_keep_alive_count(0), invalid_argument);
    EXPECT_TRUE(socket->set_keep_alive_count(UINT32_MAX));
    EXPECT_REFUSED(set_hop_limit(socket->descriptor(), IpAddressFamily::ipv4, 0), invalid_argument);
    EXPECT_TRUE(set_hop_limit(socket->descriptor(), IpAddressFamily::ipv4, 9));
    EXPECT_EQ(*hop_limit(socket->descriptor(), IpAddressFamily::ipv4), 9);
    EXPECT_REFUSED(set_buffer_size(socket->descriptor(), SO_RCVBUF, 0), invalid_argument);
    EXPECT_TRUE(set_buffer_size(socket->descriptor(), SO_RCVBUF, UINT64_MAX));
    EXPECT_TRUE(set_buffer_size(socket->descriptor(), SO_RCVBUF, 32768));
    EXPECT_EQ(*buffer_size(socket->descriptor(), SO_RCVBUF), 32768u);
  });
}

TEST_F(Sockets, ExchangeDatagrams) {
  on_network([&] {
    auto one = bound_udp(), two = bound_udp();
    auto [one_in, one_out] = std::move(*one->stream(*host, std::nullopt));
    auto [two_in, two_out] = std::move(*two->stream(*host, *one->local_address()));
    EXPECT_EQ(port_of(*two->remote_address()), port_of(*one->local_address()));
    EXPECT_TRUE(one_in->receive(10)->empty());
    EXPECT_GT(*two_out->check_send(), 1u);
    EXPECT_EQ(two_out->send(*host, {{Bytes{1}, std::nullopt}, {Bytes{2, 3}, std::nullopt}}).value(), 2u);
    EXPECT_TRUE(one_in->subscribe()->block());
    auto got = *one_in->receive(1);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(port_of(got[0].remote_address), port_of(*two->local_address()));
    EXPECT_EQ(*one_out->check_send(), kMaxDatagrams);
    EXPECT_EQ(one_out->send(*host, {{Bytes{4}, got[0].remote_address}}).value(), 1u);
    EXPECT_TRUE(two_in->subscribe()->block());
    EXPECT_EQ(two_in->receive(UINT64_MAX)->size(), 1u);
  });
}

TEST_F(Sockets, KeepTheirPortWhenDisconnected) {
  on_network([&] {
    auto socket = bound_udp();
    const uint16_t port = port_of(socket->local_address().value());
    EXPECT_TRUE(socket->stream(*host, loopback(9)));
    EXPECT_TRUE(socket->stream(*host, std::nullopt));
    EXPECT_EQ(port_of(socket->local_address().value()), port);
    EXPECT_REFUSED(socket->remote_address(), invalid_state);
  });
}

TEST_F(Sockets, CheckDatagrams) {
  on_network([&] {
    auto socket = udp();
    EXPECT_REFUSED(socket->stream(*host, std::nullopt), invalid_state);
    socket = bound_udp();
    auto [in, out] = std::move(*socket->stream(*host, std::nullopt));
    auto unpermitted = out->send(*host, {{Bytes{1}, loopback(9)}});
    ASSERT_FALSE(unpermitted);
    EXPECT_EQ(unpermitted.error().code(), ErrorCode::trap);
    EXPECT_TRUE(out->check_send());
    EXPECT_REFUSED(out->send(*host, {{Bytes{1}, std::nullopt}}).value(), invalid_argument);
    EXPECT_REFUSED(out->send(*host, {{Bytes{1}, v4(10, 0, 0, 1, 53)}}).value(), access_denied);
    EXPECT_REFUSED(out->send(*host, {{Bytes(70'000), loopback(9)}}).value(), datagram_too_large);
    EXPECT_TRUE(socket->stream(*host, loopback(9)));
    EXPECT_REFUSED(in->receive(1), invalid_state);
    EXPECT_REFUSED(out->check_send(), invalid_state);
  });
}

TEST_F(Sockets, LookUpNames) {
  on_fiber([&] {
    EXPECT_TRUE(context->network.allow("localhost:80"));
    EXPECT_REFUSED(ResolveAddressStream::resolve(*host, "a b"), invalid_argument);
    EXPECT_REFUSED(ResolveAddressStream::resolve(*host, ""), invalid_argument);
    EXPECT_REFUSED(ResolveAddressStream::resolve(*host, "example.com"), access_denied);
    auto literal = std::move(*ResolveAddressStream::resolve(*host, "10.1.2.3"));
    EXPECT_EQ(std::get<Ipv4>(**literal->next(*host)), Ipv4(10, 1, 2, 3));
    EXPECT_FALSE(literal->next(*host)->has_value());
    auto stream = std::move(*ResolveAddressStream::resolve(*host, "localhost"));
    EXPECT_REFUSED(stream->next(*host), would_block);
    EXPECT_TRUE(stream->subscribe()->block());
    bool found = false;
    for (;;) {
      auto address = stream->next(*host);
      ASSERT_TRUE(address);
      if (!*address) break;
      found = true;
    }
    EXPECT_TRUE(found);
    EXPECT_TRUE(context->network.allows(*IpAddress::parse("127.0.0.1"), 80));
    EXPECT_FALSE(context->network.allows(*IpAddress::parse("127.0.0.1"), 81));
  });
}

TEST_F(Sockets, AreBounded) {
  on_network([&] {
    std::vector<std::unique_ptr<TcpSocket>> sockets;
    for (;;) {
      auto socket = TcpSocket::create(*host, IpAddressFamily::ipv4);
      if (!socket) {
        EXPECT_EQ(socket.error(), new_socket_limit);
        break;
      }
      sockets.push_back(std::move(*socket));
      ASSERT_LE(sockets.size(), 256u);
    }
  });
}

}  // namespace
}  // namespace wattle::wasi
