// Tells a component of changes by Redis's keyspace notifications, on a fiber and a connection of its own. Of
// all watches of one link, on this host and others, the one that holds a lease in Redis does so.
#pragma once

#include "providers/key_watch.h"
#include "providers/keyvalue_redis/client.h"
#include "providers/keyvalue_redis/layout.h"

namespace wattle::providers::redis {

class Watch final : public std::enable_shared_from_this<Watch> {
 public:
  // `name` tells the link from all others.
  Watch(const capability::ProviderContext& context, std::shared_ptr<Client> client, std::string name,
        Layout layout, std::shared_ptr<WatchDelivery> delivery);

  void start();
  void stop();

 private:
  void run();
  // Whether the lease is this watch's, for some seconds from now on.
  bool take_lease();
  void give_lease_back();
  // Listens until the lease or the connection is lost.
  Result<void> listen();
  Result<void> subscribe(http::Transport& transport, http::WaitingOwner& owner);
  Result<void> hear(const Reply& notification);
  void turn_notifications_on();

  async::Worker& worker_;
  async::OffloadPool& blocking_;
  const telemetry::Log& log_;
  std::shared_ptr<Client> client_;
  std::string lease_key_;
  std::string token_;
  Layout layout_;
  std::shared_ptr<WatchDelivery> delivery_;
  std::shared_ptr<async::Fiber> fiber_;
  bool stopped_ = false;
};

}  // namespace wattle::providers::redis
