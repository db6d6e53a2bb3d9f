#include "providers/messaging_nats/messaging_nats.h"

#include <map>

#include "capability/messaging.h"
#include "providers/link_table.h"
#include "providers/messaging_nats/subscriber.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::BrokerMessage;
using capability::Caller;
using capability::MessagingResult;
using capability::ProviderLink;

constexpr Duration kTimeout = 10s;

class MessagingProvider final : public capability::Provider, private capability::Messaging {
 public:
  explicit MessagingProvider(const capability::ProviderContext& context)
      : context_(context), connections_(context_) {}
  // Waits for what could not be drained in time: handlers call what the context names.
  ~MessagingProvider() override {
    const async::MaskScope mask;
    drain();
  }

  Result<void> put_link(const ProviderLink& link) override {
    const Settings settings({&context_.config, &context_.secrets, &link.config, &link.secrets});
    WATTLE_TRY(auto connection, connections_.find_or_make(settings));
    if (link.source_id == context_.provider_id) return put_handler(link, settings, std::move(connection));
    auto made = std::make_shared<Link>();
    WATTLE_TRY(made->timeout, settings.milliseconds("timeout_ms", kTimeout));
    made->connection = std::move(connection);
    made->put = link;
    links_.put(link, std::move(made));
    return {};
  }

  void delete_link(const ProviderLink& link) override {
    if (link.source_id != context_.provider_id) return links_.erase(link);
    const auto found = handlers_.find({link.target, link.name});
    if (found == handlers_.end()) return;
    found->second.subscriber->stop();
    handlers_.erase(found);
  }

  // Links are made anew with it; those that it does not fit stay as they were.
  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    context_.config = config;
    std::vector<ProviderLink> all;
    for (const auto& [key, link] : links_) all.push_back(link->put);
    for (const auto& [key, handled] : handlers_) all.push_back(handled.put);
    Result<void> outcome;
    for (const ProviderLink& link : all)
      if (auto put = put_link(link); !put) outcome = failure(put.error());
    return outcome;
  }

  capability::Health health() override {
    for (const auto& [key, link] : links_)
      if (auto health = link->connection->health(); !health.healthy) return health;
    for (const auto& [key, handled] : handlers_)
      if (auto health = handled.connection->health(); !health.healthy) return health;
    return {};
  }

  void drain() override {
    for (auto& [key, handled] : handlers_) handled.subscriber->stop();
    handlers_.clear();
    in_flight_.wait();
  }

  capability::Messaging* messaging() override { return this; }

 private:
  struct Link {
    std::shared_ptr<NatsConnection> connection;
    Duration timeout{};
    ProviderLink put;
  };
  struct Handled {
    std::shared_ptr<NatsConnection> connection;
    std::shared_ptr<Subscriber> subscriber;
    ProviderLink put;
  };

  Result<void> put_handler(const ProviderLink& link, const Settings& settings,
                           std::shared_ptr<NatsConnection> connection) {
    const std::string own_group = fmt::format("wattle-{}-{}-{}", link.source_id, link.target, link.name);
    WATTLE_TRY(SubscriberSettings read, read_subscriber_settings(settings, own_group));
    auto subscriber =
        std::make_shared<Subscriber>(context_, in_flight_, connection, link.target, std::move(read));
    subscriber->start();
    delete_link(link);
    handlers_.insert_or_assign({link.target, link.name},
                               Handled{std::move(connection), std::move(subscriber), link});
    return {};
  }

  // Runs `operation(client)` of the caller's link; without `timeout`, the link's holds.
  template <class T, class Operation>
  MessagingResult<T> run(const Caller& caller, std::string_view what, std::optional<Duration> timeout,
                         Operation operation) {
    const auto link = links_.find(caller);
    if (link == nullptr)
      return tl::unexpected<std::string>(fmt::format("{} does not reach \"{}\": it has no such link",
                                                     link_text(caller.link_name, caller.source_id),
                                                     context_.provider_id));
    const InFlight::Call call(in_flight_);
    const async::DeadlineScope deadline(Clock::now() + timeout.value_or(link->timeout));
    auto done = [&]() -> Result<T> {
      WATTLE_TRY(nats::Client * client, link->connection->client());
      return operation(*client);
    }();
    if (!done)
      return tl::unexpected<std::string>(
          fmt::format("{} in \"{}\" through {} failed: {}", what, context_.provider_id,
                      link_text(caller.link_name, caller.source_id), done.error().full_message()));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return std::move(*done);
    }
  }

  MessagingResult<BrokerMessage> request(const Caller& caller, std::string_view subject,
                                         std::string_view body, uint32_t timeout_ms) override {
    return run<BrokerMessage>(
        caller, "request", std::chrono::milliseconds(timeout_ms),
        [&](nats::Client& client) -> Result<BrokerMessage> {
          WATTLE_TRY(nats::Message answer, client.request(subject, body));
          return BrokerMessage{
              .subject = std::move(answer.subject),
              .body = std::move(answer.payload),
              .reply_to = answer.reply.empty() ? std::nullopt : std::optional(std::move(answer.reply))};
        });
  }

  MessagingResult<void> publish(const Caller& caller, const BrokerMessage& message) override {
    return run<void>(caller, "publish", std::nullopt, [&](nats::Client& client) {
      const std::string_view reply =
          message.reply_to ? std::string_view(*message.reply_to) : std::string_view();
      return client.publish(message.subject, message.body, {.reply = reply});
    });
  }

  capability::ProviderContext context_;
  NatsConnections connections_;
  LinkTable<Link> links_;
  std::map<std::pair<std::string, std::string>, Handled> handlers_;  // by target and link name
  InFlight in_flight_;  // calls, and the subscribers that have not ended
};

class MessagingFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "messaging-nats"; }
  std::vector<std::string> interfaces() const override {
    return {"wasmcloud:messaging/consumer", "wasmcloud:messaging/types"};
  }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    return std::make_unique<MessagingProvider>(context);
  }
};

}  // namespace

std::unique_ptr<capability::ProviderFactory> messaging_nats_factory() {
  return std::make_unique<MessagingFactory>();
}

}  // namespace wattle::providers
