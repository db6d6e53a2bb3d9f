#include "host/idle_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::host {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const RevisionKey kShop{"shop", "sha256:1"};

class IdleTimesOfShop : public ::testing::Test {
 protected:
  std::vector<RevisionKey> after(Duration time, const ComponentLoad& load) {
    return idle_.step({{kShop, seconds(10)}}, {{kShop, load}}, start_ + time);
  }
  IdleTimes idle_;
  TimePoint start_ = Clock::now();
};

TEST_F(IdleTimesOfShop, EndWhenItsPatienceIsOver) {
  EXPECT_THAT(after(seconds(0), {.calls = 5}), IsEmpty());
  EXPECT_THAT(after(seconds(9), {.calls = 5}), IsEmpty());
  EXPECT_THAT(after(seconds(10), {.calls = 5}), ElementsAre(kShop));
}

TEST_F(IdleTimesOfShop, BeginAnewWithEachCall) {
  EXPECT_THAT(after(seconds(0), {}), IsEmpty());
  EXPECT_THAT(after(seconds(9), {.calls = 1}), IsEmpty());
  EXPECT_THAT(after(seconds(15), {.in_flight = 1, .calls = 1}), IsEmpty());
  EXPECT_THAT(after(seconds(20), {.queued = 1, .calls = 1}), IsEmpty());
  EXPECT_THAT(after(seconds(29), {.calls = 1}), IsEmpty());
  EXPECT_THAT(after(seconds(30), {.calls = 1}), ElementsAre(kShop));
}

TEST_F(IdleTimesOfShop, BeginAnewOnceTold) {
  EXPECT_THAT(after(seconds(0), {}), IsEmpty());
  EXPECT_THAT(after(seconds(10), {}), ElementsAre(kShop));
  EXPECT_THAT(after(seconds(11), {}), IsEmpty());
  EXPECT_THAT(after(seconds(21), {}), ElementsAre(kShop));
}

TEST_F(IdleTimesOfShop, AreLookedAtAsOftenAsTheShortestNeeds) {
  EXPECT_EQ(IdleTimes::interval({}), seconds(1));
  EXPECT_EQ(IdleTimes::interval({{kShop, seconds(2)}}), std::chrono::milliseconds(500));
  EXPECT_EQ(IdleTimes::interval({{kShop, std::chrono::milliseconds(1)}}), std::chrono::milliseconds(25));
}

}  // namespace
}  // namespace wattle::host
