// What anybody who may publish on the bus can make a host believe: leases, one a line, and records of the
// store's bucket, whose first byte is "r". What is read must be written so that it reads the same again; a
// host that nobody hears from any more must be dead in the end.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "lattice/membership.h"
#include "lattice/store_record.h"

namespace {

using namespace wattle::lattice;
using namespace std::chrono_literals;

void require(bool holds) {
  if (!holds) std::abort();
}

void feed_record(std::string_view bytes) {
  if (const auto record = decode_record(bytes)) {
    const auto again = decode_record(encode(*record));
    // An origin of epoch 0 is none.
    require(again && again->value == record->value && again->deleted == record->deleted &&
            again->origin == record->origin);
  }
  if (const auto meta = decode_meta(bytes)) require(decode_meta(encode(*meta))->epoch == meta->epoch);
  if (const auto key = store_key(bytes); key && key->size() <= kStoreKeyBytesMax)
    require(store_key(*bucket_key(*key)) == key);
  if (const auto key = bucket_key(bytes)) require(store_key(*key) == bytes);
}

void feed_leases(std::string_view text) {
  LeaseBook book;
  wattle::TimePoint now = wattle::TimePoint() + 1h;
  size_t alive = 0;
  const auto count = [&](const std::vector<LeaseChange>& changes) {
    for (const LeaseChange& change : changes) {
      if (change.kind == LeaseChange::Kind::joined) ++alive;
      if (change.kind == LeaseChange::Kind::left || change.kind == LeaseChange::Kind::died) --alive;
    }
  };
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (auto lease = parse_lease(text.substr(0, end))) {
      require(parse_lease(to_json(*lease)) == *lease);
      now += std::chrono::milliseconds(lease->sequence % 400);
      count(book.step(std::move(*lease), now));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto snapshot = book.snapshot();
    require(snapshot->hosts().size() == alive);
    for (const auto& host : snapshot->hosts()) require(snapshot->find(host->host_id) == host.get());
  }
  for (int i = 0; i < 10; ++i) count(book.step(now += 200ms));
  require(alive == 0 && book.next_death_in() == wattle::Duration::max());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with('r')) {
    feed_record(text.substr(1));
  } else {
    feed_leases(text);
  }
  return 0;
}
