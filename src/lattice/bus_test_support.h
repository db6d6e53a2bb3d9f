// Every kind of bus for tests that must pass on all: in memory, on one NATS server, on a cluster of three.
#pragma once

#include <gtest/gtest.h>

#include <atomic>

#include "lattice/memory_bus.h"
#include "lattice/nats_bus.h"
#include "nats/test_server.h"

namespace wattle::lattice {

enum class BusKind : uint8_t { memory, nats, cluster };

// What the buses of one kind connect to. Servers start when they are first needed.
class BusPlace {
 public:
  explicit BusPlace(BusKind kind) : kind_(kind) {}

  // On a fiber of `worker`.
  std::unique_ptr<Bus> connect(async::Worker& worker) {
    if (kind_ == BusKind::memory) return std::make_unique<MemoryBus>(worker, broker_);
    NatsBusOptions options;
    options.client.urls = urls();
    options.client.reconnect_wait_min = std::chrono::milliseconds(5);
    options.client.reconnect_wait_max = std::chrono::milliseconds(50);
    options.replicas = kind_ == BusKind::cluster ? 3 : 1;
    auto bus = NatsBus::connect(worker, options);
    if (!bus) {
      ADD_FAILURE() << bus.error().full_message();
      std::abort();
    }
    if (!ready_.exchange(true)) {
      // A cluster needs a moment to find its leaders.
      const bool led = nats::eventually([&] {
        const async::DeadlineScope scope(Clock::now() + std::chrono::milliseconds(300));
        auto made = (*bus)->bucket({.bucket = "first"});
        return made && (*made)->put("a", "");
      });
      EXPECT_TRUE(led) << "the cluster has no leader";
    }
    return std::move(*bus);
  }

  static std::unique_ptr<Bucket> make_bucket(Bus& bus, const BucketConfig& config) {
    auto made = bus.bucket(config);
    EXPECT_TRUE(made) << made.error().full_message();
    return std::move(made).value();
  }

 private:
  std::vector<std::string> urls() {
    if (kind_ == BusKind::nats) {
      if (!server_) server_ = std::make_unique<nats::TestServer>();
      return {server_->url()};
    }
    if (!cluster_) cluster_ = std::make_unique<nats::TestCluster>();
    return cluster_->urls();
  }

  BusKind kind_;
  std::atomic<bool> ready_ = false;
  MemoryBroker broker_;
  std::unique_ptr<nats::TestServer> server_;
  std::unique_ptr<nats::TestCluster> cluster_;
};

}  // namespace wattle::lattice
