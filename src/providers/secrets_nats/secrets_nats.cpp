#include "providers/secrets_nats/secrets_nats.h"

#include "providers/secrets_nats/backend.h"

namespace wattle::providers {
namespace {

using secrets::BackendServer;
using secrets::SealedBucket;

constexpr std::string_view kBase = "wasmcloud.secrets";

// A small file, read once when a link is put.
Result<nats::CurveKeyPair> read_key(const Settings& settings) {
  if (const auto seed = settings.find("xkey_seed")) return nats::CurveKeyPair::from_seed(*seed);
  const auto file = settings.find("xkey_seed_file");
  if (!file)
    return failure(Error(ErrorCode::invalid_argument, "the key of the bucket of secrets is missing")
                       .with_remedy("set xkey_seed as a secret, or xkey_seed_file"));
  return secrets::read_key_file(*file);
}

class NatsSecretsProvider final : public SecretsProvider {
 public:
  explicit NatsSecretsProvider(const capability::ProviderContext& context)
      : SecretsProvider(context), connections_(SecretsProvider::context()) {}
  ~NatsSecretsProvider() override {
    if (server_ != nullptr) server_->stop();
  }

  // Begins to answer others, if the provider's settings say so.
  Result<void> serve() {
    const Settings settings({&context().config, &context().secrets});
    const auto backend = settings.find("serve_backend");
    if (!backend) return {};
    WATTLE_TRY(auto readers, BackendServer::read_readers(settings.text("serve")));
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    WATTLE_TRY(auto bucket, make_bucket(settings, connection));
    server_ =
        std::make_shared<BackendServer>(context(), std::move(connection), std::move(bucket),
                                        settings.text("subject_base", kBase), *backend, std::move(readers));
    server_->start();
    return {};
  }
  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    WATTLE_CHECK(SecretsProvider::update_config(config));
    if (server_ != nullptr) std::exchange(server_, nullptr)->stop();
    return serve();
  }

 private:
  static Result<std::shared_ptr<SealedBucket>> make_bucket(const Settings& settings,
                                                           std::shared_ptr<NatsConnection> connection) {
    WATTLE_TRY(auto key, read_key(settings));
    return std::make_shared<SealedBucket>(std::move(connection), settings.text("bucket", "WATTLE_SECRETS"),
                                          std::move(key));
  }

  Result<std::shared_ptr<SecretStore>> make_store(const capability::ProviderLink&,
                                                  const Settings& settings) override {
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    const auto backend = settings.find("backend");
    if (!backend) return make_bucket(settings, std::move(connection));
    secrets::Request as;
    as.entity_jwt = settings.text("entity_jwt");
    as.host_jwt = settings.text("host_jwt");
    as.policy = settings.text("policy", "{}");
    return std::make_shared<secrets::RemoteBackend>(
        std::move(connection), settings.text("subject_base", kBase), *backend, std::move(as));
  }

  NatsConnections connections_;
  std::shared_ptr<BackendServer> server_;
};

class NatsSecretsFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "secrets-nats"; }
  std::vector<std::string> interfaces() const override { return secrets_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    auto provider = std::make_unique<NatsSecretsProvider>(context);
    WATTLE_CHECK(provider->serve());
    return provider;
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> secrets_nats_factory() {
  return std::make_unique<NatsSecretsFactory>();
}

}  // namespace wattle::providers
