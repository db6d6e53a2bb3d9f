// HTTP over wRPC: wrpc:http/incoming-handler, by which http-server on one process reaches a component on
// another, and wrpc:http/outgoing-handler, by which a component reaches http-client; both sides of each.
//
// Bodies and trailers stream both ways until the call's deadline.
#pragma once

#include <functional>
#include <memory>

#include "bindings/remote_target.h"
#include "capability/outgoing_http.h"
#include "http/client.h"
#include "http/server.h"

namespace wattle::bindings {

// Serves the exchange by the incoming-handler of `target`, and answers it in every case: with the handler's
// response, or as answer_failure() does. What it was answered for comes back, for a log.
Result<void> forward_exchange(const RemoteTarget& target, const capability::Caller& caller,
                              http::Exchange& exchange);
// Answers with 502, 503 and Retry-After, 504, or 500, and with cause and remedy as text.
void answer_failure(http::Exchange& exchange, const Error& error);

// The callee's side: `handle` is given an exchange that is the call's, as wasi::IncomingHandler::handle is.
// It runs on a fiber of its own and may go on streaming after the response has begun.
Result<wrpc::Reply> answer_incoming(wrpc::IncomingCall& call,
                                    const std::function<void(http::Exchange&)>& handle);

// Sends a request by the outgoing-handler of `target`. Refused: with an http::ErrorCase, as
// http::Client::send refuses.
Result<http::ClientResponse> send_remotely(const RemoteTarget& target, const capability::Caller& caller,
                                           const http::Request& request,
                                           const std::shared_ptr<http::Body>& body,
                                           const http::RequestOptions& options);

class RemoteOutgoingHttp final : public capability::OutgoingHttp {
 public:
  explicit RemoteOutgoingHttp(std::shared_ptr<const RemoteTarget> target) : target_(std::move(target)) {}
  Result<http::ClientResponse> send(const capability::Caller& caller, const http::Request& request,
                                    std::shared_ptr<http::Body> body,
                                    const http::RequestOptions& options) override {
    return send_remotely(*target_, caller, request, body, options);
  }

 private:
  const std::shared_ptr<const RemoteTarget> target_;
};

// The callee's side: `send` is http::Client::send, or a policy before it.
using SendHttp = std::function<Result<http::ClientResponse>(
    const http::Request& request, std::shared_ptr<http::Body> body, const http::RequestOptions& options)>;
Result<wrpc::Reply> answer_outgoing(wrpc::IncomingCall& call, const SendHttp& send);

}  // namespace wattle::bindings
