// What the parts of the client share. Internal to src/http.
#pragma once

#include <boost/intrusive/list.hpp>

#include "http/client.h"
#include "http/connector.h"

namespace wattle::http {

class ClientConnection;

struct ClientCore : std::enable_shared_from_this<ClientCore> {
  ClientCore(async::Worker& worker_, async::OffloadPool& pool_, ClientOptions options_)
      : worker(worker_), pool(pool_), options(std::move(options_)) {}

  async::Worker& worker;
  async::OffloadPool& pool;
  const ClientOptions options;
  std::shared_ptr<TlsClientContext> tls;  // made for the first https request, or set
  // All that are open, in use or idle; the most lately used last.
  std::vector<std::shared_ptr<ClientConnection>> connections;
  size_t connecting = 0;
  bool sweeping = false;
  bool closed = false;
  async::Signal closing;

  Result<std::shared_ptr<TlsClientContext>> tls_context();
  Result<ClientResponse> send(const Request& request, std::shared_ptr<Body> body,
                              const RequestOptions& options);
  // A connection that can take a request now, from the pool.
  std::shared_ptr<ClientConnection> take_idle(const Destination& destination, const RequestOptions& options);
  Result<std::shared_ptr<ClientConnection>> make_connection(const Destination& destination,
                                                            const RequestOptions& options);
  void remove(ClientConnection& connection);
  // A connection has fallen idle: it stays, unless there are enough.
  void released(ClientConnection& connection);
  // Runs while any connection is in use, for the timeouts between bytes.
  void start_sweep();
  void sweep();
};

// One open connection, of either protocol. Held by the core while it is open, and by whoever is sending.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  virtual ~ClientConnection() = default;

  // Sends a request and waits for its response's head. `retry` is set when it failed before anything of
  // `body` was used or anything of a response came.
  virtual Result<ClientResponse> exchange(const Request& request, std::shared_ptr<Body> body,
                                          const RequestOptions& options, bool& retry) = 0;
  // Can take a request now.
  virtual bool available() = 0;
  // A request or response is in motion.
  virtual bool busy() const = 0;
  virtual void on_tick(TimePoint now) = 0;
  virtual void close(Error error) = 0;

  Destination destination;
  std::shared_ptr<TlsClientContext> tls;  // that trusted the peer; null in cleartext
  boost::asio::ip::tcp::endpoint address;
  bool http2 = false;
  TimePoint idle_since{};
};

std::shared_ptr<ClientConnection> make_h1_connection(std::shared_ptr<ClientCore> core,
                                                     std::unique_ptr<Transport> transport);
std::shared_ptr<ClientConnection> make_h2_connection(std::shared_ptr<ClientCore> core,
                                                     std::unique_ptr<Transport> transport);

// What a fiber's wait failed with, told as the client's timeout if that is what passed.
Error wait_error(Error error, TimePoint until, ErrorCase reason, std::string_view what);

}  // namespace wattle::http
