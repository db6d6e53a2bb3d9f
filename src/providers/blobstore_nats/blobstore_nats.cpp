#include "providers/blobstore_nats/blobstore_nats.h"

#include <algorithm>

#include "nats/object_store.h"
#include "providers/blobstore_provider.h"
#include "providers/nats_connection.h"
#include "providers/parallel.h"
#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using capability::ContainerMetadata;
using capability::ObjectId;
using capability::ObjectMetadata;

constexpr size_t kParallel = 16;
constexpr uint64_t kWriteSecondsMax = 86400;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

uint64_t seconds_of(int64_t nanoseconds) {
  return nanoseconds < 0 ? 0 : static_cast<uint64_t>(nanoseconds) / kNanosecondsPerSecond;
}

class ObjectStoreStore final : public BlobStore, public std::enable_shared_from_this<ObjectStoreStore> {
 public:
  ObjectStoreStore(std::shared_ptr<NatsConnection> connection, nats::ObjectStoreConfig config,
                   Duration write_timeout, const telemetry::Log& log)
      : connection_(std::move(connection)),
        config_(std::move(config)),
        write_timeout_(write_timeout),
        log_(log) {}

  Result<void> create_container(const std::string& name) override {
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    nats::ObjectStoreConfig config = config_;
    config.bucket = name;
    auto made = nats::ObjectStore::create(*js, config);
    if (made && config.compress) tell_uncompressed(*js, name);
    if (made) return {};
    if (made.error().code() == ErrorCode::already_exists && nats::ObjectStore::open(*js, name)) return {};
    return failure(made.error());
  }
  Result<bool> container_exists(const std::string& name) override {
    auto found = opened(name);
    if (found) return true;
    if (found.error().code() == ErrorCode::not_found) return false;
    return failure(found.error());
  }
  Result<void> delete_container(const std::string& name) override {
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    return nats::ObjectStore::remove_bucket(*js, name);
  }
  Result<void> clear_container(const std::string& name) override {
    WATTLE_CHECK(opened(name));
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    WATTLE_CHECK(js->purge_stream("OBJ_" + name));
    return {};
  }
  Result<ContainerMetadata> container_info(const std::string& name) override {
    WATTLE_CHECK(opened(name));
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    WATTLE_TRY(const auto info, js->stream_info("OBJ_" + name));
    return ContainerMetadata{.created_at_seconds = seconds_of(info.created_ns)};
  }
  Result<Page> list(const std::string& container, const std::string& after, size_t limit) override {
    WATTLE_TRY(auto store, opened(container));
    WATTLE_TRY(const auto objects, store.list());
    std::vector<std::string> names;
    for (const nats::ObjectInfo& object : objects)
      if (!object.deleted && object.name > after) names.push_back(object.name);
    std::ranges::sort(names);
    Page page{.names = std::move(names), .more = false};
    page.more = page.names.size() > limit;
    page.names.resize(std::min(page.names.size(), limit));
    return page;
  }

  Result<Transfer> read(const ObjectId& id, uint64_t first, uint64_t last) override {
    WATTLE_TRY(auto store, opened(id.container));
    WATTLE_TRY(const auto info, store.info(id.object));
    if (first >= info.size_bytes) return Transfer([](async::Pipe&) { return Result<void>(); });
    return Transfer([self = shared_from_this(), store, name = id.object, first,
                     last](async::Pipe& into) mutable { return send(store, name, first, last, into); });
  }
  Result<void> write(const ObjectId& id, async::Pipe& from) override {
    const async::DeadlineScope deadline(Clock::now() + write_timeout_);
    WATTLE_TRY(auto store, opened(id.container));
    WATTLE_CHECK(store.put({.name = id.object}, from));
    return {};
  }
  Result<ObjectMetadata> object_info(const ObjectId& id) override {
    WATTLE_TRY(auto store, opened(id.container));
    WATTLE_TRY(const auto info, store.info(id.object));
    return ObjectMetadata{.created_at_seconds = seconds_of(info.time_ns), .size_bytes = info.size_bytes};
  }
  Result<void> delete_object(const ObjectId& id) override {
    WATTLE_TRY(auto store, opened(id.container));
    auto removed = store.remove(id.object);
    if (!removed && removed.error().code() != ErrorCode::not_found) return removed;
    return {};
  }
  Result<void> delete_objects(const std::string& container, const std::vector<std::string>& names) override {
    return for_each_in_parallel(names.size(), kParallel,
                                [&](size_t i) { return delete_object({container, names[i]}); });
  }
  // From a fiber that reads to this one, which writes.
  Result<void> copy_object(const ObjectId& from, const ObjectId& to) override {
    WATTLE_TRY(auto source, opened(from.container));
    WATTLE_TRY(auto target, opened(to.container));
    WATTLE_CHECK(source.info(from.object));
    auto pipe = std::make_shared<async::Pipe>(512 * 1024);
    const TimePoint deadline = async::Fiber::current().deadline();
    async::Fiber::current().worker().spawn(
        [self = shared_from_this(), source, name = from.object, pipe, deadline]() mutable {
          async::Fiber::current().set_deadline(deadline);
          (void)source.get(name, *pipe);  // whose end, good or bad, the pipe tells
        });
    auto written = target.put({.name = to.object}, *pipe);
    pipe->stop_reading();
    if (!written) return failure(written.error());
    return {};
  }
  capability::Health health() override { return connection_->health(); }

 private:
  Result<nats::ObjectStore> opened(const std::string& container) {
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    return nats::ObjectStore::open(*js, container);
  }

  // Servers leave out what they do not know.
  void tell_uncompressed(nats::JetStream& js, const std::string& container) const {
    const auto info = js.stream_info("OBJ_" + container);
    if (info && !info->config.compress)
      log_.warn("the setting \"compression\" has no effect: nats-server compresses from 2.10 on",
                {{"container", container}});
  }

  // Stops reading when it has what it wants.
  static Result<void> send(nats::ObjectStore& store, const std::string& name, uint64_t first, uint64_t last,
                           async::Pipe& into) {
    uint64_t position = 0;
    bool complete = false;
    auto read = store.get(name, [&](std::string_view piece) -> Result<void> {
      const uint64_t begin = position;
      position += piece.size();
      if (position <= first) return {};
      if (begin < first) piece.remove_prefix(first - begin);
      const uint64_t at = std::max(begin, first);
      if (last - at < piece.size() - 1) piece = piece.substr(0, last - at + 1);
      WATTLE_CHECK(into.write_all({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()}));
      if (position <= last) return {};
      complete = true;
      return failure(ErrorCode::cancelled, "enough has been read");
    });
    if (!read && !complete) return failure(read.error());
    return {};
  }

  std::shared_ptr<NatsConnection> connection_;
  nats::ObjectStoreConfig config_;
  Duration write_timeout_;
  const telemetry::Log& log_;
};

class NatsBlobProvider final : public BlobstoreProvider {
 public:
  explicit NatsBlobProvider(const capability::ProviderContext& context)
      : BlobstoreProvider(context), connections_(BlobstoreProvider::context()) {}

 private:
  Result<std::shared_ptr<BlobStore>> make_store(const capability::ProviderLink&,
                                                const Settings& settings) override {
    nats::ObjectStoreConfig config;
    WATTLE_TRY(const uint64_t replicas, settings.number("num_replicas", 1, 1, 5));
    config.replicas = static_cast<int>(replicas);
    WATTLE_TRY(const uint64_t age_seconds, settings.number("max_age", 0, 0, 100ull * 366 * 86400));
    config.time_to_live = std::chrono::seconds(age_seconds);
    const std::string storage = lower_case(settings.text("storage_type", "file"));
    if (storage != "file" && storage != "memory")
      return failure(ErrorCode::invalid_argument, "the setting \"storage_type\" is neither file nor memory");
    config.storage = storage == "file" ? nats::Storage::file : nats::Storage::memory;
    WATTLE_TRY(config.compress, settings.flag("compression", false));
    WATTLE_TRY(const uint64_t write_seconds,
               settings.number("max_write_wait", kWriteSecondsMax, 1, kWriteSecondsMax));
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    return std::make_shared<ObjectStoreStore>(std::move(connection), std::move(config),
                                              std::chrono::seconds(write_seconds), context().log);
  }

  NatsConnections connections_;
};

class NatsBlobFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "blobstore-nats"; }
  std::vector<std::string> interfaces() const override { return blobstore_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<NatsBlobProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> blobstore_nats_factory() {
  return std::make_unique<NatsBlobFactory>();
}

}  // namespace wattle::providers
