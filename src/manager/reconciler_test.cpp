#include "manager/reconciler.h"

#include "manager/reconciler_test_support.h"

namespace wattle::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(Lattice, AFirstDeployRunsEverywhere) {
  deploy("v1", component("a:1", 6));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(components_.size(), 3u);
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
  EXPECT_EQ(notes_["shop"].stable, "v1");
}

TEST_F(Lattice, AHostThatDiesIsReplaced) {
  deploy("v1", component("a:1", 6));
  settle();
  hosts_.erase("N2");
  std::erase_if(components_, [](const auto& running) { return running.first.host == "N2"; });
  tell(HostGone{"N2"});
  settle();
  EXPECT_EQ(count("a:1"), 6u);
}

TEST_F(Lattice, WhatEndsBeforeAnyLeaseToldOfItRunsAgain) {
  deploy("v1", component("a:1", 3));
  settle(milliseconds(200));
  ASSERT_EQ(count("a:1"), 3u);
  components_.clear();
  settle(seconds(3));
  EXPECT_EQ(count("a:1"), 3u);
}

TEST_F(Lattice, ALeaseThatSaysWhatIsKnownAsksNothing) {
  deploy("v1", component("a:1", 3));
  settle();
  for (const std::string& id : hosts_) tell(see(id));
  settle();
  done_.clear();
  tell(see("N1"));
  settle(milliseconds(50));
  EXPECT_THAT(done_, testing::IsEmpty());
  HostSeen other = see("N1");
  other.report.components.at(0).instances = 2;
  tell(other);
  settle(milliseconds(50));
  EXPECT_THAT(done_, testing::ElementsAre("host N1"));
}

TEST_F(Lattice, ALinkLeadsToTheIdThatASharedPartHas) {
  const auto share = [&](const std::string& version, std::string_view id) {
    deploy(version,
           fmt::format("    - {{name: store, type: capability, properties: {{image: kv, id: {}}}}}\n", id),
           "{experimental.wasmcloud.dev/shared: 'true'}", "owner");
  };
  const auto target = [&] { return links_.empty() ? "" : links_.back().target; };
  deploy(
      "v1",
      component("a:1", 1,
                "        - type: link\n          properties: {target: {name: s}, namespace: wasi, package: "
                "keyvalue, interfaces: [store]}\n    - {name: s, type: capability, properties: "
                "{application: {name: owner, component: store}}}\n"));
  settle();
  share("v1", "the-store");
  settle();
  EXPECT_EQ(target(), "the-store");
  EXPECT_EQ(links_.size(), 1u);
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
  share("v2", "another-store");
  settle();
  EXPECT_EQ(target(), "another-store");
  EXPECT_EQ(links_.size(), 1u);
}

TEST_F(Lattice, ABorderThatCannotBePutIsTold) {
  refused_ = "border shop";
  deploy("v1", component("a:1", 1));
  settle();
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::failed);
  refused_.reset();
  settle(seconds(10));
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
}

TEST_F(Lattice, FewerInstancesAreWhatIsDeclared) {
  deploy("v1", component("a:1", 9));
  settle();
  deploy("v2", component("a:1", 2));
  settle();
  EXPECT_EQ(count("a:1"), 2u);
}

TEST_F(Lattice, AConfigIsPutBeforeItsLink) {
  deploy(
      "v1",
      component(
          "a:1", 1,
          "        - type: link\n          properties: {target: {name: b, config: [{name: c, properties: "
          "{k: v}}]}, namespace: wasi, package: keyvalue, interfaces: [store]}\n    - name: b\n      type: "
          "component\n      properties: {image: \"b:1\"}\n      traits: [{type: spreadscaler, properties: "
          "{instances: 1}}]\n"));
  settle();
  ASSERT_EQ(links_.size(), 1u);
  EXPECT_LT(position("config "), position("link "));
}

TEST_F(Lattice, WhatOthersStartedIsLeftAlone) {
  by_hand_ = {"shop-api", "mine"};
  components_[{"N1", "shop-api", "other:1"}] = 3;
  components_[{"N2", "mine", "other:2"}] = 1;
  begin();
  deploy("v1", component("a:1", 2));
  settle();
  EXPECT_EQ(count("other:1"), 3u);
  EXPECT_EQ(count("a:1"), 0u);
  const auto status = reconciler_->status("shop")->status;
  EXPECT_EQ(status.kind, StatusKind::failed);
  EXPECT_THAT(status.message, testing::HasSubstr("something else runs under the id"));
  undeploy();
  settle();
  EXPECT_EQ(components_.size(), 2u);
}

TEST_F(Lattice, UndeployTakesDownWhatWasDeployed) {
  by_hand_ = {"mine"};
  components_[{"N2", "mine", "other:2"}] = 1;
  begin();
  deploy("v1", component("a:1", 4));
  settle();
  undeploy();
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(count("other:2"), 1u);
}

TEST_F(Lattice, WhatFailsIsTriedMoreAndMoreSeldomAndHoldsUpNothing) {
  refused_ = " bad:1 ";
  deploy(
      "v1",
      component(
          "bad:1", 1,
          "    - name: b\n      type: component\n      properties: {image: \"b:1\"}\n      traits: [{type: "
          "spreadscaler, properties: {instances: 2}}]\n"));
  settle(seconds(60));
  EXPECT_EQ(count("b:1"), 2u);
  const auto tries = std::count_if(done_.begin(), done_.end(), [](const std::string& object) {
    return object.find(" bad:1 ") != std::string::npos;
  });
  EXPECT_GE(tries, 4);
  EXPECT_LE(tries, 10);
  EXPECT_THAT(reconciler_->status("shop")->status.message, testing::HasSubstr("there is no such image"));
}

// By another manager that thinks it leads, the moment it was acknowledged.
TEST_F(Lattice, WhatSomebodyElseUndoesIsDoneAgainSoon) {
  deploy("v1", component("a:1", 2));
  bool undone = false;
  for (int step = 0; step < 100 && !undone; ++step, now_ += milliseconds(5)) {
    tell(TimePassed{});
    for (auto commands = std::exchange(waiting_, {}); Command & command : commands) {
      obey(command);
      if (command.object != "note shop") continue;
      undone = true;
      notes_.erase("shop");
      tell_applications();
    }
  }
  ASSERT_TRUE(undone);
  settle();
  EXPECT_THAT(notes_["shop"].parts, testing::Contains("shop-api"));
  EXPECT_EQ(count("a:1"), 2u);
}

TEST_F(Lattice, ACanaryHasItsStagesInOrder) {
  deploy("v1", component("a:1", 8));
  settle();
  told_weights_.clear();
  deploy("v2", component("a:2", 8), "{wattle/update: canary, wattle/canary: \"10%,50%\"}");
  settle(seconds(10));
  std::vector<uint32_t> shares;
  for (const auto& weights : told_weights_)
    if (const auto fresh = weights.find("a:2"); fresh != weights.end()) shares.push_back(fresh->second);
  EXPECT_THAT(shares, testing::ElementsAre(0, 100, 500, 1000));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_TRUE(weights_.empty());
}

TEST_F(Lattice, AVersionThatCannotStartIsRolledBack) {
  deploy("v1", component("a:1", 4));
  settle();
  refused_ = " a:2 ";
  deploy("v2", component("a:2", 4));
  settle(seconds(10));
  EXPECT_EQ(deployed_["shop"], "v1");
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_THAT(reconciler_->status("shop")->rollout, testing::HasSubstr("cannot start"));
}

TEST_F(Lattice, AnotherManagerGoesOnWithARollout) {
  deploy("v1", component("a:1", 8));
  settle();
  deploy("v2", component("a:2", 8));
  settle(milliseconds(100));
  ASSERT_FALSE(notes_["shop"].target.empty());
  waiting_.clear();
  begin();
  settle(seconds(10));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Lattice, AfterAnUndeployNothingTakesOver) {
  deploy("v1", component("a:1", 4));
  settle();
  undeploy();
  settle();
  done_.clear();
  deploy("v2", component("a:2", 4));
  settle();
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_TRUE(std::none_of(done_.begin(), done_.end(), [](const std::string& object) {
    return object.find(" a:1 ") != std::string::npos;
  }));
}

// What ran may be on a host that is cut off.
TEST_F(Lattice, WhatWasWantedUnderAnotherManagerIsRememberedAnew) {
  deploy("v1", component("a:1", 1));
  settle();
  undeploy();
  settle();
  tell(Leading{false});
  now_ += std::chrono::minutes(11);
  deploy("v2", component("a:2", 1));
  undeploy();
  tell(Leading{true});
  settle();
  EXPECT_THAT(notes_["shop"].parts, testing::Contains("shop-api"));
}

std::string scaled(std::string_view image, uint32_t instances, std::string_view scaling) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits:\n        - "
      "{{type: spreadscaler, properties: {{instances: {}, scaling: {{{}}}}}}}\n",
      image, instances, scaling);
}

TEST_F(Lattice, InstancesFollowTheCalls) {
  deploy("v1", scaled("a:1", 3, "min: 3, max: 40, target: 50%, down-after: 60s"));
  settle();
  EXPECT_EQ(count("a:1"), 3u);
  call(5);
  settle();
  EXPECT_EQ(count("a:1"), 30u);
  const ObjectStatus status = reconciler_->status("shop")->objects.at(0);
  EXPECT_EQ(std::tuple(status.ready, status.least, status.most, status.in_flight),
            std::tuple(30u, 3u, 40u, 15u));
  EXPECT_EQ(status.status.kind, StatusKind::deployed);
  call(100);
  settle();
  EXPECT_EQ(count("a:1"), 40u);
  call(0);
  settle(seconds(58));
  EXPECT_EQ(count("a:1"), 40u);
  settle(seconds(5));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(idle_after_, Duration::zero());
  done_.clear();
  settle(seconds(70));
  for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
}

TEST_F(Lattice, WithoutCallsOneIsLeftAndMayBeParked) {
  deploy("v1", scaled("a:1", 6, "max: 40, idle-after: 90s, down-after: 10s"));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  settle(seconds(12));
  EXPECT_EQ(count("a:1"), 1u);
  EXPECT_EQ(idle_after_, seconds(90));
  deploy("v2", component("a:1", 1));
  settle();
  EXPECT_EQ(count("a:1"), 1u);
  EXPECT_EQ(idle_after_, Duration::zero());
}

TEST_F(Lattice, AVersionThatComesMidwayMayFitFewerHosts) {
  set_label("N1", "zone", "a");
  const auto daemon = [](uint32_t instances, std::string_view image, std::string_view zone) {
    return fmt::format(
        "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits: [{{type: "
        "daemonscaler, properties: {{instances: {}, spread: [{{name: all, requirements: {{{}}}}}]}}}}]\n",
        image, instances, zone);
  };
  deploy("v1", daemon(2, "a:1", ""), "{wattle/update: blue-green}");
  settle();
  ASSERT_EQ(count("a:1"), 6u);
  deploy("v2", daemon(2, "a:2", ""), "{wattle/update: blue-green}");
  for (int i = 0; i < 1000 && count("a:2") < 6; ++i) settle(milliseconds(5));
  // There are more of either than it may have, and none where it belongs may begin before others end.
  deploy("v3", daemon(3, "a:2", "zone: a"), "{wattle/update: blue-green}");
  settle(seconds(50));
  EXPECT_EQ(notes_["shop"].stable, "v3");
  EXPECT_EQ(count("a:2"), 3u);
  EXPECT_EQ(count("a:1"), 0u);
}

TEST_F(Lattice, CallsOfAHostThatIsBackAreCountedOnce) {
  deploy("v1", component("a:1", 3));
  settle();
  deploy("v2", component("a:2", 3));
  for (int i = 0; i < 1000 && count("a:2") == 0; ++i) settle(milliseconds(5));
  ASSERT_EQ(count("a:2"), 1u);
  const auto fresh = std::find_if(components_.begin(), components_.end(),
                                  [](const auto& one) { return one.first.reference == "a:2"; });
  HostSeen seen = see(fresh->first.host);
  for (HostReport::Component& component : seen.report.components)
    if (component.reference == "a:2") component.counts = {.calls = 4, .failures = 2};
  for (int i = 0; i < 3; ++i) {
    tell(seen);
    settle(milliseconds(100));
    tell(HostGone{seen.report.id});
  }
  tell(seen);
  settle(milliseconds(100));
  EXPECT_EQ(deployed_["shop"], "v2");  // twice as many failures would have ended it
}

TEST_F(Lattice, WeightsOfAnEarlierUpdateGoWithItsInstances) {
  weights_["shop-api"] = {{"a:1", 1000}, {"a:2", 0}};
  tell_lattice();
  refused_ = "component shop-api";
  deploy("v1", component("a:2", 3));
  settle();
  EXPECT_EQ(count("a:2"), 0u);
  EXPECT_TRUE(weights_.empty());
}

class LinkedLattice : public Lattice {
 protected:
  LinkedLattice() {
    deploy("v1", component("a:1", 1,
                           "        - type: link\n          properties: {target: {name: b}, namespace: wasi, "
                           "package: keyvalue, interfaces: [store]}\n    - name: b\n      type: "
                           "component\n      properties: {image: \"b:1\"}\n      traits: [{type: "
                           "spreadscaler, properties: {instances: 1}}]\n"));
    settle();
  }
  Status status() { return reconciler_->status("shop")->status; }
};

TEST_F(LinkedLattice, ALinkIsDeployedWhenItsPutIsAnswered) {
  ASSERT_EQ(status().kind, StatusKind::deployed);
  const auto links = std::exchange(links_, {});
  tell_lattice();
  for (int i = 0; i < 1000 && waiting_.empty(); ++i, now_ += milliseconds(5)) tell(TimePassed{});
  ASSERT_EQ(waiting_.size(), 1u);
  // The store has it before its provider does.
  links_ = links;
  tell_lattice();
  now_ += milliseconds(50);
  tell(TimePassed{});
  EXPECT_EQ(status().kind, StatusKind::reconciling);
  settle();
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(LinkedLattice, ALinkThatAProviderRefusesHasFailed) {
  HostSeen seen = see("N2");
  seen.report.refused["shop-b"] = {
      {"shop-api", "shop-b", "default", "wasi", "keyvalue", "the port is in use"}};
  tell(seen);
  settle(milliseconds(100));
  EXPECT_EQ(status().kind, StatusKind::failed);
  EXPECT_THAT(status().message, testing::HasSubstr("N2: the port is in use"));
  tell(see("N2"));
  settle(milliseconds(100));
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Lattice, AVersionThatComesMidwayLeavesADaemonItsSurge) {
  const std::string daemon = component("a:1", 3);
  const auto with = [&](std::string_view image) {
    std::string text = daemon;
    text.replace(text.find("a:1"), 3, image);
    return text.replace(text.find("spreadscaler"), 12, "daemonscaler");
  };
  deploy("v1", with("a:1"));
  settle();
  ASSERT_EQ(count("a:1"), 9u);
  deploy("v2", with("a:2"));
  for (int i = 0; i < 10'000 && count("a:2") < 9; ++i) settle(milliseconds(5));
  ASSERT_EQ(count("a:1"), 3u);
  // The stages begin anew: there is more of what is to be less, and what ends may end late.
  deploy("v3", with("a:2"), "{version: v3}");
  most_on_host_ = 0;
  for (int i = 0; i < 10'000 && notes_["shop"].stable != "v3"; ++i) {
    std::stable_partition(waiting_.begin(), waiting_.end(), [&](const Command& command) {
      const auto* scale = std::get_if<Scale>(&command.action);
      if (scale == nullptr) return true;
      const auto there = components_.find({scale->host_id, scale->id, scale->reference});
      return there == components_.end() || scale->count > there->second;
    });
    settle(milliseconds(5));
    for (const std::string& host : hosts_) {
      const auto of = [&](const char* image) {
        const auto there = components_.find({host, "shop-api", image});
        return there == components_.end() ? 0 : there->second;
      };
      ASSERT_GE(of("a:1") + of("a:2"), 3u);
    }
  }
  EXPECT_EQ(count("a:2"), 9u);
  EXPECT_LE(most_on_host_, 5u);
}

TEST_F(Lattice, AnotherManagerTakesNothingAwayAtOnce) {
  deploy("v1", scaled("a:1", 3, "max: 40, target: 50%, down-after: 60s"));
  settle();
  call(5);
  settle();
  ASSERT_EQ(count("a:1"), 30u);
  calls_ = 0;
  begin();
  settle(seconds(50));
  EXPECT_EQ(count("a:1"), 30u);
  settle(seconds(20));
  EXPECT_EQ(count("a:1"), 1u);
}

TEST_F(Lattice, CallsOfAHostThatDiesAreNoneAnyMore) {
  deploy("v1", scaled("a:1", 3, "max: 40, target: 50%, down-after: 10s"));
  settle();
  call(4);
  settle();
  EXPECT_EQ(count("a:1"), 24u);
  for (const char* id : {"N1", "N2"}) {
    hosts_.erase(id);
    std::erase_if(components_, [&](const auto& running) { return running.first.host == id; });
    tell(HostGone{id});
    settle(seconds(1));
  }
  settle(seconds(15));
  EXPECT_EQ(count("a:1"), 8u);
}

TEST_F(Lattice, ARolloutEndsWithAsManyAsTheCallsNeed) {
  deploy("v1", scaled("a:1", 4, "min: 4, max: 40, target: 50%, down-after: 60s"));
  settle();
  deploy("v2", scaled("a:2", 4, "min: 4, max: 40, target: 50%, down-after: 60s"));
  settle(milliseconds(200));
  uint32_t most = 0;
  for (int step = 0; step < 200; ++step) {
    call(count("a:1") > 0 ? 2 : 5);  // of each revision
    settle(milliseconds(100));
    most = std::max(most, count("a:1") + count("a:2"));
  }
  EXPECT_LE(most, 50u);  // with a quarter beside them
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(count("a:2"), 30u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

}  // namespace
}  // namespace wattle::manager
