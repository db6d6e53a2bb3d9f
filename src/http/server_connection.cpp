#include <algorithm>
#include <cassert>

#include "http/server_core.h"

namespace wattle::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace

ServerConnection::ServerConnection(ServerCore& core, int descriptor,
                                   const boost::asio::ip::tcp::endpoint& peer)
    : core_(core),
      transport_(core.worker, descriptor, *this),
      peer_(peer),
      fiber_(&async::Fiber::current()),
      interrupt_([this] { wake(); }) {
  core_.connections.push_back(*this);
}

ServerConnection::~ServerConnection() {
  core_.connections.erase(core_.connections.iterator_to(*this));
}

void ServerConnection::wait() {
  async::MaskScope mask;  // what ends a connection's waits wakes it: an event, the sweep, a drain
  waiting_ = true;
  (void)fiber_->suspend(interrupt_);
}

void ServerConnection::wake() {
  if (std::exchange(waiting_, false)) fiber_->wake();
}

void ServerConnection::on_transport_event() {
  if (driver_) {
    driver_->on_transport_event();
  } else {
    wake();
  }
}

void ServerConnection::on_tick() {
  if (driver_) {
    driver_->on_tick();
  } else if (deadline_tick_ != 0 && core_.tick >= deadline_tick_) {
    given_up_ = true;
    wake();
  }
}

void ServerConnection::on_drain() {
  if (driver_) {
    driver_->on_drain();
  } else {
    on_force();
  }
}

void ServerConnection::on_force() {
  given_up_ = true;
  if (driver_) driver_->on_force();
  wake();
}

bool ServerConnection::shake_hands() {
  TlsSession session = core_.options.tls->new_session();
  if (!session) return false;
  transport_.use_tls(std::move(session));
  for (;;) {
    switch (transport_.handshake()) {
      case Transport::Progress::done:
        return true;
      case Transport::Progress::failed:
        return false;
      case Transport::Progress::waiting:
        break;
    }
    if (given_up_ || transport_.at_end()) return false;
    wait();
  }
}

std::optional<bool> ServerConnection::is_http2() {
  if (transport_.is_tls()) return transport_.alpn() == "h2";
  if (!core_.options.http2) return false;
  for (;;) {
    const std::string_view input = transport_.input();
    const size_t count = std::min(input.size(), kPreface.size());
    if (count > 0 && input.substr(0, count) != kPreface.substr(0, count)) return false;
    if (count == kPreface.size()) return true;
    const auto filled = transport_.fill();
    if (filled == Transport::Progress::done) continue;
    // What was received so far is left to HTTP/1.1, to answer or to refuse.
    if (filled == Transport::Progress::failed || transport_.at_end() || given_up_) return std::nullopt;
    wait();
  }
}

void ServerConnection::run() {
  if (!transport_.open()) return;
  deadline_tick_ = core_.tick + ticks_of(core_.options.header_timeout);
  if (core_.options.tls && !shake_hands()) return;
  auto http2 = is_http2();
  deadline_tick_ = 0;
  if (!http2) return;
  driver_ = *http2 ? make_h2_driver(*this) : make_h1_driver(*this);
  driver_->run();
  driver_.reset();
  transport_.close();
}

void ServerConnection::linger() {
  if (transport_.broken() || !transport_.is_open()) return;
  transport_.shut_down_sending();
  deadline_tick_ = core_.tick + 10;
  given_up_ = core_.forced;
  size_t budget_bytes = 1024 * 1024;
  auto driver = std::move(driver_);  // events come to us
  while (!given_up_) {
    const auto filled = transport_.fill();
    const size_t count = transport_.input().size();
    transport_.consume(count);
    if (filled == Transport::Progress::failed || transport_.at_end() || count > budget_bytes) break;
    budget_bytes -= count;
    if (filled == Transport::Progress::waiting) wait();
  }
  driver_ = std::move(driver);
}

}  // namespace wattle::http
