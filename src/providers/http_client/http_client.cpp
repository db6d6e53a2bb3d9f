#include "providers/http_client/http_client.h"

namespace wattle::providers {
namespace {

// Its links are read by the host itself (DataWorker), which sends the requests.
class HttpClient final : public capability::Provider {
 public:
  Result<void> put_link(const capability::ProviderLink&) override { return {}; }
  void delete_link(const capability::ProviderLink&) override {}
};

class HttpClientFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "http-client"; }
  std::vector<std::string> interfaces() const override { return {"wasi:http/outgoing-handler"}; }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext&) override {
    return std::make_unique<HttpClient>();
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> http_client_factory() {
  return std::make_unique<HttpClientFactory>();
}

}  // namespace wattle::providers
