// A key-value store on a Redis client.
#pragma once

#include "providers/key_value_provider.h"
#include "providers/keyvalue_redis/client.h"
#include "providers/keyvalue_redis/layout.h"

namespace wattle::providers::redis {

class Store final : public KeyValueStore {
 public:
  Store(std::shared_ptr<Client> client, bool ignore_bucket_names)
      : client_(std::move(client)), ignore_bucket_names_(ignore_bucket_names) {}

  Result<void> open(std::string_view) override { return {}; }
  Result<std::optional<std::string>> get(std::string_view bucket, std::string_view key) override;
  Result<void> set(std::string_view bucket, std::string_view key, std::string_view value) override;
  Result<void> remove(std::string_view bucket, std::string_view key) override;
  Result<bool> exists(std::string_view bucket, std::string_view key) override;
  Result<capability::KeyPage> list_keys(std::string_view bucket, std::optional<uint64_t> cursor) override;
  Result<uint64_t> increment(std::string_view bucket, std::string_view key, uint64_t delta) override;
  Result<std::vector<std::optional<std::string>>> get_many(std::string_view bucket,
                                                           const std::vector<std::string>& keys) override;
  Result<void> set_many(std::string_view bucket,
                        const std::vector<std::pair<std::string, std::string>>& values) override;
  Result<void> remove_many(std::string_view bucket, const std::vector<std::string>& keys) override;
  capability::Health health() override;

 private:
  Layout layout(std::string_view bucket) const { return Layout(ignore_bucket_names_ ? "default" : bucket); }

  std::shared_ptr<Client> client_;
  bool ignore_bucket_names_;
};

}  // namespace wattle::providers::redis
