// What a lattice must not forget: links, configs, manifests. A map from keys to values, of which every
// process that opens it has a whole copy in memory and, with a path, on its disk, beside a bucket on the bus.
//
//   WATTLE_TRY(auto store, Store::open(bus, {.lattice = "default", .path = "/var/lib/wattle/store"}));
//   WATTLE_CHECK(store->put("link/shop-api/default/wasi:keyvalue", json));
//   auto now = store->snapshot();
//   for (const auto& [key, value] : now->prefix("link/")) ...
//
// A write is compared and set in the bucket. It is acknowledged when it is synced on this process's disk and,
// if another copy with a disk lives, on that of one of them: JetStream's own acknowledgement does not mean
// that anything is on a disk. A bucket that was lost, or came back without its last writes, is filled again
// from the copies; the newer write of a key wins, and deletions are kept as such, so nothing that was
// acknowledged is lost, and nothing deleted comes back.
//
// Belongs to one worker; opened, used and ended on its fibers. While the bus is cut, reading goes on and
// writing ends at its deadline.
#pragma once

#include <boost/iterator/indirect_iterator.hpp>
#include <boost/range/iterator_range_core.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/offload.h"
#include "lattice/bus.h"
#include "lattice/membership.h"
#include "lattice/store_file.h"
#include "telemetry/log.h"

namespace wattle::lattice {

struct StoreOptions {
  std::string lattice = "default";
  std::string name = "store";  // the bucket is wattle_NAME_LATTICE
  std::string path{};          // of the file; its folder must be there. Empty: in memory only
  Duration write_timeout = std::chrono::seconds(5);  // beside the fiber's deadline
  size_t keys_max = 100'000;                         // deleted ones too
  LeaseBook::Options copies{};                       // when another copy is taken for dead
  async::OffloadPool* offload = nullptr;             // for the file; outlives it. Null: one of its own
  const telemetry::Log* log = nullptr;               // outlives it
};

// Every key and value at one moment; immutable. Of thousands one changes at a time, so snapshots share what
// they have in common.
class StoreSnapshot {
 public:
  struct Item {
    std::string key{};
    std::shared_ptr<const std::string> value{};
  };
  using Items = std::vector<std::shared_ptr<const Item>>;
  using Range = boost::iterator_range<boost::indirect_iterator<Items::const_iterator, const Item>>;

  // Precondition: ordered by key, each once.
  explicit StoreSnapshot(Items items) : items_(std::move(items)) {}
  // Ordered by key.
  Range values() const { return {items_.begin(), items_.end()}; }
  // Null when there is none.
  std::shared_ptr<const std::string> find(std::string_view key) const;
  // The keys that begin so.
  Range prefix(std::string_view text) const;

 private:
  Items::const_iterator lower_bound(std::string_view key) const;

  Items items_;
};

class Store {
 public:
  // Returns with what the file holds; the bucket is read from now on (see wait_ready). Refused as
  // StoreFile::open, and invalid_argument for names.
  static Result<std::unique_ptr<Store>> open(Bus& bus, StoreOptions options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Until the bucket has been read, and all that it had lost is in it again; within the fiber's deadline.
  // Refused: unsupported when the bucket is of a newer format, which it is left with.
  Result<void> wait_ready();

  // Refused: invalid_argument (the key; a value beyond the bus's max_payload), overloaded (keys_max),
  // unsupported (what is there is of a newer format), deadline_exceeded or unavailable (the bus), io
  // (StoreReason::disk_full), deadline_exceeded with StoreReason::not_replicated. After any of the last three
  // the write may have been done or not: trying again is right.
  Result<void> put(std::string_view key, std::string_view value);
  // A key that is not there is no failure.
  Result<void> remove(std::string_view key);
  // Sets the key to what `change` makes of its value, nothing meaning that there is none; calls it again when
  // somebody else was faster. An error of `change` is returned, and nothing is written.
  // Of all three: what is so already is not written again, and acknowledged when it is synced as a write
  // would be. Who wrote it may have failed to.
  using Change = std::function<Result<std::optional<std::string>>(std::optional<std::string_view> value)>;
  Result<void> update(std::string_view key, const Change& change);

  // Never null.
  std::shared_ptr<const StoreSnapshot> snapshot();
  // Notified when the snapshot is another.
  async::Signal& changed();
  bool ready() const;
  // Other copies with a disk that live now.
  size_t other_copies() const;

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace wattle::lattice
