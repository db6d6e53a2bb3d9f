// How many instances a component shall have by how many calls there are: up soon, and down when no moment
// of a while has needed more. A pure machine of what is told and the time.
//
//   LoadFollower follower(running, now);  // with what runs: a new manager takes nothing away
//   const uint32_t wanted = follower.step(scaling, in_flight + queued, now);
//   ... and again at follower.next_step(scaling), though nothing is told
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"
#include "manager/manifest.h"

namespace wattle::manager {

class LoadFollower {
 public:
  // While calls move from one host to another, both may tell of them, for as long as leases differ in age.
  static constexpr Duration kRisesAfter = std::chrono::milliseconds(700);

  LoadFollower(uint32_t instances, TimePoint now) : wanted_(instances), held_{{instances, now}} {}

  // `calls`: in flight and queued, from now on.
  uint32_t step(const LoadScaling& scaling, uint64_t calls, TimePoint now);
  uint32_t wanted() const { return wanted_; }
  // When it may want another number, if nothing else is told; TimePoint::max(): never.
  TimePoint next_step(const LoadScaling& scaling) const;
  // It never does.
  bool is_still() const { return held_.empty() && !rising_; }

 private:
  // What was needed before, and until when: less and less, since what is no more than what came later says
  // nothing.
  struct Held {
    uint32_t instances = 0;
    TimePoint until{};
  };
  void hold(Held held);
  // More is needed than is wanted: at least so much, since then.
  struct Rising {
    uint32_t instances = 0;
    TimePoint since{};
  };
  void follow_up(TimePoint now);

  uint32_t needed_ = 0;
  uint32_t wanted_ = 0;
  std::deque<Held> held_;
  std::optional<Rising> rising_;
};

// So that `calls` keep the instances as busy as they shall be; within the bounds, one at least.
uint32_t instances_for(const LoadScaling& scaling, uint64_t calls);

}  // namespace wattle::manager
