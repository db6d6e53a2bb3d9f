#include "http/connector.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>

namespace wattle::http {
namespace {

using boost::asio::ip::tcp;
using Progress = Transport::Progress;

constexpr size_t kMaxAddresses = 16;

// Shared with a thread of the pool, which may come back after the fiber that asked, even its worker, has
// gone.
struct Lookup {
  std::mutex mutex;
  async::Worker* asking = nullptr;  // null once nobody waits
  async::Signal done;
  bool finished = false;
  int problem = 0;
  std::vector<tcp::endpoint> addresses;
};

struct Leaving {
  Lookup& lookup;
  ~Leaving() {
    std::lock_guard lock(lookup.mutex);
    lookup.asking = nullptr;
  }
};

// On a thread of the pool.
void ask_system(const std::string& host, uint16_t port, Lookup& into) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  into.problem = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  for (const addrinfo* entry = list; entry != nullptr && into.addresses.size() < kMaxAddresses;
       entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    endpoint.port(port);
    into.addresses.push_back(endpoint);
  }
  if (list != nullptr) ::freeaddrinfo(list);
}

bool out_of_time(const Error& error) {
  return error.code() == ErrorCode::deadline_exceeded;
}

// One connection attempt: a transport whose socket is connected.
Result<std::unique_ptr<Transport>> connect_to(async::Worker& worker, const tcp::endpoint& address,
                                              WaitingOwner& owner) {
  const int descriptor =
      ::socket(address.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return failure(connection_error(errno, "cannot make a socket"));
  auto transport = std::make_unique<Transport>(worker, descriptor, owner);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor, address.data(), static_cast<socklen_t>(address.size())) != 0 &&
      errno != EINPROGRESS)
    return failure(connection_error(errno, "connecting failed"));
  WATTLE_CHECK(transport->open());
  for (;;) {
    int problem = 0;
    socklen_t bytes = sizeof problem;
    ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &bytes);
    if (problem != 0) return failure(connection_error(problem, "connecting failed"));
    tcp::endpoint peer;
    auto peer_bytes = static_cast<socklen_t>(peer.capacity());
    if (::getpeername(descriptor, peer.data(), &peer_bytes) == 0) return transport;
    WATTLE_CHECK(owner.wait());
  }
}

}  // namespace

Result<Destination> destination_of(const Request& request) {
  const auto refuse = [&](std::string_view why) {
    return failure(
        http_error(ErrorCase::http_request_uri_invalid,
                   fmt::format("cannot send to \"{}://{}\": {}", request.scheme, request.authority, why)));
  };
  Destination destination;
  if (same_name(request.scheme, "http")) {
    destination.scheme = "http";
    destination.port = 80;
  } else if (same_name(request.scheme, "https")) {
    destination.scheme = "https";
    destination.port = 443;
  } else {
    return refuse("the scheme is neither http nor https");
  }
  if (request.authority.empty() || !is_authority(request.authority))
    return refuse("the authority is not HOST or HOST:PORT");
  std::string_view host = request.authority;
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    if (!port.empty()) {
      auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), destination.port);
      if (problem != std::errc() || destination.port == 0)
        return refuse("the port is not between 1 and 65535");
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return refuse("the host is empty");
  for (char c : host) destination.host += (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c;
  return destination;
}

Result<std::vector<tcp::endpoint>> look_up(async::OffloadPool& pool, const std::string& host, uint16_t port) {
  boost::system::error_code not_an_address;
  const auto address = boost::asio::ip::make_address(host, not_an_address);
  if (!not_an_address) return std::vector{tcp::endpoint(address, port)};

  // The system's lookup cannot be cut short; when time is up, its answer is left to itself.
  auto lookup = std::make_shared<Lookup>();
  lookup->asking = &async::Fiber::current().worker();
  const Leaving leaving{*lookup};
  pool.submit([lookup, host, port] {
    ask_system(host, port, *lookup);
    std::lock_guard lock(lookup->mutex);
    if (lookup->asking == nullptr) return;
    lookup->asking->post([lookup] {
      lookup->finished = true;
      lookup->done.notify();
    });
  });
  while (!lookup->finished) {
    auto waited = lookup->done.wait();
    if (waited) continue;
    if (out_of_time(waited.error()))
      return failure(
          http_error(ErrorCase::dns_timeout, fmt::format("looking up \"{}\" took too long", host)));
    return failure(waited.error());
  }
  if (!lookup->addresses.empty()) return std::move(lookup->addresses);
  const auto reason = lookup->problem == EAI_AGAIN ? ErrorCase::dns_timeout : ErrorCase::dns_error;
  return failure(http_error(reason, fmt::format("cannot look up \"{}\": {}", host,
                                                lookup->problem != 0 ? ::gai_strerror(lookup->problem)
                                                                     : "the name has no address")));
}

Result<void> shake_hands(Transport& transport, TlsSession session, WaitingOwner& owner) {
  if (!session) return failure(http_error(ErrorCase::internal_error, "cannot make a TLS session"));
  transport.use_tls(std::move(session));
  for (;;) {
    const auto progress = transport.handshake();
    if (progress == Progress::done) return {};
    if (progress == Progress::failed) return failure(transport.error());
    if (transport.at_end())
      return failure(http_error(ErrorCase::connection_terminated,
                                "the peer closed the connection in the TLS handshake"));
    WATTLE_CHECK(owner.wait());
  }
}

Result<std::unique_ptr<Transport>> connect(async::Worker& worker, const Destination& destination,
                                           std::span<const tcp::endpoint> addresses,
                                           const std::function<Result<void>(const Endpoint&)>& allow,
                                           const TlsClientContext* tls, WaitingOwner& owner,
                                           tcp::endpoint& connected_to) {
  std::optional<Error> last;
  for (const auto& address : addresses) {
    if (allow) {
      auto allowed = allow({destination.scheme, destination.host, destination.port, address});
      if (!allowed) {
        last = http_error(ErrorCase::destination_ip_prohibited, "the destination is not allowed",
                          allowed.error());
        continue;
      }
    }
    auto transport = connect_to(worker, address, owner);
    if (transport && tls != nullptr) {
      auto shaken = shake_hands(**transport, tls->new_session(destination.host), owner);
      if (!shaken) transport = failure(shaken.error());
    }
    if (transport) {
      connected_to = address;
      return transport;
    }
    if (async::Fiber::current().cancellation()) return transport;
    if (out_of_time(transport.error()) && !case_of(transport.error()))
      return failure(http_error(ErrorCase::connection_timeout, "connecting took too long"));
    last = transport.error();
  }
  if (!last) return failure(http_error(ErrorCase::destination_not_found, "the host has no address"));
  const auto reason = case_of(*last).value_or(ErrorCase::destination_unavailable);
  return failure(
      http_error(reason, fmt::format("cannot connect to {}:{}", destination.host, destination.port), *last));
}

}  // namespace wattle::http
