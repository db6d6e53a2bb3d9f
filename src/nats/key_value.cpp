#include "nats/key_value.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "nats/subject.h"

namespace wattle::nats {
namespace {

constexpr std::string_view kStreamPrefix = "KV_";
constexpr std::string_view kOperation = "KV-Operation";
constexpr int kHistoryMax = 64;
constexpr int kRoundsMax = 100;
constexpr Duration kDuplicateWindow = std::chrono::minutes(2);

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string stream_of(std::string_view bucket) {
  return std::string(kStreamPrefix).append(bucket);
}

Error missing_bucket(const Error& error, std::string_view bucket) {
  if (error.code() != ErrorCode::not_found) return error;
  return error.with_context(fmt::format("there is no bucket \"{}\"", bucket));
}

Entry::Operation operation_of(const Headers& headers) {
  const auto operation = headers.find(kOperation);
  if (operation == "DEL") return Entry::Operation::remove;
  if (operation == "PURGE") return Entry::Operation::purge;
  return Entry::Operation::put;
}

Entry entry_of(JetMessage message, std::string_view prefix) {
  Entry entry;
  const std::string& subject = message.message.subject;
  entry.key = subject.substr(std::min(prefix.size(), subject.size()));
  entry.value = std::move(message.message.payload);
  entry.revision = message.stream_sequence;
  entry.time_ns = message.time_ns;
  entry.pending = message.pending;
  entry.operation = operation_of(message.message.headers);
  return entry;
}

}  // namespace

Result<void> check_bucket_name(std::string_view bucket) {
  if (!bucket.empty() && std::ranges::all_of(bucket, is_word)) return {};
  return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" cannot name a bucket", bucket))
                     .with_remedy("use letters, digits, \"-\" and \"_\""));
}

Result<void> check_key(std::string_view key) {
  const bool fine = check_subject(key) && std::ranges::all_of(key, [](char c) {
                      return is_word(c) || c == '.' || c == '/' || c == '=';
                    });
  if (fine) return {};
  return failure(
      Error(ErrorCode::invalid_argument, fmt::format("\"{}\" cannot be a key", key))
          .with_remedy("use letters, digits, \"-\", \"_\", \"/\", \"=\", and \".\" between words"));
}

Result<KeyValue> KeyValue::create(JetStream& js, const BucketConfig& config) {
  WATTLE_CHECK(check_bucket_name(config.bucket));
  if (config.history < 1 || config.history > kHistoryMax)
    return failure(ErrorCode::invalid_argument, "a bucket keeps 1 to {} revisions of a key, not {}",
                   kHistoryMax, config.history);
  StreamConfig stream;
  stream.name = stream_of(config.bucket);
  stream.description = config.description;
  stream.subjects = {fmt::format("$KV.{}.>", config.bucket)};
  stream.messages_per_subject_max = config.history;
  stream.message_bytes_max = config.value_bytes_max;
  stream.bytes_max = config.bytes_max;
  stream.age_max = config.time_to_live;
  stream.duplicate_window = config.time_to_live > Duration::zero()
                                ? std::min(config.time_to_live, kDuplicateWindow)
                                : kDuplicateWindow;
  stream.storage = config.storage;
  stream.replicas = config.replicas;
  stream.discard_new = true;
  stream.deny_delete = true;
  stream.allow_rollup = true;
  stream.allow_direct = true;
  WATTLE_TRY(const StreamInfo info, js.create_stream(stream));
  return KeyValue(js, config.bucket, info.config);
}

Result<KeyValue> KeyValue::open(JetStream& js, std::string_view bucket) {
  WATTLE_CHECK(check_bucket_name(bucket));
  auto info = js.stream_info(stream_of(bucket));
  if (!info) return failure(missing_bucket(info.error(), bucket));
  return KeyValue(js, std::string(bucket), info->config);
}

Result<void> KeyValue::remove_bucket(JetStream& js, std::string_view bucket) {
  WATTLE_CHECK(check_bucket_name(bucket));
  auto removed = js.delete_stream(stream_of(bucket));
  if (!removed) return failure(missing_bucket(removed.error(), bucket));
  return {};
}

Result<std::vector<std::string>> KeyValue::bucket_names(JetStream& js) {
  WATTLE_TRY(auto streams, js.stream_names("$KV.*.>"));
  std::vector<std::string> names;
  for (const std::string& stream : streams)
    if (stream.starts_with(kStreamPrefix)) names.push_back(stream.substr(kStreamPrefix.size()));
  return names;
}

Result<BucketStatus> KeyValue::status() {
  auto info = js_->stream_info(stream_of(bucket_));
  if (!info) return failure(missing_bucket(info.error(), bucket_));
  BucketStatus status;
  status.config.bucket = bucket_;
  status.config.description = info->config.description;
  status.config.history = static_cast<int>(info->config.messages_per_subject_max);
  status.config.time_to_live = info->config.age_max;
  status.config.value_bytes_max = info->config.message_bytes_max;
  status.config.bytes_max = info->config.bytes_max;
  status.config.storage = info->config.storage;
  status.config.replicas = info->config.replicas;
  status.values = info->messages;
  status.bytes = info->bytes;
  status.last_revision = info->last_sequence;
  status.created_ns = info->created_ns;
  return status;
}

Result<Entry> KeyValue::read(Result<StoredMessage> stored, std::string_view key) const {
  const bool missing = !stored && (api_error_of(stored.error()) == api_error::kNoMessageFound ||
                                   (stored.error().code() == ErrorCode::not_found &&
                                    api_error_of(stored.error()) != api_error::kStreamNotFound));
  if (missing)
    return failure(Error(ErrorCode::not_found,
                         fmt::format("the bucket \"{}\" has no key \"{}\"", bucket_, key), stored.error()));
  if (!stored) return failure(missing_bucket(stored.error(), bucket_));
  Entry entry;
  entry.key = key;
  entry.value = std::move(stored->payload);
  entry.revision = stored->sequence;
  entry.time_ns = stored->time_ns;
  entry.operation = operation_of(stored->headers);
  if (stored->subject != prefix_ + entry.key)
    return failure(ErrorCode::not_found, "revision {} of the bucket \"{}\" is another key's than \"{}\"",
                   stored->sequence, bucket_, key);
  return entry;
}

Result<Entry> KeyValue::last(std::string_view key, bool from_leader) {
  WATTLE_CHECK(check_key(key));
  const std::string subject = prefix_ + std::string(key);
  const std::string stream = stream_of(bucket_);
  if (direct_ && !from_leader) {
    auto stored = js_->last_message_direct(stream, subject);
    // Nobody answers when the bucket has gone, which its leader knows better.
    if (stored || reason_of(stored.error()) != Reason::no_responders) return read(std::move(stored), key);
  }
  return read(js_->last_message(stream, subject), key);
}

Result<Entry> KeyValue::get(std::string_view key) {
  WATTLE_TRY(Entry entry, last(key, from_leader_));
  if (entry.operation != Entry::Operation::put)
    return failure(ErrorCode::not_found, "the key \"{}\" of the bucket \"{}\" was deleted", key, bucket_);
  return entry;
}

Result<Entry> KeyValue::get(std::string_view key, uint64_t revision) {
  WATTLE_CHECK(check_key(key));
  const std::string stream = stream_of(bucket_);
  WATTLE_TRY(Entry entry, read(direct_ && !from_leader_ ? js_->message_direct(stream, revision)
                                                        : js_->message(stream, revision),
                               key));
  if (entry.operation != Entry::Operation::put)
    return failure(ErrorCode::not_found, "revision {} of the key \"{}\" is its deletion", revision, key);
  return entry;
}

Result<uint64_t> KeyValue::publish(std::string_view key, std::string_view value,
                                   const JetPublishOptions& options) {
  auto ack = js_->publish(prefix_ + std::string(key), value, options);
  if (ack) return ack->sequence;
  if (reason_of(ack.error()) == Reason::no_responders)
    return failure(
        Error(ErrorCode::not_found, fmt::format("there is no bucket \"{}\"", bucket_), ack.error()));
  if (ack.error().code() == ErrorCode::already_exists)
    return failure(ack.error().with_context(
        fmt::format("the key \"{}\" of the bucket \"{}\" has another revision", key, bucket_)));
  return failure(ack.error());
}

Result<uint64_t> KeyValue::write(std::string_view key, std::string_view value,
                                 std::optional<uint64_t> revision, const Headers* headers) {
  WATTLE_CHECK(check_key(key));
  if (replicated_ && revision.value_or(0) > 0) return write_replicated(key, value, *revision, headers);
  return publish(key, value, {.headers = headers, .expected_last_subject_sequence = revision});
}

// nats-server 2.9 compares a subject's last sequence, unless it is 0, only where a message enters a
// replicated stream: of several that enter at once all are taken. The stream's own last sequence is compared
// where they are stored, so both are asked for; a write to another key in between costs another round.
Result<uint64_t> KeyValue::write_replicated(std::string_view key, std::string_view value, uint64_t revision,
                                            const Headers* headers) {
  Result<uint64_t> written = revision;
  for (int round = 0; round < kRoundsMax; ++round) {
    auto stream = js_->stream_info(stream_of(bucket_));
    if (!stream) return failure(missing_bucket(stream.error(), bucket_));
    written = publish(key, value,
                      {.headers = headers,
                       .expected_last_sequence = stream->last_sequence,
                       .expected_last_subject_sequence = revision});
    if (written || written.error().code() != ErrorCode::already_exists) return written;
    const auto now = last(key, true);
    if (!now || now->revision != revision) return written;
  }
  return failure(Error(ErrorCode::unavailable,
                       fmt::format("other keys of the bucket \"{}\" were written {} times while \"{}\" "
                                   "was to be changed",
                                   bucket_, kRoundsMax, key)));
}

Result<uint64_t> KeyValue::put(std::string_view key, std::string_view value) {
  return write(key, value, std::nullopt);
}

Result<uint64_t> KeyValue::create(std::string_view key, std::string_view value) {
  auto written = write(key, value, 0);
  if (written || written.error().code() != ErrorCode::already_exists) return written;
  // A tombstone is a revision too.
  WATTLE_TRY(const Entry entry, last(key, true));
  if (entry.operation != Entry::Operation::put) return write(key, value, entry.revision);
  return failure(Error(ErrorCode::already_exists,
                       fmt::format("the bucket \"{}\" has the key \"{}\" already", bucket_, key),
                       written.error()));
}

Result<uint64_t> KeyValue::update(std::string_view key, std::string_view value, uint64_t revision) {
  return write(key, value, revision);
}

Result<void> KeyValue::remove(std::string_view key, std::optional<uint64_t> revision) {
  const Headers headers{{std::string(kOperation), "DEL"}};
  WATTLE_CHECK(write(key, "", revision, &headers));
  return {};
}

Result<void> KeyValue::purge(std::string_view key, std::optional<uint64_t> revision) {
  const Headers headers{{std::string(kOperation), "PURGE"}, {"Nats-Rollup", "sub"}};
  WATTLE_CHECK(write(key, "", revision, &headers));
  return {};
}

Result<std::vector<std::string>> KeyValue::keys(std::string_view pattern) {
  WATTLE_CHECK(check_pattern(pattern));
  std::set<std::string> keys;
  OrderedOptions options;
  options.filter_subject = prefix_ + std::string(pattern);
  options.from = DeliverFrom::last_per_subject;
  options.headers_only = true;
  auto done = read_stream(*js_, stream_of(bucket_), options, [&](JetMessage message) {
    Entry entry = entry_of(std::move(message), prefix_);
    if (entry.operation == Entry::Operation::put)
      keys.insert(std::move(entry.key));
    else
      keys.erase(entry.key);
  });
  if (!done) return failure(missing_bucket(done.error(), bucket_));
  return std::vector<std::string>(std::move_iterator(keys.begin()), std::move_iterator(keys.end()));
}

Result<std::vector<Entry>> KeyValue::history(std::string_view key) {
  WATTLE_CHECK(check_key(key));
  std::vector<Entry> entries;
  OrderedOptions options;
  options.filter_subject = prefix_ + std::string(key);
  auto done = read_stream(*js_, stream_of(bucket_), options, [&](JetMessage message) {
    entries.push_back(entry_of(std::move(message), prefix_));
  });
  if (!done) return failure(missing_bucket(done.error(), bucket_));
  if (entries.empty())
    return failure(ErrorCode::not_found, "the bucket \"{}\" has no key \"{}\"", bucket_, key);
  return entries;
}

Result<Watch> KeyValue::watch(WatchOptions options) {
  WATTLE_CHECK(check_pattern(options.keys));
  OrderedOptions ordered;
  ordered.filter_subject = prefix_ + options.keys;
  ordered.from = options.updates_only ? DeliverFrom::fresh
                 : options.history    ? DeliverFrom::all
                                      : DeliverFrom::last_per_subject;
  ordered.headers_only = options.keys_only;
  ordered.heartbeat = options.heartbeat;
  auto messages = OrderedConsumer::create(*js_, stream_of(bucket_), std::move(ordered));
  if (!messages) return failure(missing_bucket(messages.error(), bucket_));
  return Watch(std::move(*messages), prefix_, std::move(options));
}

// What is to be told before the next entry.
std::optional<WatchEvent> Watch::take_event() {
  if (messages_.restarts() != restarts_) {
    restarts_ = messages_.restarts();
    replaying_ = true;
    made_ = messages_.made() - 1;
    return WatchEvent{WatchEvent::Kind::restarted, {}};
  }
  if (messages_.made() == made_) return std::nullopt;
  made_ = messages_.made();
  if (!replaying_ || messages_.pending_at_start() > 0) return std::nullopt;
  replaying_ = false;
  return WatchEvent{WatchEvent::Kind::replayed, {}};
}

Result<WatchEvent> Watch::next() {
  for (;;) {
    WATTLE_TRY(auto event, next_until(Clock::now() + std::chrono::hours(1)));
    if (event) return std::move(*event);
  }
}

Result<std::optional<WatchEvent>> Watch::next_until(TimePoint until) {
  for (;;) {
    if (replay_over_) {
      replay_over_ = false;
      return WatchEvent{WatchEvent::Kind::replayed, {}};
    }
    if (auto event = take_event()) return event;
    WATTLE_TRY(auto message, messages_.next_until(until));
    if (!message) {
      if (Clock::now() >= until) return std::optional<WatchEvent>();
      continue;
    }
    WatchEvent event{WatchEvent::Kind::entry, entry_of(std::move(*message), prefix_)};
    if (replaying_ && event.entry.pending == 0) {
      replaying_ = false;
      replay_over_ = true;
    }
    if (!options_.ignore_deletes || event.entry.operation == Entry::Operation::put) return event;
  }
}

}  // namespace wattle::nats
