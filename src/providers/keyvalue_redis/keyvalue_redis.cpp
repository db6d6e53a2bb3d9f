#include "providers/keyvalue_redis/keyvalue_redis.h"

#include "providers/keyvalue_redis/store.h"
#include "providers/keyvalue_redis/watch.h"

namespace wattle::providers {
namespace {

using capability::ProviderLink;

class RedisWatch final : public KeyWatch {
 public:
  explicit RedisWatch(std::shared_ptr<redis::Watch> watch) : watch_(std::move(watch)) { watch_->start(); }
  ~RedisWatch() override { watch_->stop(); }

 private:
  std::shared_ptr<redis::Watch> watch_;
};

class RedisProvider final : public KeyValueProvider {
 public:
  explicit RedisProvider(const capability::ProviderContext& context) : KeyValueProvider(context) {}

 private:
  Result<std::shared_ptr<KeyValueStore>> make_store(const ProviderLink&, const Settings& settings) override {
    WATTLE_TRY(const bool ignore, settings.flag("ignore_bucket_names", false));
    WATTLE_TRY(auto client, client_for(settings));
    return std::make_shared<redis::Store>(std::move(client), ignore);
  }

  Result<std::unique_ptr<KeyWatch>> make_watch(const ProviderLink& link, const Settings& settings,
                                               std::shared_ptr<WatchDelivery> delivery) override {
    WATTLE_TRY(const bool ignore, settings.flag("ignore_bucket_names", false));
    WATTLE_TRY(auto client, client_for(settings));
    redis::Layout layout(ignore ? "default" : delivery->rules().bucket());
    auto watch = std::make_shared<redis::Watch>(
        context(), std::move(client), fmt::format("{}:{}:{}", link.source_id, link.target, link.name),
        std::move(layout), std::move(delivery));
    return std::make_unique<RedisWatch>(std::move(watch));
  }

  // Links to the same server, as the same user, share a client.
  Result<std::shared_ptr<redis::Client>> client_for(const Settings& settings) {
    redis::ClientOptions options;
    WATTLE_TRY(options.address, redis::parse_address(settings.text("URL", "redis://127.0.0.1:6379")));
    WATTLE_TRY(options.connect_timeout,
               settings.milliseconds("BACKEND_CONNECTION_TIMEOUT_MS", options.connect_timeout));
    const std::string ca_file = settings.text("tls_ca_file");
    if (options.address.tls) {
      WATTLE_TRY(options.tls, http::TlsClientContext::make({.ca_file = ca_file,
                                                            .certificate_file = {},
                                                            .key_file = {},
                                                            .verify = true,
                                                            .for_http = false,
                                                            .offer_http2 = false}));
    }
    std::erase_if(clients_, [](const Shared& shared) { return shared.client.expired(); });
    for (const Shared& shared : clients_) {
      const auto client = shared.client.lock();
      if (client->options().address == options.address && shared.ca_file == ca_file &&
          client->options().connect_timeout == options.connect_timeout)
        return client;
    }
    auto client = std::make_shared<redis::Client>(context().worker, context().blocking, std::move(options),
                                                  context().log);
    clients_.push_back({client, ca_file});
    return client;
  }

  struct Shared {
    std::weak_ptr<redis::Client> client;
    std::string ca_file;
  };
  std::vector<Shared> clients_;
};

class RedisFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "keyvalue-redis"; }
  std::vector<std::string> interfaces() const override { return key_value_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<RedisProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> keyvalue_redis_factory() {
  return std::make_unique<RedisFactory>();
}

}  // namespace wattle::providers
