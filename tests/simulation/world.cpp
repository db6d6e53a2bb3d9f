#include "world.h"

#include <algorithm>

namespace wattle::simulation {

void World::at(TimePoint when, std::function<void()> happen) {
  uint32_t place = static_cast<uint32_t>(happenings_.size());
  if (free_places_.empty()) {
    happenings_.push_back(std::move(happen));
  } else {
    place = free_places_.back();
    free_places_.pop_back();
    happenings_[place] = std::move(happen);
  }
  events_.push_back({std::max(when, now_), ++order_, place});
  std::push_heap(events_.begin(), events_.end(), is_later);
}

bool World::run_until(TimePoint end) {
  while (!violation_ && !events_.empty() && events_.front().when <= end) {
    std::pop_heap(events_.begin(), events_.end(), is_later);
    const Event event = events_.back();
    events_.pop_back();
    const std::function<void()> happen = std::move(happenings_[event.place]);
    free_places_.push_back(event.place);
    happened_now_ = event.when == now_ ? happened_now_ + 1 : 0;
    if (happened_now_ > kEventsAtOnce) violate("time_goes_on", "events lead to events, and no time passes");
    now_ = event.when;
    ++happened_;
    mix(static_cast<uint64_t>(now_.time_since_epoch().count()) ^ event.order);
    happen();
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
