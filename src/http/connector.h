// Name lookup, TCP and TLS for outgoing connections: of src/http's client, and of src/nats.
#pragma once

#include "async/offload.h"
#include "http/client.h"
#include "http/transport.h"

namespace wattle::http {

struct Destination {
  std::string scheme;
  std::string host;
  uint16_t port = 0;

  bool operator==(const Destination&) const = default;
  bool secure() const { return scheme == "https"; }
};

// From a request's scheme and authority, with the scheme's port if there is none. Refused:
// HTTP-request-URI-invalid.
Result<Destination> destination_of(const Request& request);

// The addresses of a host: itself if it is one, else by lookup on `pool`. Errors: DNS-timeout at the fiber's
// deadline, DNS-error.
Result<std::vector<boost::asio::ip::tcp::endpoint>> look_up(async::OffloadPool& pool, const std::string& host,
                                                            uint16_t port);

// A transport whose events wake the fiber that waits in wait().
class WaitingOwner final : public Transport::Owner {
 public:
  void on_transport_event() override { changed_.notify(); }
  Result<void> wait() { return changed_.wait(); }

 private:
  async::Signal changed_;
};

// The client's side of a TLS handshake, within the fiber's deadline. `owner` is the transport's.
Result<void> shake_hands(Transport& transport, TlsSession session, WaitingOwner& owner);

// Connects to the first address that `allow` lets through and that answers, and shakes hands if `tls` is
// given. Bounded by the fiber's deadline. `owner` hears the transport's events until another is set.
Result<std::unique_ptr<Transport>> connect(async::Worker& worker, const Destination& destination,
                                           std::span<const boost::asio::ip::tcp::endpoint> addresses,
                                           const std::function<Result<void>(const Endpoint&)>& allow,
                                           const TlsClientContext* tls, WaitingOwner& owner,
                                           boost::asio::ip::tcp::endpoint& connected_to);

}  // namespace wattle::http
