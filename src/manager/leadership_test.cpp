#include "manager/leadership.h"

#include <gtest/gtest.h>

#include "lattice/memory_bus.h"
#include "nats/test_server.h"

namespace wattle::manager {
namespace {

const telemetry::Log& quiet() {
  static const telemetry::Log log(
      {.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}});
  return log;
}

TEST(Leadership, OneOfSeveralLeads) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    const auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    const auto two = Leadership::start(bus, "test", "two", quiet());
    EXPECT_TRUE(async::sleep_for(lattice::kManagerLeaseExpires + kLeaseRenewal));
    EXPECT_TRUE(one->leads());
    EXPECT_FALSE(two->leads());
    one->stop();
    EXPECT_FALSE(one->leads());
    EXPECT_TRUE(nats::eventually([&] { return two->leads(); }));
    two->stop();
    EXPECT_TRUE(bus.drain());
  });
}

TEST(Leadership, WhoDiesIsFollowed) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    const auto two = Leadership::start(bus, "test", "two", quiet());
    one.reset();
    EXPECT_TRUE(nats::eventually([&] { return two->leads(); }));
    two->stop();
    EXPECT_TRUE(bus.drain());
  });
}

TEST(Leadership, SurvivesTheLossOfItsBucket) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    const auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    EXPECT_TRUE(bus.remove_bucket(lattice::manager_lease_bucket("test")));
    const TimePoint lost = Clock::now();
    EXPECT_TRUE(nats::eventually([&] { return !one->leads(); }));
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    EXPECT_LT(Clock::now() - lost, std::chrono::seconds(3));
    one->stop();
    EXPECT_TRUE(bus.drain());
  });
}

TEST(Leadership, ALostBucketMakesNoTwo) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker), other(worker, broker);
    auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    const auto two = Leadership::start(other, "test", "two", quiet());
    EXPECT_TRUE(async::sleep_for(2 * kLeaseLook));  // it knows of the other one by now
    bus.cut();
    broker.erase_data();
    const TimePoint lost = Clock::now();
    bool both = false;
    EXPECT_TRUE(nats::eventually([&] {
      both = both || (one->leads() && two->leads());
      return two->leads();
    }));
    EXPECT_FALSE(both);
    EXPECT_LT(Clock::now() - lost, std::chrono::seconds(3));
    bus.restore();
    one.reset();
    two->stop();
    EXPECT_TRUE(other.drain());
    EXPECT_TRUE(bus.drain());
  });
}

TEST(Leadership, WhoBeginsALatticeLeadsAtOnce) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    const TimePoint begun = Clock::now();
    const auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    EXPECT_LT(Clock::now() - begun, lattice::kManagerLeaseExpires / 2);
    one->stop();
    EXPECT_TRUE(bus.drain());
  });
}

TEST(Leadership, WhatIsGivenBackIsTakenAtOnce) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    const auto one = Leadership::start(bus, "test", "one", quiet());
    EXPECT_TRUE(nats::eventually([&] { return one->leads(); }));
    one->stop();
    const TimePoint given_back = Clock::now();
    const auto two = Leadership::start(bus, "test", "two", quiet());
    EXPECT_TRUE(nats::eventually([&] { return two->leads(); }));
    EXPECT_LT(Clock::now() - given_back, lattice::kManagerLeaseExpires);
    two->stop();
    EXPECT_TRUE(bus.drain());
  });
}

}  // namespace
}  // namespace wattle::manager
