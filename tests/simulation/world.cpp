#include "world.h"

#include <algorithm>

namespace wattle::simulation {

void World::at(TimePoint when, std::function<void()> happen) {
  events_.push_back({std::max(when, now_), ++order_, std::move(happen)});
  std::push_heap(events_.begin(), events_.end(), is_later);
}

bool World::run_until(TimePoint end) {
  while (!violation_ && !events_.empty() && events_.front().when <= end) {
    std::pop_heap(events_.begin(), events_.end(), is_later);
    const Event event = std::move(events_.back());
    events_.pop_back();
    happened_now_ = event.when == now_ ? happened_now_ + 1 : 0;
    if (happened_now_ > kEventsAtOnce) violate("time_goes_on", "events lead to events, and no time passes");
    now_ = event.when;
    ++happened_;
    mix(static_cast<uint64_t>(now_.time_since_epoch().count()) ^ event.order);
    event.happen();
  }
  if (!violation_) now_ = std::max(now_, end);
  return !violation_;
}

void World::keep(std::string line) {
  for (const char letter : line) mix(static_cast<unsigned char>(letter));
  if (trace_file_ != nullptr) fmt::print(trace_file_, "{}\n", line);
  lines_.push_back(std::move(line));
  if (lines_.size() > kLinesKept) lines_.pop_front();
}

void World::violate(std::string check, std::string what) {
  trace("VIOLATION {}: {}", check, what);
  if (!violation_) violation_ = Violation{std::move(check), std::move(what), now_in_seconds()};
}

}  // namespace wattle::simulation
