#include "wasi/clocks.h"

#include <limits>

namespace wattle::wasi {

namespace {

constexpr uint64_t kMaxNanoseconds = std::numeric_limits<int64_t>::max();

std::unique_ptr<Pollable> timer(TimePoint when) {
  return std::make_unique<Pollable>(WaitablePtr(new Timer(when)));
}

uint64_t wall_nanoseconds(Host& host) {
  const auto& replaced = context_of(host).wall_clock;
  if (replaced) return replaced();
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

}  // namespace

uint64_t monotonic_now() {
  return static_cast<uint64_t>(Clock::now().time_since_epoch().count());
}

TimePoint monotonic_instant(uint64_t nanoseconds) {
  if (nanoseconds >= kMaxNanoseconds) return kNever;
  return TimePoint(std::chrono::nanoseconds(static_cast<int64_t>(nanoseconds)));
}

TimePoint monotonic_after(uint64_t nanoseconds) {
  const uint64_t now = monotonic_now();
  return nanoseconds >= kMaxNanoseconds - now ? kNever : monotonic_instant(now + nanoseconds);
}

void add_clocks(runtime::Linker& linker) {
  static_assert(std::is_same_v<Duration, std::chrono::nanoseconds>);
  constexpr std::string_view kMonotonic = "wasi:clocks/monotonic-clock@0.2.12";
  linker.function(kMonotonic, "now", [](Host&) { return monotonic_now(); });
  linker.function(kMonotonic, "resolution", [](Host&) { return uint64_t{1}; });
  linker.function(kMonotonic, "subscribe-instant",
                  [](Host&, uint64_t when) { return timer(monotonic_instant(when)); });
  linker.function(kMonotonic, "subscribe-duration",
                  [](Host&, uint64_t duration) { return timer(monotonic_after(duration)); });

  constexpr std::string_view kWall = "wasi:clocks/wall-clock@0.2.12";
  linker.function(kWall, "now", [](Host& host) {
    const uint64_t now = wall_nanoseconds(host);
    return Datetime{now / 1'000'000'000, static_cast<uint32_t>(now % 1'000'000'000)};
  });
  linker.function(kWall, "resolution", [](Host&) { return Datetime{0, 1}; });
}

}  // namespace wattle::wasi
