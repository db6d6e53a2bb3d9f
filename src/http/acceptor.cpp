#include "http/acceptor.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "http/server.h"

namespace wattle::http {
namespace {

using boost::asio::ip::tcp;

Error listen_error(const std::string& address, int error_number) {
  const char* why = std::strerror(error_number);
  switch (error_number) {
    case EADDRINUSE:
      return Error(ErrorCode::already_exists, fmt::format("{} is in use by another program", address))
          .with_remedy("stop that program (`ss -ltnp` shows it) or choose another port");
    case EACCES:
    case EPERM:
      return Error(ErrorCode::permission_denied, fmt::format("this user may not listen on {}", address))
          .with_remedy("ports below 1024 need privileges: choose a higher one");
    case EADDRNOTAVAIL:
      return Error(ErrorCode::invalid_argument, fmt::format("{} is not an address of this machine", address))
          .with_remedy("use 127.0.0.1 to serve this machine, 0.0.0.0 to serve the network");
    default:
      return Error(ErrorCode::io, fmt::format("cannot listen on {}: {}", address, why));
  }
}

}  // namespace

Result<tcp::endpoint> parse_listen_address(const std::string& address) {
  const auto refuse = [&address] {
    return failure(
        Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not an address to listen on", address))
            .with_remedy("write it as HOST:PORT, for example 127.0.0.1:8000 or [::1]:8000"));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return refuse();
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return refuse();
  }
  if (host == "localhost") host = "127.0.0.1";
  uint16_t port = 0;
  const char* last = address.data() + address.size();
  auto [end, problem] = std::from_chars(address.data() + colon + 1, last, port);
  boost::system::error_code error;
  auto ip = boost::asio::ip::make_address(host, error);
  if (error || problem != std::errc() || end != last) return refuse();
  return tcp::endpoint(ip, port);
}

Result<void> Acceptor::listen(const std::string& address) {
  WATTLE_TRY(auto endpoint, parse_listen_address(address));
  descriptor_ =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor_ < 0) return failure(listen_error(address, errno));
  // Lets a restarted server take its port back at once; two live servers still cannot share it.
  const int on = 1;
  ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t bytes = static_cast<socklen_t>(endpoint.size());
  if (::bind(descriptor_, endpoint.data(), bytes) != 0 || ::listen(descriptor_, 4096) != 0) {
    Error error = listen_error(address, errno);
    ::close(std::exchange(descriptor_, -1));
    return failure(std::move(error));
  }
  bytes = static_cast<socklen_t>(endpoint.capacity());
  ::getsockname(descriptor_, endpoint.data(), &bytes);
  core_.local = endpoint;
  if (auto watched = core_.worker.poller().add(descriptor_, *this); !watched) {
    ::close(std::exchange(descriptor_, -1));
    return watched;
  }
  return {};
}

void Acceptor::close() {
  if (descriptor_ < 0) return;
  core_.worker.poller().remove(descriptor_, *this);
  ::close(std::exchange(descriptor_, -1));
}

bool Acceptor::has_room() {
  const size_t limit = core_.options.max_connections;
  if (core_.open_connections.load(std::memory_order_relaxed) < limit) return true;
  for (Server* other : core_.others)
    if (other->connections() < limit) return true;
  return false;
}

void Acceptor::accept() {
  held_back_ = false;
  while (descriptor_ >= 0) {
    if (!has_room()) {
      held_back_ = true;  // the kernel's queue holds the rest until a connection ends
      core_.close_longest_idle();
      return;
    }
    tcp::endpoint peer;
    auto bytes = static_cast<socklen_t>(peer.capacity());
    const int accepted = ::accept4(descriptor_, peer.data(), &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // Out of descriptors or memory: the sweep tries again, since no edge will tell.
      held_back_ = errno != EAGAIN && errno != EWOULDBLOCK;
      return;
    }
    const int on = 1;
    ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    hand_over(accepted, peer);
  }
}

void Acceptor::hand_over(int descriptor, const tcp::endpoint& peer) {
  Server* least = nullptr;
  size_t fewest = core_.open_connections.load(std::memory_order_relaxed);
  for (Server* other : core_.others) {
    const size_t count = other->connections();
    if (count >= fewest) continue;
    fewest = count;
    least = other;
  }
  if (least == nullptr) {
    core_.open_connections.fetch_add(1, std::memory_order_relaxed);
    core_.adopt(descriptor, peer);
  } else {
    least->take_over(descriptor, peer);
  }
}

}  // namespace wattle::http
