// An HTTP server on one worker: HTTP/1.1, HTTP/2 by prior knowledge on the same port, and both over TLS by
// ALPN.
//
//   Server server(worker, ServerOptions{}, [](Exchange& exchange) {
//     Response response;
//     (void)exchange.respond(response, as_bytes("hello\n"));
//   });
//   WATTLE_CHECK(server.listen("127.0.0.1:8000"));
//   worker.run();                 // until some fiber calls server.drain(5s)
//
// Several workers share one port by handing connections over: the listening server accepts for all of them
// and gives each connection to the server that holds the fewest. (SO_REUSEPORT would spread by a hash, which
// is uneven for few connections, and would let a second process take the port without a word.)
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "async/fiber.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "http/tls.h"

namespace wattle::http {

// One request and its response. Lives as long as the handler's call, on the request's fiber, which is
// cancelled when the client goes away. HTTP/1.1 requests run on their connection's fiber, HTTP/2 requests on
// one each.
class Exchange {
 public:
  virtual Request& request() = 0;
  // Whether a body follows the head; one of known length zero does not.
  virtual bool has_body() const = 0;
  // The request's body, for reading; asking for it tells a client that waits for "100 Continue" to send. Its
  // bytes can be read until the response is complete. Ended at once when there is none.
  virtual std::shared_ptr<Body> body() = 0;

  // Answers with everything known: one write. Waits while the client does not take it. Content-Length, Date
  // and connection fields are the server's to write: those of `response` are left out, except Date, and
  // except Content-Length in the answer to HEAD. Fails when the client went away (connection_terminated) or
  // when the request was answered before (internal).
  virtual Result<void> respond(const Response& response, std::span<const uint8_t> body = {}) = 0;
  // Answers with a body that comes through `body`: its trailers too, and with Content-Length if it or
  // `response` says so. Returns at once; the server goes on sending after the handler has returned. An error
  // in the pipe ends the connection or stream, so that the client sees that the body is not whole.
  virtual Result<void> respond_streaming(const Response& response, std::shared_ptr<Body> body) = 0;
  // The same with a new body, whose writing end it returns.
  Result<std::shared_ptr<Body>> respond_streaming(const Response& response);
  // An interim response: 102 to 199 (101 is refused). Left out for HTTP/1.0.
  virtual Result<void> inform(const Response& response) = 0;
  // Asks for the connection to end with this exchange. Before the response; nothing to HTTP/2, whose
  // exchanges share theirs.
  virtual void end_connection() = 0;
  // Ends the exchange without a (whole) response: the connection or stream is reset.
  virtual void abort() = 0;

  virtual bool responded() const = 0;
  // The client went away; the request's fiber has been cancelled.
  virtual bool disconnected() const = 0;
  virtual Protocol protocol() const = 0;
  virtual bool secure() const = 0;
  virtual const boost::asio::ip::tcp::endpoint& peer() const = 0;

 protected:
  ~Exchange() = default;
};

using Handler = std::function<void(Exchange&)>;

struct Http2Limits {
  uint32_t concurrent_streams = 128;
  uint32_t stream_window_bytes = 64 * 1024;  // also how much of a body is held for its handler
  uint32_t connection_window_bytes = 1024 * 1024;
  uint32_t frame_bytes = 16 * 1024;
  // Within ten seconds, by one client; more ends the connection with ENHANCE_YOUR_CALM.
  uint32_t resets = 500;              // streams cancelled by the client ("rapid reset")
  uint32_t control_frames = 2000;     // SETTINGS, PING, PRIORITY, empty DATA
  uint32_t continuation_frames = 16;  // of one header block
};

// Durations are kept to within 0.2 s.
struct ServerOptions {
  HeadLimits head;
  std::optional<uint64_t> max_body_bytes;
  size_t body_buffer_bytes = 64 * 1024;
  size_t max_connections = 10'000;
  Duration header_timeout = std::chrono::seconds(10);  // TLS handshake and each head, from its first byte
  Duration idle_timeout = std::chrono::seconds(75);    // between requests
  Duration body_timeout =
      std::chrono::seconds(30);          // for the next bytes of a body that the handler waits for
  uint64_t body_bytes_per_second = 240;  // least rate of a body, after the first five seconds of waiting
  Duration write_timeout = std::chrono::seconds(30);  // for the client to take any bytes
  bool http2 = true;
  Http2Limits http2_limits;
  std::shared_ptr<TlsServerContext> tls;  // null: cleartext
};

struct ServerCore;
class Acceptor;

class Server {
 public:
  // From the worker's thread, or before Worker::run().
  Server(async::Worker& worker, ServerOptions options, Handler handler);
  // Precondition: not started, or drained.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts on "HOST:PORT" or "[IPv6]:PORT"; port 0 takes a free one. HOST is an address, or localhost. Keeps
  // the worker running until drain(). Refused: an occupied port (already_exists), an address that is not this
  // machine's or a port that needs privileges (the message says which), text that is no address
  // (invalid_argument).
  Result<void> listen(const std::string& address);
  // Serves connections that another server hands over; keeps the worker running until drain().
  void start();
  // Hands connections over to `others` too, each on its own worker. They are started, outlive this server's
  // drain(), and are drained after it.
  void share_with(std::vector<Server*> others);
  // Serves a connection that somebody else has accepted: a connected, non-blocking socket, which the server
  // closes in the end. Precondition: started. From any thread.
  void take_over(int descriptor, const boost::asio::ip::tcp::endpoint& peer);
  // Where listen() listens.
  const boost::asio::ip::tcp::endpoint& local_endpoint() const;

  // Stops accepting, lets requests in flight end (Connection: close, GOAWAY), closes what is idle, and after
  // `grace` cancels what is left. Returns when no connection is left. On a fiber of this server's worker.
  void drain(Duration grace);

  // Connections that are open now. From any thread.
  size_t connections() const;
  // Requests that have begun. On the worker's thread.
  uint64_t requests() const;

 private:
  std::unique_ptr<ServerCore> core_;
};

}  // namespace wattle::http
