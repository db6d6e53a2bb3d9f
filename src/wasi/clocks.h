// wasi:clocks: monotonic-clock and wall-clock.
#pragma once

#include <algorithm>

#include "runtime/runtime.h"
#include "wasi/context.h"

namespace wattle::wasi {

// wasi:clocks/wall-clock.datetime: since 1970-01-01T00:00:00Z.
struct Datetime {
  static constexpr size_t kFieldCount = 2;
  uint64_t seconds = 0;
  uint32_t nanoseconds = 0;
};

// Ready from a point in time on.
class Timer final : public Waitable {
 public:
  explicit Timer(TimePoint when) : when_(when) {}
  bool ready() override { return Clock::now() >= when_; }
  void watch(Watch& watch) override { watch.until = std::min(watch.until, when_); }

 private:
  TimePoint when_;
};

// The clock's reading in nanoseconds, and the point in time of one; later than can be expressed is kNever.
uint64_t monotonic_now();
TimePoint monotonic_instant(uint64_t nanoseconds);
// `nanoseconds` from now.
TimePoint monotonic_after(uint64_t nanoseconds);

void add_clocks(runtime::Linker& linker);

}  // namespace wattle::wasi
