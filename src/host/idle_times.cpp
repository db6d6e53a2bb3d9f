#include "host/idle_times.h"

#include <algorithm>

namespace wattle::host {

std::vector<RevisionKey> IdleTimes::step(const Patience& patience,
                                         const std::map<RevisionKey, ComponentLoad>& loads, TimePoint now) {
  std::erase_if(quiet_, [&](const auto& each) { return !patience.contains(each.first); });
  std::vector<RevisionKey> idle;
  for (const auto& [key, longest] : patience) {
    const auto found = loads.find(key);
    if (found == loads.end()) continue;
    const ComponentLoad& load = found->second;
    const auto [place, is_new] = quiet_.try_emplace(key, Quiet{load.calls, now});
    Quiet& quiet = place->second;
    if (load.in_flight + load.queued > 0 || load.calls != quiet.calls) quiet = {load.calls, now};
    if (is_new || now - quiet.since < longest) continue;
    idle.push_back(key);
    quiet_.erase(place);
  }
  return idle;
}

Duration IdleTimes::interval(const Patience& patience) {
  static constexpr Duration kShortest = std::chrono::milliseconds(25);
  Duration interval = std::chrono::seconds(1);
  for (const auto& [key, longest] : patience) interval = std::min(interval, longest / 4);
  return std::max(interval, kShortest);
}

}  // namespace wattle::host
