#include "wasi/sockets_udp.h"

#include <algorithm>
#include <cerrno>

namespace wattle::wasi {

namespace {

using enum SocketErrorCode;

constexpr size_t kMaxDatagramBytes = 64 * 1024;

tl::unexpected<SocketErrorCode> refused(SocketErrorCode code) {
  return tl::make_unexpected(code);
}
tl::unexpected<SocketErrorCode> refused_errno() {
  return tl::make_unexpected(socket_error_of(errno));
}

}  // namespace

// ---- the socket

SocketResult<std::unique_ptr<UdpSocket>> UdpSocket::create(Host& host, IpAddressFamily family) {
  if (context_of(host).network.empty()) return refused(access_denied);
  auto socket = create_socket(family, SOCK_DGRAM);
  if (!socket) return refused(socket.error());
  UdpStatePtr state(new UdpState);
  state->socket = std::move(*socket);
  state->family = family;
  std::unique_ptr<UdpSocket> made(new UdpSocket(host, std::move(state)));
  if (!made->charge_.resize(kSocketCharge)) return refused(new_socket_limit);
  return made;
}

SocketResult<void> UdpSocket::start_bind(Host& host, const IpSocketAddress& address) {
  const SocketAddress local = SocketAddress::from(address);
  if (auto allowed = check_bind(context_of(host).network, state_->family, local); !allowed) return allowed;
  if (progress_ != Progress::unbound) return refused(invalid_state);
  if (auto bound = bind_socket(*state_->socket, local); !bound) return bound;
  progress_ = Progress::binding;
  return {};
}

SocketResult<void> UdpSocket::finish_bind() {
  if (progress_ != Progress::binding) return refused(not_in_progress);
  progress_ = Progress::bound;
  return {};
}

SocketResult<void> UdpSocket::connect_to(const SocketAddress& peer) {
  if (::connect(state_->socket->number(), peer.data(), peer.length) != 0) return refused_errno();
  return {};
}

// Linux takes a port that it chose itself away again when a socket is disconnected.
SocketResult<void> UdpSocket::disconnect() {
  if (!state_->remote) return {};
  auto before = local_address_of(*state_->socket);
  if (!before) return refused(before.error());
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  if (::connect(state_->socket->number(), &nobody, sizeof nobody) != 0) return refused_errno();
  auto after = local_address_of(*state_->socket);
  if (after && after->port() == before->port()) return {};
  return bind_socket(*state_->socket, *before);
}

SocketResult<UdpSocket::Streams> UdpSocket::stream(Host& host, const std::optional<IpSocketAddress>& remote) {
  if (progress_ != Progress::bound) return refused(invalid_state);
  std::optional<SocketAddress> peer;
  if (remote) {
    peer = SocketAddress::from(*remote);
    if (auto allowed = check_peer(context_of(host).network, state_->family, *peer); !allowed)
      return refused(allowed.error());
  }
  if (auto changed = peer ? connect_to(*peer) : disconnect(); !changed) return refused(changed.error());
  state_->remote = peer;
  ++state_->generation;
  return Streams(std::make_unique<IncomingDatagramStream>(state_),
                 std::make_unique<OutgoingDatagramStream>(state_));
}

SocketResult<IpSocketAddress> UdpSocket::local_address() {
  if (progress_ != Progress::bound) return refused(invalid_state);
  auto address = local_address_of(*state_->socket);
  if (!address) return refused(address.error());
  return address->to_guest();
}

SocketResult<IpSocketAddress> UdpSocket::remote_address() {
  if (!state_->remote) return refused(invalid_state);
  return state_->remote->to_guest();
}

// ---- streams

SocketResult<std::vector<IncomingDatagram>> IncomingDatagramStream::receive(uint64_t max_results) {
  std::vector<IncomingDatagram> datagrams;
  if (generation_ != state_->generation) return refused(invalid_state);
  const uint64_t most = std::min(max_results, kMaxDatagrams);
  Bytes buffer(most == 0 ? 0 : kMaxDatagramBytes);
  while (datagrams.size() < most) {
    SocketAddress from;
    from.length = sizeof from.storage;
    const ssize_t count = ::recvfrom(state_->socket->number(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     from.data(), &from.length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || !datagrams.empty())) break;
    if (count < 0) return refused_errno();
    datagrams.push_back({Bytes(buffer.begin(), buffer.begin() + count), from.to_guest()});
  }
  return datagrams;
}

SocketResult<uint64_t> OutgoingDatagramStream::check_send() {
  if (generation_ != state_->generation) return refused(invalid_state);
  permit_ = state_->socket->is_writable() ? kMaxDatagrams : 0;
  return permit_;
}

SocketResult<void> OutgoingDatagramStream::send_one(Host& host, const OutgoingDatagram& datagram) {
  if (datagram.data.size() > kMaxDatagramBytes) return refused(datagram_too_large);
  std::optional<SocketAddress> to;
  if (datagram.remote_address) to = SocketAddress::from(*datagram.remote_address);
  if (state_->remote && to && !(*to == *state_->remote)) return refused(invalid_argument);
  if (!state_->remote && !to) return refused(invalid_argument);
  if (state_->remote) to.reset();
  if (to)
    if (auto allowed = check_peer(context_of(host).network, state_->family, *to); !allowed) return allowed;
  for (;;) {
    const ssize_t count =
        ::sendto(state_->socket->number(), datagram.data.data(), datagram.data.size(),
                 MSG_DONTWAIT | MSG_NOSIGNAL, to ? to->data() : nullptr, to ? to->length : 0);
    if (count >= 0) return {};
    if (errno != EINTR) return refused_errno();
  }
}

Result<SocketResult<uint64_t>> OutgoingDatagramStream::send(Host& host,
                                                            const std::vector<OutgoingDatagram>& datagrams) {
  if (datagrams.size() > permit_)
    return failure(ErrorCode::trap, "send of {} datagrams where check-send permitted {}", datagrams.size(),
                   permit_);
  if (generation_ != state_->generation) return SocketResult<uint64_t>(refused(invalid_state));
  uint64_t sent = 0;
  for (const OutgoingDatagram& datagram : datagrams) {
    auto outcome = send_one(host, datagram);
    if (!outcome && outcome.error() == would_block) break;
    if (!outcome && sent > 0) break;
    if (!outcome) return SocketResult<uint64_t>(refused(outcome.error()));
    ++sent;
  }
  permit_ -= sent;
  return SocketResult<uint64_t>(sent);
}

// ---- linking

namespace {

constexpr std::string_view kUdp = "wasi:sockets/udp@0.2.12";

void add_socket(runtime::Linker& linker) {
  linker.resource<UdpSocket>();
  linker.function("wasi:sockets/udp-create-socket@0.2.12", "create-udp-socket",
                  [](Host& host, IpAddressFamily family) { return UdpSocket::create(host, family); });
  linker.function(kUdp, "[method]udp-socket.start-bind",
                  [](Host& host, UdpSocket& self, Network&, IpSocketAddress address) {
                    return self.start_bind(host, address);
                  });
  linker.function(kUdp, "[method]udp-socket.finish-bind",
                  [](Host&, UdpSocket& self) { return self.finish_bind(); });
  linker.function(kUdp, "[method]udp-socket.stream",
                  [](Host& host, UdpSocket& self, std::optional<IpSocketAddress> remote) {
                    return self.stream(host, remote);
                  });
  linker.function(kUdp, "[method]udp-socket.local-address",
                  [](Host&, UdpSocket& self) { return self.local_address(); });
  linker.function(kUdp, "[method]udp-socket.remote-address",
                  [](Host&, UdpSocket& self) { return self.remote_address(); });
  linker.function(kUdp, "[method]udp-socket.address-family",
                  [](Host&, UdpSocket& self) { return self.address_family(); });
  linker.function(kUdp, "[method]udp-socket.unicast-hop-limit",
                  [](Host&, UdpSocket& self) { return hop_limit(self.descriptor(), self.address_family()); });
  linker.function(kUdp, "[method]udp-socket.set-unicast-hop-limit",
                  [](Host&, UdpSocket& self, uint8_t value) {
                    return set_hop_limit(self.descriptor(), self.address_family(), value);
                  });
  linker.function(kUdp, "[method]udp-socket.receive-buffer-size",
                  [](Host&, UdpSocket& self) { return buffer_size(self.descriptor(), SO_RCVBUF); });
  linker.function(kUdp, "[method]udp-socket.set-receive-buffer-size",
                  [](Host&, UdpSocket& self, uint64_t value) {
                    return set_buffer_size(self.descriptor(), SO_RCVBUF, value);
                  });
  linker.function(kUdp, "[method]udp-socket.send-buffer-size",
                  [](Host&, UdpSocket& self) { return buffer_size(self.descriptor(), SO_SNDBUF); });
  linker.function(kUdp, "[method]udp-socket.set-send-buffer-size",
                  [](Host&, UdpSocket& self, uint64_t value) {
                    return set_buffer_size(self.descriptor(), SO_SNDBUF, value);
                  });
  linker.function(kUdp, "[method]udp-socket.subscribe",
                  [](Host&, UdpSocket&) { return std::make_unique<Pollable>(always_ready()); });
}

void add_streams(runtime::Linker& linker) {
  linker.resource<IncomingDatagramStream>();
  linker.function(kUdp, "[method]incoming-datagram-stream.receive",
                  [](Host&, IncomingDatagramStream& self, uint64_t most) { return self.receive(most); });
  linker.function(kUdp, "[method]incoming-datagram-stream.subscribe",
                  [](Host&, IncomingDatagramStream& self) { return self.subscribe(); });
  linker.resource<OutgoingDatagramStream>();
  linker.function(kUdp, "[method]outgoing-datagram-stream.check-send",
                  [](Host&, OutgoingDatagramStream& self) { return self.check_send(); });
  linker.function(kUdp, "[method]outgoing-datagram-stream.send",
                  [](Host& host, OutgoingDatagramStream& self, std::vector<OutgoingDatagram> datagrams) {
                    return self.send(host, datagrams);
                  });
  linker.function(kUdp, "[method]outgoing-datagram-stream.subscribe",
                  [](Host&, OutgoingDatagramStream& self) { return self.subscribe(); });
}

}  // namespace

void add_udp(runtime::Linker& linker) {
  add_socket(linker);
  add_streams(linker);
}

}  // namespace wattle::wasi
