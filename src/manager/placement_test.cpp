#include "manager/placement.h"

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

}  // namespace
}  // namespace wattle::manager
