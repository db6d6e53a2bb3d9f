// The other copies of a lattice::Store: who lives, and up to where each has synced. Every copy says so itself
// four times in the time of silence that makes it dead, and at once when it has synced more. Internal to
// src/lattice.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "async/fiber_group.h"
#include "lattice/bus.h"
#include "lattice/membership.h"

namespace wattle::lattice {

class StoreCopies {
 public:
  // What this copy says of itself: all of the bucket of `epoch` up to `revision` is synced.
  struct Progress {
    uint64_t epoch = 0;
    uint64_t revision = 0;
  };

  // `subject`: what the copies' subjects begin with. `durable`: whether this copy has a disk. `behind` is
  // called when another copy knows a bucket of a later epoch than this one.
  static Result<std::unique_ptr<StoreCopies>> start(Bus& bus, std::string subject, bool durable,
                                                    const LeaseBook::Options& options,
                                                    std::function<void()> behind);
  // Says goodbye.
  ~StoreCopies();
  StoreCopies(const StoreCopies&) = delete;
  StoreCopies& operator=(const StoreCopies&) = delete;

  // Tells the others.
  void set_progress(Progress progress);
  // Whether nobody needs to be waited for any more: a copy with a disk has synced so far, or none lives.
  bool has_synced(Progress wanted) const;
  // Live copies with a disk, without this one.
  size_t count() const;
  // Notified when has_synced() may be another.
  async::Signal& changed() { return changed_; }

 private:
  struct Copy {
    bool durable = false;
    Progress progress;
  };
  // JSON on the wire.
  struct Report;
  template <class Visitor, class Self>
  friend void list_fields(Visitor& fields, Self& self, const Report&);

  StoreCopies(Bus& bus, std::string subject, bool durable, const LeaseBook::Options& options,
              std::function<void()> behind);
  void hear(const Message& message);
  void forget(const std::vector<LeaseChange>& changes);
  void tell(bool gone);
  void watch();

  Bus& bus_;
  const std::string subject_;
  const std::string id_;
  const bool durable_;
  const Duration tick_;
  const Duration report_interval_;
  const std::function<void()> behind_;
  LeaseBook book_;
  std::map<std::string, Copy> copies_;
  Progress progress_;
  uint64_t sequence_ = 0;
  bool connected_ = true;
  async::Signal changed_;
  std::unique_ptr<BusSubscription> subscription_;
  async::FiberGroup fibers_{bus_.worker()};
};

}  // namespace wattle::lattice
