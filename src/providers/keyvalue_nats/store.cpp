#include "providers/keyvalue_nats/store.h"

#include <algorithm>

#include "providers/nats_names.h"
#include "providers/parallel.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::KeyPage;

constexpr size_t kParallel = 32;
constexpr size_t kListingsMax = 16;
constexpr Duration kListingKept = 10s;

// A bucket that was there has gone, as when a server lost its data.
bool bucket_is_lost(const Error& error) {
  return nats::api_error_of(error) == nats::api_error::kStreamNotFound ||
         nats::reason_of(error) == nats::Reason::no_responders;
}

}  // namespace

Result<NatsBucketSettings> read_nats_bucket_settings(const Settings& settings) {
  NatsBucketSettings read;
  read.default_bucket = settings.text("bucket", "default");
  WATTLE_TRY(read.create, settings.flag("enable_bucket_auto_create", true));
  WATTLE_TRY(const uint64_t replicas, settings.number("num_replicas", 1, 1, 5));
  read.config.replicas = static_cast<int>(replicas);
  WATTLE_TRY(const uint64_t age_seconds, settings.number("max_age", 0, 0, 100ull * 366 * 86400));
  read.config.time_to_live = std::chrono::seconds(age_seconds);
  const std::string storage = settings.text("storage_type", "file");
  if (storage != "file" && storage != "memory")
    return failure(ErrorCode::invalid_argument, "the setting \"storage_type\" is neither file nor memory");
  read.config.storage = storage == "file" ? nats::Storage::file : nats::Storage::memory;
  return read;
}

std::string NatsStore::name_of(std::string_view bucket) const {
  return nats_bucket(bucket == "default" ? std::string_view(settings_.default_bucket) : bucket);
}

Result<nats::KeyValue> NatsStore::opened(std::string_view bucket) {
  const std::string name = name_of(bucket);
  if (const auto found = buckets_.find(name); found != buckets_.end()) return found->second;
  WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
  auto opened = nats::KeyValue::open(*js, name);
  if (!opened && opened.error().code() == ErrorCode::not_found && settings_.create) {
    nats::BucketConfig config = settings_.config;
    config.bucket = name;
    opened = nats::KeyValue::create(*js, config);
    // Somebody else was faster, with other settings.
    if (!opened && opened.error().code() == ErrorCode::already_exists)
      opened = nats::KeyValue::open(*js, name);
  }
  if (!opened) return opened;
  opened->read_from_leader(true);
  return buckets_.insert_or_assign(name, *opened).first->second;
}

template <class Operation>
auto NatsStore::with_bucket(std::string_view bucket, Operation operation)
    -> decltype(operation(std::declval<nats::KeyValue&>())) {
  WATTLE_TRY(nats::KeyValue kept, opened(bucket));
  auto done = operation(kept);
  if (done || !bucket_is_lost(done.error())) return done;
  buckets_.erase(name_of(bucket));
  WATTLE_TRY(nats::KeyValue again, opened(bucket));
  return operation(again);
}

Result<void> NatsStore::open(std::string_view bucket) {
  WATTLE_CHECK(opened(bucket));
  return {};
}

Result<std::optional<std::string>> NatsStore::get(std::string_view bucket, std::string_view key) {
  const std::string name = nats_key(key);
  return with_bucket(bucket, [&](nats::KeyValue& kept) -> Result<std::optional<std::string>> {
    auto entry = kept.get(name);
    if (entry) return std::move(entry->value);
    if (entry.error().code() == ErrorCode::not_found && !bucket_is_lost(entry.error())) return std::nullopt;
    return failure(entry.error());
  });
}

Result<void> NatsStore::set(std::string_view bucket, std::string_view key, std::string_view value) {
  const std::string name = nats_key(key);
  return with_bucket(bucket, [&](nats::KeyValue& kept) -> Result<void> {
    WATTLE_CHECK(kept.put(name, value));
    return {};
  });
}

Result<void> NatsStore::remove(std::string_view bucket, std::string_view key) {
  const std::string name = nats_key(key);
  return with_bucket(bucket, [&](nats::KeyValue& kept) { return kept.remove(name); });
}

Result<bool> NatsStore::exists(std::string_view bucket, std::string_view key) {
  WATTLE_TRY(const auto value, get(bucket, key));
  return value.has_value();
}

Result<const NatsStore::Listing*> NatsStore::listing(std::string_view bucket, bool fresh) {
  const std::string name = name_of(bucket);
  const TimePoint now = Clock::now();
  std::erase_if(listings_, [&](const auto& kept) { return kept.second.until < now; });
  if (const auto found = listings_.find(name); found != listings_.end() && !fresh) {
    found->second.until = now + kListingKept;
    return &found->second;
  }
  WATTLE_TRY(auto names, with_bucket(bucket, [](nats::KeyValue& kept) -> Result<std::vector<std::string>> {
               return kept.keys();
             }));
  Listing made{.until = Clock::now() + kListingKept, .keys = {}};
  made.keys.reserve(names.size());
  for (const std::string& text : names) {
    auto key = key_of_nats_key(text);
    if (!key) continue;  // another program's, which no component can name
    const uint64_t position = key_position(*key);
    made.keys.emplace_back(position, std::move(*key));
  }
  std::ranges::sort(made.keys);
  if (listings_.size() >= kListingsMax) listings_.erase(listings_.begin());
  return &listings_.insert_or_assign(name, std::move(made)).first->second;
}

Result<KeyPage> NatsStore::list_keys(std::string_view bucket, std::optional<uint64_t> cursor) {
  WATTLE_TRY(const Listing* all, listing(bucket, !cursor));
  KeyPage page;
  auto at =
      std::ranges::lower_bound(all->keys, cursor.value_or(0), {}, [](const auto& key) { return key.first; });
  uint64_t last = 0;
  for (; at != all->keys.end(); ++at) {
    if (page.keys.size() >= capability::kKeysPerPage && at->first != last) {
      page.cursor = at->first;
      return page;
    }
    last = at->first;
    page.keys.push_back(at->second);
  }
  listings_.erase(name_of(bucket));
  return page;
}

Result<uint64_t> NatsStore::increment(std::string_view bucket, std::string_view key, uint64_t delta) {
  const std::string name = nats_key(key);
  return with_bucket(bucket, [&](nats::KeyValue& kept) -> Result<uint64_t> {
    // Others may be faster; the fiber's deadline ends this.
    for (;;) {
      auto entry = kept.get(name);
      const bool missing = !entry && entry.error().code() == ErrorCode::not_found;
      if (!entry && (!missing || bucket_is_lost(entry.error()))) return failure(entry.error());
      WATTLE_TRY(const uint64_t sum, incremented(entry ? std::optional(entry->value) : std::nullopt, delta));
      auto written = entry ? kept.update(name, std::to_string(sum), entry->revision)
                           : kept.create(name, std::to_string(sum));
      if (written) return sum;
      if (written.error().code() != ErrorCode::already_exists) return failure(written.error());
    }
  });
}

Result<std::vector<std::optional<std::string>>> NatsStore::get_many(std::string_view bucket,
                                                                    const std::vector<std::string>& keys) {
  WATTLE_CHECK(opened(bucket));
  std::vector<std::optional<std::string>> values(keys.size());
  WATTLE_CHECK(for_each_in_parallel(keys.size(), kParallel, [&](size_t i) -> Result<void> {
    WATTLE_TRY(values[i], get(bucket, keys[i]));
    return {};
  }));
  return values;
}

// In parallel, but of two values for one key the later stays.
Result<void> NatsStore::set_many(std::string_view bucket,
                                 const std::vector<std::pair<std::string, std::string>>& values) {
  WATTLE_CHECK(opened(bucket));
  std::map<std::string_view, std::string_view> last;
  for (const auto& [key, value] : values) last[key] = value;
  const std::vector<std::pair<std::string_view, std::string_view>> all(last.begin(), last.end());
  return for_each_in_parallel(all.size(), kParallel,
                              [&](size_t i) { return set(bucket, all[i].first, all[i].second); });
}

Result<void> NatsStore::remove_many(std::string_view bucket, const std::vector<std::string>& keys) {
  WATTLE_CHECK(opened(bucket));
  return for_each_in_parallel(keys.size(), kParallel, [&](size_t i) { return remove(bucket, keys[i]); });
}

}  // namespace wattle::providers
