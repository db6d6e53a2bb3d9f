// The listening socket: takes connections and gives each to the server that holds the fewest. Internal to
// src/http.
#pragma once

#include "http/server_core.h"

namespace wattle::http {

class Acceptor final : private async::Poller::Watcher {
 public:
  explicit Acceptor(ServerCore& core) : core_(core) {}
  ~Acceptor() { close(); }

  // See Server::listen.
  Result<void> listen(const std::string& address);
  void accept();
  // Accepts again after a limit had stopped it.
  void accept_if_held_back() {
    if (held_back_) accept();
  }
  void close();

 private:
  void on_events(uint32_t) override { accept(); }
  void hand_over(int descriptor, const boost::asio::ip::tcp::endpoint& peer);
  bool has_room();

  ServerCore& core_;
  int descriptor_ = -1;
  bool held_back_ = false;
};

// "HOST:PORT", "[IPv6]:PORT", HOST an address or localhost. Refused (invalid_argument): anything else.
Result<boost::asio::ip::tcp::endpoint> parse_listen_address(const std::string& address);

}  // namespace wattle::http
