// What one worker keeps for each link while its target may change: which calls along it are under way, those
// that wait because the link is held, and what was written along it while it is copied.
//
//   auto gate = gates.find(*entry);
//   if (gate->held()) WATTLE_CHECK(gate->wait());             // then look the link up again
//   auto pass = gate->enter();                                // for as long as the call lasts
//   gates.follow(links);                                      // whenever links change
//
// Belongs to its worker.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/signal.h"
#include "lattice/link_requests.h"
#include "lattice/links.h"

namespace wattle::host {

class LinkGate {
 public:
  // Of one link in one phase: exists while calls that began in it are under way.
  class Period {};
  using Pass = std::shared_ptr<const Period>;

  explicit LinkGate(const lattice::LinkTable::Entry& entry);
  // Whether this is still what `entry` asks for.
  void follow(const lattice::LinkTable::Entry& entry);
  // The link is gone: who waits looks again.
  void close() { changed_.notify(); }

  bool held() const { return !hold_.empty(); }
  // Until the link is held no longer, or changes otherwise. Refused (unavailable): it is held for longer than
  // a copier may hold it.
  Result<void> wait();
  Pass enter() const { return period_; }
  // Whether all calls that began before the last change have ended.
  bool settled();

  bool records() const { return !copy_.empty(); }
  // A call has used the container; what it names was written or deleted, or may have been.
  void note_use(std::string_view container);
  void note_change(std::string_view container, std::string_view name, bool all = false);
  // Moves out what was recorded for `copy`, at most bytes_max (but one). Refused: not_found (this copy is not
  // recorded), overloaded (there was no room for all).
  Result<lattice::LinkRecords> take(const std::string& copy, size_t bytes_max);

 private:
  // Of each worker.
  static constexpr size_t kRecordsMax = 500'000;
  static constexpr size_t kRecordBytesMax = size_t{64} << 20;
  static constexpr size_t kUsedMax = 1000;

  std::string describe_;
  lattice::LinkPhase phase_;
  std::string copy_, hold_;
  TimePoint held_since_{};
  std::shared_ptr<const Period> period_ = std::make_shared<Period>();
  std::vector<std::weak_ptr<const Period>> earlier_;
  std::set<lattice::LinkRecord> changes_;
  size_t change_bytes_ = 0;
  bool lost_some_ = false;
  std::set<std::string, std::less<>> used_;
  async::Signal changed_;
};

class LinkGates {
 public:
  void follow(std::shared_ptr<const lattice::LinkTable> links);
  // Precondition: an entry of the table that was followed last.
  const std::shared_ptr<LinkGate>& find(const lattice::LinkTable::Entry& entry) const {
    return gates_[static_cast<size_t>(&entry - links_->entries().data())];
  }
  // Of all links under the key.
  bool settled(const lattice::LinkKey& key) const;
  // The one that is copied. Refused: not_found.
  Result<lattice::LinkRecords> take(const lattice::LinkKey& key, const std::string& copy, size_t bytes_max);

 private:
  std::shared_ptr<const lattice::LinkTable> links_ = lattice::LinkTable::build({});
  std::vector<std::shared_ptr<LinkGate>> gates_;  // of links_->entries(), in their order
};

// What a record takes of a message, about.
size_t size_bytes(const lattice::LinkRecord& record);

}  // namespace wattle::host
