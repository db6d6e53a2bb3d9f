// wasi:sockets: what TCP, UDP and name lookup share: addresses, errors, the network that stands for the
// context's policy, and name lookup.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "runtime/runtime.h"
#include "wasi/context.h"
#include "wasi/descriptor.h"
#include "wasi/http_fields.h"

namespace wattle::wasi {

enum class SocketErrorCode : uint8_t {
  unknown,
  access_denied,
  not_supported,
  invalid_argument,
  out_of_memory,
  timeout,
  concurrency_conflict,
  not_in_progress,
  would_block,
  invalid_state,
  new_socket_limit,
  address_not_bindable,
  address_in_use,
  remote_unreachable,
  connection_refused,
  connection_reset,
  connection_aborted,
  datagram_too_large,
  name_unresolvable,
  temporary_resolver_failure,
  permanent_resolver_failure,
};
SocketErrorCode socket_error_of(int error_number);
template <class T>
using SocketResult = tl::expected<T, SocketErrorCode>;

enum class IpAddressFamily : uint8_t { ipv4, ipv6 };
using Ipv4 = std::tuple<uint8_t, uint8_t, uint8_t, uint8_t>;
using Ipv6 = std::tuple<uint16_t, uint16_t, uint16_t, uint16_t, uint16_t, uint16_t, uint16_t, uint16_t>;
using GuestIpAddress = std::variant<Ipv4, Ipv6>;
struct Ipv4SocketAddress {
  static constexpr size_t kFieldCount = 2;
  uint16_t port = 0;
  Ipv4 address;
};
struct Ipv6SocketAddress {
  static constexpr size_t kFieldCount = 4;
  uint16_t port = 0;
  uint32_t flow_info = 0;
  Ipv6 address;
  uint32_t scope_id = 0;
};
using IpSocketAddress = std::variant<Ipv4SocketAddress, Ipv6SocketAddress>;

// A socket address as the kernel takes it, with what the rules ask about it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  static SocketAddress from(const IpSocketAddress& address);
  IpSocketAddress to_guest() const;
  IpAddressFamily family() const;
  IpAddress ip() const;
  uint16_t port() const;
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage); }
  bool operator==(const SocketAddress& other) const { return ip() == other.ip() && port() == other.port(); }
};
GuestIpAddress guest_address(const IpAddress& address);
bool is_unspecified(const IpAddress& address);
// Neither multicast, nor broadcast, nor an IPv4 address in IPv6 clothes.
bool is_unicast(const IpAddress& address);

// wasi:sockets/network.network
class Network : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/network";
  static constexpr std::string_view kName = "network";
};

// What a socket counts against its invocation's budget of bytes, which so bounds their number.
inline constexpr size_t kSocketCharge = 64 * 1024;

// A new non-blocking socket; IPv6 ones speak IPv6 only.
SocketResult<DescriptorPtr> create_socket(IpAddressFamily family, int type);
SocketResult<SocketAddress> local_address_of(Descriptor& socket);
SocketResult<void> bind_socket(Descriptor& socket, const SocketAddress& address);
SocketResult<int> get_option(Descriptor& socket, int level, int option);
SocketResult<void> set_option(Descriptor& socket, int level, int option, int value);
// Options that TCP and UDP share.
SocketResult<uint8_t> hop_limit(Descriptor& socket, IpAddressFamily family);
SocketResult<void> set_hop_limit(Descriptor& socket, IpAddressFamily family, uint8_t value);
SocketResult<uint64_t> buffer_size(Descriptor& socket, int option);
SocketResult<void> set_buffer_size(Descriptor& socket, int option, uint64_t value);
// What both check before binding: family, unicast, policy. A port that the kernel chooses needs only some
// permission; who listens on it is checked then.
SocketResult<void> check_bind(const NetworkPolicy& policy, IpAddressFamily family,
                              const SocketAddress& address);
// The same for a peer.
SocketResult<void> check_peer(const NetworkPolicy& policy, IpAddressFamily family,
                              const SocketAddress& address);

// Ready when a socket is readable or writable.
class SocketWaitable final : public Waitable {
 public:
  SocketWaitable(DescriptorPtr socket, bool for_reading)
      : socket_(std::move(socket)), reading_(for_reading) {}
  bool ready() override { return reading_ ? socket_->is_readable() : socket_->is_writable(); }
  void watch(Watch& watch) override {
    watch.signals.push_back(reading_ ? &socket_->readable() : &socket_->writable());
  }

 private:
  DescriptorPtr socket_;
  bool reading_;
};
// Ready from the start.
WaitablePtr always_ready();

void add_sockets(runtime::Linker& linker);
void add_tcp(runtime::Linker& linker);
void add_udp(runtime::Linker& linker);
void add_name_lookup(runtime::Linker& linker);

}  // namespace wattle::wasi

namespace wattle {
template <>
inline constexpr uint32_t kCaseCount<wasi::SocketErrorCode> = 21;
template <>
inline constexpr uint32_t kCaseCount<wasi::IpAddressFamily> = 2;
}  // namespace wattle
