// wasi:sockets/udp: datagrams over a non-blocking socket.
#pragma once

#include "wasi/sockets_network.h"

namespace wattle::wasi {

struct IncomingDatagram {
  static constexpr size_t kFieldCount = 2;
  Bytes data;
  IpSocketAddress remote_address;
};
struct OutgoingDatagram {
  static constexpr size_t kFieldCount = 2;
  Bytes data;
  std::optional<IpSocketAddress> remote_address;
};

// At most this many datagrams are received or permitted at once.
inline constexpr uint64_t kMaxDatagrams = 16;

// What the socket and its streams share.
struct UdpState : boost::intrusive_ref_counter<UdpState, boost::thread_unsafe_counter> {
  DescriptorPtr socket;
  IpAddressFamily family = IpAddressFamily::ipv4;
  std::optional<SocketAddress> remote;  // connected to
  uint64_t generation = 0;              // of streams: older ones are out of use
};
using UdpStatePtr = boost::intrusive_ptr<UdpState>;

class IncomingDatagramStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/udp";
  static constexpr std::string_view kName = "incoming-datagram-stream";

  explicit IncomingDatagramStream(UdpStatePtr state)
      : state_(std::move(state)), generation_(state_->generation) {}
  // What has come; nothing if nothing has.
  SocketResult<std::vector<IncomingDatagram>> receive(uint64_t max_results);
  std::unique_ptr<Pollable> subscribe() const {
    return std::make_unique<Pollable>(WaitablePtr(new SocketWaitable(state_->socket, true)));
  }

 private:
  UdpStatePtr state_;
  uint64_t generation_;
};

class OutgoingDatagramStream : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/udp";
  static constexpr std::string_view kName = "outgoing-datagram-stream";

  explicit OutgoingDatagramStream(UdpStatePtr state)
      : state_(std::move(state)), generation_(state_->generation) {}
  SocketResult<uint64_t> check_send();
  // How many went out. More than check-send permitted traps.
  Result<SocketResult<uint64_t>> send(Host& host, const std::vector<OutgoingDatagram>& datagrams);
  std::unique_ptr<Pollable> subscribe() const {
    return std::make_unique<Pollable>(WaitablePtr(new SocketWaitable(state_->socket, false)));
  }

 private:
  SocketResult<void> send_one(Host& host, const OutgoingDatagram& datagram);

  UdpStatePtr state_;
  uint64_t generation_;
  uint64_t permit_ = 0;
};

class UdpSocket : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:sockets/udp";
  static constexpr std::string_view kName = "udp-socket";
  using Streams =
      std::tuple<std::unique_ptr<IncomingDatagramStream>, std::unique_ptr<OutgoingDatagramStream>>;

  static SocketResult<std::unique_ptr<UdpSocket>> create(Host& host, IpAddressFamily family);
  SocketResult<void> start_bind(Host& host, const IpSocketAddress& address);
  SocketResult<void> finish_bind();
  // Streams to and from everybody, or `remote` only. Streams given before are out of use then.
  SocketResult<Streams> stream(Host& host, const std::optional<IpSocketAddress>& remote);
  SocketResult<IpSocketAddress> local_address();
  SocketResult<IpSocketAddress> remote_address();
  IpAddressFamily address_family() const { return state_->family; }
  Descriptor& descriptor() const { return *state_->socket; }

 private:
  enum class Progress : uint8_t { unbound, binding, bound };
  SocketResult<void> connect_to(const SocketAddress& peer);
  SocketResult<void> disconnect();
  UdpSocket(Host& host, UdpStatePtr state) : charge_(host.resources), state_(std::move(state)) {}

  Charge charge_;
  UdpStatePtr state_;
  Progress progress_ = Progress::unbound;
};

}  // namespace wattle::wasi
