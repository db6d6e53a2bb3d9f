// What one link from the provider to a component subscribes to, and the delivery of what comes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nats/consumer.h"
#include "providers/in_flight.h"
#include "providers/nats_connection.h"

namespace wattle::providers {

struct SubscriberSettings {
  struct Pattern {
    std::string subject;
    std::string queue_group;
    bool operator==(const Pattern&) const = default;
  };
  struct Consumer {
    std::string stream;
    std::string name;
    size_t messages_max = 16;  // at the same time
    bool operator==(const Consumer&) const = default;
  };
  std::vector<Pattern> patterns;
  std::vector<Consumer> consumers;
  size_t concurrency_max = 32;
  Duration timeout = std::chrono::seconds(10);  // of one call
};

// `own_group`: the queue group of patterns that name none. Refused: invalid_argument.
Result<SubscriberSettings> read_subscriber_settings(const Settings& settings, const std::string& own_group);

// Held by shared_ptr, by its fibers and handlers too: it is gone when the last of them has ended, and counts
// in `in_flight` until then.
class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  Subscriber(const capability::ProviderContext& context, const InFlight& in_flight,
             std::shared_ptr<NatsConnection> connection, std::string target, SubscriberSettings settings);

  // Subscribes as soon as there is a connection.
  void start();
  // Takes nothing new; what has come is still handled.
  void stop();

 private:
  void subscribe();
  Result<void> subscribe_to(const SubscriberSettings::Pattern& pattern);
  void consume(const SubscriberSettings::Consumer& consumer);
  Result<void> consume_from(nats::PullConsumer& from, const SubscriberSettings::Consumer& consumer);
  // Calls the component; an error is the transport's or its own.
  Result<void> deliver(const nats::Message& message);
  void deliver_and_answer(const nats::JetMessage& message);

  async::Worker& worker_;
  const telemetry::Log& log_;
  capability::ComponentCalls& components_;
  std::shared_ptr<NatsConnection> connection_;
  std::string target_;
  SubscriberSettings settings_;
  std::vector<nats::Subscription> subscriptions_;
  std::vector<std::shared_ptr<async::Fiber>> fibers_;
  InFlight::Call in_flight_;
  async::Signal taken_;  // notified when a message of a consumer has been handled
  bool stopped_ = false;
};

}  // namespace wattle::providers
