// Simulated time: what happens when, one thing after the other, and a trace of it all.
//
//   World world(seed);
//   world.after(std::chrono::seconds(2), [&] { world.trace("host 3 is back"); });
//   world.run_until(world.now() + std::chrono::hours(1));
//
// Everything that happens is mixed into one hash: two runs with the same hash were the same run.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "random.h"

namespace wattle::simulation {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct Violation {
  std::string check{};
  std::string what{};
  double at_seconds = 0;
};

class World {
 public:
  explicit World(uint64_t seed, std::FILE* trace_file = nullptr) : random_(seed), trace_file_(trace_file) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  TimePoint now() const { return now_; }
  double now_in_seconds() const { return std::chrono::duration<double>(now_ - kBeginning).count(); }
  Random& random() { return random_; }

  void at(TimePoint when, std::function<void()> happen);
  void after(Duration pause, std::function<void()> happen) { at(now_ + pause, std::move(happen)); }
  // False: a check was violated.
  bool run_until(TimePoint end);

  template <class... Values>
  void trace(fmt::format_string<Values...> format, Values&&... values) {
    std::string line = fmt::format("{:12.6f} ", now_in_seconds());
    fmt::format_to(std::back_inserter(line), format, std::forward<Values>(values)...);
    keep(std::move(line));
  }
  // What happens too often for a line.
  void mix(uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3 + (hash_ >> 47); }

  // The first one ends the run.
  void violate(std::string check, std::string what);
  const std::optional<Violation>& violation() const { return violation_; }

  uint64_t trace_hash() const { return hash_; }
  uint64_t events() const { return happened_; }
  const std::deque<std::string>& last_lines() const { return lines_; }

  static constexpr TimePoint kBeginning{std::chrono::hours(1)};

 private:
  static constexpr size_t kLinesKept = 40;
  static constexpr uint64_t kEventsAtOnce = 200'000;
  struct Event {
    TimePoint when{};
    uint64_t order = 0;
    uint32_t place = 0;  // in happenings_: events move often, closures do not
  };
  static bool is_later(const Event& left, const Event& right) {
    return left.when != right.when ? left.when > right.when : left.order > right.order;
  }
  void keep(std::string line);

  TimePoint now_ = kBeginning;
  Random random_;
  std::FILE* trace_file_;
  std::vector<Event> events_;  // a heap
  std::vector<std::function<void()>> happenings_;
  std::vector<uint32_t> free_places_;
  uint64_t order_ = 0;
  uint64_t happened_ = 0;
  uint64_t happened_now_ = 0;
  uint64_t hash_ = 0xcbf29ce484222325;
  std::deque<std::string> lines_;
  std::optional<Violation> violation_;
};

}  // namespace wattle::simulation
