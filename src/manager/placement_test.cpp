#include "manager/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

const std::string kZone = "zone";

struct Hosts {
  explicit Hosts(std::vector<StringMap> all) : labels(std::move(all)) {
    std::vector<HostView> views;
    for (size_t index = 0; index < labels.size(); ++index)
      views.push_back({fmt::format("N{}", index), fmt::format("host-{}", index), &labels[index]});
    set.emplace(std::move(views));
  }
  Placement place(const Scaling& scaling, const Instances& present = {},
                  PartKind kind = PartKind::component) {
    return manager::place(*set, {.scaling = scaling,
                                 .kind = kind,
                                 .instances = scaling.instances,
                                 .failure_domain = kZone,
                                 .present = present});
  }

  std::vector<StringMap> labels;
  std::optional<HostSet> set;
};

Scaling spread(uint32_t instances, std::vector<Spread> spreads = {}) {
  Scaling scaling;
  scaling.instances = instances;
  scaling.spreads = std::move(spreads);
  return scaling;
}

Spread in_zone(std::string name, uint32_t weight = kDefaultWeight) {
  Spread one;
  one.requirements[kZone] = name;
  one.name = std::move(name);
  one.weight = weight;
  return one;
}

TEST(Placement, DividesEvenly) {
  EXPECT_EQ(Hosts({{}, {}, {}}).place(spread(10)).instances, (Instances{{0, 4}, {1, 3}, {2, 3}}));
}

TEST(Placement, StaysWhereItIs) {
  EXPECT_EQ(Hosts({{}, {}, {}}).place(spread(2), {{1, 1}, {2, 1}}).instances, (Instances{{1, 1}, {2, 1}}));
}

TEST(Placement, MovesToAHostThatIsNew) {
  EXPECT_EQ(Hosts({{}, {}}).place(spread(10), {{0, 10}}).instances, (Instances{{0, 5}, {1, 5}}));
}

TEST(Placement, KeepsFewInstancesInDifferentZones) {
  Hosts hosts({{{kZone, "a"}}, {{kZone, "a"}}, {{kZone, "b"}}});
  const auto placed = hosts.place(spread(2)).instances;
  EXPECT_TRUE(placed.contains(2));
  EXPECT_EQ(placed.size(), 2u);
}

TEST(Placement, WeighsSpreads) {
  Hosts hosts({{{kZone, "a"}}, {{kZone, "b"}}});
  EXPECT_EQ(hosts.place(spread(10, {in_zone("a", 80), in_zone("b", 20)})).instances,
            (Instances{{0, 8}, {1, 2}}));
}

TEST(Placement, GivesWhatIsLeftToTheHeaviest) {
  const std::vector<Spread> spreads{in_zone("a", 30), in_zone("b", 40), in_zone("c", 30)};
  EXPECT_EQ(shares_of(spreads, 5), (std::vector<uint32_t>{1, 3, 1}));
}

TEST(Placement, ADaemonRunsOnEveryHostThatFits) {
  Scaling daemon = spread(2, {in_zone("a")});
  daemon.kind = ScalingKind::daemon;
  EXPECT_EQ(Hosts({{{kZone, "a"}}, {{kZone, "b"}}, {{kZone, "a"}}}).place(daemon).instances,
            (Instances{{0, 2}, {2, 2}}));
}

TEST(Placement, AProviderRunsOnceOnAHost) {
  EXPECT_EQ(Hosts({{}, {}, {}}).place(spread(2), {{2, 1}}, PartKind::provider).instances,
            (Instances{{0, 1}, {2, 1}}));
}

TEST(Placement, AProviderOfSpreadsThatOverlapRunsAsOftenAsDeclared) {
  Spread gpu;
  gpu.name = "gpu";
  gpu.requirements["gpu"] = "yes";
  Hosts hosts({{{kZone, "a"}, {"gpu", "yes"}}, {{kZone, "a"}}, {{"gpu", "yes"}}});
  const auto placed = hosts.place(spread(2, {in_zone("a"), gpu}), {}, PartKind::provider);
  EXPECT_EQ(placed.instances, (Instances{{0, 1}, {2, 1}}));
  Hosts few({{{kZone, "a"}, {"gpu", "yes"}}});
  const auto short_of = few.place(spread(2, {in_zone("a"), gpu}), {}, PartKind::provider);
  ASSERT_EQ(short_of.shortages.size(), 1u);
  EXPECT_THAT(short_of.shortages[0], testing::HasSubstr("spread gpu"));
}

TEST(Placement, AWorkloadTakesAsManyHostsAsReplicas) {
  Scaling two = spread(10);
  two.replicas = 2;
  EXPECT_EQ(Hosts({{}, {}, {}, {}}).place(two).instances.size(), 2u);
}

TEST(Placement, SaysWhichRequirementFailsWhere) {
  const auto placed = Hosts({{{kZone, "a"}}, {}}).place(spread(3, {in_zone("b")}));
  EXPECT_TRUE(placed.instances.empty());
  ASSERT_EQ(placed.shortages.size(), 1u);
  EXPECT_EQ(placed.shortages[0],
            "spread b: no host fits: host-0 has zone=a, not b, host-1 has no label zone");
}

TEST(Placement, WithoutHostsItSaysSo) {
  EXPECT_NE(Hosts({}).place(spread(1)).shortages.at(0).find("there is no host"), std::string::npos);
}

// ---- Requests

constexpr Requests k64Mi{.memory = 64u << 20};

StringMap has(std::string_view memory, std::string_view cpus = "8") {
  return {{"hostcore.memory", std::string(memory)}, {"hostcore.cpus", std::string(cpus)}};
}

class Limited : public Hosts {
 public:
  using Hosts::Hosts;
  Placement place(const Scaling& scaling, const Requests& requests, const Instances& kept = {},
                  PartKind kind = PartKind::component) {
    return manager::place(*set, {.scaling = scaling,
                                 .kind = kind,
                                 .instances = scaling.instances,
                                 .failure_domain = kZone,
                                 .present = kept,
                                 .requests = requests,
                                 .kept = &kept});
  }
};

TEST(Requests, FillAHostAndNoMore) {
  const auto placed = Limited({has("256Mi"), has("8Gi")}).place(spread(20), k64Mi);
  EXPECT_EQ(placed.instances, (Instances{{0, 4}, {1, 16}}));
  EXPECT_EQ(placed.lacking, 0u);
}

TEST(Requests, AreDividedEvenlyWhereThereIsRoom) {
  EXPECT_EQ(Limited({has("64Mi"), has("8Gi"), has("8Gi")}).place(spread(10), k64Mi).instances,
            (Instances{{0, 1}, {1, 5}, {2, 4}}));
}

TEST(Requests, AHostThatDoesNotSayHasRoom) {
  EXPECT_EQ(Limited({{}, has("64Mi")}).place(spread(9), k64Mi).instances, (Instances{{0, 8}, {1, 1}}));
}

TEST(Requests, TheScarcerOneCounts) {
  EXPECT_EQ(Limited({has("8Gi", "0.5")}).place(spread(9), {.memory = 1, .milli_cpus = 200}).instances,
            (Instances{{0, 2}}));
}

TEST(Requests, WhatOthersHaveBeenGivenIsGone) {
  Limited hosts({has("256Mi"), has("256Mi")});
  hosts.set->capacity(0).take(usage_of(k64Mi, 3));
  EXPECT_EQ(hosts.place(spread(4), k64Mi).instances, (Instances{{0, 1}, {1, 3}}));
}

TEST(Requests, AHostKeepsWhatItHasAndGetsNoMore) {
  Limited hosts({has("64Mi"), has("256Mi")});
  EXPECT_EQ(hosts.place(spread(8), k64Mi, {{0, 3}}).instances, (Instances{{0, 3}, {1, 4}}));
}

TEST(Requests, SayWhatIsMissingWhere) {
  Limited hosts({has("8Gi", "2"), has("140Mi", "8")});
  hosts.set->capacity(0).take({.memory = 0, .milli_cpus = 1900});
  const auto placed = hosts.place(spread(5), {.memory = 64u << 20, .milli_cpus = 500});
  EXPECT_EQ(placed.instances, (Instances{{1, 2}}));
  EXPECT_EQ(placed.lacking, 3u);
  ASSERT_EQ(placed.shortages.size(), 1u);
  EXPECT_EQ(placed.shortages[0],
            "spread default: 3 of 5 instances have no host: host-0: 500m CPU asked, 100m left of 2; "
            "host-1: 64 MiB asked, 12 MiB left of 140 MiB");
}

TEST(Requests, OfHostsThatDoNotFitNothingIsSaid) {
  Limited hosts({{{kZone, "a"}, {"hostcore.memory", "1Mi"}}, {{kZone, "b"}}});
  const auto placed = hosts.place(spread(1, {in_zone("a")}), k64Mi);
  EXPECT_THAT(placed.shortages, testing::ElementsAre("spread a: 1 of 1 instances has no host: host-0: 64 MiB "
                                                     "asked, 1 MiB left of 1 MiB"));
}

TEST(Requests, OfAProviderChooseHostsWithRoom) {
  const auto placed =
      Limited({has("1Mi"), has("1Gi"), has("1Mi")}).place(spread(2), k64Mi, {{2, 1}}, PartKind::provider);
  EXPECT_EQ(placed.instances, (Instances{{1, 1}, {2, 1}}));
  EXPECT_TRUE(placed.shortages.empty());
}

TEST(Requests, ADaemonLacksWhatOneHostHasNoRoomFor) {
  Scaling daemon = spread(2);
  daemon.kind = ScalingKind::daemon;
  const auto placed = Limited({has("1Gi"), has("64Mi")}).place(daemon, k64Mi);
  EXPECT_EQ(placed.instances, (Instances{{0, 2}, {1, 1}}));
  EXPECT_THAT(placed.shortages, testing::ElementsAre("spread default: 1 of 4 instances has no host: host-1: "
                                                     "64 MiB asked, 0 B left of 64 MiB"));
}

TEST(Requests, SpreadsShareTheRoomOfAHost) {
  Limited hosts({{{kZone, "a"}, {"gpu", "yes"}, {"hostcore.memory", "192Mi"}}});
  Spread gpu;
  gpu.name = "gpu", gpu.requirements["gpu"] = "yes";
  const auto placed = hosts.place(spread(4, {in_zone("a"), gpu}), k64Mi);
  EXPECT_EQ(placed.instances, (Instances{{0, 3}}));
  EXPECT_EQ(placed.lacking, 1u);
}

TEST(Requests, TheOverlyLargeStayExact) {
  const Usage all = usage_of({.memory = kUsageMax, .milli_cpus = UINT32_MAX}, UINT32_MAX);
  EXPECT_EQ(all, (Usage{kUsageMax, kUsageMax}));
  EXPECT_EQ(all + all - all, all);
}

}  // namespace
}  // namespace wattle::manager
