#include "providers/http_client/http_client.h"

#include "capability/outgoing_http.h"
#include "http/client.h"
#include "http/error.h"
#include "http/network_policy.h"
#include "providers/in_flight.h"
#include "providers/link_table.h"
#include "providers/settings.h"

namespace wattle::providers {
namespace {

using capability::Caller;
using capability::ProviderLink;

class HttpClient final : public capability::Provider, private capability::OutgoingHttp {
 public:
  explicit HttpClient(const capability::ProviderContext& context)
      : id_(context.provider_id), client_(context.worker, context.blocking, http::ClientOptions{}) {}
  ~HttpClient() override {
    const async::MaskScope mask;
    drain();
  }

  Result<void> put_link(const ProviderLink& link) override {
    const Settings settings({&config_, &link.config});
    auto made = std::make_shared<Link>();
    made->put = link;
    std::vector<std::string> hosts = settings.list("allowed_hosts");
    if (!settings.mentions("allowed_hosts")) hosts.emplace_back("*");
    for (const std::string& host : hosts)
      if (auto allowed = made->allowed.allow(host); !allowed)
        return failure(Error(ErrorCode::invalid_argument, "allowed_hosts cannot be used", allowed.error()));
    links_.put(link, std::move(made));
    return {};
  }

  void delete_link(const ProviderLink& link) override { links_.erase(link); }

  // Links that it does not fit stay as they were.
  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    WATTLE_CHECK(trust(Settings({&config})));
    config_ = config;
    std::vector<ProviderLink> all;
    for (const auto& [key, link] : links_) all.push_back(link->put);
    Result<void> outcome;
    for (const ProviderLink& link : all)
      if (auto put = put_link(link); !put) outcome = failure(put.error());
    return outcome;
  }

  void drain() override {
    in_flight_.wait();
    client_.close_idle();
  }

  capability::OutgoingHttp* outgoing_http() override { return this; }

 private:
  struct Link {
    http::NetworkPolicy allowed;
    ProviderLink put;
  };

  // Nothing changes when it is refused.
  Result<void> trust(const Settings& settings) {
    WATTLE_TRY(const bool native, settings.flag("load_native_certs", true));
    WATTLE_TRY(const bool webpki, settings.flag("load_webpki_certs", true));
    http::TlsClientOptions tls;
    tls.ca_file = settings.text("ssl_certs_file");
    tls.with_system_roots = native || webpki;
    if (tls.ca_file.empty() && !tls.with_system_roots)
      return failure(
          Error(ErrorCode::invalid_argument,
                "no server could be trusted: load_native_certs and load_webpki_certs are false, and "
                "there is no ssl_certs_file")
              .with_remedy("set ssl_certs_file to a PEM file with the roots to trust, or one of the "
                           "other two to true"));
    if (auto set = client_.set_tls(tls); !set)
      return failure(set.error().with_context("ssl_certs_file cannot be used"));
    return {};
  }

  Result<http::ClientResponse> send(const Caller& caller, const http::Request& request,
                                    std::shared_ptr<http::Body> body,
                                    const http::RequestOptions& options) override {
    const auto link = links_.find(caller);
    if (link == nullptr)
      return failure(http::http_error(http::ErrorCase::http_request_denied,
                                      fmt::format("{} does not reach \"{}\": it has no such link",
                                                  link_text(caller.link_name, caller.source_id), id_)));
    const InFlight::Call call(in_flight_);
    http::RequestOptions how = options;
    how.allow = [&link](const http::Endpoint& endpoint) {
      return http::check_allowed(link->allowed, endpoint);
    };
    return client_.send(request, std::move(body), how);
  }

  const std::string id_;
  std::map<std::string, std::string> config_;
  LinkTable<Link> links_;
  InFlight in_flight_;
  http::Client client_;
};

class HttpClientFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "http-client"; }
  std::vector<std::string> interfaces() const override { return {"wasi:http/outgoing-handler"}; }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    auto provider = std::make_unique<HttpClient>(context);
    WATTLE_CHECK(provider->update_config(context.config));
    return provider;
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> http_client_factory() {
  return std::make_unique<HttpClientFactory>();
}

}  // namespace wattle::providers
