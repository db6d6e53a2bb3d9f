#include "nats/jetstream.h"

#include <algorithm>
#include <charconv>

#include "nats/jetstream_json.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace {

using json::Object;

constexpr size_t kNamePagesMax = 1000;

uint64_t read_uint(std::optional<std::string_view> text) {
  uint64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// An answer of MSG.GET.
Result<StoredMessage> read_stored(std::string_view answer) {
  WATTLE_TRY(const Object object, read_answer(answer));
  const Object* fields = json::object_at(object, "message");
  if (fields == nullptr) return failure(ErrorCode::malformed, "JetStream's answer holds no message");
  StoredMessage message;
  message.subject = json::string_at(*fields, "subject");
  message.sequence = json::uint_at(*fields, "seq");
  message.time_ns = json::parse_time(json::string_at(*fields, "time"));
  WATTLE_TRY(message.payload, decode_base64(json::string_at(*fields, "data")));
  WATTLE_TRY(const std::string block, decode_base64(json::string_at(*fields, "hdrs")));
  if (!block.empty()) message.headers = Headers::parse(block);
  return message;
}

// An answer of DIRECT.GET: the message itself, and where it lies in headers.
Result<StoredMessage> read_direct(Message answer) {
  const int status = answer.headers.status();
  if (status == 404) return failure(api_failure(404, api_error::kNoMessageFound, "no message found"));
  if (status != 0) return failure(api_failure(status, 0, answer.headers.description()));
  const auto subject = answer.headers.find("Nats-Subject");
  if (!subject) return failure(ErrorCode::malformed, "JetStream's answer does not say which message it is");
  StoredMessage message;
  message.subject = *subject;
  message.sequence = read_uint(answer.headers.find("Nats-Sequence"));
  message.time_ns = json::parse_time(answer.headers.find("Nats-Time-Stamp").value_or(""));
  message.headers = std::move(answer.headers);
  message.payload = std::move(answer.payload);
  return message;
}

Result<PublishAck> read_ack(const Message& answer) {
  WATTLE_TRY(const Object object, read_answer(answer.payload));
  PublishAck ack;
  ack.stream = json::string_at(object, "stream");
  ack.sequence = json::uint_at(object, "seq");
  ack.duplicate = json::bool_at(object, "duplicate");
  if (ack.stream.empty()) return failure(ErrorCode::malformed, "what acknowledged a message is no stream");
  return ack;
}

Error without_stream(const Error& error, std::string_view subject) {
  if (reason_of(error) != Reason::no_responders) return error;
  return error.with_context(fmt::format("no stream keeps messages of \"{}\"", subject));
}

}  // namespace

Result<void> check_stream_name(std::string_view name) {
  const bool fine = !name.empty() && name.size() <= 255 && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c < 0x7f && std::string_view(".*>/\\").find(c) == std::string_view::npos;
  });
  if (fine) return {};
  return failure(ErrorCode::invalid_argument, "\"{}\" cannot name a stream or consumer", name);
}

Result<std::string> JetStream::api(std::string_view subject, std::string_view body) {
  auto answer = client_.request(fmt::format("{}.{}", prefix_, subject), body, {.timeout = timeout_});
  if (answer) return std::move(answer->payload);
  if (reason_of(answer.error()) == Reason::no_responders)
    return failure(
        Error(answer.error().with_context("JetStream does not answer"))
            .with_remedy("start nats-server with JetStream (-js), and enable it for this account"));
  return failure(answer.error());
}

Result<StreamInfo> JetStream::create_stream(const StreamConfig& config) {
  WATTLE_CHECK(check_stream_name(config.name));
  WATTLE_TRY(const std::string answer, api("STREAM.CREATE." + config.name, to_json(config)));
  WATTLE_TRY(const Object object, read_answer(answer));
  return read_stream_info(object);
}

Result<StreamInfo> JetStream::update_stream(const StreamConfig& config) {
  WATTLE_CHECK(check_stream_name(config.name));
  WATTLE_TRY(const std::string answer, api("STREAM.UPDATE." + config.name, to_json(config)));
  WATTLE_TRY(const Object object, read_answer(answer));
  return read_stream_info(object);
}

Result<StreamInfo> JetStream::stream_info(std::string_view name) {
  WATTLE_CHECK(check_stream_name(name));
  WATTLE_TRY(const std::string answer, api(fmt::format("STREAM.INFO.{}", name), ""));
  WATTLE_TRY(const Object object, read_answer(answer));
  return read_stream_info(object);
}

Result<void> JetStream::delete_stream(std::string_view name) {
  WATTLE_CHECK(check_stream_name(name));
  WATTLE_TRY(const std::string answer, api(fmt::format("STREAM.DELETE.{}", name), ""));
  WATTLE_CHECK(read_answer(answer));
  return {};
}

Result<uint64_t> JetStream::purge_stream(std::string_view name, const PurgeOptions& options) {
  WATTLE_CHECK(check_stream_name(name));
  Object body;
  if (!options.subject.empty()) body["filter"] = options.subject;
  if (options.below_sequence > 0) body["seq"] = options.below_sequence;
  if (options.keep > 0) body["keep"] = options.keep;
  WATTLE_TRY(const std::string answer,
             api(fmt::format("STREAM.PURGE.{}", name), boost::json::serialize(body)));
  WATTLE_TRY(const Object object, read_answer(answer));
  return json::uint_at(object, "purged");
}

Result<std::vector<std::string>> JetStream::stream_names(std::string_view subject) {
  std::vector<std::string> names;
  for (size_t page = 0; page < kNamePagesMax; ++page) {
    Object body;
    body["offset"] = names.size();
    if (!subject.empty()) body["subject"] = subject;
    WATTLE_TRY(const std::string answer, api("STREAM.NAMES", boost::json::serialize(body)));
    WATTLE_TRY(const Object object, read_answer(answer));
    auto more = json::strings_at(object, "streams");
    names.insert(names.end(), more.begin(), more.end());
    if (more.empty() || names.size() >= json::uint_at(object, "total")) break;
  }
  return names;
}

Result<PublishAck> JetStream::publish(std::string_view subject, std::string_view payload,
                                      const JetPublishOptions& options) {
  Headers headers;
  if (options.headers != nullptr) headers = *options.headers;
  if (!options.message_id.empty()) headers.set("Nats-Msg-Id", options.message_id);
  if (!options.expected_stream.empty()) headers.set("Nats-Expected-Stream", options.expected_stream);
  if (options.expected_last_sequence)
    headers.set("Nats-Expected-Last-Sequence", std::to_string(*options.expected_last_sequence));
  if (options.expected_last_subject_sequence)
    headers.set("Nats-Expected-Last-Subject-Sequence",
                std::to_string(*options.expected_last_subject_sequence));
  auto answer = client_.request(subject, payload, {.headers = &headers, .timeout = timeout_});
  if (!answer) return failure(without_stream(answer.error(), subject));
  return read_ack(*answer);
}

Result<StoredMessage> JetStream::message(std::string_view stream, uint64_t sequence) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_TRY(const std::string answer,
             api(fmt::format("STREAM.MSG.GET.{}", stream), fmt::format("{{\"seq\":{}}}", sequence)));
  return read_stored(answer);
}

Result<StoredMessage> JetStream::last_message(std::string_view stream, std::string_view subject) {
  WATTLE_CHECK(check_stream_name(stream));
  Object body;
  body["last_by_subj"] = subject;
  WATTLE_TRY(const std::string answer,
             api(fmt::format("STREAM.MSG.GET.{}", stream), boost::json::serialize(body)));
  return read_stored(answer);
}

Result<StoredMessage> JetStream::message_direct(std::string_view stream, uint64_t sequence) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_TRY(Message answer, client_.request(fmt::format("{}.DIRECT.GET.{}", prefix_, stream),
                                             fmt::format("{{\"seq\":{}}}", sequence), {.timeout = timeout_}));
  return read_direct(std::move(answer));
}

Result<StoredMessage> JetStream::last_message_direct(std::string_view stream, std::string_view subject) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_TRY(Message answer, client_.request(fmt::format("{}.DIRECT.GET.{}.{}", prefix_, stream, subject), "",
                                             {.timeout = timeout_}));
  return read_direct(std::move(answer));
}

Result<void> JetStream::delete_message(std::string_view stream, uint64_t sequence) {
  WATTLE_CHECK(check_stream_name(stream));
  WATTLE_TRY(const std::string answer,
             api(fmt::format("STREAM.MSG.DELETE.{}", stream), fmt::format("{{\"seq\":{}}}", sequence)));
  WATTLE_CHECK(read_answer(answer));
  return {};
}

Result<PublishBatch> PublishBatch::begin(JetStream& js, size_t window) {
  std::string inbox = js.client().new_inbox();
  WATTLE_TRY(Subscription acks, js.client().subscribe(inbox));
  return PublishBatch(js, std::max<size_t>(window, 1), std::move(inbox), std::move(acks));
}

Result<void> PublishBatch::publish(std::string_view subject, std::string_view payload) {
  while (waiting_ >= window_) WATTLE_CHECK(wait_for_ack());
  // What is published while cut off would be acknowledged to nobody, or late.
  WATTLE_CHECK(js_->client().wait_connected());
  WATTLE_CHECK(js_->client().publish(subject, payload, {.reply = inbox_}));
  ++waiting_;
  return {};
}

Result<void> PublishBatch::finish() {
  while (waiting_ > 0) WATTLE_CHECK(wait_for_ack());
  return {};
}

Result<void> PublishBatch::wait_for_ack() {
  WATTLE_TRY(auto answer, acks_.next_until(Clock::now() + js_->timeout()));
  if (!answer)
    return failure(ErrorCode::deadline_exceeded, "a message was not acknowledged by its stream in time");
  if (answer->headers.status() == 503)
    return failure(nats_error(ErrorCode::unavailable, Reason::no_responders,
                              "no stream keeps messages of the subject published to"));
  WATTLE_CHECK(read_ack(*answer));
  --waiting_;
  return {};
}

}  // namespace wattle::nats
