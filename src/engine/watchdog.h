// Sees to it that guest code that runs too long is interrupted, without a cost for guest code that does not.
//
// Each thread that runs guests has a slot, which says in atomics what runs there now and until when. A single
// thread looks at all slots twice in a millisecond while any guest runs, and sleeps otherwise. It only ever
// asks the guest's own thread to look at the matter (Interruptible::interrupt): what happens then is decided
// there.
//
// A segment may name a descriptor that says whether others wait for its thread: while it goes on, the
// watchdog polls that, and asks as soon as it is readable.
//
// A segment is a stretch of time in which a guest has the processor: from entering to leaving a store, less
// the waits of host functions.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

#include "base/time.h"

namespace wattle::engine {

// What the watchdog tells.
class Interruptible {
 public:
  // Called on the watchdog's thread while a segment of this goes on; must return soon.
  virtual void interrupt() = 0;

 protected:
  ~Interruptible() = default;
};

struct SegmentLimits {
  TimePoint deadline = kNever;
  Duration cpu_time = Duration::max();
  Duration slice = Duration::max();
  int news_descriptor = -1;  // readable: interrupt at once; -1: none
};

// One per thread.
class WatchedThread {
 public:
  // This thread's.
  static WatchedThread& current();

  // A segment begins. Costs some 10 ns; wakes the watchdog if it sleeps.
  void begin(Interruptible& guest, const SegmentLimits& limits);
  // The segment ends: after this the watchdog does not know `guest` any more. Returns the CPU time it took,
  // exact within a millisecond.
  Duration end();
  // CPU time of the segment so far; the same caveat.
  Duration used() const;
  // Whether the segment has used its slice up, by CPU time: what the operating system runs meanwhile does not
  // count against a guest.
  bool slice_is_over() const;

 private:
  friend class Watchdog;
  friend struct WatchedThreadOwner;
  WatchedThread() = default;
  void adopt();
  Duration elapsed() const;

  // Odd while a segment goes on; every change is a new value.
  std::atomic<uint64_t> epoch_{0};
  std::atomic<Interruptible*> guest_{nullptr};
  std::atomic<int64_t> deadline_ns_{0}, cpu_time_ns_{0}, slice_ns_{0};
  std::atomic<int> news_descriptor_{-1};
  // The watchdog calls interrupt(): end() waits for it.
  std::atomic<bool> held_{false};
  // The thread's CPU clock when the watchdog first saw the segment `seen_epoch_`.
  std::atomic<int64_t> seen_cpu_ns_{0};
  std::atomic<uint64_t> seen_epoch_{0};
  uint64_t began_ticks_ = 0;
  clockid_t cpu_clock_ = 0;
  std::atomic<bool> taken_{false};
  // The watchdog's own notes.
  struct Notes {
    uint64_t epoch = 0;
    int64_t asked_ns = 0;
  } notes_;
};

}  // namespace wattle::engine
