#include "providers/http_server/listeners.h"

#include <algorithm>

namespace wattle::providers::http_server {
namespace {

constexpr Duration kCloseGrace = std::chrono::seconds(10);
constexpr Duration kPoll = std::chrono::milliseconds(2);
constexpr int kMostPolls = 10'000;

// Returns when everything that was posted to the fiber's worker before has run.
void pass_posts() {
  async::Fiber& fiber = async::Fiber::current();
  async::MaskScope mask;
  fiber.worker().post([&fiber] { fiber.wake(); });
  (void)fiber.suspend([] {});
}

}  // namespace

// Whoever accepts learns, on its own thread, who else serves.
void Listeners::tell_acceptor(const Shared& shared) {
  std::vector<std::shared_ptr<Port>> others;
  std::shared_ptr<Port> acceptor;
  for (const auto& port : shared.ports) {
    if (port->accepts) {
      acceptor = port;
    } else {
      others.push_back(port);
    }
  }
  if (!acceptor || shared.closing) return;
  acceptor->worker->post([acceptor, others] {
    if (acceptor->closing) return;
    std::vector<http::Server*> servers;
    for (const auto& port : others) servers.push_back(port->server.get());
    acceptor->server->share_with(std::move(servers));
  });
}

Result<bool> Listeners::try_open(const std::shared_ptr<Port>& port) {
  const std::scoped_lock lock(mutex_);
  Shared& shared = addresses_[port->address];
  if (shared.closing) return false;
  port->accepts = shared.ports.empty();
  if (port->accepts) {
    auto listens = port->server->listen(port->address);
    if (!listens) {
      addresses_.erase(port->address);
      return failure(std::move(listens).error());
    }
    const auto& endpoint = port->server->local_endpoint();
    const std::string host = endpoint.address().to_string();
    shared.actual_address =
        fmt::format("{}:{}", endpoint.address().is_v6() ? "[" + host + "]" : host, endpoint.port());
  } else {
    port->server->start();
  }
  shared.ports.push_back(port);
  ++shared.in_use;
  tell_acceptor(shared);
  return true;
}

Result<void> Listeners::open(const std::shared_ptr<Port>& port) {
  // An address that is just being given up is free soon.
  for (int poll = 0; poll < kMostPolls; ++poll) {
    WATTLE_TRY(const bool opened, try_open(port));
    if (opened) return {};
    WATTLE_CHECK(async::sleep_for(kPoll));
  }
  return failure(ErrorCode::unavailable, "{} is still being closed", port->address);
}

void Listeners::abandon(const std::shared_ptr<Port>& port) {
  std::vector<std::shared_ptr<Port>> all;
  {
    const std::scoped_lock lock(mutex_);
    Shared& shared = addresses_[port->address];
    if (--shared.in_use > 0) return;
    shared.closing = true;
    all = shared.ports;
  }
  for (const auto& each : all)
    each->worker->post([self = shared_from_this(), each] {
      each->worker->spawn([self, each] { self->close(each, kCloseGrace); });
    });
}

bool Listeners::resume(const std::shared_ptr<Port>& port) {
  const std::scoped_lock lock(mutex_);
  const auto found = addresses_.find(port->address);
  if (found == addresses_.end() || found->second.closing) return false;
  ++found->second.in_use;
  return true;
}

void Listeners::close(const std::shared_ptr<Port>& port, Duration grace) {
  async::MaskScope mask;
  if (std::exchange(port->closing, true)) {  // by another fiber of this worker
    while (!port->closed) (void)async::sleep_for(kPoll);
    return;
  }
  std::shared_ptr<std::atomic<bool>> hands_over;
  {
    const std::scoped_lock lock(mutex_);
    Shared& shared = addresses_[port->address];
    shared.closing = true;
    hands_over = shared.hands_over;
  }
  if (port->accepts) {
    port->server->share_with({});
    hands_over->store(false);
  } else {
    // What was handed over before that is served.
    for (int poll = 0; hands_over->load() && poll < kMostPolls; ++poll) (void)async::sleep_for(kPoll);
    pass_posts();
  }
  port->server->drain(grace);
  port->closed = true;
  const std::scoped_lock lock(mutex_);
  const auto found = addresses_.find(port->address);
  if (found == addresses_.end()) return;
  std::erase(found->second.ports, port);
  if (found->second.ports.empty()) addresses_.erase(found);
}

std::string Listeners::actual_address(const std::string& address) const {
  const std::scoped_lock lock(mutex_);
  const auto found = addresses_.find(address);
  return found == addresses_.end() ? std::string() : found->second.actual_address;
}

}  // namespace wattle::providers::http_server
