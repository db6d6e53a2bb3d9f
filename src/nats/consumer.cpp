#include "nats/consumer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "nats/jetstream_json.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace {

using json::Object;

constexpr Duration kPullSlack = std::chrono::seconds(1);  // the server's own end of a pull comes first

int64_t nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

std::string_view deliver_policy(DeliverFrom from) {
  switch (from) {
    case DeliverFrom::all:
      return "all";
    case DeliverFrom::last:
      return "last";
    case DeliverFrom::last_per_subject:
      return "last_per_subject";
    case DeliverFrom::fresh:
      return "new";
    case DeliverFrom::sequence:
      return "by_start_sequence";
  }
  return "all";
}

std::string create_body(std::string_view stream, Object config) {
  Object body;
  body["stream_name"] = stream;
  body["config"] = std::move(config);
  return boost::json::serialize(body);
}

Object common_config(const std::string& name, const std::string& filter, DeliverFrom from, uint64_t sequence,
                     bool headers_only) {
  Object config;
  config["name"] = name;
  config["deliver_policy"] = deliver_policy(from);
  if (from == DeliverFrom::sequence) config["opt_start_seq"] = sequence;
  if (!filter.empty()) config["filter_subject"] = filter;
  if (headers_only) config["headers_only"] = true;
  return config;
}

uint64_t read_uint(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Result<void> consumer_info(JetStream& js, std::string_view stream, std::string_view name) {
  WATTLE_TRY(const std::string answer, js.api(fmt::format("CONSUMER.INFO.{}.{}", stream, name), ""));
  WATTLE_CHECK(read_answer(answer));
  return {};
}

}  // namespace

// $JS.ACK.STREAM.CONSUMER.DELIVERED.SSEQ.CSEQ.TIME.PENDING, or with DOMAIN.ACCOUNT behind ACK and a random
// word at the end (ADR-15).
std::optional<JetMessage> read_jet_message(Message message, Client& client) {
  std::array<std::string_view, 12> words;
  size_t count = 0;
  std::string_view rest = message.reply;
  while (count < words.size()) {
    const size_t dot = rest.find('.');
    words[count++] = rest.substr(0, dot);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (count < 9 || words[0] != "$JS" || words[1] != "ACK") return std::nullopt;
  const size_t at = count >= 11 ? 4 : 2;
  JetMessage jet;
  jet.stream = words[at];
  jet.consumer = words[at + 1];
  jet.delivered = read_uint(words[at + 2]);
  jet.stream_sequence = read_uint(words[at + 3]);
  jet.consumer_sequence = read_uint(words[at + 4]);
  jet.time_ns = static_cast<int64_t>(read_uint(words[at + 5]));
  jet.pending = read_uint(words[at + 6]);
  jet.client = &client;
  jet.message = std::move(message);
  return jet;
}

Result<void> JetMessage::ack() const {
  return client->publish(message.reply, "+ACK");
}

Result<void> JetMessage::ack_and_wait() const {
  WATTLE_CHECK(client->request(message.reply, "+ACK"));
  return {};
}

Result<void> JetMessage::nak(Duration delay) const {
  if (delay <= Duration::zero()) return client->publish(message.reply, "-NAK");
  return client->publish(message.reply, fmt::format("-NAK {{\"delay\":{}}}", nanoseconds(delay)));
}

Result<void> JetMessage::term() const {
  return client->publish(message.reply, "+TERM");
}

Result<void> JetMessage::working() const {
  return client->publish(message.reply, "+WPI");
}

Result<PullConsumer> PullConsumer::attach(JetStream& js, std::string_view stream, std::string name) {
  std::string inbox = js.client().new_inbox();
  WATTLE_TRY(Subscription answers, js.client().subscribe(inbox + ".*"));
  return PullConsumer(js, std::string(stream), std::move(name), std::move(inbox), std::move(answers));
}

Result<PullConsumer> PullConsumer::create(JetStream& js, std::string_view stream,
                                          const ConsumerConfig& wanted) {
  WATTLE_CHECK(check_stream_name(stream));
  const std::string name = wanted.durable.empty() ? unique_name() : wanted.durable;
  WATTLE_CHECK(check_stream_name(name));
  Object config =
      common_config(name, wanted.filter_subject, wanted.from, wanted.first_sequence, wanted.headers_only);
  if (wanted.durable.empty()) {
    config["inactive_threshold"] = nanoseconds(wanted.inactive_threshold);
  } else {
    config["durable_name"] = name;
  }
  config["ack_policy"] = wanted.acknowledge ? "explicit" : "none";
  if (wanted.acknowledge) {
    config["ack_wait"] = nanoseconds(wanted.ack_wait);
    config["max_ack_pending"] = wanted.unacknowledged_max;
  }
  config["max_deliver"] = wanted.deliveries_max;
  WATTLE_TRY(const std::string answer, js.api(fmt::format("CONSUMER.CREATE.{}.{}", stream, name),
                                              create_body(stream, std::move(config))));
  WATTLE_CHECK(read_answer(answer));
  return attach(js, stream, name);
}

Result<PullConsumer> PullConsumer::open(JetStream& js, std::string_view stream, std::string_view durable) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_CHECK(check_stream_name(durable));
  WATTLE_CHECK(consumer_info(js, stream, durable));
  return attach(js, stream, std::string(durable));
}

Result<void> PullConsumer::remove(JetStream& js, std::string_view stream, std::string_view name) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_CHECK(check_stream_name(name));
  WATTLE_TRY(const std::string answer, js.api(fmt::format("CONSUMER.DELETE.{}.{}", stream, name), ""));
  WATTLE_CHECK(read_answer(answer));
  return {};
}

Result<std::vector<JetMessage>> PullConsumer::fetch(size_t count, Duration wait) {
  const TimePoint deadline = async::Fiber::current().deadline();
  if (deadline != kNever) wait = std::min(wait, deadline - Clock::now());
  if (wait <= Duration::zero()) return failure(ErrorCode::deadline_exceeded, "the deadline passed");
  return pull(count, wait, fmt::format("{{\"batch\":{},\"expires\":{}}}", count, nanoseconds(wait)));
}

Result<std::vector<JetMessage>> PullConsumer::fetch_now(size_t count) {
  return pull(count, js_->timeout(), fmt::format("{{\"batch\":{},\"no_wait\":true}}", count));
}

Result<std::vector<JetMessage>> PullConsumer::pull(size_t count, Duration wait, const std::string& body) {
  std::vector<JetMessage> messages;
  if (count == 0) return messages;
  Client& client = js_->client();
  const std::string reply = fmt::format("{}.{}", inbox_, ++pulls_);
  WATTLE_CHECK(client.wait_connected());
  WATTLE_CHECK(client.publish(fmt::format("{}.CONSUMER.MSG.NEXT.{}.{}", js_->prefix(), stream_, name_), body,
                              {.reply = reply}));
  const TimePoint until = Clock::now() + wait + kPullSlack;
  while (messages.size() < count) {
    WATTLE_TRY(auto answer, answers_.next_until(until));
    if (!answer) {
      // The server ends a pull itself, unless there is nothing to pull from.
      if (messages.empty()) WATTLE_CHECK(consumer_info(*js_, stream_, name_));
      break;
    }
    const int status = answer->headers.status();
    if (status == 0) {
      if (auto jet = read_jet_message(std::move(*answer), client)) messages.push_back(std::move(*jet));
      continue;
    }
    // The end of an earlier pull, or a sign of life.
    if (answer->subject != reply || status == 100) continue;
    if (status == 404 || status == 408 || !messages.empty()) break;
    return failure(nats_error(ErrorCode::unavailable, Reason::end_of_fetch,
                              fmt::format("the pull from consumer \"{}\" of stream \"{}\" ended: {}", name_,
                                          stream_, answer->headers.description())));
  }
  return messages;
}

}  // namespace wattle::nats
