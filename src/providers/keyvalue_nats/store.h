// A key-value store on JetStream buckets.
#pragma once

#include <map>

#include "nats/key_value.h"
#include "providers/key_value_provider.h"
#include "providers/nats_connection.h"

namespace wattle::providers {

struct NatsBucketSettings {
  std::string default_bucket = "default";
  bool create = true;
  nats::BucketConfig config;  // of those that are made
};
Result<NatsBucketSettings> read_nats_bucket_settings(const Settings& settings);

class NatsStore final : public KeyValueStore {
 public:
  NatsStore(std::shared_ptr<NatsConnection> connection, NatsBucketSettings settings)
      : connection_(std::move(connection)), settings_(std::move(settings)) {}

  Result<void> open(std::string_view bucket) override;
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
  capability::Health health() override { return connection_->health(); }

  // The bucket's name at NATS.
  std::string name_of(std::string_view bucket) const;
  // Makes it if it is missing and may be made. Refused: not_found.
  Result<nats::KeyValue> opened(std::string_view bucket);

 private:
  // The keys of a bucket in the order of their positions, for the pages of one listing.
  struct Listing {
    TimePoint until{};
    std::vector<std::pair<uint64_t, std::string>> keys;
  };

  // Runs `operation(bucket)`, and once more if the bucket has been lost since it was opened.
  template <class Operation>
  auto with_bucket(std::string_view bucket, Operation operation)
      -> decltype(operation(std::declval<nats::KeyValue&>()));
  Result<const Listing*> listing(std::string_view bucket, bool fresh);

  std::shared_ptr<NatsConnection> connection_;
  NatsBucketSettings settings_;
  std::map<std::string, nats::KeyValue, std::less<>> buckets_;  // that have been opened
  std::map<std::string, Listing, std::less<>> listings_;
};

}  // namespace wattle::providers
