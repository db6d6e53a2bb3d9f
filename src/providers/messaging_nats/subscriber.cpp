#include "providers/messaging_nats/subscriber.h"

#include <algorithm>
#include <boost/json.hpp>

#include "capability/messaging.h"
#include "nats/subject.h"
#include "telemetry/log.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

constexpr int kAttemptsMax = 4;
constexpr Duration kFirstPause = 20ms;
constexpr Duration kNextTry = 500ms;
constexpr Duration kFetchWait = 5s;
constexpr Duration kLook = 20ms;
constexpr Duration kDrainTimeout = 10s;
constexpr Duration kAgainAfterMin = 500ms;
constexpr Duration kAgainAfterMax = 60s;

// Doubles with each delivery.
Duration again_after(uint64_t delivered) {
  Duration delay = kAgainAfterMin;
  for (uint64_t i = 1; i < delivered && delay < kAgainAfterMax; ++i) delay *= 2;
  return std::min(delay, kAgainAfterMax);
}

tl::unexpected<Error> bad_consumers(std::string_view why) {
  return failure(Error(ErrorCode::invalid_argument, fmt::format("the setting \"consumers\" {}", why))
                     .with_remedy(R"(write [{"stream": "ORDERS", "consumer": "billing"}])"));
}

Result<std::vector<SubscriberSettings::Consumer>> read_consumers(const std::string& text) {
  std::vector<SubscriberSettings::Consumer> consumers;
  if (text.empty()) return consumers;
  boost::system::error_code problem;
  const auto json = boost::json::parse(text, problem);
  if (problem || !json.is_array()) return bad_consumers("is no JSON list");
  for (const auto& item : json.as_array()) {
    const auto* object = item.if_object();
    const auto* stream = object != nullptr ? object->if_contains("stream") : nullptr;
    const auto* name = object != nullptr ? object->if_contains("consumer") : nullptr;
    if (stream == nullptr || !stream->is_string() || name == nullptr || !name->is_string())
      return bad_consumers("has a part without \"stream\" or \"consumer\"");
    SubscriberSettings::Consumer consumer{.stream = std::string(stream->as_string()),
                                          .name = std::string(name->as_string())};
    WATTLE_CHECK(nats::check_stream_name(consumer.stream));
    WATTLE_CHECK(nats::check_stream_name(consumer.name));
    if (const auto* most = object->if_contains("max_messages")) {
      if (!most->is_int64() || most->as_int64() < 1 || most->as_int64() > 1000)
        return bad_consumers("has a \"max_messages\" that is not between 1 and 1000");
      consumer.messages_max = static_cast<size_t>(most->as_int64());
    }
    consumers.push_back(std::move(consumer));
  }
  return consumers;
}

}  // namespace

Result<SubscriberSettings> read_subscriber_settings(const Settings& settings, const std::string& own_group) {
  SubscriberSettings read;
  for (const std::string& text : settings.list("subscriptions")) {
    const size_t bar = text.find('|');
    SubscriberSettings::Pattern pattern{
        .subject = text.substr(0, bar),
        .queue_group = bar == std::string::npos ? own_group : text.substr(bar + 1)};
    WATTLE_CHECK(nats::check_pattern(pattern.subject));
    WATTLE_CHECK(nats::check_subject(pattern.queue_group));
    read.patterns.push_back(std::move(pattern));
  }
  WATTLE_TRY(read.consumers, read_consumers(settings.text("consumers")));
  WATTLE_TRY(read.concurrency_max, settings.number("max_concurrency", read.concurrency_max, 1, 10'000));
  WATTLE_TRY(read.timeout, settings.milliseconds("timeout_ms", read.timeout));
  return read;
}

Subscriber::Subscriber(const capability::ProviderContext& context, const InFlight& in_flight,
                       std::shared_ptr<NatsConnection> connection, std::string target,
                       SubscriberSettings settings)
    : worker_(context.worker),
      log_(context.log),
      components_(context.components),
      connection_(std::move(connection)),
      target_(std::move(target)),
      settings_(std::move(settings)),
      in_flight_(in_flight) {}

void Subscriber::start() {
  if (!settings_.patterns.empty())
    fibers_.push_back(worker_.spawn([self = shared_from_this()] { self->subscribe(); }));
  for (const auto& consumer : settings_.consumers)
    fibers_.push_back(worker_.spawn([self = shared_from_this(), &consumer] { self->consume(consumer); }));
}

void Subscriber::stop() {
  if (std::exchange(stopped_, true)) return;
  for (const auto& fiber : fibers_) fiber->cancel();
  // What has come already is handled; the handlers hold this object until then.
  worker_.spawn([self = shared_from_this()] {
    async::Fiber::current().set_deadline(Clock::now() + kDrainTimeout);
    for (auto& subscription : self->subscriptions_) (void)subscription.drain();
    self->subscriptions_.clear();
  });
}

void Subscriber::subscribe() {
  for (size_t next = 0; next < settings_.patterns.size() && !stopped_;) {
    auto subscribed = subscribe_to(settings_.patterns[next]);
    if (stopped_) return;
    if (subscribed) {
      ++next;
      continue;
    }
    log_.warn("cannot subscribe yet", {{"subject", settings_.patterns[next].subject},
                                       {"component", target_},
                                       {"reason", subscribed.error().full_message()}});
    if (!async::sleep_for(kNextTry)) return;
  }
}

Result<void> Subscriber::subscribe_to(const SubscriberSettings::Pattern& pattern) {
  WATTLE_TRY(nats::Client * client, connection_->client());
  if (stopped_) return failure(ErrorCode::cancelled, "the link is no more");
  WATTLE_TRY(auto subscription,
             client->subscribe(pattern.subject,
                               {.queue_group = pattern.queue_group, .fibers_max = settings_.concurrency_max},
                               [self = shared_from_this()](const nats::Message& message) {
                                 if (auto delivered = self->deliver(message); !delivered && !self->stopped_)
                                   self->log_.warn("a message was not handled",
                                                   {{"subject", message.subject},
                                                    {"component", self->target_},
                                                    {"reason", delivered.error().full_message()}});
                               }));
  if (stopped_) {
    (void)subscription.drain();
    return failure(ErrorCode::cancelled, "the link is no more");
  }
  subscriptions_.push_back(std::move(subscription));
  return {};
}

// What the component's host cannot take now, it is asked again; anything else may have been done.
Result<void> Subscriber::deliver(const nats::Message& message) {
  const async::DeadlineScope deadline(Clock::now() + settings_.timeout);
  const capability::BrokerMessage broker{
      .subject = message.subject,
      .body = message.payload,
      .reply_to = message.reply.empty() ? std::nullopt : std::optional(message.reply)};
  Duration pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    auto handled = components_.handle_message(target_, broker);
    if (handled && *handled) return {};
    if (handled) return failure(ErrorCode::invalid, "the handler returned an error: {}", handled->error());
    if (handled.error().code() != ErrorCode::overloaded || attempt == kAttemptsMax)
      return failure(handled.error());
    WATTLE_CHECK(async::sleep_for(pause));
    pause *= 2;
  }
}

void Subscriber::consume(const SubscriberSettings::Consumer& consumer) {
  while (!stopped_) {
    auto done = [&]() -> Result<void> {
      WATTLE_TRY(nats::JetStream * js, connection_->jetstream());
      auto from = nats::PullConsumer::open(*js, consumer.stream, consumer.name);
      if (!from && from.error().code() == ErrorCode::not_found)
        from = nats::PullConsumer::create(*js, consumer.stream, {.durable = consumer.name});
      if (!from) return failure(from.error());
      return consume_from(*from, consumer);
    }();
    if (stopped_) return;
    if (!done)
      log_.warn("cannot read a JetStream consumer", {{"stream", consumer.stream},
                                                     {"consumer", consumer.name},
                                                     {"reason", done.error().full_message()}});
    if (!async::sleep_for(kNextTry)) return;
  }
}

Result<void> Subscriber::consume_from(nats::PullConsumer& from,
                                      const SubscriberSettings::Consumer& consumer) {
  size_t running = 0;
  Result<void> outcome;
  while (!stopped_ && outcome) {
    if (running >= consumer.messages_max) {
      outcome = taken_.wait();
      continue;
    }
    // A first one is waited for; what else is there by then comes with the next.
    auto messages =
        running == 0 ? from.fetch(1, kFetchWait) : from.fetch_now(consumer.messages_max - running);
    if (messages && messages->empty() && running > 0) {
      // Nothing more is there: whichever comes first, the end of one that runs or a while.
      async::Signal* signals[] = {&taken_};
      outcome = async::Signal::wait_any(signals, Clock::now() + kLook);
      continue;
    }
    if (!messages) {
      outcome = failure(messages.error());
      break;
    }
    for (nats::JetMessage& message : *messages) {
      ++running;
      worker_.spawn([self = shared_from_this(), &running, message = std::move(message)] {
        self->deliver_and_answer(message);
        --running;
        self->taken_.notify();
      });
    }
  }
  // They count on this stack.
  const async::MaskScope mask;
  while (running > 0) (void)taken_.wait();
  return outcome;
}

void Subscriber::deliver_and_answer(const nats::JetMessage& message) {
  auto delivered = deliver(message.message);
  if (delivered) {
    (void)message.ack();
    return;
  }
  const Duration delay = stopped_ ? Duration::zero() : again_after(message.delivered);
  (void)message.nak(delay);
  if (stopped_) return;
  log_.warn("a message was not handled, and will come again", {{"subject", message.message.subject},
                                                               {"component", target_},
                                                               {"reason", delivered.error().full_message()}});
}

}  // namespace wattle::providers
