#include "lattice/manager_lease.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;

// Looks that take no time, at times since the first.
class ManagerLeaseTest : public testing::Test {
 protected:
  bool held(std::optional<uint64_t> revision, Duration at) {
    return lease_.held(revision, start_ + at, start_ + at);
  }
  const TimePoint start_ = Clock::now();
  ManagerLease lease_;
};

TEST_F(ManagerLeaseTest, NobodyHoldsWhatIsNotThere) {
  EXPECT_FALSE(held({}, 0s));
  EXPECT_FALSE(held({}, 10s));
}

TEST_F(ManagerLeaseTest, WhatIsSeenForTheFirstTimeMayBeHeld) {
  EXPECT_TRUE(held(7, 0s));
  EXPECT_TRUE(held(7, kManagerLeaseExpires - 1ms));
  EXPECT_FALSE(held(7, kManagerLeaseExpires));
  EXPECT_FALSE(held(7, 1h));
}

TEST_F(ManagerLeaseTest, ARenewalSaysThatItIsHeld) {
  EXPECT_TRUE(held(7, 0s));
  EXPECT_TRUE(held(8, 30s));
  EXPECT_FALSE(held(8, 32s));
  EXPECT_TRUE(held(9, 34s));
}

TEST_F(ManagerLeaseTest, ItIsGivenBack) {
  EXPECT_TRUE(held(7, 0s));
  EXPECT_FALSE(held({}, 100ms));
  EXPECT_TRUE(held(7, 200ms)) << "what comes again is new";
}

TEST_F(ManagerLeaseTest, ALookThatTookLongSaysWhatWasAtItsEnd) {
  EXPECT_TRUE(lease_.held(7, start_, start_ + 10s));
  EXPECT_TRUE(lease_.held(7, start_ + 11s, start_ + 12s));
  EXPECT_FALSE(lease_.held(7, start_ + 12s, start_ + 12s));
}

}  // namespace
}  // namespace wattle::lattice
