// What parts ask of their hosts.
#include "manager/reconciler_test_support.h"

namespace wattle::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Three hosts, each with room for two instances of 64 MiB.
class Limited : public Lattice {
 protected:
  Limited() {
    for (const std::string& id : hosts_) set_label(id, "hostcore.memory", "128Mi");
    settle();
  }
  static std::string asking(std::string_view image, uint32_t instances, std::string_view memory = "64Mi") {
    return fmt::format(
        "    - name: api\n      type: component\n      properties: {{image: \"{}\", resources: {{requests: "
        "{{memory: {}}}}}}}\n      traits: [{{type: spreadscaler, properties: {{instances: {}}}}}]\n",
        image, memory, instances);
  }
  // Of instances, on one host.
  uint32_t most_on_a_host() const {
    std::map<std::string, uint32_t> counts;
    uint32_t most = 0;
    for (const auto& [running, count] : components_) most = std::max(most, counts[running.host] += count);
    return most;
  }
  // Nothing that runs is changed for so long.
  void rests(Duration time) {
    done_.clear();
    settle(time);
    for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
  }
  Status status(std::string_view name = "shop") const { return reconciler_->status(name)->status; }
};

TEST_F(Limited, WhatHasNoRoomWaitsSaysWhyAndComes) {
  deploy("v1", asking("a:1", 8));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
  EXPECT_THAT(status().message,
              testing::HasSubstr("spread default: 2 of 8 instances have no host: N1: 64 MiB "
                                 "asked, 0 B left of 128 MiB; N2: "));
  EXPECT_EQ(reconciler_->status("shop")->objects.at(0).wanted, 8u);
  rests(seconds(70));
  hosts_.insert("N4");
  tell(see("N4"));
  settle();
  EXPECT_EQ(count("a:1"), 8u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, AnotherApplicationMakesRoom) {
  deploy("v1", asking("b:1", 4), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 4));
  settle();
  EXPECT_EQ(count("a:1"), 2u);
  EXPECT_EQ(most_on_a_host(), 2u);
  undeploy("blog");
  settle(seconds(1));
  EXPECT_EQ(count("b:1"), 0u);
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, FewerInstancesOfAnotherMakeRoom) {
  deploy("v1", asking("b:1", 6), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  deploy("v2", asking("b:1", 3), "{}", "blog");
  settle(seconds(1));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
}

TEST_F(Limited, SmallerRequestsOfAnotherMakeRoom) {
  deploy("v1", asking("b:1", 3, "128Mi"), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  deploy("v2", asking("b:1", 3), "{}", "blog");
  settle(seconds(1));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(count("b:1"), 3u);
}

TEST_F(Limited, NothingIsTakenFromAHostThatHasLess) {
  deploy("v1", asking("a:1", 6));
  settle();
  set_label("N1", "hostcore.memory", "1Mi");
  rests(seconds(70));
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
  deploy("v2", asking("a:1", 7));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
}

TEST_F(Limited, AnotherManagerCountsWhatRuns) {
  deploy("v1", asking("a:1", 4));
  settle();
  deploy("v1", asking("b:1", 4), "{}", "blog");  // planned before shop
  settle();
  EXPECT_EQ(count("b:1"), 2u);
  begin();
  rests(seconds(70));
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_EQ(count("b:1"), 2u);
}

TEST_F(Limited, ThoseWhoWaitLeaveEachOtherAlone) {
  for (const char* name : {"a", "b", "c", "d"})
    deploy("v1", asking(fmt::format("{}:1", name), 5), "{}", name);
  settle();
  EXPECT_EQ(count("a:1") + count("b:1") + count("c:1") + count("d:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
  undeploy("a");
  settle(seconds(1));
  EXPECT_EQ(count("b:1") + count("c:1") + count("d:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
}

TEST_F(Limited, WhatIsUnevenForWantOfRoomIsEvenLater) {
  deploy("v1", asking("b:1", 1, "128Mi"), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 3u);
  undeploy("blog");
  settle(seconds(1));
  for (const auto& [running, instances] : components_) EXPECT_EQ(instances, 1u) << running.host;
}

TEST_F(Limited, OnlyOtherRequestsStartNothingAnew) {
  deploy("v1", component("a:1", 3));
  settle();
  done_.clear();
  deploy("v2", asking("a:1", 3, "100Mi"));
  settle();
  for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
  EXPECT_EQ(status().kind, StatusKind::deployed);
  deploy("v1", asking("b:1", 1), "{}", "blog");
  settle();
  EXPECT_EQ(count("b:1"), 0u);
}

TEST_F(Limited, AnUpdateHasBothRevisionsInTheRoom) {
  deploy("v1", asking("a:1", 4));
  settle();
  deploy("v2", asking("a:2", 4));
  for (int step = 0; step < 2000; ++step) {
    settle(milliseconds(5));
    ASSERT_LE(most_on_a_host(), 2u);
  }
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Limited, AnUpdateWithoutRoomBesideTheFormerGoesBack) {
  deploy("v1", asking("a:1", 6));
  settle();
  deploy("v2", asking("a:2", 6));
  settle(seconds(65));
  EXPECT_EQ(deployed_["shop"], "v1");
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  EXPECT_THAT(reconciler_->status("shop")->rollout, testing::HasSubstr("instances have no host"));
}

TEST_F(Limited, AnUpdateInPlaceNeedsNoMoreRoom) {
  deploy("v1", asking("a:1", 6));
  settle();
  deploy("v2", asking("a:2", 6), "{wattle/max-surge: \"0\", wattle/max-unavailable: \"1\"}");
  for (int step = 0; step < 4000; ++step) {
    settle(milliseconds(5));
    ASSERT_LE(most_on_a_host(), 2u);
  }
  EXPECT_EQ(count("a:2"), 6u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Limited, AVersionThatNeverFitWhollyIsReplaced) {
  deploy("v1", asking("a:1", 8));
  settle();
  ASSERT_EQ(count("a:1"), 6u);
  deploy("v2", asking("a:2", 8, "32Mi"));
  settle(seconds(5));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, WhatWaitsHasNoWeightsWhenNothingElseRuns) {
  deploy("v1", asking("a:1", 8));
  settle();
  deploy("v2", asking("a:2", 8));
  settle(seconds(5));
  EXPECT_EQ(count("a:2"), 6u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
  EXPECT_TRUE(weights_.empty());
}

TEST_F(Limited, ProvidersAskOnceOnAHost) {
  const std::string store =
      "    - name: store\n      type: capability\n      properties: {image: \"s:1\", resources: "
      "{requests: {memory: 60Mi}}}\n      traits: [{type: spreadscaler, properties: {instances: 2}}]\n";
  deploy("v1", asking("b:1", 5), "{}", "blog");
  settle();
  deploy("v1", store);
  settle();
  EXPECT_EQ(providers_.size(), 1u);
  EXPECT_THAT(status().message, testing::HasSubstr("1 of 2 instances has no host"));
  rests(seconds(70));
  EXPECT_EQ(providers_.size(), 1u);
  deploy("v2", asking("b:1", 7), "{}", "blog");
  settle();
  EXPECT_EQ(count("b:1"), 5u);  // beside the provider there is room for none
  undeploy("blog");
  settle(seconds(1));
  EXPECT_EQ(providers_.size(), 2u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, ADiffTellsRequests) {
  deploy("v1", asking("a:1", 3));
  settle();
  const auto next = manager::read(application("shop", asking("a:1", 3, "32Mi")));
  const auto lines = reconciler_->differences(next.only());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0].detail,
              testing::HasSubstr("each asks for 32 MiB of memory instead of 64 MiB of memory"));
}

}  // namespace
}  // namespace wattle::manager
