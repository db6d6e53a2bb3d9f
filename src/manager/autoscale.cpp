#include "manager/autoscale.h"

#include <algorithm>

namespace wattle::manager {
namespace {

constexpr size_t kHeldMax = 64;
// Less than this share of the instances is not worth a change.
constexpr uint32_t kLeastStep = 10;

}  // namespace

uint32_t instances_for(const LoadScaling& scaling, uint64_t calls) {
  const uint64_t percent = std::max(1u, scaling.busy_percent);
  const uint64_t most = std::max(1u, scaling.most);
  const uint64_t needed = calls >= most ? most : (calls * 100 + percent - 1) / percent;
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(needed, std::min<uint64_t>(std::max(1u, scaling.least), most), most));
}

// Beyond the bound, neighbours become one that is as large and as late as both.
void LoadFollower::hold(Held held) {
  while (!held_.empty() && held_.back().instances <= held.instances) held_.pop_back();
  held_.push_back(held);
  if (held_.size() <= kHeldMax) return;
  held_[0].until = held_[1].until;
  held_.erase(held_.begin() + 1);
}

uint32_t LoadFollower::step(const LoadScaling& scaling, uint64_t calls, TimePoint now) {
  const uint32_t needed = instances_for(scaling, calls);
  if (needed_ > needed) hold({needed_, now});
  needed_ = needed;
  while (!held_.empty() &&
         (held_.front().instances <= needed || held_.front().until + scaling.down_after <= now))
    held_.pop_front();
  const uint32_t least = instances_for(scaling, 0), most = std::max(1u, scaling.most);
  wanted_ = std::clamp(wanted_, least, most);
  follow_up(now);
  const uint32_t enough = std::max(needed, held_.empty() ? 0 : std::min(held_.front().instances, most));
  const bool is_worth_it =
      enough < wanted_ && (enough <= least || (wanted_ - enough) * uint64_t{kLeastStep} >= wanted_);
  if (is_worth_it) wanted_ = enough;
  return wanted_;
}

// To the least that has been needed since it was more than there is.
void LoadFollower::follow_up(TimePoint now) {
  if (needed_ <= wanted_) return rising_.reset();
  if (!rising_) rising_ = Rising{needed_, now};
  rising_->instances = std::min(rising_->instances, needed_);
  if (now < rising_->since + kRisesAfter) return;
  wanted_ = rising_->instances;
  rising_.reset();
  if (needed_ > wanted_) rising_ = Rising{needed_, now};
}

TimePoint LoadFollower::next_step(const LoadScaling& scaling) const {
  const TimePoint falls = held_.empty() ? TimePoint::max() : held_.front().until + scaling.down_after;
  return rising_ ? std::min(falls, rising_->since + kRisesAfter) : falls;
}

}  // namespace wattle::manager
