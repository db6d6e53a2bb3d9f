#include <algorithm>
#include <charconv>

#include "nats/consumer.h"
#include "nats/jetstream_json.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace {

using json::Object;

constexpr Duration kRetryWait = std::chrono::milliseconds(50);
constexpr Duration kLookAgain = std::chrono::milliseconds(250);
constexpr int kSilentHeartbeatsMax = 3;

int64_t nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

// What waiting may mend: the server, the connection, the cluster's leader.
bool passes(const Error& error) {
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::deadline_exceeded;
}

}  // namespace

Result<OrderedConsumer> OrderedConsumer::create(JetStream& js, std::string_view stream,
                                                OrderedOptions options) {
  WATTLE_CHECK(check_stream_name(stream));
  OrderedConsumer consumer(js, stream, std::move(options));
  WATTLE_CHECK(consumer.make_consumer());
  return consumer;
}

bool OrderedConsumer::interrupted() const {
  return connection_ != js_->client().statistics().reconnects;
}

Result<std::string> OrderedConsumer::create_request(const std::string& name) const {
  Object config;
  config["name"] = name;
  config["deliver_subject"] = inbox_;
  if (!options_.filter_subject.empty()) config["filter_subject"] = options_.filter_subject;
  if (options_.headers_only) config["headers_only"] = true;
  config["ack_policy"] = "none";
  config["max_deliver"] = 1;
  config["flow_control"] = true;
  config["idle_heartbeat"] = nanoseconds(options_.heartbeat);
  config["mem_storage"] = true;
  config["num_replicas"] = 1;
  if (last_stream_sequence_ > 0 || options_.from == DeliverFrom::sequence) {
    config["deliver_policy"] = "by_start_sequence";
    config["opt_start_seq"] = std::max<uint64_t>(
        last_stream_sequence_ > 0 ? last_stream_sequence_ + 1 : options_.first_sequence, 1);
  } else {
    config["deliver_policy"] = options_.from == DeliverFrom::last               ? "last"
                               : options_.from == DeliverFrom::last_per_subject ? "last_per_subject"
                               : options_.from == DeliverFrom::fresh            ? "new"
                                                                                : "all";
  }
  Object body;
  body["stream_name"] = stream_;
  body["config"] = std::move(config);
  return boost::json::serialize(body);
}

Result<void> OrderedConsumer::make_consumer() {
  alive_ = false;
  Client& client = js_->client();
  WATTLE_CHECK(client.wait_connected());
  connection_ = client.statistics().reconnects;
  WATTLE_TRY(const StreamInfo stream, js_->stream_info(stream_));
  const bool other = created_ns_ != 0 && created_ns_ != stream.created_ns;
  if (other || stream.last_sequence < last_stream_sequence_) {
    // What was read is no part of this stream any more.
    last_stream_sequence_ = 0;
    if (options_.from == DeliverFrom::fresh || options_.from == DeliverFrom::sequence)
      options_.from = DeliverFrom::all;
    ++restarts_;
  }
  created_ns_ = stream.created_ns;
  // "New" means: from when it was first made, not from when it is made anew.
  if (options_.from == DeliverFrom::fresh && last_stream_sequence_ == 0) {
    options_.from = DeliverFrom::sequence;
    options_.first_sequence = stream.last_sequence + 1;
  }
  inbox_ = client.new_inbox();
  WATTLE_TRY(messages_, client.subscribe(inbox_));
  const std::string name = unique_name();
  WATTLE_TRY(const std::string request, create_request(name));
  WATTLE_TRY(const std::string answer,
             js_->api(fmt::format("CONSUMER.CREATE.{}.{}", stream_, name), request));
  WATTLE_TRY(const Object object, read_answer(answer));
  pending_at_start_ = json::uint_at(object, "num_pending");
  last_consumer_sequence_ = 0;
  heard_ = Clock::now();
  alive_ = true;
  ++made_;
  return {};
}

Result<JetMessage> OrderedConsumer::next() {
  for (;;) {
    WATTLE_TRY(auto message, next_until(Clock::now() + std::chrono::hours(1)));
    if (message) return std::move(*message);
  }
}

// Until it is made, `until` is reached (no failure), or it cannot be made.
Result<void> OrderedConsumer::make_again(TimePoint until) {
  async::Fiber& fiber = async::Fiber::current();
  const TimePoint deadline = fiber.deadline();
  async::DeadlineScope scope(until);
  for (;;) {
    auto made = make_consumer();
    if (made) return {};
    const TimePoint now = Clock::now();
    if (now >= until && until < deadline && !fiber.cancellation()) return {};
    if (!passes(made.error()) || reason_of(made.error()) == Reason::closed || now >= deadline ||
        fiber.cancellation())
      return made;
    (void)async::sleep_for(kRetryWait);
  }
}

Result<std::optional<JetMessage>> OrderedConsumer::next_until(TimePoint until) {
  for (;;) {
    if (!alive_ || interrupted()) {
      WATTLE_CHECK(make_again(until));
      return std::optional<JetMessage>();
    }
    if (auto message = messages_.try_next()) {
      heard_ = Clock::now();
      if (auto jet = accept(std::move(*message))) return jet;
      continue;
    }
    if (!messages_.active())
      return failure(nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client is closed"));
    if (Clock::now() >= until) return std::optional<JetMessage>();
    const TimePoint silent = heard_ + kSilentHeartbeatsMax * options_.heartbeat;
    if (Clock::now() >= silent) {
      alive_ = false;
      continue;
    }
    async::Signal* signals[] = {&messages_.changed(), &js_->client().changed()};
    WATTLE_CHECK(async::Signal::wait_any(signals, std::min(until, silent)));
  }
}

std::optional<JetMessage> OrderedConsumer::accept(Message message) {
  if (message.headers.status() != 0) {
    on_status(message);
    return std::nullopt;
  }
  auto jet = read_jet_message(std::move(message), js_->client());
  if (!jet) return std::nullopt;
  if (jet->consumer_sequence != last_consumer_sequence_ + 1) {
    alive_ = false;  // one was lost on the way
    return std::nullopt;
  }
  last_consumer_sequence_ = jet->consumer_sequence;
  last_stream_sequence_ = jet->stream_sequence;
  return jet;
}

void OrderedConsumer::on_status(const Message& message) {
  if (message.headers.status() != 100) {
    alive_ = false;  // the consumer was deleted, or its leader moved
    return;
  }
  Client& client = js_->client();
  if (!message.reply.empty()) {
    (void)client.publish(message.reply, "");  // flow control: we have come this far
    return;
  }
  if (const auto stalled = message.headers.find("Nats-Consumer-Stalled")) (void)client.publish(*stalled, "");
  if (const auto last = message.headers.find("Nats-Last-Consumer")) {
    uint64_t sequence = 0;
    std::from_chars(last->data(), last->data() + last->size(), sequence);
    if (sequence > last_consumer_sequence_) alive_ = false;  // something before this heartbeat was lost
  }
}

// The sequence of the last message that matches, from the stream's leader; 0 when there is none.
static Result<uint64_t> last_at_leader(JetStream& js, std::string_view stream, std::string_view filter) {
  auto last = js.last_message(stream, filter.empty() ? ">" : filter);
  if (last) return last->sequence;
  if (api_error_of(last.error()) == api_error::kNoMessageFound) return 0;
  return failure(last.error());
}

Result<void> read_stream(JetStream& js, std::string_view stream, OrderedOptions options,
                         const std::function<void(JetMessage)>& take) {
  const std::string filter = options.filter_subject;
  WATTLE_TRY(uint64_t last, last_at_leader(js, stream, filter));
  if (last == 0) return {};
  WATTLE_TRY(auto messages, OrderedConsumer::create(js, stream, std::move(options)));
  bool more = true;
  uint64_t taken = 0;
  TimePoint heard = Clock::now();
  while (more) {
    const uint64_t made = messages.made();
    WATTLE_TRY(auto message, messages.next_until(Clock::now() + std::min(js.timeout(), kLookAgain)));
    if (message) {
      taken = message->stream_sequence;
      // The consumer may lie on a replica that has not got all of it yet; it delivers the rest when it has.
      more = message->pending > 0 || taken < last;
      take(std::move(*message));
    } else if (messages.made() == made) {
      if (Clock::now() - heard >= js.timeout())
        return failure(ErrorCode::deadline_exceeded, "the stream \"{}\" does not deliver what it holds",
                       stream);
      // What was awaited may have been deleted meanwhile.
      WATTLE_TRY(last, last_at_leader(js, stream, filter));
      more = taken < last;
      continue;
    }
    heard = Clock::now();
  }
  return {};
}

}  // namespace wattle::nats
