// The provider of wasi:http/incoming-handler: listens, and hands each request to the component that its route
// names. Many links share a port; settings.h has their configuration, routes.h the choice among them.
//
// The provider is the source of its links. Every worker of the host listens through one socket: the first to
// need an address accepts for all of them (http::Server::share_with).
#pragma once

#include <memory>

#include "capability/provider.h"

namespace wattle::providers::http_server {

// What the workers of a host share of its listening ports.
class Listeners;

class HttpServerFactory final : public capability::ProviderFactory {
 public:
  HttpServerFactory();
  ~HttpServerFactory() override;
  std::string_view name() const override { return "http-server"; }
  std::vector<std::string> interfaces() const override { return {}; }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override;

  // Where "HOST:0" came to listen, for whoever asked for a free port; empty while nobody listens there.
  std::string actual_address(const std::string& address) const;

 private:
  std::shared_ptr<Listeners> listeners_;
};

}  // namespace wattle::providers::http_server
