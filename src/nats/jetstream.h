// JetStream: streams that keep messages, publishing with an acknowledgement, and what reads a stream
// (consumer.h). Speaks the JSON API of nats-server 2.9 and later over a client.
//
//   nats::JetStream js(*client);
//   WATTLE_TRY(auto stream, js.create_stream({.name = "ORDERS", .subjects = {"orders.>"}}));
//   WATTLE_TRY(auto ack, js.publish("orders.eu", order, {.message_id = id}));
//
// Errors that the API answers carry its number: see api_error_of(). A server's acknowledgement means that the
// stream has the message, not that it is on a disk: nats-server writes files behind, every minute or so.
#pragma once

#include <functional>
#include <map>

#include "nats/client.h"

namespace wattle::nats {

enum class Storage : uint8_t { file, memory };
enum class Retention : uint8_t { limits, interest, work_queue };

struct StreamConfig {
  std::string name{};
  std::string description{};
  std::vector<std::string> subjects{};
  Retention retention = Retention::limits;
  Storage storage = Storage::file;
  int replicas = 1;
  int64_t messages_max = -1;  // -1: no limit
  int64_t bytes_max = -1;
  int64_t messages_per_subject_max = -1;
  int64_t message_bytes_max = -1;
  int64_t consumers_max = -1;
  Duration age_max = Duration::zero();           // zero: for ever
  Duration duplicate_window = Duration::zero();  // zero: the server's choice
  bool discard_new = false;                      // full: refuse new messages instead of dropping old ones
  bool deny_delete = false;
  bool deny_purge = false;
  bool allow_rollup = false;
  bool allow_direct = false;
  bool compress = false;  // in files; servers before 2.10 leave it out
};

struct StreamInfo {
  StreamConfig config{};
  int64_t created_ns = 0;  // since 1970: tells a stream from a later one of the same name
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  uint64_t subjects = 0;
  uint64_t consumers = 0;
  std::string leader{};  // of a cluster
};

// What must hold for a message to be taken; else already_exists.
struct JetPublishOptions {
  const Headers* headers = nullptr;
  std::string_view message_id{};  // a second one within the stream's duplicate window is not kept
  std::string_view expected_stream{};
  std::optional<uint64_t> expected_last_sequence{};
  std::optional<uint64_t> expected_last_subject_sequence{};
};

struct PublishAck {
  std::string stream{};
  uint64_t sequence = 0;
  bool duplicate = false;
};

struct StoredMessage {
  std::string subject{};
  uint64_t sequence = 0;
  int64_t time_ns = 0;  // since 1970
  Headers headers{};
  std::string payload{};
};

struct PurgeOptions {
  std::string subject{};        // a pattern; empty: all
  uint64_t below_sequence = 0;  // 0: no bound
  uint64_t keep = 0;            // this many of the newest
};

class JetStream {
 public:
  // `client` outlives it. `prefix`: what the API's subjects begin with, other than "$JS.API" for a domain
  // ("$JS.hub.API") or an account's import. `timeout`: of one API request, beside the fiber's deadline.
  explicit JetStream(Client& client, std::string prefix = "$JS.API",
                     Duration timeout = std::chrono::seconds(5))
      : client_(client), prefix_(std::move(prefix)), timeout_(timeout) {}

  Client& client() const { return client_; }

  // Refused: already_exists (the name, with another configuration; the subjects of another stream),
  // invalid_argument, unavailable (JetStream is not enabled: Reason::no_responders or its own number).
  Result<StreamInfo> create_stream(const StreamConfig& config);
  Result<StreamInfo> update_stream(const StreamConfig& config);
  Result<StreamInfo> stream_info(std::string_view name);
  Result<void> delete_stream(std::string_view name);
  // How many messages went.
  Result<uint64_t> purge_stream(std::string_view name, const PurgeOptions& options = {});
  // Of streams that keep messages of `subject`, or of all.
  Result<std::vector<std::string>> stream_names(std::string_view subject = {});

  // Waits for the stream's acknowledgement.
  Result<PublishAck> publish(std::string_view subject, std::string_view payload,
                             const JetPublishOptions& options = {});

  // From the stream's leader. Refused: not_found.
  Result<StoredMessage> message(std::string_view stream, uint64_t sequence);
  Result<StoredMessage> last_message(std::string_view stream, std::string_view subject);
  // From whichever replica answers, which may be behind; for streams with allow_direct.
  Result<StoredMessage> message_direct(std::string_view stream, uint64_t sequence);
  Result<StoredMessage> last_message_direct(std::string_view stream, std::string_view subject);
  Result<void> delete_message(std::string_view stream, uint64_t sequence);

  // For consumer.h and its like: asks "prefix.subject" with `body` and returns the answer's object, or its
  // error.
  Result<std::string> api(std::string_view subject, std::string_view body);
  const std::string& prefix() const { return prefix_; }
  Duration timeout() const { return timeout_; }

 private:
  Client& client_;
  std::string prefix_;
  Duration timeout_;
};

// Publishes many messages without waiting for each: at most `window` are unacknowledged.
//
//   WATTLE_TRY(auto batch, nats::PublishBatch::begin(js));
//   for (...) WATTLE_CHECK(batch.publish(subject, chunk));
//   WATTLE_CHECK(batch.finish());                         // every one has been acknowledged
class PublishBatch {
 public:
  static Result<PublishBatch> begin(JetStream& js, size_t window = 16);
  // Waits while the window is full. After a failure nothing more is sent.
  Result<void> publish(std::string_view subject, std::string_view payload);
  Result<void> finish();

 private:
  PublishBatch(JetStream& js, size_t window, std::string inbox, Subscription acks)
      : js_(&js), window_(window), inbox_(std::move(inbox)), acks_(std::move(acks)) {}
  Result<void> wait_for_ack();

  JetStream* js_;
  size_t window_;
  std::string inbox_;
  Subscription acks_;
  size_t waiting_ = 0;
};

// Whether a text can name a stream or a consumer: not empty, and without what means something in subjects.
Result<void> check_stream_name(std::string_view name);

}  // namespace wattle::nats
