#include "providers/keyvalue_postgres/keyvalue_postgres.h"

#include "providers/keyvalue_postgres/watch.h"
#include "providers/postgres_settings.h"

namespace wattle::providers {
namespace {

using capability::ProviderLink;

class TableWatch final : public KeyWatch {
 public:
  explicit TableWatch(std::shared_ptr<PostgresWatch> watch) : watch_(std::move(watch)) { watch_->start(); }
  ~TableWatch() override { watch_->stop(); }

 private:
  std::shared_ptr<PostgresWatch> watch_;
};

class PostgresProvider final : public KeyValueProvider {
 public:
  explicit PostgresProvider(const capability::ProviderContext& context) : KeyValueProvider(context) {}

 private:
  Result<std::shared_ptr<PostgresStore>> make(const Settings& settings) {
    WATTLE_TRY(std::string table, quoted_table(settings.text("table", "wattle_key_value")));
    WATTLE_TRY(auto pool, make_postgres_pool(context(), settings));
    return std::make_shared<PostgresStore>(std::move(pool), std::move(table));
  }
  Result<std::shared_ptr<KeyValueStore>> make_store(const ProviderLink&, const Settings& settings) override {
    return make(settings);
  }
  Result<std::unique_ptr<KeyWatch>> make_watch(const ProviderLink& link, const Settings& settings,
                                               std::shared_ptr<WatchDelivery> delivery) override {
    WATTLE_TRY(auto store, make(settings));
    return std::make_unique<TableWatch>(std::make_shared<PostgresWatch>(
        context(), std::move(store), fmt::format("{}\n{}\n{}", link.source_id, link.target, link.name),
        std::move(delivery)));
  }
};

class PostgresFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "keyvalue-postgres"; }
  std::vector<std::string> interfaces() const override { return key_value_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<PostgresProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> keyvalue_postgres_factory() {
  return std::make_unique<PostgresFactory>();
}

}  // namespace wattle::providers
