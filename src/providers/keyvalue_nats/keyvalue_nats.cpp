#include "providers/keyvalue_nats/keyvalue_nats.h"

#include "providers/keyvalue_nats/store.h"
#include "providers/nats_names.h"
#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::ProviderLink;

constexpr Duration kFetchWait = 5s;
constexpr Duration kNextTry = 500ms;
constexpr Duration kDeliverAgainAfter = 1s;
constexpr Duration kConsumerKept = 10min;

// Reads the link's durable consumer and tells the component, on a fiber of its own.
class Watcher final : public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(const capability::ProviderContext& context, std::shared_ptr<NatsConnection> connection,
          std::shared_ptr<NatsStore> store, std::string durable, std::shared_ptr<WatchDelivery> delivery)
      : worker_(context.worker),
        log_(context.log),
        connection_(std::move(connection)),
        store_(std::move(store)),
        durable_(std::move(durable)),
        delivery_(std::move(delivery)) {}

  void start() {
    fiber_ = worker_.spawn([self = shared_from_this()] { self->run(); });
  }
  void stop() {
    stopped_ = true;
    if (fiber_ != nullptr) fiber_->cancel();
  }

 private:
  void run() {
    while (!stopped_) {
      auto watched = watch();
      if (stopped_) break;
      if (!watched)
        log_.debug("watching a NATS bucket was interrupted", {{"reason", watched.error().full_message()}});
      if (!async::sleep_for(kNextTry)) break;
    }
    fiber_ = nullptr;
  }

  Result<void> watch() {
    const std::string bucket = store_->name_of(delivery_->rules().bucket());
    WATTLE_CHECK(store_->opened(delivery_->rules().bucket()));
    WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
    const std::string prefix = fmt::format("$KV.{}.", bucket);
    WATTLE_TRY(auto consumer, nats::PullConsumer::create(*js, "KV_" + bucket,
                                                         {.durable = durable_,
                                                          .filter_subject = prefix + ">",
                                                          .from = nats::DeliverFrom::fresh,
                                                          .deliveries_max = 20,
                                                          .unacknowledged_max = 1,
                                                          .inactive_threshold = kConsumerKept}));
    while (!stopped_) {
      WATTLE_TRY(auto messages, consumer.fetch(1, kFetchWait));
      for (const nats::JetMessage& message : messages) WATTLE_CHECK(tell(message, prefix));
    }
    return {};
  }

  // `message` is acknowledged when the component has taken it, or does not want it.
  Result<void> tell(const nats::JetMessage& message, const std::string& prefix) {
    const std::string_view subject = message.message.subject;
    const auto key = key_of_nats_key(subject.substr(std::min(prefix.size(), subject.size())));
    const auto operation = message.message.headers.find("KV-Operation");
    const bool deleted = operation == "DEL" || operation == "PURGE";
    const bool wanted =
        key && (deleted ? delivery_->rules().wants_delete(*key) : delivery_->rules().wants_set(*key));
    if (!wanted) return message.ack();
    auto told = delivery_->deliver(*key, deleted ? nullptr : &message.message.payload);
    if (stopped_) return message.nak();
    if (told) return message.ack();
    log_.warn("a component did not take the change of a key that it watches",
              {{"component", delivery_->target()}, {"reason", told.error().full_message()}});
    return message.nak(kDeliverAgainAfter);
  }

  async::Worker& worker_;
  const telemetry::Log& log_;
  std::shared_ptr<NatsConnection> connection_;
  std::shared_ptr<NatsStore> store_;
  std::string durable_;
  std::shared_ptr<WatchDelivery> delivery_;
  std::shared_ptr<async::Fiber> fiber_;
  bool stopped_ = false;
};

class NatsWatch final : public KeyWatch {
 public:
  explicit NatsWatch(std::shared_ptr<Watcher> watcher) : watcher_(std::move(watcher)) { watcher_->start(); }
  ~NatsWatch() override { watcher_->stop(); }

 private:
  std::shared_ptr<Watcher> watcher_;
};

class NatsProvider final : public KeyValueProvider {
 public:
  explicit NatsProvider(const capability::ProviderContext& context)
      : KeyValueProvider(context), connections_(KeyValueProvider::context()) {}

 private:
  Result<std::shared_ptr<KeyValueStore>> make_store(const ProviderLink&, const Settings& settings) override {
    WATTLE_TRY(NatsBucketSettings buckets, read_nats_bucket_settings(settings));
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    return std::make_shared<NatsStore>(std::move(connection), std::move(buckets));
  }

  Result<std::unique_ptr<KeyWatch>> make_watch(const ProviderLink& link, const Settings& settings,
                                               std::shared_ptr<WatchDelivery> delivery) override {
    WATTLE_TRY(NatsBucketSettings buckets, read_nats_bucket_settings(settings));
    buckets.default_bucket = "default";  // here `bucket` says what is watched
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    auto store = std::make_shared<NatsStore>(connection, std::move(buckets));
    const std::string durable = fmt::format(
        "wattle_watch_{:016x}", key_position(link.source_id + '\n' + link.target + '\n' + link.name));
    return std::make_unique<NatsWatch>(std::make_shared<Watcher>(
        context(), std::move(connection), std::move(store), durable, std::move(delivery)));
  }

  NatsConnections connections_;
};

class NatsFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "keyvalue-nats"; }
  std::vector<std::string> interfaces() const override { return key_value_interfaces(); }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<NatsProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> keyvalue_nats_factory() {
  return std::make_unique<NatsFactory>();
}

}  // namespace wattle::providers
