#include "providers/keyvalue_memory/keyvalue_memory.h"

#include <algorithm>

#include "providers/key_value_provider.h"
#include "providers/keyvalue_memory/contents.h"

namespace wattle::providers {
namespace {

using capability::ProviderLink;

// The watches of one worker.
struct Listeners {
  std::vector<std::shared_ptr<WatchDelivery>> all;

  void key_was_set(std::string_view bucket, std::string_view key, std::string_view value) const {
    for (const auto& listener : all)
      if (listener->rules().bucket() == bucket) listener->key_was_set(key, value);
  }
  void key_was_deleted(std::string_view bucket, std::string_view key) const {
    for (const auto& listener : all)
      if (listener->rules().bucket() == bucket) listener->key_was_deleted(key);
  }
};

class MemoryStore final : public KeyValueStore {
 public:
  MemoryStore(std::shared_ptr<MemoryContents> contents, std::shared_ptr<Listeners> listeners)
      : contents_(std::move(contents)), listeners_(std::move(listeners)) {}

  Result<void> open(std::string_view) override { return {}; }
  Result<std::optional<std::string>> get(std::string_view bucket, std::string_view key) override {
    const auto value = contents_->get(bucket, key);
    if (value == nullptr) return std::nullopt;
    return *value;
  }
  Result<void> set(std::string_view bucket, std::string_view key, std::string_view value) override {
    WATTLE_CHECK(contents_->set(bucket, key, value));
    listeners_->key_was_set(bucket, key, value);
    return {};
  }
  Result<void> remove(std::string_view bucket, std::string_view key) override {
    if (contents_->remove(bucket, key)) listeners_->key_was_deleted(bucket, key);
    return {};
  }
  Result<bool> exists(std::string_view bucket, std::string_view key) override {
    return contents_->get(bucket, key) != nullptr;
  }
  Result<capability::KeyPage> list_keys(std::string_view bucket, std::optional<uint64_t> cursor) override {
    return contents_->list_keys(bucket, cursor);
  }
  Result<uint64_t> increment(std::string_view bucket, std::string_view key, uint64_t delta) override {
    WATTLE_TRY(const uint64_t sum, contents_->increment(bucket, key, delta));
    listeners_->key_was_set(bucket, key, std::to_string(sum));
    return sum;
  }
  Result<std::vector<std::optional<std::string>>> get_many(std::string_view bucket,
                                                           const std::vector<std::string>& keys) override {
    std::vector<std::optional<std::string>> values;
    values.reserve(keys.size());
    for (const std::string& key : keys) {
      const auto value = contents_->get(bucket, key);
      values.push_back(value == nullptr ? std::nullopt : std::optional(*value));
    }
    return values;
  }
  Result<void> set_many(std::string_view bucket,
                        const std::vector<std::pair<std::string, std::string>>& values) override {
    for (const auto& [key, value] : values) WATTLE_CHECK(set(bucket, key, value));
    return {};
  }
  Result<void> remove_many(std::string_view bucket, const std::vector<std::string>& keys) override {
    for (const std::string& key : keys) WATTLE_CHECK(remove(bucket, key));
    return {};
  }

 private:
  std::shared_ptr<MemoryContents> contents_;
  std::shared_ptr<Listeners> listeners_;
};

class MemoryWatch final : public KeyWatch {
 public:
  MemoryWatch(std::shared_ptr<Listeners> listeners, std::shared_ptr<WatchDelivery> delivery)
      : listeners_(std::move(listeners)), delivery_(std::move(delivery)) {
    listeners_->all.push_back(delivery_);
  }
  ~MemoryWatch() override { std::erase(listeners_->all, delivery_); }

 private:
  std::shared_ptr<Listeners> listeners_;
  std::shared_ptr<WatchDelivery> delivery_;
};

class MemoryProvider final : public KeyValueProvider {
 public:
  MemoryProvider(const capability::ProviderContext& context, std::shared_ptr<MemoryContents> contents)
      : KeyValueProvider(context), contents_(std::move(contents)) {}

 private:
  Result<std::shared_ptr<KeyValueStore>> make_store(const ProviderLink&, const Settings&) override {
    return std::make_shared<MemoryStore>(contents_, listeners_);
  }
  // The worker on which a key is changed delivers the change: each is delivered once.
  Result<std::unique_ptr<KeyWatch>> make_watch(const ProviderLink&, const Settings&,
                                               std::shared_ptr<WatchDelivery> delivery) override {
    return std::make_unique<MemoryWatch>(listeners_, std::move(delivery));
  }

  std::shared_ptr<MemoryContents> contents_;
  std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
};

class MemoryFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "keyvalue-memory"; }
  std::vector<std::string> interfaces() const override { return key_value_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    const Settings settings({&context.config, &context.secrets});
    WATTLE_TRY(const uint64_t bytes_max,
               settings.number("max_bytes", MemoryContents::kBytesMax, 1, uint64_t{1} << 40));
    const std::lock_guard lock(mutex_);
    auto& contents = contents_[context.provider_id];
    if (contents == nullptr) contents = std::make_shared<MemoryContents>(bytes_max);
    return std::make_unique<MemoryProvider>(context, contents);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryContents>, std::less<>> contents_;  // by provider
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> keyvalue_memory_factory() {
  return std::make_unique<MemoryFactory>();
}

}  // namespace wattle::providers
