// What the key-value providers share: links, the settings that all of them know, deadlines, and what a
// component sees of a failure. A backend is then a KeyValueStore.
//
// Settings of a link that every backend understands:
//
//   buckets      the buckets that the link may use, with commas; others are no-such-store. Default: all.
//   timeout_ms   of one operation, beside the caller's deadline; 10000
//
// The bucket "" is the bucket "default".
#pragma once

#include <map>

#include "capability/key_value.h"
#include "providers/in_flight.h"
#include "providers/key_watch.h"
#include "providers/link_table.h"

namespace wattle::providers {

// A backend as one link sees it. Waits end with the fiber's deadline, which is always set. not_found becomes
// no-such-store, permission_denied access-denied, and everything else `other` with the error's full message.
// Buckets are not empty; no secret is in a message.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  virtual Result<void> open(std::string_view bucket) = 0;
  virtual Result<std::optional<std::string>> get(std::string_view bucket, std::string_view key) = 0;
  virtual Result<void> set(std::string_view bucket, std::string_view key, std::string_view value) = 0;
  virtual Result<void> remove(std::string_view bucket, std::string_view key) = 0;
  virtual Result<bool> exists(std::string_view bucket, std::string_view key) = 0;
  virtual Result<capability::KeyPage> list_keys(std::string_view bucket, std::optional<uint64_t> cursor) = 0;
  virtual Result<uint64_t> increment(std::string_view bucket, std::string_view key, uint64_t delta) = 0;
  virtual Result<std::vector<std::optional<std::string>>> get_many(std::string_view bucket,
                                                                   const std::vector<std::string>& keys) = 0;
  virtual Result<void> set_many(std::string_view bucket,
                                const std::vector<std::pair<std::string, std::string>>& values) = 0;
  virtual Result<void> remove_many(std::string_view bucket, const std::vector<std::string>& keys) = 0;
  virtual capability::Health health() { return {}; }
};

// Tells a delivery of changes until it is destroyed.
class KeyWatch {
 public:
  virtual ~KeyWatch() = default;
};

class KeyValueProvider : public capability::Provider, private capability::KeyValue {
 public:
  explicit KeyValueProvider(const capability::ProviderContext& context) : context_(context) {}
  ~KeyValueProvider() override;

  Result<void> put_link(const capability::ProviderLink& link) override;
  void delete_link(const capability::ProviderLink& link) override;
  Result<void> update_config(const std::map<std::string, std::string>& config) override;
  capability::Health health() override;
  void drain() override;
  capability::KeyValue* key_value() override { return this; }

 protected:
  // Neither waits for the backend. Refused: invalid_argument.
  virtual Result<std::shared_ptr<KeyValueStore>> make_store(const capability::ProviderLink& link,
                                                            const Settings& settings) = 0;
  virtual Result<std::unique_ptr<KeyWatch>> make_watch(const capability::ProviderLink& link,
                                                       const Settings& settings,
                                                       std::shared_ptr<WatchDelivery> delivery) = 0;
  const capability::ProviderContext& context() const { return context_; }

 private:
  struct Link {
    std::shared_ptr<KeyValueStore> store;
    std::vector<std::string> buckets;  // empty: all
    Duration timeout{};
    capability::ProviderLink put;
  };
  struct Watched {
    std::shared_ptr<WatchDelivery> delivery;
    std::unique_ptr<KeyWatch> watch;
    capability::ProviderLink put;
  };

  Result<void> put_watch(const capability::ProviderLink& link, const Settings& settings);
  // Runs `operation(store, bucket)` of the caller's link.
  template <class T, class Operation>
  capability::KeyValueResult<T> run(const capability::Caller& caller, std::string_view bucket,
                                    std::string_view what, Operation operation);

  capability::KeyValueResult<void> open(const capability::Caller& caller, std::string_view bucket) override;
  capability::KeyValueResult<std::optional<std::string>> get(const capability::Caller& caller,
                                                             std::string_view bucket,
                                                             std::string_view key) override;
  capability::KeyValueResult<void> set(const capability::Caller& caller, std::string_view bucket,
                                       std::string_view key, std::string_view value) override;
  capability::KeyValueResult<void> remove(const capability::Caller& caller, std::string_view bucket,
                                          std::string_view key) override;
  capability::KeyValueResult<bool> exists(const capability::Caller& caller, std::string_view bucket,
                                          std::string_view key) override;
  capability::KeyValueResult<capability::KeyPage> list_keys(const capability::Caller& caller,
                                                            std::string_view bucket,
                                                            std::optional<uint64_t> cursor) override;
  capability::KeyValueResult<uint64_t> increment(const capability::Caller& caller, std::string_view bucket,
                                                 std::string_view key, uint64_t delta) override;
  capability::KeyValueResult<std::vector<std::optional<std::string>>> get_many(
      const capability::Caller& caller, std::string_view bucket,
      const std::vector<std::string>& keys) override;
  capability::KeyValueResult<void> set_many(
      const capability::Caller& caller, std::string_view bucket,
      const std::vector<std::pair<std::string, std::string>>& values) override;
  capability::KeyValueResult<void> remove_many(const capability::Caller& caller, std::string_view bucket,
                                               const std::vector<std::string>& keys) override;

  capability::ProviderContext context_;
  LinkTable<Link> links_;
  std::map<std::pair<std::string, std::string>, Watched> watches_;  // by target and link name
  InFlight in_flight_;
};

// What every key-value provider's factory offers.
std::vector<std::string> key_value_interfaces();

// Where a key stands in a bucket that is listed by position: the same for every worker, host and time.
uint64_t key_position(std::string_view key);

// The number that a value is, for increment: 0 when there is none. Refused: what is no decimal text, and a
// sum above 2^64 - 1.
Result<uint64_t> incremented(const std::optional<std::string>& value, uint64_t delta);
Error not_a_number();
Error too_large_a_sum();

}  // namespace wattle::providers
