// Weights of revisions in the lattice's state; links and configs are tested through a host's control side.
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

}  // namespace
}  // namespace wattle::lattice
