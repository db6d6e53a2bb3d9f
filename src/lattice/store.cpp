#include "lattice/store.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "async/fiber_group.h"
#include "lattice/names.h"
#include "lattice/store_copies.h"
#include "lattice/store_record.h"
#include "nats/subject.h"

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookInterval = 200ms;  // between looks at what is to be done beside the bucket's news
constexpr Duration kRetryWait = 50ms;
constexpr Duration kHeartbeat = 500ms;  // so that a bucket that is gone is noticed within 1.5 s
constexpr Duration kReopenInterval = 1s;
constexpr Duration kPokeInterval = 300ms;
constexpr size_t kBatchMax = 512;
constexpr uint64_t kSkipsMax = 1'000'000;

std::shared_ptr<const StoreSnapshot::Item> make_item(const std::string& key, std::string value) {
  return std::make_shared<const StoreSnapshot::Item>(
      StoreSnapshot::Item{key, std::make_shared<const std::string>(std::move(value))});
}

bool waiting_may_mend(const Error& error) {
  return error.code() == ErrorCode::unavailable || error.code() == ErrorCode::deadline_exceeded;
}

}  // namespace

StoreSnapshot::Items::const_iterator StoreSnapshot::lower_bound(std::string_view key) const {
  return std::lower_bound(items_.begin(), items_.end(), key,
                          [](const auto& item, std::string_view wanted) { return item->key < wanted; });
}

std::shared_ptr<const std::string> StoreSnapshot::find(std::string_view key) const {
  const auto found = lower_bound(key);
  return found == items_.end() || (*found)->key != key ? nullptr : (*found)->value;
}

StoreSnapshot::Range StoreSnapshot::prefix(std::string_view text) const {
  const auto first = lower_bound(text);
  const auto last =
      std::find_if_not(first, items_.end(), [&](const auto& item) { return item->key.starts_with(text); });
  return {first, last};
}

// One fiber (keep) reads the bucket and is the only one to change records; writers write into the bucket and
// wait until that fiber has read their writes back and synced them.
struct Store::State {
  State(Bus& on, StoreOptions wanted)
      : bus(on),
        options(std::move(wanted)),
        bucket_name(fmt::format("wattle_{}_{}", options.name, options.lattice)) {}

  struct Kept {
    StoreVersion version;
    std::string id;
    bool deleted = false;
    std::shared_ptr<const StoreSnapshot::Item> item;
    const std::string& value() const { return *item->value; }
  };
  struct InBucket {
    uint64_t revision = 0;
    StoreVersion version;
    bool newer_format = false;  // not to be touched
  };

  // The keeper's.
  void keep();
  Result<void> follow();
  void begin_session();
  void look_for_another_bucket();
  Result<std::vector<WatchEvent>> next_batch(BucketWatch& watch);
  Result<void> take(std::vector<WatchEvent> batch);
  void note(Entry entry);
  Result<void> finish_replay();
  Result<void> agree_on_epoch(bool same_bucket);
  Result<void> skip_to(uint64_t revision);
  Result<void> merge();
  void merge_one(const std::string& key, const Entry& entry, std::set<std::string>& behind);
  void sync();
  Result<void> fill(const std::string& key);

  // The writers'.
  Result<void> wait_ready();
  // `repeatable`: making the change twice is the same as once.
  Result<void> update(std::string_view key, const Change& change, bool repeatable);
  struct Attempt {
    std::string_view key;
    std::string bucket_key;
    std::string id;
    bool repeatable = false;
    // A write that may have been done, and the revision that it was to replace.
    std::optional<Error> unknown{};
    uint64_t replaced = 0;
  };
  // True: done. False: to be tried again.
  Result<bool> try_update(Attempt& attempt, const Change& change);
  // `id`: of the write that made `revision` of its key.
  Result<bool> confirm(const Attempt& attempt, uint64_t session, uint64_t revision, const std::string& id);

  Bus& bus;
  const StoreOptions options;
  const std::string bucket_name;
  std::unique_ptr<async::OffloadPool> own_pool;
  async::OffloadPool* pool = nullptr;
  std::unique_ptr<StoreFile> file;
  std::map<std::string, Kept, std::less<>> records;
  StoreFile::Source source;
  std::shared_ptr<const StoreSnapshot> snapshot;  // null: to be made from records
  bool news = false;                              // records are others than changed has told
  async::Signal changed;
  std::unique_ptr<StoreCopies> copies;

  // From when the bucket was opened, or made anew, until it is so again.
  std::shared_ptr<Bucket> bucket;
  uint64_t session = 0;
  TimePoint session_began{};
  bool replayed = false;
  bool ready = false;
  bool reopen = false;  // it is known to be missing, or another one
  std::optional<StoreMeta> meta;
  uint64_t meta_revision = 0;
  std::optional<Error> refused;  // the bucket is of a newer format
  std::optional<Error> failing;  // why it cannot be read now
  std::map<std::string, InBucket, std::less<>> in_bucket;
  std::vector<std::pair<std::string, Entry>> incoming;  // by key of the store; not merged yet
  uint64_t highest = 0;                                 // revision that was read
  uint64_t synced = 0;                                  // revision up to which everything is on the disk

  std::set<std::string> unsynced;  // keys
  bool source_unsynced = false;
  bool retag = false;
  std::optional<Error> sync_error;
  std::set<std::string> awaited;  // ids of writes under way
  std::set<std::string> seen;     // those of them that have been read back
  async::Signal progress;         // any of the above
  async::FiberGroup fibers{bus.worker()};
};

// ---- the keeper

void Store::State::keep() {
  Duration wait = kRetryWait;
  while (!async::Fiber::current().cancellation()) {
    const TimePoint began = Clock::now();
    auto followed = follow();
    ready = false;
    if (!followed) {
      if (nats::reason_of(followed.error()) == nats::Reason::closed) {
        failing = followed.error();
        progress.notify();
        return;
      }
      if (async::Fiber::current().cancellation()) return;
      // Of several hosts that begin at once, one is the first.
      const bool was_second = followed.error().code() == ErrorCode::already_exists;
      if (options.log != nullptr && !failing && !was_second)
        options.log->warn("the store's bucket cannot be followed; trying again",
                          {{"bucket", bucket_name}, {"reason", followed.error().full_message()}});
      failing = followed.error();
      progress.notify();
      wait = Clock::now() - began > 1s ? kRetryWait : std::min<Duration>(2 * wait, 1s);
      if (!async::sleep_for(wait)) return;
    }
  }
}

// Until the bucket has to be opened again.
Result<void> Store::State::follow() {
  reopen = false;
  WATTLE_TRY(auto opened, bus.bucket({.bucket = bucket_name}));
  bucket = std::move(opened);
  begin_session();
  WATTLE_TRY(const auto watch, bucket->watch({.heartbeat = kHeartbeat}));
  while (!reopen) {
    WATTLE_TRY(auto batch, next_batch(*watch));
    WATTLE_CHECK(take(std::move(batch)));
  }
  return {};
}

void Store::State::begin_session() {
  ++session;
  session_began = Clock::now();
  replayed = ready = false;
  meta.reset();
  meta_revision = 0;
  refused.reset();
  in_bucket.clear();
  incoming.clear();
  highest = synced = 0;
  progress.notify();
}

// Another copy knows of one; on NATS the bucket's own watch may notice later.
void Store::State::look_for_another_bucket() {
  if (!ready || Clock::now() < session_began + kReopenInterval) return;
  reopen = true;
}

// What there is, waiting for the first.
Result<std::vector<WatchEvent>> Store::State::next_batch(BucketWatch& watch) {
  std::vector<WatchEvent> batch;
  while (batch.size() < kBatchMax) {
    auto event = watch.next_until(batch.empty() ? Clock::now() + kLookInterval : Clock::now());
    if (!event) {
      if (batch.empty()) return failure(event.error());
      break;  // it will be told again
    }
    if (!*event) break;
    batch.push_back(std::move(**event));
  }
  return batch;
}

Result<void> Store::State::take(std::vector<WatchEvent> batch) {
  const uint64_t before = highest;
  for (WatchEvent& event : batch) {
    if (event.kind == WatchEvent::Kind::restarted) begin_session();
    if (event.kind == WatchEvent::Kind::entry) note(std::move(event.entry));
    if (event.kind == WatchEvent::Kind::replayed && !refused) {
      WATTLE_CHECK(finish_replay());
      failing.reset();
    }
  }
  if (refused) {
    incoming.clear();
    progress.notify();
    return {};
  }
  if (!replayed) return {};
  if (highest != before || !unsynced.empty() || source_unsynced) return merge();
  return {};
}

void Store::State::note(Entry entry) {
  highest = std::max(highest, entry.revision);
  if (entry.key == kMetaKey) {
    auto read = decode_meta(entry.value);
    if (!read) {
      refused = read.error().with_context(fmt::format("the bucket \"{}\" is left as it is", bucket_name));
      ready = false;
      if (options.log != nullptr) options.log->error(*refused);
      return;
    }
    reopen = reopen || refused;  // it can be read again
    meta = *read;
    meta_revision = entry.revision;
    return;
  }
  if (auto key = store_key(entry.key)) incoming.emplace_back(std::move(*key), std::move(entry));
}

// Everything that lay in the bucket has been read.
Result<void> Store::State::finish_replay() {
  WATTLE_TRY(const int64_t created_ns, bucket->created_ns());
  const bool same_bucket = created_ns == source.bucket_created_ns && source.epoch != 0;
  WATTLE_CHECK(agree_on_epoch(same_bucket));
  if (!same_bucket) source = {created_ns, meta->epoch};
  source_unsynced = true;
  uint64_t known = 0;
  for (const auto& [key, record] : records)
    if (record.version.epoch == source.epoch) known = std::max(known, record.version.sequence);
  replayed = true;
  WATTLE_CHECK(merge());
  WATTLE_CHECK(skip_to(known));
  for (const auto& [key, record] : records)
    if (!in_bucket.contains(key)) WATTLE_CHECK(fill(key));
  ready = true;
  progress.notify();
  return {};
}

// An epoch that is later than all before. That of a bucket which is already known may have been raised.
Result<void> Store::State::agree_on_epoch(bool same_bucket) {
  uint64_t latest = source.epoch;
  for (const auto& [key, record] : records) latest = std::max(latest, record.version.epoch);
  if (!meta) {
    WATTLE_TRY(const int64_t created_ns, bucket->created_ns());
    meta = StoreMeta{same_bucket ? source.epoch : std::max(latest + 1, static_cast<uint64_t>(created_ns))};
    WATTLE_TRY(meta_revision, bucket->create(kMetaKey, encode(*meta)));
  } else if (!same_bucket && meta->epoch <= latest) {
    meta = StoreMeta{latest + 1};
    WATTLE_TRY(meta_revision, bucket->update(kMetaKey, encode(*meta), meta_revision));
  }
  return {};
}

// A bucket that came back without its last writes would number others as it did those.
Result<void> Store::State::skip_to(uint64_t revision) {
  for (uint64_t i = 0; highest < revision && i < kSkipsMax; ++i) {
    WATTLE_TRY(const uint64_t now, bucket->put(kSkipKey, ""));
    highest = std::max(highest, now);
  }
  return {};
}

// Takes in what has come, syncs it, and puts into the bucket what that is behind with.
Result<void> Store::State::merge() {
  if (meta && meta->epoch != source.epoch) {
    // The epoch of this very bucket was raised, and with it that of everything written into it.
    for (auto& [key, record] : records)
      if (record.version.epoch == source.epoch) record.version.epoch = meta->epoch;
    for (auto& [key, there] : in_bucket)
      if (there.version.epoch == source.epoch) there.version.epoch = meta->epoch;
    retag = source.epoch != 0;
    source.epoch = meta->epoch;
    source_unsynced = true;
  }
  std::set<std::string> behind;
  for (const auto& [key, entry] : std::exchange(incoming, {})) merge_one(key, entry, behind);
  sync();
  for (const std::string& key : behind) WATTLE_CHECK(fill(key));
  return {};
}

void Store::State::merge_one(const std::string& key, const Entry& entry, std::set<std::string>& behind) {
  InBucket& there = in_bucket[key];
  there = {.revision = entry.revision, .version = {}, .newer_format = false};
  Result<StoreRecord> record = failure(ErrorCode::not_found, "deleted by another program");
  if (entry.operation == Entry::Operation::put) record = decode_record(entry.value);
  if (!record) {
    there.newer_format = record.error().code() == ErrorCode::unsupported;
    if (options.log != nullptr)
      options.log->warn("a record of the store is left out",
                        {{"key", key}, {"reason", record.error().full_message()}});
  } else {
    there.version = record->origin.value_or(StoreVersion{source.epoch, entry.revision});
    if (awaited.contains(record->id)) seen.insert(record->id);
  }
  const auto kept = records.find(key);
  if (record && (kept == records.end() || there.version > kept->second.version)) {
    records[key] = {there.version, std::move(record->id), record->deleted,
                    make_item(key, std::move(record->value))};
    unsynced.insert(key);
    snapshot.reset();
    news = true;
  } else if (kept != records.end() && there.version < kept->second.version) {
    behind.insert(key);
  }
}

// What could not be synced is tried again with the next batch.
void Store::State::sync() {
  if (std::exchange(news, false)) changed.notify();
  const uint64_t up_to = highest;
  const uint64_t of_session = session;
  Result<void> written;
  if (file != nullptr && (!unsynced.empty() || source_unsynced)) {
    std::vector<StoreFile::Row> rows;
    rows.reserve(unsynced.size());
    for (const std::string& key : unsynced) {
      const Kept& record = records.at(key);
      rows.push_back({key, record.version, record.id, record.deleted, record.value()});
    }
    const StoreFile::Source from = source;
    written = async::offload(*pool, [&] { return file->write(rows, from, retag); });
  }
  if (!written) {
    if (!sync_error && options.log != nullptr) options.log->error(written.error());
    sync_error = written.error();
  } else {
    sync_error.reset();
    unsynced.clear();
    source_unsynced = retag = false;
    if (session == of_session) synced = up_to;
    copies->set_progress({source.epoch, synced});
  }
  progress.notify();
}

// Puts the record of `key` into the bucket, unless somebody else is faster.
Result<void> Store::State::fill(const std::string& key) {
  const Kept& record = records.at(key);
  const InBucket there = in_bucket[key];
  if (there.newer_format) return {};
  WATTLE_TRY(const std::string to, bucket_key(key));
  const StoreVersion version = record.version;
  const std::string bytes = encode(StoreRecord{record.id, record.deleted, record.value(), version});
  const auto written =
      there.revision == 0 ? bucket->create(to, bytes) : bucket->update(to, bytes, there.revision);
  if (written) {
    in_bucket[key] = {*written, version, false};
  } else if (written.error().code() != ErrorCode::already_exists) {
    return failure(written.error());
  }
  return {};
}

// ---- the writers

Result<void> Store::State::wait_ready() {
  while (!ready) {
    if (refused) return failure(*refused);
    if (failing && nats::reason_of(*failing) == nats::Reason::closed) return failure(*failing);
    auto waited = progress.wait();
    if (waited) continue;
    if (waited.error().code() != ErrorCode::deadline_exceeded) return waited;
    const std::string message =
        fmt::format("the store's bucket \"{}\" could not be read within the deadline", bucket_name);
    Error error = failing ? Error(ErrorCode::deadline_exceeded, message, *failing)
                          : store_error(ErrorCode::deadline_exceeded, StoreReason::not_ready, message);
    return failure(std::move(error));
  }
  return {};
}

Result<void> Store::State::update(std::string_view key, const Change& change, bool repeatable) {
  WATTLE_TRY(std::string to, bucket_key(key));
  Attempt attempt{key, std::move(to), nats::unique_name(), repeatable};
  const async::DeadlineScope scope(Clock::now() + options.write_timeout);
  awaited.insert(attempt.id);
  Result<bool> done = false;
  while (done && !*done) {
    auto waited = wait_ready();
    done = waited ? try_update(attempt, change) : failure(waited.error());
  }
  awaited.erase(attempt.id);
  seen.erase(attempt.id);
  if (!done) return failure(done.error());
  return {};
}

Result<bool> Store::State::try_update(Attempt& attempt, const Change& change) {
  const auto in = bucket;
  const uint64_t of_session = session;
  // What failed and may be mended is tried again until the deadline.
  const auto again = [&](const Error& error) -> Result<bool> {
    if (error.code() == ErrorCode::not_found) reopen = true;
    const bool mends = error.code() == ErrorCode::not_found || waiting_may_mend(error);
    if (!mends || nats::reason_of(error) == nats::Reason::closed) return failure(error);
    if (Clock::now() >= async::Fiber::current().deadline() || !async::sleep_for(kRetryWait))
      return failure(error);
    return false;
  };
  uint64_t revision = 0;
  std::optional<StoreRecord> record;
  StoreVersion version;
  auto entry = in->get(attempt.bucket_key);
  if (!entry && entry.error().code() != ErrorCode::not_found) return again(entry.error());
  if (entry) {
    revision = entry->revision;
    auto read = decode_record(entry->value);
    if (!read && read.error().code() == ErrorCode::unsupported) return failure(read.error());
    if (read && read->id == attempt.id) return confirm(attempt, of_session, revision, attempt.id);
    if (read) {
      version = read->origin.value_or(StoreVersion{source.epoch, revision});
      record = std::move(*read);
    }
  }
  if (attempt.unknown && revision != attempt.replaced && !attempt.repeatable) {
    // Somebody else's write lies there now: after ours, or instead of it.
    if (seen.contains(attempt.id)) return confirm(attempt, of_session, revision, attempt.id);
    return failure(attempt.unknown->with_context(
        fmt::format("it cannot be told whether the change of \"{}\" was made", attempt.key)));
  }
  const auto kept = records.find(attempt.key);
  const bool is_behind = kept != records.end() && kept->second.version > version;
  if (is_behind)
    record = StoreRecord{kept->second.id, kept->second.deleted, kept->second.value(), std::nullopt};
  std::optional<std::string_view> value;
  if (record && !record->deleted) value = record->value;
  WATTLE_TRY(auto next, change(value));
  if (!next && !record) return true;
  if (record && !is_behind && (next ? value == *next : record->deleted))
    return confirm(attempt, of_session, revision, record->id);
  if (!record && records.size() >= options.keys_max)
    return failure(ErrorCode::overloaded, "the store \"{}\" has {} keys already", options.name,
                   records.size());
  const std::string bytes =
      encode(StoreRecord{attempt.id, !next, std::move(next).value_or(std::string()), std::nullopt});
  const auto written =
      revision == 0 ? in->create(attempt.bucket_key, bytes) : in->update(attempt.bucket_key, bytes, revision);
  if (written) {
    // If the bucket is lost before this has been confirmed, nothing that lies in the next one says it was
    // not.
    attempt.unknown = Error(ErrorCode::unavailable, "the store's bucket was lost");
    attempt.replaced = std::numeric_limits<uint64_t>::max();
    return confirm(attempt, of_session, *written, attempt.id);
  }
  if (written.error().code() == ErrorCode::already_exists) return false;
  if (nats::reason_of(written.error()) != nats::Reason::not_connected &&
      written.error().code() != ErrorCode::not_found) {
    attempt.unknown = written.error();
    attempt.replaced = revision;
  }
  return again(written.error());
}

// Until the keeper has read the write back and synced it, and another copy has too, if one lives.
Result<bool> Store::State::confirm(const Attempt& attempt, uint64_t of_session, uint64_t revision,
                                   const std::string& id) {
  const auto was_read = [&] {
    if (seen.contains(id)) return true;
    const auto kept = records.find(attempt.key);
    return kept != records.end() && !id.empty() && kept->second.id == id;
  };
  const auto late = [&](const Error& error) -> Result<bool> {
    if (error.code() != ErrorCode::deadline_exceeded) return failure(error);
    if (session == of_session && synced >= revision)
      return failure(store_error(ErrorCode::deadline_exceeded, StoreReason::not_replicated,
                                 fmt::format("\"{}\" was written and synced here, but no other copy of the "
                                             "store has confirmed it in time",
                                             attempt.key))
                         .with_remedy("try again; see that the other hosts can write their stores"));
    return failure(store_error(ErrorCode::deadline_exceeded, StoreReason::not_ready,
                               fmt::format("\"{}\" was written, but not read back in time", attempt.key))
                       .with_remedy("try again"));
  };
  const auto in = bucket;  // which the keeper may exchange meanwhile
  bool checked = false;
  TimePoint next_poke = Clock::now() + kPokeInterval;
  for (;;) {
    if (session != of_session) return false;
    if (sync_error && unsynced.contains(std::string(attempt.key))) return failure(*sync_error);
    if (synced >= revision && !was_read() && !checked) {
      // A later write has taken its place, unless it went into another bucket than the one that is read.
      WATTLE_TRY(const int64_t created_ns, in->created_ns());
      if (created_ns != source.bucket_created_ns) {
        reopen = true;
        auto waited = async::sleep_for(kRetryWait);
        if (!waited) return late(waited.error());
        return false;
      }
      checked = true;
      continue;
    }
    if (synced >= revision && copies->has_synced({source.epoch, revision})) return true;
    async::Signal* signals[] = {&progress, &copies->changed()};
    auto waited = async::Signal::wait_any(signals, next_poke);
    if (!waited) return late(waited.error());
    if (Clock::now() < next_poke) continue;
    // A report may have been lost with a connection: every copy reports again when it has read more.
    if (synced >= revision) (void)in->put(kSkipKey, "");
    next_poke = Clock::now() + kPokeInterval;
  }
}

// ---- the store

Result<std::unique_ptr<Store>> Store::open(Bus& bus, StoreOptions options) {
  WATTLE_CHECK(check_lattice(options.lattice));
  WATTLE_CHECK(check_lattice(options.name));
  auto state = std::make_unique<State>(bus, std::move(options));
  const std::string& path = state->options.path;
  if (!path.empty()) {
    state->pool = state->options.offload;
    if (state->pool == nullptr) {
      state->own_pool = std::make_unique<async::OffloadPool>(1);
      state->pool = state->own_pool.get();
    }
    WATTLE_TRY(state->file,
               async::offload(*state->pool, [&] { return StoreFile::open(path, state->bucket_name); }));
    WATTLE_TRY(auto rows, async::offload(*state->pool, [&] { return state->file->load(); }));
    for (StoreFile::Row& row : rows)
      state->records[row.key] = {row.version, std::move(row.id), row.deleted,
                                 make_item(row.key, std::move(row.value))};
    WATTLE_TRY(state->source, async::offload(*state->pool, [&] { return state->file->source(); }));
  }
  State* self = state.get();
  WATTLE_TRY(state->copies,
             StoreCopies::start(bus, fmt::format("wattle.{}.{}", state->options.lattice, state->options.name),
                                state->file != nullptr, state->options.copies,
                                [self] { self->look_for_another_bucket(); }));
  state->fibers.spawn([self] { self->keep(); });
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() {
  state_->fibers.stop();
  state_->copies.reset();
  // The last close moves the log into the file.
  if (state_->file != nullptr) async::offload(*state_->pool, [this] { state_->file.reset(); });
}

Result<void> Store::wait_ready() {
  return state_->wait_ready();
}

Result<void> Store::put(std::string_view key, std::string_view value) {
  return state_->update(
      key,
      [&](std::optional<std::string_view>) -> Result<std::optional<std::string>> {
        return std::string(value);
      },
      true);
}

Result<void> Store::remove(std::string_view key) {
  return state_->update(
      key,
      [](std::optional<std::string_view>) -> Result<std::optional<std::string>> {
        return std::optional<std::string>();
      },
      true);
}

Result<void> Store::update(std::string_view key, const Change& change) {
  return state_->update(key, change, false);
}

std::shared_ptr<const StoreSnapshot> Store::snapshot() {
  if (state_->snapshot == nullptr) {
    StoreSnapshot::Items items;
    items.reserve(state_->records.size());
    for (const auto& [key, record] : state_->records)
      if (!record.deleted) items.push_back(record.item);
    state_->snapshot = std::make_shared<const StoreSnapshot>(std::move(items));
  }
  return state_->snapshot;
}

async::Signal& Store::changed() {
  return state_->changed;
}

bool Store::ready() const {
  return state_->ready;
}

size_t Store::other_copies() const {
  return state_->copies->count();
}

}  // namespace wattle::lattice
