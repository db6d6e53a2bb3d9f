#include "lattice/nats_bus.h"

#include <algorithm>

namespace wattle::lattice {

struct NatsBus::Connection {
  Connection(std::unique_ptr<nats::Client> connected, std::string prefix)
      : client(std::move(connected)), jetstream(*client, std::move(prefix)) {}

  std::unique_ptr<nats::Client> client;
  nats::JetStream jetstream;
};

namespace {

using ConnectionPointer = std::shared_ptr<NatsBus::Connection>;

class NatsSubscription final : public BusSubscription {
 public:
  explicit NatsSubscription(nats::Subscription subscription) : subscription_(std::move(subscription)) {}
  Result<void> drain() override { return subscription_.drain(); }

 private:
  nats::Subscription subscription_;
};

class NatsWatch final : public BucketWatch {
 public:
  NatsWatch(ConnectionPointer connection, nats::Watch watch)
      : connection_(std::move(connection)), watch_(std::move(watch)) {}
  Result<WatchEvent> next() override { return watch_.next(); }
  Result<std::optional<WatchEvent>> next_until(TimePoint until) override { return watch_.next_until(until); }

 private:
  ConnectionPointer connection_;
  nats::Watch watch_;
};

class NatsBucket final : public Bucket {
 public:
  NatsBucket(ConnectionPointer connection, nats::KeyValue bucket)
      : connection_(std::move(connection)), bucket_(std::move(bucket)) {
    bucket_.read_from_leader(true);
  }
  Result<Entry> get(std::string_view key) override { return bucket_.get(key); }
  Result<uint64_t> put(std::string_view key, std::string_view value) override {
    return bucket_.put(key, value);
  }
  Result<uint64_t> create(std::string_view key, std::string_view value) override {
    return bucket_.create(key, value);
  }
  Result<uint64_t> update(std::string_view key, std::string_view value, uint64_t revision) override {
    return bucket_.update(key, value, revision);
  }
  Result<void> remove(std::string_view key, std::optional<uint64_t> revision) override {
    return bucket_.remove(key, revision);
  }
  Result<std::vector<std::string>> keys(std::string_view pattern) override { return bucket_.keys(pattern); }
  Result<std::unique_ptr<BucketWatch>> watch(WatchOptions options) override {
    WATTLE_TRY(auto watch, bucket_.watch(std::move(options)));
    return std::make_unique<NatsWatch>(connection_, std::move(watch));
  }
  Result<int64_t> created_ns() override {
    WATTLE_TRY(const auto status, bucket_.status());
    return status.created_ns;
  }

 private:
  ConnectionPointer connection_;
  nats::KeyValue bucket_;
};

class NatsObjects final : public Objects {
 public:
  NatsObjects(ConnectionPointer connection, nats::ObjectStore store)
      : connection_(std::move(connection)), store_(std::move(store)) {}
  Result<void> put(const std::string& name, std::string_view bytes) override {
    WATTLE_CHECK(store_.put({.name = name}, bytes));
    return {};
  }
  Result<std::string> get(std::string_view name, size_t bytes_max) override {
    return store_.get_bytes(name, bytes_max);
  }
  Result<void> remove(std::string_view name) override { return store_.remove(name); }

 private:
  ConnectionPointer connection_;
  nats::ObjectStore store_;
};

}  // namespace

Result<std::unique_ptr<NatsBus>> NatsBus::connect(async::Worker& worker, NatsBusOptions options) {
  WATTLE_TRY(auto client, nats::Client::connect(worker, std::move(options.client)));
  auto connection = std::make_shared<Connection>(std::move(client), std::move(options.jetstream_prefix));
  return std::unique_ptr<NatsBus>(new NatsBus(std::move(connection), options.replicas));
}

NatsBus::~NatsBus() {
  connection_->client->close();
}

Result<void> NatsBus::publish(std::string_view subject, std::string_view payload,
                              const PublishOptions& options) {
  return connection_->client->publish(subject, payload, options);
}

Result<Message> NatsBus::request(std::string_view subject, std::string_view payload,
                                 const RequestOptions& options) {
  return connection_->client->request(subject, payload, options);
}

Result<std::vector<Message>> NatsBus::request_many(std::string_view subject, std::string_view payload,
                                                   const GatherOptions& options) {
  return connection_->client->request_many(subject, payload, options);
}

Result<std::unique_ptr<BusSubscription>> NatsBus::subscribe(std::string_view pattern,
                                                            SubscribeOptions options, Handler handler) {
  if (handler == nullptr)
    return failure(ErrorCode::invalid_argument, "the subscription to \"{}\" has no handler", pattern);
  WATTLE_TRY(auto subscription,
             connection_->client->subscribe(pattern, std::move(options), std::move(handler)));
  return std::make_unique<NatsSubscription>(std::move(subscription));
}

Result<void> NatsBus::flush() {
  return connection_->client->flush();
}

Result<void> NatsBus::drain() {
  return connection_->client->drain();
}

Result<std::unique_ptr<Bucket>> NatsBus::bucket(const BucketConfig& config) {
  BucketConfig wanted = config;
  wanted.replicas = std::max(wanted.replicas, replicas_);
  auto made = nats::KeyValue::create(connection_->jetstream, wanted);
  if (!made && made.error().code() == ErrorCode::already_exists)
    made = nats::KeyValue::open(connection_->jetstream, config.bucket);
  if (!made) return failure(made.error());
  return std::make_unique<NatsBucket>(connection_, std::move(*made));
}

Result<void> NatsBus::remove_bucket(std::string_view name) {
  return nats::KeyValue::remove_bucket(connection_->jetstream, name);
}

Result<std::unique_ptr<Objects>> NatsBus::objects(const std::string& store) {
  auto made = nats::ObjectStore::create(connection_->jetstream, {.bucket = store, .replicas = replicas_});
  if (!made && made.error().code() == ErrorCode::already_exists)
    made = nats::ObjectStore::open(connection_->jetstream, store);
  if (!made) return failure(made.error());
  return std::make_unique<NatsObjects>(connection_, std::move(*made));
}

bool NatsBus::connected() const {
  return connection_->client->state() == nats::State::connected;
}

async::Signal& NatsBus::changed() {
  return connection_->client->changed();
}

size_t NatsBus::max_payload_bytes() const {
  return connection_->client->server_info().max_payload_bytes;
}

std::string NatsBus::new_inbox() const {
  return connection_->client->new_inbox();
}

async::Worker& NatsBus::worker() const {
  return connection_->client->worker();
}

nats::Client& NatsBus::client() {
  return *connection_->client;
}

}  // namespace wattle::lattice
