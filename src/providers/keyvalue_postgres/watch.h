// Tells a component of changes in a table by LISTEN, on a fiber and a connection of its own. Of all watches
// of one link, on this host and others, the one that holds a lock of the server does so.
#pragma once

#include "providers/key_watch.h"
#include "providers/keyvalue_postgres/store.h"

namespace wattle::providers {

class PostgresWatch final : public std::enable_shared_from_this<PostgresWatch> {
 public:
  // `name` tells the link from all others.
  PostgresWatch(const capability::ProviderContext& context, std::shared_ptr<PostgresStore> store,
                std::string name, std::shared_ptr<WatchDelivery> delivery)
      : worker_(context.worker),
        log_(context.log),
        store_(std::move(store)),
        name_(std::move(name)),
        delivery_(std::move(delivery)) {}

  void start();
  void stop();

 private:
  void run();
  // Returns when the connection is lost, or somebody else watches.
  Result<void> watch();
  Result<void> listen(postgres::Connection& connection, const std::string& channel);
  Result<void> hear(const std::string& payload);

  async::Worker& worker_;
  const telemetry::Log& log_;
  std::shared_ptr<PostgresStore> store_;
  std::string name_;
  std::shared_ptr<WatchDelivery> delivery_;
  std::shared_ptr<async::Fiber> fiber_;
  bool stopped_ = false;
};

}  // namespace wattle::providers
