// Weights of revisions in the lattice's state, and when tables are others; links and configs are tested
// through a host's control side.
#include "lattice/lattice_state.h"

#include <gtest/gtest.h>

#include "lattice/memory_bus.h"
#include "lattice/revision_weights.h"
#include "lattice/test_state.h"
#include "nats/test_server.h"

namespace wattle::lattice {
namespace {

class LatticeStateTest : public ::testing::Test {
 protected:
  void on_bus(const std::function<void(Bus&)>& test) {
    nats::run_test([&](async::Worker& worker) {
      MemoryBroker broker;
      MemoryBus bus(worker, broker);
      test(bus);
      EXPECT_TRUE(bus.drain());
    });
  }
};

TEST_F(LatticeStateTest, WeightsAreKnownToEveryHostUntilTheyAreDeleted) {
  on_bus([](Bus& bus) {
    const auto state = open_test_state(bus), other = open_test_state(bus);
    EXPECT_TRUE(state->weights()->empty());
    ASSERT_TRUE(state->put_weights("shop/api", {{"one", 90}, {"two", 10}}));
    const WeightTable wanted{{"shop/api", {{"one", 90}, {"two", 10}}}};
    EXPECT_EQ(*state->weights(), wanted);
    EXPECT_TRUE(nats::eventually([&] { return *other->weights() == wanted; }));
    ASSERT_TRUE(other->put_weights("shop/api", {}));
    EXPECT_TRUE(other->weights()->empty());
    EXPECT_TRUE(nats::eventually([&] { return state->weights()->empty(); }));
    EXPECT_EQ(state->put_weights("shop", {{"one", 1001}}).error().code(), ErrorCode::invalid_argument);
  });
}

TEST_F(LatticeStateTest, WeightsOfANewerFormatAreLeftAsTheyAre) {
  on_bus([](Bus& bus) {
    const std::string newer = R"({"version":2,"readable_by":2,"shares":[]})";
    const std::string key = weights_key("shop");
    StoreOptions options;
    options.copies.dead_after = std::chrono::milliseconds(20);
    auto writer = Store::open(bus, std::move(options));
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->wait_ready());
    ASSERT_TRUE((*writer)->put(key, newer));
    const auto state = open_test_state(bus);
    EXPECT_TRUE(state->weights()->empty());
    EXPECT_EQ(state->put_weights("shop", {{"one", 1}}).error().code(), ErrorCode::unsupported);
    EXPECT_EQ(state->put_weights("shop", {}).error().code(), ErrorCode::unsupported);
    EXPECT_EQ(*state->snapshot()->find(key), newer);
    writer->reset();
  });
}

TEST_F(LatticeStateTest, ATableStaysTheSameUntilSomethingOfItChanges) {
  on_bus([](Bus& bus) {
    const auto state = open_test_state(bus);
    ASSERT_TRUE(state->put_config("redis", {{"url", "redis://127.0.0.1"}}));
    ASSERT_TRUE(state->put_link({.source_id = "shop",
                                 .target = "kv",
                                 .wit_namespace = "wasi",
                                 .wit_package = "keyvalue",
                                 .interfaces = {"store"},
                                 .target_config = {"redis"}}));
    const auto links = state->links();
    const auto configs = state->configs();
    const auto weights = state->weights();
    ASSERT_TRUE(state->put_weights("shop", {{"one", 1}}));
    EXPECT_NE(state->weights(), weights);
    EXPECT_EQ(state->links(), links);
    EXPECT_EQ(state->configs(), configs);
    // What a link says, its configs say.
    ASSERT_TRUE(state->put_config("redis", {{"url", "redis://127.0.0.2"}}));
    ASSERT_NE(state->configs(), configs);
    ASSERT_NE(state->links(), links);
    EXPECT_EQ(state->links()->entries()[0].target_config.at("url"), "redis://127.0.0.2");
    // And whether it holds, its border.
    ASSERT_TRUE(state->put_border({.application = "other", .parts = {"kv"}}));
    ASSERT_TRUE(state->put_border({.application = "shop", .parts = {"shop"}}));
    EXPECT_TRUE(state->links()->entries().empty());
  });
}

}  // namespace
}  // namespace wattle::lattice
