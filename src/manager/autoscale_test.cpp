#include "manager/autoscale.h"

#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

using std::chrono::seconds;

class LoadFollowing : public ::testing::Test {
 protected:
  uint32_t at(int second, uint64_t calls) {
    return follower_.step(scaling_, calls, start_ + seconds(second));
  }
  const TimePoint start_ = Clock::now();
  LoadScaling scaling_{.least = 2, .most = 40, .busy_percent = 50, .down_after = seconds(60)};
  LoadFollower follower_{2, start_};
};

TEST(InstancesForCalls, KeepThemAsBusyAsTheyShallBe) {
  const LoadScaling scaling{.least = 0, .most = 10, .busy_percent = 70};
  EXPECT_EQ(instances_for(scaling, 0), 1u);
  EXPECT_EQ(instances_for(scaling, 1), 2u);
  EXPECT_EQ(instances_for(scaling, 7), 10u);
  EXPECT_EQ(instances_for(scaling, uint64_t{1} << 60), 10u);
  EXPECT_EQ(instances_for({.least = 5, .most = 10, .busy_percent = 100}, 3), 5u);
}

TEST_F(LoadFollowing, GoesUpToWhatHasBeenNeededForAMoment) {
  EXPECT_EQ(at(0, 0), 2u);
  EXPECT_EQ(at(1, 6), 2u);
  EXPECT_EQ(follower_.next_step(scaling_), start_ + seconds(1) + LoadFollower::kRisesAfter);
  EXPECT_EQ(at(2, 10), 12u);
  EXPECT_EQ(at(3, 10), 20u);
  EXPECT_EQ(at(4, 1000), 20u);
  EXPECT_EQ(at(5, 1000), 40u);
}

TEST_F(LoadFollowing, LeavesOutWhatTwoHostsTellOfOneCall) {
  EXPECT_EQ(follower_.step(scaling_, 5, start_), 2u);
  EXPECT_EQ(follower_.step(scaling_, 5, start_ + seconds(1)), 10u);
  EXPECT_EQ(follower_.step(scaling_, 10, start_ + std::chrono::milliseconds(1500)), 10u);
  EXPECT_EQ(follower_.step(scaling_, 5, start_ + std::chrono::milliseconds(1900)), 10u);
  EXPECT_EQ(follower_.step(scaling_, 10, start_ + std::chrono::milliseconds(2300)), 10u);
  EXPECT_EQ(at(200, 5), 10u);
}

TEST_F(LoadFollowing, GoesDownToTheHighestOfAWhile) {
  at(-1, 10);
  EXPECT_EQ(at(0, 10), 20u);
  EXPECT_EQ(at(10, 4), 20u);
  EXPECT_EQ(at(50, 0), 20u);
  EXPECT_EQ(at(69, 0), 20u);
  EXPECT_EQ(at(70, 0), 8u);   // 10 calls ended at 10
  EXPECT_EQ(at(109, 0), 8u);  // and 4 at 50
  EXPECT_EQ(at(110, 0), 2u);
  EXPECT_EQ(follower_.next_step(scaling_), TimePoint::max());
}

TEST_F(LoadFollowing, SaysWhenItWillWantLess) {
  at(0, 10);
  at(10, 10);
  at(10, 0);
  EXPECT_EQ(follower_.next_step(scaling_), start_ + seconds(70));
}

TEST_F(LoadFollowing, StaysWhileCallsComeAndGo) {
  at(-1, 10);
  at(0, 10);
  int changes = 0;
  for (int second = 1; second < 1000; ++second)
    changes += at(second, second % 50 == 0 ? 10 : second % 3) != 20 ? 1 : 0;
  EXPECT_EQ(changes, 0);
}

TEST_F(LoadFollowing, LeavesSmallStepsOut) {
  at(0, 19);
  EXPECT_EQ(at(1, 19), 38u);
  EXPECT_EQ(at(2, 18), 38u);
  EXPECT_EQ(at(100, 18), 38u);
  EXPECT_EQ(at(101, 17), 38u);
  EXPECT_EQ(at(200, 17), 34u);
}

TEST_F(LoadFollowing, BeginsWithWhatRuns) {
  LoadFollower next(30, start_);
  EXPECT_EQ(next.step(scaling_, 1, start_), 30u);
  EXPECT_EQ(next.step(scaling_, 1, start_ + seconds(59)), 30u);
  EXPECT_EQ(next.step(scaling_, 1, start_ + seconds(60)), 2u);
}

TEST_F(LoadFollowing, ObeysNewBoundsAtOnce) {
  at(-1, 10);
  EXPECT_EQ(at(0, 10), 20u);
  scaling_.most = 15;
  EXPECT_EQ(at(1, 10), 15u);
  scaling_.least = scaling_.most = 30;
  EXPECT_EQ(at(2, 0), 30u);
}

TEST_F(LoadFollowing, RemembersNoMoreThanItNeeds) {
  scaling_ = {.least = 0, .most = 100'000, .busy_percent = 100, .down_after = seconds(3600)};
  at(-1, 10'000);
  for (int second = 0; second < 2000; ++second) EXPECT_EQ(at(second, 10'000 - second), 10'000u);
  EXPECT_EQ(at(6000, 0), 8001u);  // what 64 levels kept of the last hour
  EXPECT_EQ(at(9601, 0), 1u);
}

}  // namespace
}  // namespace wattle::manager
