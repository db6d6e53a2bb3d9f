#include "wasi/sockets_network.h"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace wattle::wasi {

SocketErrorCode socket_error_of(int error_number) {
  using enum SocketErrorCode;
  switch (error_number) {
    case EACCES:
    case EPERM:
      return access_denied;
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case ENOPROTOOPT:
      return not_supported;
    case EINVAL:
    case EDESTADDRREQ:
      return invalid_argument;
    case ENOMEM:
    case ENOBUFS:
      return out_of_memory;
    case ETIMEDOUT:
      return timeout;
    case EALREADY:
      return concurrency_conflict;
    case EAGAIN:
    case EINPROGRESS:
      return would_block;
    case ENOTCONN:
    case EISCONN:
      return invalid_state;
    case EMFILE:
    case ENFILE:
      return new_socket_limit;
    case EADDRNOTAVAIL:
      return address_not_bindable;
    case EADDRINUSE:
      return address_in_use;
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
      return remote_unreachable;
    case ECONNREFUSED:
      return connection_refused;
    case ECONNRESET:
    case EPIPE:
      return connection_reset;
    case ECONNABORTED:
      return connection_aborted;
    case EMSGSIZE:
      return datagram_too_large;
    default:
      return unknown;
  }
}

// ---- addresses

SocketAddress SocketAddress::from(const IpSocketAddress& address) {
  SocketAddress made;
  if (const auto* v4 = std::get_if<Ipv4SocketAddress>(&address)) {
    auto* in = reinterpret_cast<sockaddr_in*>(&made.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(v4->port);
    auto [a, b, c, d] = v4->address;
    in->sin_addr.s_addr = htonl(uint32_t{a} << 24 | uint32_t{b} << 16 | uint32_t{c} << 8 | d);
    made.length = sizeof *in;
    return made;
  }
  const auto& v6 = std::get<Ipv6SocketAddress>(address);
  auto* in = reinterpret_cast<sockaddr_in6*>(&made.storage);
  in->sin6_family = AF_INET6;
  in->sin6_port = htons(v6.port);
  in->sin6_flowinfo = htonl(v6.flow_info);
  in->sin6_scope_id = v6.scope_id;
  auto groups = std::apply([](auto... group) { return std::array<uint16_t, 8>{group...}; }, v6.address);
  for (size_t index = 0; index < groups.size(); ++index) {
    in->sin6_addr.s6_addr[2 * index] = static_cast<uint8_t>(groups[index] >> 8);
    in->sin6_addr.s6_addr[2 * index + 1] = static_cast<uint8_t>(groups[index]);
  }
  made.length = sizeof *in;
  return made;
}

IpAddressFamily SocketAddress::family() const {
  return storage.ss_family == AF_INET6 ? IpAddressFamily::ipv6 : IpAddressFamily::ipv4;
}

IpAddress SocketAddress::ip() const {
  IpAddress address;
  if (storage.ss_family == AF_INET6) {
    address.is_v6 = true;
    std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, 16);
  } else {
    std::memcpy(address.bytes.data(), &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, 4);
  }
  return address;
}

uint16_t SocketAddress::port() const {
  return ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                             : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

GuestIpAddress guest_address(const IpAddress& address) {
  const auto& bytes = address.bytes;
  if (!address.is_v6) return Ipv4{bytes[0], bytes[1], bytes[2], bytes[3]};
  auto group = [&](size_t index) {
    return static_cast<uint16_t>(bytes[2 * index] << 8 | bytes[2 * index + 1]);
  };
  return Ipv6{group(0), group(1), group(2), group(3), group(4), group(5), group(6), group(7)};
}

IpSocketAddress SocketAddress::to_guest() const {
  GuestIpAddress address = guest_address(ip());
  if (family() == IpAddressFamily::ipv4) return Ipv4SocketAddress{port(), std::get<Ipv4>(address)};
  const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
  return Ipv6SocketAddress{port(), ntohl(in->sin6_flowinfo), std::get<Ipv6>(address), in->sin6_scope_id};
}

bool is_unspecified(const IpAddress& address) {
  return std::all_of(address.bytes.begin(), address.bytes.end(), [](uint8_t byte) { return byte == 0; });
}

bool is_unicast(const IpAddress& address) {
  if (address.is_v6) return address.bytes[0] != 0xff && address.unmapped() == address;
  const bool multicast = address.bytes[0] >= 224 && address.bytes[0] < 240;
  const bool broadcast =
      std::all_of(address.bytes.begin(), address.bytes.begin() + 4, [](uint8_t byte) { return byte == 255; });
  return !multicast && !broadcast;
}

// ---- sockets

SocketResult<DescriptorPtr> create_socket(IpAddressFamily family, int type) {
  const int domain = family == IpAddressFamily::ipv6 ? AF_INET6 : AF_INET;
  const int number = ::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (number < 0) return tl::make_unexpected(socket_error_of(errno));
  DescriptorPtr socket(new Descriptor(number));
  if (family == IpAddressFamily::ipv6)
    if (auto set = set_option(*socket, IPPROTO_IPV6, IPV6_V6ONLY, 1); !set)
      return tl::make_unexpected(set.error());
  return socket;
}

SocketResult<SocketAddress> local_address_of(Descriptor& socket) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(socket.number(), address.data(), &address.length) != 0)
    return tl::make_unexpected(socket_error_of(errno));
  return address;
}

SocketResult<void> bind_socket(Descriptor& socket, const SocketAddress& address) {
  if (::bind(socket.number(), address.data(), address.length) == 0) return {};
  // EINVAL means an address that is not this machine's, in the way of some kernels.
  return tl::make_unexpected(errno == EINVAL ? SocketErrorCode::invalid_state : socket_error_of(errno));
}

SocketResult<int> get_option(Descriptor& socket, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(socket.number(), level, option, &value, &length) != 0)
    return tl::make_unexpected(socket_error_of(errno));
  return value;
}

SocketResult<void> set_option(Descriptor& socket, int level, int option, int value) {
  if (setsockopt(socket.number(), level, option, &value, sizeof value) != 0)
    return tl::make_unexpected(socket_error_of(errno));
  return {};
}

SocketResult<uint8_t> hop_limit(Descriptor& socket, IpAddressFamily family) {
  const bool v6 = family == IpAddressFamily::ipv6;
  auto value = get_option(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL);
  if (!value) return tl::make_unexpected(value.error());
  return static_cast<uint8_t>(*value);
}

SocketResult<void> set_hop_limit(Descriptor& socket, IpAddressFamily family, uint8_t value) {
  if (value == 0) return tl::make_unexpected(SocketErrorCode::invalid_argument);
  const bool v6 = family == IpAddressFamily::ipv6;
  return set_option(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, value);
}

SocketResult<uint64_t> buffer_size(Descriptor& socket, int option) {
  auto value = get_option(socket, SOL_SOCKET, option);
  if (!value) return tl::make_unexpected(value.error());
  return static_cast<uint64_t>(*value) / 2;  // Linux tells twice what was asked for: its own bookkeeping
}

SocketResult<void> set_buffer_size(Descriptor& socket, int option, uint64_t value) {
  if (value == 0) return tl::make_unexpected(SocketErrorCode::invalid_argument);
  constexpr uint64_t kMost = 4 << 20;
  return set_option(socket, SOL_SOCKET, option, static_cast<int>(std::min(value, kMost)));
}

SocketResult<void> check_bind(const NetworkPolicy& policy, IpAddressFamily family,
                              const SocketAddress& address) {
  if (address.family() != family || !is_unicast(address.ip()))
    return tl::make_unexpected(SocketErrorCode::invalid_argument);
  const bool allowed =
      address.port() == 0 ? !policy.empty() : policy.allows_bind(address.ip(), address.port());
  if (!allowed) return tl::make_unexpected(SocketErrorCode::access_denied);
  return {};
}

SocketResult<void> check_peer(const NetworkPolicy& policy, IpAddressFamily family,
                              const SocketAddress& address) {
  if (address.family() != family || !is_unicast(address.ip()) || is_unspecified(address.ip()) ||
      address.port() == 0)
    return tl::make_unexpected(SocketErrorCode::invalid_argument);
  if (!policy.allows(address.ip(), address.port()))
    return tl::make_unexpected(SocketErrorCode::access_denied);
  return {};
}

namespace {

class AlwaysReady final : public Waitable {
 public:
  bool ready() override { return true; }
  void watch(Watch&) override {}
};

}  // namespace

WaitablePtr always_ready() {
  return WaitablePtr(new AlwaysReady);
}

void add_sockets(runtime::Linker& linker) {
  linker.resource<Network>();
  linker.function("wasi:sockets/network@0.2.12", "network-error-code",
                  [](Host&, IoError& error) -> std::optional<SocketErrorCode> {
                    if (error.origin() != IoError::Origin::socket) return std::nullopt;
                    return socket_error_of(error.number());
                  });
  linker.function("wasi:sockets/instance-network@0.2.12", "instance-network",
                  [](Host&) { return std::make_unique<Network>(); });
  add_tcp(linker);
  add_udp(linker);
  add_name_lookup(linker);
}

}  // namespace wattle::wasi
