// Reading a stream: pull consumers, which share its messages out and want each acknowledged, and ordered
// consumers, which read it from front to back, once, and go on where they were after anything that happens.
//
//   WATTLE_TRY(auto workers, nats::PullConsumer::create(js, "ORDERS", {.durable = "billing"}));
//   WATTLE_TRY(auto orders, workers.fetch(10, 5s));
//   for (auto& order : orders) WATTLE_CHECK(order.ack());
//
//   WATTLE_TRY(auto log, nats::OrderedConsumer::create(js, "ORDERS", {}));
//   while (true) { WATTLE_TRY(auto order, log.next()); ... }
#pragma once

#include "nats/jetstream.h"

namespace wattle::nats {

enum class DeliverFrom : uint8_t { all, last, last_per_subject, fresh, sequence };

struct ConsumerConfig {
  std::string durable{};  // its name; empty: it goes when nobody has used it for inactive_threshold
  std::string filter_subject{};
  DeliverFrom from = DeliverFrom::all;
  uint64_t first_sequence = 0;  // of DeliverFrom::sequence
  bool acknowledge = true;
  Duration ack_wait = std::chrono::seconds(30);  // then a message is delivered again
  int64_t deliveries_max = -1;
  int64_t unacknowledged_max = 1000;
  Duration inactive_threshold = std::chrono::seconds(30);
  bool headers_only = false;
};

// A message of a stream. Acknowledging does not wait, except where it says so.
struct JetMessage {
  Message message{};
  std::string stream{};
  std::string consumer{};
  uint64_t delivered = 0;  // how many times, this one included
  uint64_t stream_sequence = 0;
  uint64_t consumer_sequence = 0;
  uint64_t pending = 0;  // how many are behind it
  int64_t time_ns = 0;   // since 1970
  Client* client = nullptr;

  Result<void> ack() const;
  // Waits until the stream has it.
  Result<void> ack_and_wait() const;
  // To be delivered again, at once or after `delay`.
  Result<void> nak(Duration delay = Duration::zero()) const;
  // Never again.
  Result<void> term() const;
  // Not done yet: ack_wait begins anew.
  Result<void> working() const;
};

// What "$JS.ACK..." says of a message; nothing where `reply` is no such subject.
std::optional<JetMessage> read_jet_message(Message message, Client& client);

class PullConsumer {
 public:
  // Makes a consumer, or opens the durable one of that name with the same configuration.
  static Result<PullConsumer> create(JetStream& js, std::string_view stream, const ConsumerConfig& config);
  // Refused: not_found.
  static Result<PullConsumer> open(JetStream& js, std::string_view stream, std::string_view durable);
  static Result<void> remove(JetStream& js, std::string_view stream, std::string_view name);

  // Up to `count` messages, as soon as there are so many or `wait` is over; none is no failure. Refused:
  // not_found when the consumer has gone, unavailable when it went meanwhile, the fiber's deadline.
  Result<std::vector<JetMessage>> fetch(size_t count, Duration wait = std::chrono::seconds(5));
  // What is there now.
  Result<std::vector<JetMessage>> fetch_now(size_t count);

  const std::string& name() const { return name_; }

 private:
  PullConsumer(JetStream& js, std::string stream, std::string name, std::string inbox, Subscription answers)
      : js_(&js),
        stream_(std::move(stream)),
        name_(std::move(name)),
        inbox_(std::move(inbox)),
        answers_(std::move(answers)) {}
  static Result<PullConsumer> attach(JetStream& js, std::string_view stream, std::string name);
  Result<std::vector<JetMessage>> pull(size_t count, Duration wait, const std::string& body);

  JetStream* js_;
  std::string stream_;
  std::string name_;
  std::string inbox_;
  Subscription answers_;
  uint64_t pulls_ = 0;
};

struct OrderedOptions {
  std::string filter_subject{};
  DeliverFrom from = DeliverFrom::all;
  uint64_t first_sequence = 0;
  bool headers_only = false;
  Duration heartbeat = std::chrono::seconds(2);  // after three without a sign it is made anew
};

// Survives reconnects, restarts of servers and moves of leaders: the consumer is made anew behind the last
// message that was returned. When the stream itself has been made anew meanwhile (its data was gone), it
// reads from the beginning again and says so: restarts() counts.
class OrderedConsumer {
 public:
  // Refused: not_found when there is no such stream.
  static Result<OrderedConsumer> create(JetStream& js, std::string_view stream, OrderedOptions options);

  // Waits over cuts within the fiber's deadline. Refused: not_found while the stream is missing; calling
  // again then looks for it again.
  Result<JetMessage> next();
  // Nothing when `until` is reached, and when the consumer has just been made anew.
  Result<std::optional<JetMessage>> next_until(TimePoint until);

  // How often it was made.
  uint64_t made() const { return made_; }
  // Messages that lay in the stream for this consumer when it was made, or made anew.
  uint64_t pending_at_start() const { return pending_at_start_; }
  uint64_t restarts() const { return restarts_; }

 private:
  OrderedConsumer(JetStream& js, std::string_view stream, OrderedOptions options)
      : js_(&js), stream_(stream), options_(std::move(options)) {}
  Result<void> make_consumer();
  Result<void> make_again(TimePoint until);
  Result<std::string> create_request(const std::string& name) const;
  // The message, if it is the next one of the stream; nothing otherwise.
  std::optional<JetMessage> accept(Message message);
  void on_status(const Message& message);
  bool interrupted() const;

  JetStream* js_;
  std::string stream_;
  OrderedOptions options_;
  std::string inbox_;
  Subscription messages_;
  bool alive_ = false;
  uint64_t connection_ = 0;  // the client's reconnects when the consumer was made
  int64_t created_ns_ = 0;   // of the stream
  uint64_t last_stream_sequence_ = 0;
  uint64_t last_consumer_sequence_ = 0;
  uint64_t pending_at_start_ = 0;
  uint64_t restarts_ = 0;
  uint64_t made_ = 0;
  TimePoint heard_ = kNever;
};

// Hands every message that lies in the stream now, which is all that was acknowledged before, to `take`, in
// order, and returns. With DeliverFrom::last_per_subject a subject that is written meanwhile may come twice.
Result<void> read_stream(JetStream& js, std::string_view stream, OrderedOptions options,
                         const std::function<void(JetMessage)>& take);

}  // namespace wattle::nats
