// wasi:http/outgoing-handler as C++.
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::http {
struct Body;
struct ClientResponse;
struct Request;
struct RequestOptions;
}  // namespace wattle::http

namespace wattle::capability {

class OutgoingHttp {
 public:
  virtual ~OutgoingHttp() = default;
  // As http::Client::send: waits for the response's head, bodies stream on after that. Refused: with an
  // http::ErrorCase, among them http_request_denied for a host that the link does not allow.
  virtual Result<http::ClientResponse> send(const Caller& caller, const http::Request& request,
                                            std::shared_ptr<http::Body> body,
                                            const http::RequestOptions& options) = 0;
};

}  // namespace wattle::capability
