// What the parts of the server share; internal to src/http.
#pragma once

#include <boost/intrusive/list.hpp>

#include "async/signal.h"
#include "http/server.h"
#include "http/transport.h"

namespace wattle::http {

// Timeouts are counted in ticks by one sweep over all connections: a request costs no timer and no look at
// the clock.
inline constexpr Duration kTick = std::chrono::milliseconds(100);
inline uint64_t ticks_of(Duration duration) {
  return static_cast<uint64_t>((duration + kTick - Duration(1)) / kTick) + 1;
}

struct ServerCore;

// HTTP/1.1 or HTTP/2 on one connection.
class ServerDriver {
 public:
  virtual ~ServerDriver() = default;
  // On the connection's fiber, until the connection is over.
  virtual void run() = 0;
  virtual void on_transport_event() = 0;
  virtual void on_tick() = 0;
  // Finish what is in flight, begin nothing.
  virtual void on_drain() = 0;
  // Cancel what is in flight.
  virtual void on_force() = 0;
  // Waits for a request since this tick; nothing while one is in flight.
  virtual std::optional<uint64_t> idle_since() const = 0;
};

// One accepted connection: TLS handshake, choice of protocol, then its driver. Owned by its fiber.
class ServerConnection final : public Transport::Owner, public boost::intrusive::list_base_hook<> {
 public:
  ServerConnection(ServerCore& core, int descriptor, const boost::asio::ip::tcp::endpoint& peer);
  ~ServerConnection();

  void run();
  void on_transport_event() override;
  void on_tick();
  void on_drain();
  void on_force();
  std::optional<uint64_t> idle_since() const { return driver_ ? driver_->idle_since() : std::nullopt; }

  ServerCore& core() { return core_; }
  Transport& transport() { return transport_; }
  const boost::asio::ip::tcp::endpoint& peer() const { return peer_; }
  async::Fiber& fiber() { return *fiber_; }

  // Suspends the connection's fiber until wake().
  void wait();
  bool waiting() const { return waiting_; }
  void wake();
  // Tells the peer that no more comes, and reads away what it still sends, for a second at most: closing at
  // once would reset the connection and take the response out of its hands.
  void linger();

 private:
  bool shake_hands();
  // Whether the client opened with HTTP/2's preface; nothing when it left or was too slow.
  std::optional<bool> is_http2();

  ServerCore& core_;
  Transport transport_;
  boost::asio::ip::tcp::endpoint peer_;
  async::Fiber* fiber_ = nullptr;
  bool waiting_ = false;
  bool given_up_ = false;
  uint64_t deadline_tick_ = 0;  // for the handshake and the preface
  std::function<void()> interrupt_;
  std::unique_ptr<ServerDriver> driver_;
};

struct ServerCore {
  ServerCore(async::Worker& worker_, ServerOptions options_, Handler handler_);
  ~ServerCore();

  async::Worker& worker;
  const ServerOptions options;
  const Handler handler;
  uint64_t tick = 0;
  uint64_t requests = 0;
  std::string date;  // "Fri, 20 Nov 2026 23:00:00 GMT", set by the sweep
  bool started = false;
  bool draining = false;
  bool forced = false;
  bool stopped = false;  // ends the sweep
  std::atomic<size_t> open_connections{0};
  boost::intrusive::list<ServerConnection> connections;
  async::Signal changed;   // a connection ended, or the sweep
  async::Signal stopping;  // stopped was set
  std::vector<Server*> others;
  std::unique_ptr<Acceptor> acceptor;
  boost::asio::ip::tcp::endpoint local;

  void start();
  void sweep();
  void set_date();
  // Takes over an accepted socket. On the worker's thread.
  void adopt(int descriptor, const boost::asio::ip::tcp::endpoint& peer);
  void close_longest_idle();
};

std::unique_ptr<ServerDriver> make_h1_driver(ServerConnection& connection);
std::unique_ptr<ServerDriver> make_h2_driver(ServerConnection& connection);

}  // namespace wattle::http
