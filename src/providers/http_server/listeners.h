// The listening ports of all workers: who accepts on each, and in which order they end. Internal to this
// folder.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.h"
#include "providers/http_server/routes.h"

namespace wattle::providers::http_server {

class Listeners;

// One worker's part of one address.
struct Port {
  async::Worker* worker = nullptr;
  std::string address;
  std::string certificate_file, key_file;  // empty: no TLS
  Routes routes;
  std::unique_ptr<http::Server> server;
  bool accepts = false;  // for all workers; else connections are handed over to it
  bool closing = false;  // these two on its worker only
  bool closed = false;
};

class Listeners : public std::enable_shared_from_this<Listeners> {
 public:
  // Starts `port`'s server: by listening, where it is the address's first, else by joining those who do. On
  // the port's worker, on a fiber. Refused as http::Server::listen.
  Result<void> open(const std::shared_ptr<Port>& port);
  // The worker has no route there any more: when no worker has one, the port is closed, gracefully. Serves
  // 404 until then.
  void abandon(const std::shared_ptr<Port>& port);
  // The worker has routes there again. False: it is being closed, and a new one must be opened.
  bool resume(const std::shared_ptr<Port>& port);
  // Ends `port` on its worker: what it has in flight has `grace`. Returns when it is closed.
  void close(const std::shared_ptr<Port>& port, Duration grace);

  std::string actual_address(const std::string& address) const;

 private:
  struct Shared {
    std::vector<std::shared_ptr<Port>> ports;
    size_t in_use = 0;  // ports with routes
    std::string actual_address;
    // False: connections are not handed over any more, so that those who took them can end.
    std::shared_ptr<std::atomic<bool>> hands_over = std::make_shared<std::atomic<bool>>(true);
    bool closing = false;
  };
  Result<bool> try_open(const std::shared_ptr<Port>& port);
  void tell_acceptor(const Shared& shared);

  mutable std::mutex mutex_;
  std::map<std::string, Shared> addresses_;
};

}  // namespace wattle::providers::http_server
