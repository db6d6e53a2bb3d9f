// Time as the program sees it: monotonic points for deadlines, wall time only for showing.
#pragma once

#include <chrono>

namespace wattle {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

// "No deadline": later than every real point in time.
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace wattle
