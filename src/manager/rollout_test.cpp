#include "manager/rollout.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace wattle::manager {
namespace {

UpdateStrategy strategy(UpdateKind kind) {
  UpdateStrategy made;
  made.kind = kind;
  return made;
}

Application annotated(std::string key, std::string value) {
  Application application;
  application.annotations[std::move(key)] = std::move(value);
  return application;
}

TEST(Rollout, RollingProbesThenMovesByTheSurge) {
  const auto stages = schedule_of(strategy(UpdateKind::rolling), 4);
  ASSERT_GE(stages.size(), 4u);
  EXPECT_EQ(stages[0], (Stage{1, 4, kProbeCalls, true}));
  EXPECT_EQ(stages[1], (Stage{1, 4, kTrialCalls, true}));
  EXPECT_EQ(stages[2], (Stage{1, 3, 250, false}));
  EXPECT_EQ(stages.back(), (Stage{4, 0, kAllCalls, false}));
}

TEST(Rollout, AllCallsAreJudgedBeforeTheFormerEnds) {
  for (const UpdateKind kind : {UpdateKind::rolling, UpdateKind::blue_green, UpdateKind::canary}) {
    for (const uint32_t instances : {1u, 2u, 3u, 10u, 97u}) {
      const auto stages = schedule_of(strategy(kind), instances);
      const Stage& before_last = stages[stages.size() - 2];
      EXPECT_EQ(before_last, (Stage{instances, before_last.former, kAllCalls, true}));
      EXPECT_GT(before_last.former, 0u);
    }
  }
}

TEST(Rollout, InstancesStayWithinSurgeAndUnavailable) {
  for (const uint32_t instances : {1u, 2u, 3u, 10u, 97u, 1000u}) {
    for (const uint32_t unavailable : {0u, 1u}) {
      UpdateStrategy rolling = strategy(UpdateKind::rolling);
      rolling.max_unavailable.count = unavailable;
      const auto stages = schedule_of(rolling, instances);
      EXPECT_LE(stages.size(), kStagesMax);
      const uint32_t surge = std::max(1u, instances_of(rolling.max_surge, instances));
      for (const Stage& stage : stages) {
        EXPECT_LE(stage.fresh + stage.former, instances + surge);
        EXPECT_GE(stage.fresh + stage.former + unavailable, instances);
      }
    }
  }
}

TEST(Rollout, ANumberBeyondAllBoundsEnds) {
  for (const uint32_t instances : {1'000'000u, 0x8000'0000u, 0xffff'ffffu}) {
    for (const uint32_t percent : {25u, 100u}) {
      UpdateStrategy rolling = strategy(UpdateKind::rolling);
      rolling.max_surge = {0, percent};
      const auto stages = schedule_of(rolling, instances);
      EXPECT_LE(stages.size(), kStagesMax);
      for (const Stage& stage : stages) EXPECT_LE(stage.fresh_calls, kAllCalls);
    }
  }
}

TEST(Rollout, WithoutSurgeTheFormerEndsBeforeTheLastBegin) {
  UpdateStrategy rolling = strategy(UpdateKind::rolling);
  rolling.max_surge = {};
  rolling.max_unavailable = {.count = 1};
  const auto stages = schedule_of(rolling, 4);
  EXPECT_EQ(stages[stages.size() - 2], (Stage{3, 0, kAllCalls, false}));
  EXPECT_EQ(stages.back(), (Stage{4, 0, kAllCalls, false}));
}

TEST(Rollout, CallsOnlyEverMoveToTheFreshRevision) {
  for (const UpdateKind kind : {UpdateKind::rolling, UpdateKind::blue_green, UpdateKind::canary}) {
    const auto stages = schedule_of(strategy(kind), 10);
    EXPECT_TRUE(std::is_sorted(stages.begin(), stages.end(), [](const Stage& left, const Stage& right) {
      return left.fresh_calls < right.fresh_calls;
    }));
    EXPECT_EQ(stages.back(), (Stage{10, 0, kAllCalls, false}));
  }
}

TEST(Rollout, BlueGreenIsWholeBeforeItIsCalled) {
  const auto stages = schedule_of(strategy(UpdateKind::blue_green), 6);
  EXPECT_EQ(stages.front(), (Stage{6, 6, 0, false}));
}

TEST(Rollout, RecreateEndsTheFormerFirst) {
  const auto stages = schedule_of(strategy(UpdateKind::recreate), 6);
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages.front().fresh + stages.front().former, 0u);

  UpdateStrategy all_at_once = strategy(UpdateKind::rolling);
  all_at_once.max_surge = {};
  all_at_once.max_unavailable.percent = 100;
  EXPECT_EQ(schedule_of(all_at_once, 6), stages);
}

TEST(Rollout, AnnotationsSayHow) {
  EXPECT_EQ(update_strategy(annotated("wattle/update", "canary"))->kind, UpdateKind::canary);
  EXPECT_EQ(update_strategy(annotated("wattle/canary", "0.5%, 20%"))->canary_permille,
            (std::vector<uint32_t>{5, 200}));
  EXPECT_EQ(update_strategy(annotated("wattle/max-surge", "3"))->max_surge.count, 3u);
  EXPECT_EQ(update_strategy(annotated("wattle/observe", "250ms"))->observe, std::chrono::milliseconds(250));
}

TEST(Rollout, AnnotationsThatSayNothingAreRefused) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"wattle/update", "slowly"},
                                                        {"wattle/canary", "20%,5%"},
                                                        {"wattle/canary", "0%"},
                                                        {"wattle/canary", ""},
                                                        {"wattle/max-surge", "-1"},
                                                        {"wattle/max-failures", "101%"},
                                                        {"wattle/observe", "soon"}}) {
    const auto refused = update_strategy(annotated(key, value));
    ASSERT_FALSE(refused) << key << ": " << value;
    EXPECT_NE(refused.error().full_message().find(key), std::string::npos);
  }
}

TEST(Rollout, ThreeFailuresBeyondTheUsualAreTooMany) {
  const UpdateStrategy usual;
  EXPECT_FALSE(fails_too_often(usual, {10, 2}, {1000, 0}));
  EXPECT_TRUE(fails_too_often(usual, {30, 3}, {1000, 0}));
  EXPECT_FALSE(fails_too_often(usual, {100, 5}, {1000, 0}));
  EXPECT_FALSE(fails_too_often(usual, {30, 3}, {1000, 100}));
}

}  // namespace
}  // namespace wattle::manager
