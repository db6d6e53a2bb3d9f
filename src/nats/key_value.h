// Key-value buckets on JetStream, laid out as every NATS client lays them out (ADR-8): the bucket NAME is the
// stream KV_NAME, a key is the subject $KV.NAME.KEY, its revision the sequence in the stream, and a deletion
// a message with the header KV-Operation.
//
//   WATTLE_TRY(auto links, nats::KeyValue::create(js, {.bucket = "links", .history = 5}));
//   WATTLE_TRY(uint64_t revision, links.create("shop.cart", text));    // already_exists if it is there
//   WATTLE_TRY(revision, links.update("shop.cart", other, revision));  // already_exists if somebody was
//   faster WATTLE_TRY(auto watch, links.watch()); while (true) { WATTLE_TRY(auto entry, watch.next()); ... }
#pragma once

#include "nats/consumer.h"

namespace wattle::nats {

struct BucketConfig {
  std::string bucket{};  // letters, digits, "-" and "_"
  std::string description{};
  int history = 1;                           // revisions kept of each key, at most 64
  Duration time_to_live = Duration::zero();  // zero: for ever
  int64_t value_bytes_max = -1;
  int64_t bytes_max = -1;
  Storage storage = Storage::file;
  int replicas = 1;
};

struct BucketStatus {
  BucketConfig config{};
  uint64_t values = 0;  // revisions in all
  uint64_t bytes = 0;
  uint64_t last_revision = 0;
  int64_t created_ns = 0;  // since 1970: tells a bucket from a later one of the same name
};

struct Entry {
  enum class Operation : uint8_t { put, remove, purge };
  std::string key{};
  std::string value{};
  uint64_t revision = 0;
  int64_t time_ns = 0;   // since 1970
  uint64_t pending = 0;  // in a watch or history: how many are behind it
  Operation operation = Operation::put;
};

struct WatchOptions {
  std::string keys = ">";     // a pattern
  bool history = false;       // every kept revision first, not only the last of each key
  bool updates_only = false;  // no replay
  bool ignore_deletes = false;
  bool keys_only = false;  // entries without their values
  // How often the server says that nothing is new; after three that are missing the watch looks what is
  // wrong.
  Duration heartbeat = std::chrono::seconds(2);
};

struct WatchEvent {
  enum class Kind : uint8_t {
    entry,
    replayed,   // everything that was there has been told; from here on it is live. Once for each replay.
    restarted,  // the bucket was made anew meanwhile: what was told before is void, a replay follows
  };
  Kind kind = Kind::entry;
  Entry entry{};
};

// Survives reconnects, restarts of servers, and the bucket being deleted and made again. No change that the
// bucket still holds is left out; of several between two looks only the last may be told.
class Watch {
 public:
  // Within the fiber's deadline. Refused: not_found while the bucket is missing; calling again looks again.
  Result<WatchEvent> next();
  Result<std::optional<WatchEvent>> next_until(TimePoint until);

 private:
  friend class KeyValue;
  Watch(OrderedConsumer messages, std::string prefix, WatchOptions options)
      : messages_(std::move(messages)),
        prefix_(std::move(prefix)),
        options_(std::move(options)),
        replaying_(!options_.updates_only) {}
  std::optional<WatchEvent> take_event();

  OrderedConsumer messages_;
  std::string prefix_;
  WatchOptions options_;
  bool replaying_;
  bool replay_over_ = false;  // to be told next
  uint64_t restarts_ = 0;     // of messages_, and how often it was made, as told
  uint64_t made_ = 0;
};

// What may name a bucket, and what may be a key in one. Refused: invalid_argument.
Result<void> check_bucket_name(std::string_view bucket);
Result<void> check_key(std::string_view key);

class KeyValue {
 public:
  // Makes the bucket, or opens it when it is there with the same configuration. Refused: already_exists when
  // it is there with another one, invalid_argument.
  static Result<KeyValue> create(JetStream& js, const BucketConfig& config);
  // Refused: not_found.
  static Result<KeyValue> open(JetStream& js, std::string_view bucket);
  static Result<void> remove_bucket(JetStream& js, std::string_view bucket);
  // Of every bucket.
  static Result<std::vector<std::string>> bucket_names(JetStream& js);

  const std::string& bucket() const { return bucket_; }
  Result<BucketStatus> status();

  // By default from whichever replica answers first, as other clients read, which may be behind a write that
  // was acknowledged just now; on, from the leader.
  void read_from_leader(bool on) { from_leader_ = on; }

  // Refused: not_found for a key without value (also a deleted one), invalid_argument for what cannot be a
  // key.
  Result<Entry> get(std::string_view key);
  Result<Entry> get(std::string_view key, uint64_t revision);
  // Each returns the new revision.
  Result<uint64_t> put(std::string_view key, std::string_view value);
  // Refused: already_exists when the key has a value.
  Result<uint64_t> create(std::string_view key, std::string_view value);
  // Refused: already_exists when `revision` is not the key's last one.
  Result<uint64_t> update(std::string_view key, std::string_view value, uint64_t revision);
  // Leaves a tombstone, and the history. A key that is not there is no failure. Refused: already_exists when
  // `revision` is given and not the key's last one.
  Result<void> remove(std::string_view key, std::optional<uint64_t> revision = {});
  // Leaves a tombstone only.
  Result<void> purge(std::string_view key, std::optional<uint64_t> revision = {});

  // Keys that have a value and match `pattern`.
  Result<std::vector<std::string>> keys(std::string_view pattern = ">");
  // Every kept revision, oldest first, deletions too. Refused: not_found when there is none.
  Result<std::vector<Entry>> history(std::string_view key);
  Result<Watch> watch(WatchOptions options = {});

 private:
  KeyValue(JetStream& js, std::string bucket, const StreamConfig& stream)
      : js_(&js),
        bucket_(std::move(bucket)),
        prefix_("$KV." + bucket_ + "."),
        direct_(stream.allow_direct),
        replicated_(stream.replicas > 1) {}
  // The last message under the key, a tombstone too.
  Result<Entry> last(std::string_view key, bool from_leader);
  Result<Entry> read(Result<StoredMessage> stored, std::string_view key) const;
  Result<uint64_t> write(std::string_view key, std::string_view value, std::optional<uint64_t> revision,
                         const Headers* headers = nullptr);
  Result<uint64_t> publish(std::string_view key, std::string_view value, const JetPublishOptions& options);
  Result<uint64_t> write_replicated(std::string_view key, std::string_view value, uint64_t revision,
                                    const Headers* headers);

  JetStream* js_;
  std::string bucket_;
  std::string prefix_;
  bool direct_;      // the stream lets every replica answer
  bool replicated_;  // the stream has several
  bool from_leader_ = false;
};

}  // namespace wattle::nats
