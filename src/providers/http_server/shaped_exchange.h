// An exchange whose responses get the fields that a route's settings ask for (CORS, Cache-Control) before
// they go out.
#pragma once

#include "http/server.h"
#include "providers/http_server/settings.h"

namespace wattle::providers::http_server {

// Answers a CORS preflight; false: the request is none.
bool answer_preflight(http::Exchange& exchange, const Cors& cors);

class ShapedExchange final : public http::Exchange {
 public:
  ShapedExchange(http::Exchange& inner, const Settings& settings);

  http::Request& request() override { return inner_.request(); }
  bool has_body() const override { return inner_.has_body(); }
  std::shared_ptr<http::Body> body() override { return inner_.body(); }
  Result<void> respond(const http::Response& response, std::span<const uint8_t> body) override {
    return inner_.respond(shaped(response), body);
  }
  Result<void> respond_streaming(const http::Response& response, std::shared_ptr<http::Body> body) override {
    return inner_.respond_streaming(shaped(response), std::move(body));
  }
  Result<void> inform(const http::Response& response) override { return inner_.inform(response); }
  void end_connection() override { inner_.end_connection(); }
  void abort() override { inner_.abort(); }
  bool responded() const override { return inner_.responded(); }
  bool disconnected() const override { return inner_.disconnected(); }
  http::Protocol protocol() const override { return inner_.protocol(); }
  bool secure() const override { return inner_.secure(); }
  const boost::asio::ip::tcp::endpoint& peer() const override { return inner_.peer(); }

 private:
  http::Response shaped(const http::Response& response) const;

  http::Exchange& inner_;
  const Settings& settings_;
  std::string origin_;  // of the request, where CORS is on and allows it
};

}  // namespace wattle::providers::http_server
