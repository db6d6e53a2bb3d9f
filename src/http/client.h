// Outgoing HTTP: pooled HTTP/1.1 connections, TLS with host verification, HTTP/2 over TLS by ALPN or in
// cleartext by prior knowledge. Bodies stream both ways; failures are typed as wasi:http does (see error.h).
//
//   Client client(worker, pool, ClientOptions{});
//   Request request;
//   request.scheme = "https", request.authority = "example.org", request.path_with_query = "/";
//   WATTLE_TRY(auto response, client.send(request, nullptr));
//   WATTLE_TRY(auto text, read_all(*response.body, 1024 * 1024));
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "async/fiber.h"
#include "async/offload.h"
#include "http/h1_parser.h"
#include "http/message.h"
#include "http/tls.h"

namespace wattle::http {

// Where a request is about to go.
struct Endpoint {
  std::string scheme;
  std::string host;  // as the request names it, without port
  uint16_t port = 0;
  boost::asio::ip::tcp::endpoint address;  // one of those that the name has
};

struct RequestOptions {
  Duration connect_timeout = std::chrono::seconds(30);     // name lookup, TCP and TLS together
  Duration first_byte_timeout = std::chrono::seconds(60);  // from the request's head to the response's
  Duration between_bytes_timeout =
      std::chrono::seconds(60);        // of the response's body, while its reader wants more
  bool http2_prior_knowledge = false;  // for "http": speak HTTP/2 from the first byte
  // Asked before a connection to each resolved address is made or used again; an error refuses that address.
  std::function<Result<void>(const Endpoint&)> allow;
};

struct ClientOptions {
  HeadLimits head;
  size_t body_buffer_bytes = 64 * 1024;
  size_t max_connections = 1024;  // more is refused: connection_limit_reached
  size_t max_idle_per_destination = 32;
  Duration idle_timeout = std::chrono::seconds(60);
  TlsClientOptions tls;
};

struct ClientResponse {
  Response head;
  std::shared_ptr<Body> body;  // for reading; dropping it cancels what is left of the response
  Protocol protocol = Protocol::http_1_1;
};

struct ClientCore;

class Client {
 public:
  // `pool` looks names up.
  Client(async::Worker& worker, async::OffloadPool& pool, ClientOptions options);
  // Ends what is in flight with errors. On the worker's thread; no send() is in progress.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends `request` with `body` (its reading end; null: none) and waits for the response's head; the body
  // goes on being sent after that. A request that may be repeated is, once, if a reused connection turns out
  // to be dead. Interim responses are skipped, redirects are not followed. Ends early when the fiber is
  // cancelled. On a fiber.
  Result<ClientResponse> send(const Request& request, std::shared_ptr<Body> body,
                              const RequestOptions& options = {});

  // Whom to trust from now on. Connections that were made before end with what they are doing. Refused as
  // TlsClientContext::make; then nothing changes.
  Result<void> set_tls(const TlsClientOptions& tls);

  // Connections that wait for a next request.
  size_t idle_connections() const;
  void close_idle();

 private:
  std::shared_ptr<ClientCore> core_;
};

}  // namespace wattle::http
