#include "http/server.h"

#include <unistd.h>

#include <cassert>
#include <ctime>

#include "http/acceptor.h"
#include "http/server_core.h"

namespace wattle::http {

using boost::asio::ip::tcp;

Result<std::shared_ptr<Body>> Exchange::respond_streaming(const Response& response) {
  BodyEnds ends = make_body();
  WATTLE_CHECK(respond_streaming(response, std::move(ends.reader)));
  return std::move(ends.writer);
}

ServerCore::ServerCore(async::Worker& worker_, ServerOptions options_, Handler handler_)
    : worker(worker_), options(std::move(options_)), handler(std::move(handler_)) {
  set_date();
}

ServerCore::~ServerCore() = default;

void ServerCore::set_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  date = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void ServerCore::start() {
  if (std::exchange(started, true)) return;
  stopped = false;
  worker.spawn([this] { sweep(); });
}

void ServerCore::sweep() {
  while (!stopped) {
    async::Signal* signals[] = {&stopping};
    (void)async::Signal::wait_any(signals, Clock::now() + kTick);
    ++tick;
    if (tick % 5 == 0) set_date();
    // Nothing is resumed meanwhile: on a fiber, waking is a post.
    for (auto& connection : connections) connection.on_tick();
    if (acceptor) acceptor->accept_if_held_back();
  }
  started = false;
  changed.notify();
}

void ServerCore::adopt(int descriptor, const tcp::endpoint& peer) {
  if (draining || !started) {
    ::close(descriptor);
    open_connections.fetch_sub(1, std::memory_order_relaxed);
    changed.notify();
    return;
  }
  worker.spawn([this, descriptor, peer] {
    {
      ServerConnection connection(*this, descriptor, peer);
      connection.run();
    }
    open_connections.fetch_sub(1, std::memory_order_relaxed);
    if (acceptor) acceptor->accept_if_held_back();
    if (draining) changed.notify();
  });
}

void ServerCore::close_longest_idle() {
  ServerConnection* longest = nullptr;
  uint64_t since = UINT64_MAX;
  for (auto& connection : connections) {
    const auto idle = connection.idle_since();
    if (!idle || *idle >= since) continue;
    since = *idle;
    longest = &connection;
  }
  if (longest != nullptr) longest->on_drain();
}

Server::Server(async::Worker& worker, ServerOptions options, Handler handler)
    : core_(std::make_unique<ServerCore>(worker, std::move(options), std::move(handler))) {}

Server::~Server() {
  assert(!core_->started);
}

Result<void> Server::listen(const std::string& address) {
  auto acceptor = std::make_unique<Acceptor>(*core_);
  WATTLE_CHECK(acceptor->listen(address));
  core_->acceptor = std::move(acceptor);
  core_->start();
  return {};
}

void Server::start() {
  core_->start();
}

void Server::share_with(std::vector<Server*> others) {
  core_->others = std::move(others);
}

const tcp::endpoint& Server::local_endpoint() const {
  return core_->local;
}

size_t Server::connections() const {
  return core_->open_connections.load(std::memory_order_relaxed);
}

uint64_t Server::requests() const {
  return core_->requests;
}

void Server::take_over(int descriptor, const tcp::endpoint& peer) {
  core_->open_connections.fetch_add(1, std::memory_order_relaxed);
  core_->worker.post([core = core_.get(), descriptor, peer] { core->adopt(descriptor, peer); });
}

void Server::drain(Duration grace) {
  ServerCore& core = *core_;
  async::MaskScope mask;
  core.draining = true;
  if (core.acceptor) core.acceptor->close();
  for (auto& connection : core.connections) connection.on_drain();
  const TimePoint deadline = Clock::now() + grace;
  async::Signal* signals[] = {&core.changed};
  while (connections() > 0 && Clock::now() < deadline) (void)async::Signal::wait_any(signals, deadline);
  core.forced = true;
  for (auto& connection : core.connections) connection.on_force();
  while (connections() > 0) (void)core.changed.wait();
  core.stopped = true;
  core.stopping.notify();
  while (core.started) (void)core.changed.wait();
  core.acceptor.reset();
  core.draining = core.forced = false;
}

}  // namespace wattle::http
