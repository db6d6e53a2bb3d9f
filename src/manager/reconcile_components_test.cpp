// How many instances there are while something changes, on hosts that take their time.
#include <gmock/gmock.h>

#include "manager/reconciler_test_support.h"

namespace wattle::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Slow : public Lattice {
 protected:
  void take(Duration first, Duration second, Duration third) {
    scale_takes_ = {{"N1", first}, {"N2", second}, {"N3", third}};
  }
  // Its instances are gone, and none starts any more.
  void break_down(const std::string& reference) {
    never_starts_ = reference;
    std::erase_if(components_, [&](const auto& one) { return one.first.reference == reference; });
    for (const std::string& id : hosts_) tell(HostActed{id});
  }
  int64_t scales_of(std::string_view reference) const {
    return std::count_if(done_.begin(), done_.end(), [&](const std::string& object) {
      return object.find(reference) != std::string::npos;
    });
  }
};

TEST_F(Slow, WhatFailsIsNotTriedMoreOftenForItsNumbers) {
  take(milliseconds(90), milliseconds(130), milliseconds(170));
  never_starts_ = "bad:1";
  deploy("v1", component("bad:1", 8));
  settle(seconds(60));
  EXPECT_GE(scales_of(" bad:1 "), 3 * 4);
  EXPECT_LE(scales_of(" bad:1 "), 3 * 10);
}

TEST_F(Slow, WhatSomebodyElseUndoesIsNotDoneAgainAtOnce) {
  deploy("v1", component("a:1", 3));
  settle();
  done_.clear();
  for (int step = 0; step < 100; ++step) {
    components_.erase({"N1", "shop-api", "a:1"});
    tell(HostActed{"N1"});
    settle(milliseconds(20));
  }
  EXPECT_GE(scales_of(" a:1 "), 3);
  EXPECT_LE(scales_of(" a:1 "), 6);
}

TEST_F(Slow, AnUpdateIsNotHeldUpByWhatDoesNotStartAnyMore) {
  take(milliseconds(10), milliseconds(10), milliseconds(10));
  deploy("v1", component("a:1", 4));
  settle();
  break_down("a:1");
  deploy("v2", component("a:2", 4));
  settle(seconds(30));
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Slow, AnUpdateThatBeginsAnewIsNotHeldUpByWhatDoesNotStartAnyMore) {
  take(milliseconds(10), milliseconds(10), milliseconds(10));
  deploy("v1", component("a:1", 4));
  settle();
  deploy("v2", component("a:2", 4));
  for (int step = 0; step < 1000 && count("a:2") < 3; ++step) settle(milliseconds(5));
  break_down("a:1");
  deploy("v3", component("a:2", 4));
  settle(seconds(30));
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_EQ(notes_["shop"].stable, "v3");
}

TEST_F(Slow, WeightsThatGiveNothingItsCallsGo) {
  take(milliseconds(10), milliseconds(10), milliseconds(400));
  deploy("v1", component("a:1", 3));
  settle();
  deploy("v2", component("a:2", 3), "{wattle/update: blue-green}");
  settle(milliseconds(100));
  ASSERT_EQ(count("a:2"), 2u);
  ASSERT_EQ(weights_["shop-api"]["a:2"], 0u);
  break_down("a:1");
  deploy("v1", component("a:1", 3));
  settle();
  EXPECT_GE(count("a:2"), 1u);
  EXPECT_FALSE(weights_.contains("shop-api"));
}

TEST_F(Slow, WhatIsEndingDoesNotStandForWhatStays) {
  deploy("v1", component("a:1", 9));
  settle();
  take(milliseconds(10), milliseconds(10), milliseconds(40));
  deploy("v2", component("a:2", 2));
  for (int step = 0; step < 2000; ++step) {
    settle(milliseconds(5));
    if (notes_["shop"].stable == "v2") break;
    const bool ends = notes_["shop"].stage > 0;
    ASSERT_TRUE(ends || count("a:1") >= 2);
  }
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(count("a:2"), 2u);
}

// A component on the hosts of a zone.
std::string in_zone(std::string_view zone, std::string_view kind, uint32_t instances) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"a:1\"}}\n      traits: "
      "[{{type: {}, properties: {{instances: {}, spread: [{{name: one, requirements: {{zone: "
      "\"{}\"}}}}]}}}}]\n",
      kind, instances, zone);
}

TEST_F(Slow, ADaemonEndsWhereItMayNotRunWhenItIsElsewhere) {
  for (const char* host : {"N1", "N2", "N3"}) set_label(host, "zone", host[1] == '3' ? "b" : "a");
  deploy("v1", in_zone("a", "spreadscaler", 4));
  settle();
  take(milliseconds(10), milliseconds(10), milliseconds(100));
  deploy("v2", in_zone("b", "daemonscaler", 2));
  for (int step = 0; step < 100; ++step) {
    settle(milliseconds(5));
    ASSERT_GE(count("a:1"), 1u);
  }
  EXPECT_EQ(components_, (std::map<Running, uint32_t>{{{"N3", "shop-api", "a:1"}, 2}}));
}

TEST_F(Slow, ADaemonBeginsOnAHostThatIsBackWhateverOthersHave) {
  for (const char* host : {"N1", "N2", "N3"}) set_label(host, "zone", "a");
  const std::string annotations = "{wattle/observe: \"2s\"}";
  const auto daemon = [](const char* image) {
    std::string text = in_zone("a", "daemonscaler", 2);
    return text.replace(text.find("a:1"), 3, image);
  };
  deploy("v1", daemon("a:1"), annotations);
  settle();
  ASSERT_EQ(count("a:1"), 6u);
  deploy("v2", daemon("a:2"), annotations);
  const auto settle_to_stage = [&](uint32_t stage) {
    for (int step = 0; step < 2000 && notes_["shop"].stage < stage; ++step) settle(milliseconds(5));
    ASSERT_EQ(notes_["shop"].stage, stage);
  };
  settle_to_stage(1);
  tell(HostGone{"N1"});
  // As a later update left it, of which the host has not heard the end.
  components_.erase({"N1", "shop-api", "a:1"});
  components_[{"N1", "shop-api", "a:2"}] = 2;
  settle_to_stage(2);
  tell(see("N1"));
  settle(seconds(30));
  EXPECT_EQ(notes_["shop"].stable, "v2");
  EXPECT_EQ(count("a:2"), 6u);
}

TEST_F(Slow, WhatIsOnItsWayToAHostThatIsNotChosenAnyMoreCounts) {
  for (const char* host : {"N1", "N2", "N3"}) set_label(host, "zone", std::string(1, host[1]));
  take(milliseconds(10), milliseconds(10), milliseconds(400));
  deploy("v1", in_zone("3", "spreadscaler", 4));
  settle(milliseconds(30));
  deploy("v2", in_zone("2", "spreadscaler", 4));
  uint32_t most = 0;
  for (int step = 0; step < 200; ++step) {
    settle(milliseconds(5));
    most = std::max(most, count("a:1"));
  }
  EXPECT_LE(most, 5u);
  EXPECT_EQ(components_, (std::map<Running, uint32_t>{{{"N2", "shop-api", "a:1"}, 4}}));
}

TEST_F(Slow, AStageHasItsWeightsWhileNothingRunsOfTheFormer) {
  deploy("v1", component("a:1", 1));
  settle();
  deploy("v2", component("a:2", 1), "{wattle/update: canary, wattle/canary: \"10%\"}");
  for (int i = 0; i < 1000 && count("a:2") == 0; ++i) settle(milliseconds(5));
  settle(milliseconds(50));
  ASSERT_EQ(weights_["shop-api"]["a:2"], 100u);
  std::erase_if(components_, [](const auto& one) { return one.first.reference == "a:1"; });
  told_weights_.clear();
  for (const std::string& id : hosts_) tell(HostActed{id});
  settle(milliseconds(200));
  EXPECT_EQ(count("a:1"), 1u);
  EXPECT_THAT(told_weights_, testing::IsEmpty());
}

// Of two instances all are the first spread's.
std::string mostly_in(const char* image, std::string_view zone, std::string_view other) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits: "
      "[{{type: spreadscaler, properties: {{instances: 2, spread: [{{name: one, weight: 99, requirements: "
      "{{zone: "
      "\"{}\"}}}}, {{name: two, weight: 1, requirements: {{zone: \"{}\"}}}}]}}}}]\n",
      image, zone, other);
}

TEST_F(Slow, AnUpdateWaitsForTheOnlyHostThatTakesAnyOfIt) {
  for (const char* host : {"N1", "N2", "N3"}) set_label(host, "zone", std::string(1, host[1]));
  deploy("v1", mostly_in("a:1", "1", "2"));
  settle();
  ASSERT_EQ(components_, (std::map<Running, uint32_t>{{{"N1", "shop-api", "a:1"}, 2}}));
  tell(HostGone{"N1"});
  std::erase_if(components_, [](const auto& one) { return one.first.host == "N1"; });
  deploy("v2", mostly_in("a:2", "1", "2"));
  settle(seconds(20));
  EXPECT_EQ(notes_["shop"].stable, "v1");
  EXPECT_EQ(notes_["shop"].target, "v2");
  tell(see("N1"));
  settle(seconds(20));
  EXPECT_EQ(notes_["shop"].stable, "v2");
  EXPECT_EQ(count("a:2"), 2u);
}

TEST_F(Slow, AProviderThatIsBeingStoppedRunsNowhere) {
  for (const char* host : {"N1", "N2", "N3"}) set_label(host, "zone", std::string(1, host[1]));
  const auto store = [](uint32_t instances) {
    return fmt::format(
        "    - name: store\n      type: capability\n      properties: {{image: \"file:///store\"}}\n      "
        "traits: [{{type: spreadscaler, properties: {{instances: {}}}}}]\n",
        instances);
  };
  deploy("v1", store(2));
  settle();
  deploy("v1", in_zone("2", "spreadscaler", 1), "{}", "other");
  settle();
  stop_takes_ = milliseconds(500);
  deploy("v2", store(1));
  settle(milliseconds(50));
  ASSERT_EQ(stopping_.size(), 1u);
  ASSERT_EQ(stopping_.front().second.host_id, "N2");
  hosts_.erase("N1");
  std::erase_if(providers_, [](const auto& one) { return one.first.host == "N1"; });
  tell(HostGone{"N1"});
  settle(milliseconds(50));
  EXPECT_TRUE(providers_.contains({"N3", "shop-store", "file:///store"}));
  settle();
  EXPECT_EQ(providers_.size(), 1u);
}

}  // namespace
}  // namespace wattle::manager
