#include "manager/lattice_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

lattice::Link link(const std::string& source, const std::string& target) {
  return {.source_id = source,
          .target = target,
          .wit_namespace = "wasi",
          .wit_package = "http",
          .interfaces = {target}};
}

LatticeTables tables(const std::vector<lattice::Link>& links) {
  LatticeTables tables;
  tables.links = lattice::LinkTable::build(links);
  return tables;
}

TEST(LatticeChanges, LinksAreToldInGroups) {
  const auto changed =
      changes_between(tables({link("a", "x"), link("b", "x"), link("b", "y"), link("d", "x")}),
                      tables({link("a", "x"), link("b", "x"), link("c", "x"), link("d", "x")}));
  EXPECT_FALSE(changed.all);
  EXPECT_THAT(changed.links, ElementsAre(Pair(group_of(link("b", "x")), ElementsAre(link("b", "x"))),
                                         Pair(group_of(link("c", "x")), ElementsAre(link("c", "x")))));
  const auto gone = changes_between(tables({link("a", "x")}), tables({}));
  EXPECT_THAT(gone.links, ElementsAre(Pair(group_of(link("a", "x")), IsEmpty())));
}

TEST(LatticeChanges, TheOthersByName) {
  LatticeTables before, now;
  before.configs =
      std::make_shared<lattice::ConfigTable>(lattice::ConfigTable{{"a", {}}, {"b", {}}, {"c", {}}});
  now.configs = std::make_shared<lattice::ConfigTable>(lattice::ConfigTable{{"b", {{"k", "v"}}}, {"c", {}}});
  now.weights = std::make_shared<lattice::WeightTable>(lattice::WeightTable{{"part", {{"image", 1}}}});
  before.borders =
      std::make_shared<lattice::BorderTable>(std::vector<lattice::Border>{{.application = "blog"}});
  now.borders = std::make_shared<lattice::BorderTable>(
      std::vector<lattice::Border>{{.application = "blog"}, {.application = "shop"}});
  const auto changed = changes_between(before, now);
  EXPECT_THAT(changed.configs, ElementsAre(Pair("a", std::nullopt), Pair("b", StringMap{{"k", "v"}})));
  EXPECT_EQ(changed.weights.size(), 1u);
  EXPECT_EQ(changed.borders.size(), 1u);
  EXPECT_TRUE(changed.borders.at("shop"));
}

}  // namespace
}  // namespace wattle::manager
