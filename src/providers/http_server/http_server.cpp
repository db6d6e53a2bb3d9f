#include "providers/http_server/http_server.h"

#include <algorithm>

#include "providers/http_server/listeners.h"
#include "providers/http_server/shaped_exchange.h"
#include "telemetry/log.h"

namespace wattle::providers::http_server {
namespace {

using capability::ProviderContext;
using capability::ProviderLink;

constexpr Duration kDrainGrace = std::chrono::seconds(10);

void answer_text(http::Exchange& exchange, uint16_t status, const std::string& text) {
  http::Response response;
  response.status = status;
  (void)response.fields.append("content-type", "text/plain; charset=utf-8");
  (void)exchange.respond(response, http::as_bytes(text));
}

class HttpServer final : public capability::Provider {
 public:
  HttpServer(const ProviderContext& context, std::shared_ptr<Listeners> listeners)
      : context_(context), listeners_(std::move(listeners)), config_(context.config) {}
  ~HttpServer() override { drain_ports(Duration::zero()); }

  Result<void> put_link(const ProviderLink& link) override {
    auto settings = parse_settings(config_, link.config);
    if (!settings) return failure(about(link, settings.error()));
    host_field_ = settings->host_field;
    auto route = std::make_shared<const Route>(Route{link.target, link.name, std::move(*settings)});
    // Perhaps to another target: then requests go there from now on, and those under way finish.
    const auto old = std::find_if(links_.begin(), links_.end(), [&](const Known& known) {
      return known.link.name == link.name && known.link.wit_package == link.wit_package &&
             known.link.wit_namespace == link.wit_namespace;
    });
    if (auto added = add(route); !added) return failure(about(link, added.error()));
    if (old == links_.end()) {
      links_.push_back({link, std::move(route)});
      return {};
    }
    const auto replaced = std::exchange(old->route, std::move(route));
    old->link = link;
    const Settings &before = replaced->settings, &now = old->route->settings;
    if (before.address != now.address || before.host != now.host || before.path != now.path)
      remove(*replaced);
    return {};
  }

  void delete_link(const ProviderLink& link) override {
    const auto known = std::find_if(links_.begin(), links_.end(),
                                    [&](const Known& each) { return each.link.same_link(link); });
    if (known == links_.end()) return;
    const auto route = known->route;
    links_.erase(known);
    remove(*route);
  }

  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    config_ = config;
    const auto links = links_;  // put_link changes them
    for (const Known& known : links) WATTLE_CHECK(put_link(known.link));
    return {};
  }

  void drain() override {
    const TimePoint deadline = async::Fiber::current().deadline();
    drain_ports(deadline == kNever ? kDrainGrace : std::max(deadline - Clock::now(), Duration::zero()));
  }

 private:
  struct Known {
    ProviderLink link;
    std::shared_ptr<const Route> route;
  };

  static Error about(const ProviderLink& link, const Error& error) {
    return error.with_context(
        fmt::format("the link \"{}\" from \"{}\" to \"{}\"", link.name, link.source_id, link.target));
  }

  // One address has one certificate, or none.
  static Result<void> check_certificate(const Port& port, const Settings& settings) {
    if (port.certificate_file == settings.tls_certificate_file && port.key_file == settings.tls_key_file)
      return {};
    const auto shown = [](const std::string& file) { return file.empty() ? std::string("no TLS") : file; };
    return failure(
        Error(ErrorCode::invalid_argument,
              fmt::format("{} is served with {} already, so it cannot be served with {} too", port.address,
                          shown(port.certificate_file), shown(settings.tls_certificate_file)))
            .with_remedy("give this link another address, or all links of this one the same "
                         "tls_cert_file and tls_priv_key_file"));
  }

  Result<void> add(const std::shared_ptr<const Route>& route) {
    const std::string& address = route->settings.address;
    std::shared_ptr<Port>& port = ports_[address];
    if (port && port->routes.empty() && !listeners_->resume(port)) port.reset();
    if (port) {
      WATTLE_CHECK(check_certificate(*port, route->settings));
      return port->routes.add(route);
    }
    auto opened = open_port(route->settings);
    if (!opened) {
      ports_.erase(address);
      return failure(std::move(opened).error());
    }
    // Looked up again: opening may have waited, and others come and go meanwhile.
    ports_[address] = *opened;
    return (*opened)->routes.add(route);
  }

  void remove(const Route& route) {
    const auto port = ports_.find(route.settings.address);
    if (port == ports_.end()) return;
    port->second->routes.remove(route);
    if (port->second->routes.empty()) listeners_->abandon(port->second);
  }

  Result<std::shared_ptr<Port>> open_port(const Settings& settings) {
    auto port = std::make_shared<Port>();
    port->worker = &context_.worker;
    port->address = settings.address;
    port->certificate_file = settings.tls_certificate_file;
    port->key_file = settings.tls_key_file;
    http::ServerOptions options;
    if (settings.max_connections) options.max_connections = *settings.max_connections;
    options.max_body_bytes = settings.max_body_bytes;
    if (!settings.tls_certificate_file.empty()) {
      WATTLE_TRY(options.tls, http::TlsServerContext::load({.certificate_file = settings.tls_certificate_file,
                                                            .key_file = settings.tls_key_file}));
    }
    port->server = std::make_unique<http::Server>(
        context_.worker, std::move(options),
        [this, raw = port.get()](http::Exchange& exchange) { serve(*raw, exchange); });
    WATTLE_CHECK(listeners_->open(port));
    return port;
  }

  void serve(const Port& port, http::Exchange& exchange) {
    const http::Request& request = exchange.request();
    const auto host = host_field_.empty() ? request.authority : request.fields.get(host_field_);
    if (!host)
      return answer_text(exchange, 400, fmt::format("the request has no header \"{}\"\n", host_field_));
    const auto route = port.routes.find(*host, request.path_with_query);
    if (!route)
      return answer_text(exchange, 404,
                         fmt::format("no link routes {} {} anywhere\n", *host,
                                     request.path_with_query.substr(0, request.path_with_query.find('?'))));
    const Settings& settings = route->settings;
    if (!settings.keep_alive) exchange.end_connection();
    if (settings.cors && answer_preflight(exchange, *settings.cors)) return;
    if (settings.read_only && request.method != "GET" && request.method != "HEAD")
      return answer_text(exchange, 405, "this link is read-only\n");
    async::DeadlineScope deadline(Clock::now() + settings.timeout);
    if (!settings.cors && settings.cache_control.empty())
      return context_.components.handle_http(route->target, exchange);
    ShapedExchange shaped(exchange, settings);
    context_.components.handle_http(route->target, shaped);
  }

  void drain_ports(Duration grace) {
    const auto ports = std::exchange(ports_, {});
    for (const auto& entry : ports) listeners_->close(entry.second, grace);
    links_.clear();
  }

  ProviderContext context_;
  std::shared_ptr<Listeners> listeners_;
  std::map<std::string, std::string> config_;
  std::string host_field_;  // of its settings, which all links share
  std::vector<Known> links_;
  std::map<std::string, std::shared_ptr<Port>> ports_;
};

}  // namespace

HttpServerFactory::HttpServerFactory() : listeners_(std::make_shared<Listeners>()) {}
HttpServerFactory::~HttpServerFactory() = default;

Result<std::unique_ptr<capability::Provider>> HttpServerFactory::make(const ProviderContext& context) {
  return std::make_unique<HttpServer>(context, listeners_);
}

std::string HttpServerFactory::actual_address(const std::string& address) const {
  return listeners_->actual_address(address);
}

}  // namespace wattle::providers::http_server
