// Buckets and objects of the bus in memory.
#include <algorithm>

#include "lattice/memory_core.h"
#include "nats/subject.h"

namespace wattle::lattice::detail {
namespace {

using nats::api_failure;

constexpr Duration kTimeout = std::chrono::seconds(5);  // as JetStream's
constexpr int kHistoryMax = 64;

Error no_key(std::string_view bucket, std::string_view key) {
  return Error(ErrorCode::not_found, fmt::format("the bucket \"{}\" has no key \"{}\"", bucket, key));
}

}  // namespace

Result<MemoryBucketData*> BrokerState::find_bucket(std::string_view name) {
  const auto found = buckets.find(name);
  if (found == buckets.end()) return failure(ErrorCode::not_found, "there is no bucket \"{}\"", name);
  found->second.expire(now_ns());
  return &found->second;
}

const Entry* MemoryBucketData::last(std::string_view key) const {
  const auto found = revisions.find(key);
  return found == revisions.end() ? nullptr : &log.at(found->second.back());
}

void MemoryBucketData::drop(uint64_t revision) {
  const auto entry = log.find(revision);
  const auto of_key = revisions.find(entry->second.key);
  std::erase(of_key->second, revision);
  if (of_key->second.empty()) revisions.erase(of_key);
  bytes -= entry->second.key.size() + entry->second.value.size();
  log.erase(entry);
}

void MemoryBucketData::expire(int64_t now_ns) {
  if (config.time_to_live <= Duration::zero()) return;
  const int64_t oldest_ns =
      now_ns - std::chrono::duration_cast<std::chrono::nanoseconds>(config.time_to_live).count();
  while (!log.empty() && log.begin()->second.time_ns < oldest_ns) drop(log.begin()->first);
}

Result<uint64_t> MemoryBucketData::append(std::string_view key, std::string_view value,
                                          Entry::Operation operation, int64_t now_ns) {
  if (config.value_bytes_max >= 0 && value.size() > static_cast<uint64_t>(config.value_bytes_max))
    return failure(api_failure(400, 10054, "message size exceeds maximum allowed"));
  if (config.bytes_max >= 0 && bytes + key.size() + value.size() > static_cast<uint64_t>(config.bytes_max))
    return failure(api_failure(503, 10077, "maximum bytes exceeded"));
  const uint64_t revision = ++last_revision;
  auto& of_key = revisions[std::string(key)];
  of_key.push_back(revision);
  bytes += key.size() + value.size();
  log.emplace(revision, Entry{.key = std::string(key),
                              .value = std::string(value),
                              .revision = revision,
                              .time_ns = now_ns,
                              .operation = operation});
  if (of_key.size() > static_cast<size_t>(config.history)) drop(of_key.front());
  return revision;
}

namespace {

class MemoryWatch final : public BucketWatch {
 public:
  MemoryWatch(std::shared_ptr<MemoryCore> core, std::string bucket, WatchOptions options,
              const MemoryBucketData& data)
      : core_(std::move(core)),
        bucket_(std::move(bucket)),
        options_(std::move(options)),
        created_ns_(data.created_ns),
        position_(options_.updates_only ? data.last_revision : 0),
        replaying_(!options_.updates_only) {}

  Result<WatchEvent> next() override {
    for (;;) {
      WATTLE_TRY(auto event, next_until(kNever));
      if (event) return std::move(*event);
    }
  }

  Result<std::optional<WatchEvent>> next_until(TimePoint until) override {
    for (;;) {
      if (core_->connected()) WATTLE_CHECK(read());
      if (!ready_.empty()) {
        WatchEvent event = std::move(ready_.front());
        ready_.pop_front();
        return event;
      }
      if (core_->closed()) return failure(core_->wait_connected(Duration::zero()).error());
      if (until != kNever && Clock::now() >= until) return std::optional<WatchEvent>();
      async::Signal* signals[] = {&core_->buckets_changed};
      WATTLE_CHECK(async::Signal::wait_any(signals, until));
    }
  }

 private:
  // Fills ready_ with what happened behind position_.
  Result<void> read() {
    if (!ready_.empty()) return {};
    const std::lock_guard lock(core_->broker().mutex);
    WATTLE_TRY(MemoryBucketData * data, core_->broker().find_bucket(bucket_));
    if (data->created_ns != created_ns_) {
      created_ns_ = data->created_ns;
      position_ = 0;
      replaying_ = true;
      ready_.push_back({WatchEvent::Kind::restarted, {}});
    }
    std::vector<const Entry*> entries;
    for (auto at = data->log.upper_bound(position_); at != data->log.end(); ++at) {
      const Entry& entry = at->second;
      if (!nats::matches(options_.keys, entry.key)) continue;
      if (replaying_ && !options_.history && data->last(entry.key) != &entry) continue;
      entries.push_back(&entry);
    }
    for (size_t index = 0; index < entries.size(); ++index) tell(*entries[index], entries.size() - 1 - index);
    position_ = data->last_revision;
    if (std::exchange(replaying_, false)) ready_.push_back({WatchEvent::Kind::replayed, {}});
    return {};
  }

  void tell(const Entry& entry, uint64_t pending) {
    if (options_.ignore_deletes && entry.operation != Entry::Operation::put) return;
    WatchEvent event{WatchEvent::Kind::entry, entry};
    event.entry.pending = pending;
    if (options_.keys_only) event.entry.value.clear();
    ready_.push_back(std::move(event));
  }

  std::shared_ptr<MemoryCore> core_;
  std::string bucket_;
  WatchOptions options_;
  int64_t created_ns_;
  uint64_t position_;  // the last revision that was looked at
  bool replaying_;
  std::deque<WatchEvent> ready_;
};

class MemoryBucket final : public Bucket {
 public:
  MemoryBucket(std::shared_ptr<MemoryCore> core, std::string name)
      : core_(std::move(core)), name_(std::move(name)) {}

  Result<Entry> get(std::string_view key) override {
    WATTLE_CHECK(nats::check_key(key));
    return with_data([&](MemoryBucketData& data) -> Result<Entry> {
      const Entry* entry = data.last(key);
      if (entry == nullptr || entry->operation != Entry::Operation::put) return failure(no_key(name_, key));
      return *entry;
    });
  }

  Result<uint64_t> put(std::string_view key, std::string_view value) override {
    return write(key, value, Entry::Operation::put, [](const Entry*) { return true; });
  }

  Result<uint64_t> create(std::string_view key, std::string_view value) override {
    return write(key, value, Entry::Operation::put, [](const Entry* last) {
      return last == nullptr || last->operation != Entry::Operation::put;
    });
  }

  Result<uint64_t> update(std::string_view key, std::string_view value, uint64_t revision) override {
    return write(key, value, Entry::Operation::put,
                 [&](const Entry* last) { return (last == nullptr ? 0 : last->revision) == revision; });
  }

  Result<void> remove(std::string_view key, std::optional<uint64_t> revision) override {
    WATTLE_CHECK(write(key, "", Entry::Operation::remove, [&](const Entry* last) {
      return !revision || (last == nullptr ? 0 : last->revision) == *revision;
    }));
    return {};
  }

  Result<std::vector<std::string>> keys(std::string_view pattern) override {
    WATTLE_CHECK(nats::check_pattern(pattern));
    return with_data([&](MemoryBucketData& data) -> Result<std::vector<std::string>> {
      std::vector<std::string> keys;
      for (const auto& [revision, entry] : data.log)
        if (entry.operation == Entry::Operation::put && data.last(entry.key) == &entry &&
            nats::matches(pattern, entry.key))
          keys.push_back(entry.key);
      return keys;
    });
  }

  Result<std::unique_ptr<BucketWatch>> watch(WatchOptions options) override {
    WATTLE_CHECK(nats::check_pattern(options.keys));
    return with_data([&](MemoryBucketData& data) -> Result<std::unique_ptr<BucketWatch>> {
      return std::make_unique<MemoryWatch>(core_, name_, std::move(options), data);
    });
  }

  Result<int64_t> created_ns() override {
    return with_data([](MemoryBucketData& data) -> Result<int64_t> { return data.created_ns; });
  }

 private:
  // Calls `use` with the bucket under the broker's lock, when there is a connection; other fibers have a turn
  // before, as with a server.
  template <class Use>
  std::invoke_result_t<Use, MemoryBucketData&> with_data(Use use) {
    WATTLE_CHECK(core_->wait_connected(kTimeout));
    async::Fiber::current().yield();
    WATTLE_CHECK(core_->wait_connected(kTimeout));
    const std::lock_guard lock(core_->broker().mutex);
    WATTLE_TRY(MemoryBucketData * data, core_->broker().find_bucket(name_));
    return use(*data);
  }

  template <class Condition>
  Result<uint64_t> write(std::string_view key, std::string_view value, Entry::Operation operation,
                         Condition condition) {
    WATTLE_CHECK(nats::check_key(key));
    if (value.size() > core_->options().max_payload_bytes)
      return failure(nats::nats_error(ErrorCode::invalid_argument, nats::Reason::payload_too_large,
                                      fmt::format("a value of {} bytes exceeds the bus's max_payload of {}",
                                                  value.size(), core_->options().max_payload_bytes)));
    return with_data([&](MemoryBucketData& data) -> Result<uint64_t> {
      if (!condition(data.last(key)))
        return failure(api_failure(400, nats::api_error::kWrongLastSequence, "wrong last sequence")
                           .with_context(fmt::format("the key \"{}\" of the bucket \"{}\" has another "
                                                     "revision",
                                                     key, name_)));
      WATTLE_TRY(const uint64_t revision, data.append(key, value, operation, core_->broker().now_ns()));
      core_->broker().tell_watches();
      return revision;
    });
  }

  std::shared_ptr<MemoryCore> core_;
  std::string name_;
};

class MemoryObjects final : public Objects {
 public:
  MemoryObjects(std::shared_ptr<MemoryCore> core, std::string store)
      : core_(std::move(core)), store_(std::move(store)) {}

  Result<void> put(const std::string& name, std::string_view bytes) override {
    if (name.empty()) return failure(ErrorCode::invalid_argument, "an object needs a name");
    return with_store([&](MemoryObjectData& objects) -> Result<void> {
      objects.insert_or_assign(name, std::string(bytes));
      return {};
    });
  }

  Result<std::string> get(std::string_view name, size_t bytes_max) override {
    return with_store([&](MemoryObjectData& objects) -> Result<std::string> {
      const auto found = objects.find(name);
      if (found == objects.end()) return failure(missing(name));
      if (found->second.size() > bytes_max)
        return failure(ErrorCode::memory_exceeded, "the object \"{}\" has {} bytes, and {} are allowed here",
                       name, found->second.size(), bytes_max);
      return found->second;
    });
  }

  Result<void> remove(std::string_view name) override {
    return with_store([&](MemoryObjectData& objects) -> Result<void> {
      const auto found = objects.find(name);
      if (found == objects.end()) return failure(missing(name));
      objects.erase(found);
      return {};
    });
  }

 private:
  Error missing(std::string_view name) const {
    return Error(ErrorCode::not_found, fmt::format("the object store \"{}\" has no \"{}\"", store_, name));
  }

  template <class Use>
  std::invoke_result_t<Use, MemoryObjectData&> with_store(Use use) {
    WATTLE_CHECK(core_->wait_connected(kTimeout));
    async::Fiber::current().yield();
    WATTLE_CHECK(core_->wait_connected(kTimeout));
    const std::lock_guard lock(core_->broker().mutex);
    const auto found = core_->broker().stores.find(store_);
    if (found == core_->broker().stores.end())
      return failure(ErrorCode::not_found, "there is no object store \"{}\"", store_);
    return use(found->second);
  }

  std::shared_ptr<MemoryCore> core_;
  std::string store_;
};

}  // namespace

Result<std::unique_ptr<Bucket>> open_memory_bucket(std::shared_ptr<MemoryCore> core,
                                                   const BucketConfig& config) {
  WATTLE_CHECK(nats::check_bucket_name(config.bucket));
  if (config.history < 1 || config.history > kHistoryMax)
    return failure(ErrorCode::invalid_argument, "a bucket keeps 1 to {} revisions of a key, not {}",
                   kHistoryMax, config.history);
  WATTLE_CHECK(core->wait_connected(kTimeout));
  {
    const std::lock_guard lock(core->broker().mutex);
    auto [made, fresh] = core->broker().buckets.try_emplace(config.bucket);
    if (fresh) {
      made->second.config = config;
      made->second.created_ns = core->broker().now_ns();
      core->broker().tell_watches();
    }
  }
  return std::make_unique<MemoryBucket>(std::move(core), config.bucket);
}

Result<void> remove_memory_bucket(MemoryCore& core, std::string_view name) {
  WATTLE_CHECK(nats::check_bucket_name(name));
  WATTLE_CHECK(core.wait_connected(kTimeout));
  const std::lock_guard lock(core.broker().mutex);
  const auto found = core.broker().buckets.find(name);
  if (found == core.broker().buckets.end())
    return failure(ErrorCode::not_found, "there is no bucket \"{}\"", name);
  core.broker().buckets.erase(found);
  core.broker().tell_watches();
  return {};
}

Result<std::unique_ptr<Objects>> open_memory_objects(std::shared_ptr<MemoryCore> core,
                                                     const std::string& store) {
  WATTLE_CHECK(nats::check_bucket_name(store));
  WATTLE_CHECK(core->wait_connected(kTimeout));
  {
    const std::lock_guard lock(core->broker().mutex);
    core->broker().stores.try_emplace(store);
  }
  return std::make_unique<MemoryObjects>(std::move(core), store);
}

}  // namespace wattle::lattice::detail
