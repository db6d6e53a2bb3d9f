#include "cli/outcome.h"

#include <gtest/gtest.h>

namespace wattle::cli {
namespace {

const Awaited kScaled{.done = "component_scaled",
                      .failed = "component_scale_failed",
                      .id = "shop",
                      .host_id = "N1",
                      .max_instances = 5};

lattice::Event event(std::string name, std::string data, std::string source = "N1") {
  return {
      .name = std::move(name), .data = std::move(data), .source = std::move(source), .id = "", .time = ""};
}

TEST(Outcome, IsWhatTheEventOfThisComponentOnThisHostSays) {
  const auto done = judge(
      kScaled, lattice::component_scaled({.host_id = "N1", .max_instances = 5, .component_id = "shop"}));
  ASSERT_TRUE(done);
  EXPECT_TRUE(*done);
  const auto failed = judge(
      kScaled, lattice::component_scale_failed({.host_id = "N1", .component_id = "shop"}, "no such image"));
  ASSERT_TRUE(failed);
  EXPECT_NE(failed->error().message().find("no such image"), std::string::npos);
}

TEST(Outcome, OtherEventsSayNothing) {
  using Scale = lattice::ComponentScale;
  const auto says = [](const Scale& scale) { return judge(kScaled, lattice::component_scaled(scale)); };
  EXPECT_FALSE(says(Scale{.host_id = "N2", .max_instances = 5, .component_id = "shop"}));
  EXPECT_FALSE(says(Scale{.host_id = "N1", .max_instances = 5, .component_id = "cart"}));
  EXPECT_FALSE(says(Scale{.host_id = "N1", .max_instances = 4, .component_id = "shop"}));
  EXPECT_FALSE(judge(kScaled, event("provider_started", R"({"host_id":"N1","provider_id":"shop"})")));
  EXPECT_FALSE(judge(kScaled, event("component_scaled", "[]")));
  EXPECT_FALSE(judge(kScaled, event("component_scaled", "nonsense")));
  EXPECT_FALSE(judge(kScaled, event("component_scaled", R"({"host_id":1,"component_id":{}})")));
}

TEST(Outcome, AHostsOwnEventIsKnownByItsSource) {
  const Awaited stopped{.done = "host_stopped", .failed = "", .id = "", .host_id = "N1"};
  EXPECT_TRUE(judge(stopped, event("host_stopped", R"({"labels":{}})")));
  EXPECT_FALSE(judge(stopped, event("host_stopped", R"({"labels":{}})", "N2")));
}

}  // namespace
}  // namespace wattle::cli
