#include "manager/agenda.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimePoint kStart{std::chrono::hours(1)};

TEST(Agenda, TheEarliestTimeCounts) {
  Agenda agenda;
  agenda.add("shop", kStart + seconds(2));
  agenda.add("shop", kStart + seconds(5));
  agenda.add("blog", kStart + seconds(1));
  agenda.add("blog");
  EXPECT_EQ(agenda.next(), Agenda::kNow);
  EXPECT_THAT(agenda.take(kStart), ElementsAre("blog"));
  EXPECT_EQ(agenda.next(), kStart + seconds(2));
  EXPECT_THAT(agenda.take(kStart + seconds(2)), ElementsAre("shop"));
  EXPECT_EQ(agenda.next(), TimePoint::max());
  EXPECT_THAT(agenda.take(kStart + seconds(9)), IsEmpty());
}

}  // namespace
}  // namespace wattle::manager
