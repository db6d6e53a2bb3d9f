#include <gmock/gmock.h>

#include "engine/store_pool.h"
#include "runtime/guest_test_support.h"

namespace wattle::runtime {
namespace {

using testing::load_guest;
using testing::text_of;

constexpr std::string_view kCalc = "wattle:demo/calc@1.0.0";
constexpr std::string_view kCounters = "wattle:demo/counters@1.0.0";

std::shared_ptr<const LinkedComponent> library() {
  static const auto linked = Linker().link(load_guest("library-c"));
  if (!linked) ADD_FAILURE() << text_of(linked.error());
  return linked ? *linked : nullptr;
}

uint32_t add(Instance& instance, uint32_t a, uint32_t b) {
  auto sum = instance.call<uint32_t>(**library()->find_function(kCalc, "add"), {}, a, b);
  if (!sum) ADD_FAILURE() << text_of(sum.error());
  return sum ? *sum : 0;
}

// Leaves a counter behind, in the guest's memory and in its handle table.
void make_counter(Instance& instance) {
  const wit::Value start[] = {{uint32_t{1}}};
  EXPECT_TRUE(instance.call(**library()->find_function(kCounters, "[constructor]counter"), start, {}));
}

uint32_t alive_counters(Instance& instance) {
  return *instance.call<uint32_t>(**library()->find_function(kCounters, "alive"), {});
}

// A pool of one worker, used by fibers.
struct Pool {
  explicit Pool(const PoolOptions& options = {}) : pool(worker, library(), options) {}
  void run(const std::function<void()>& body) {
    worker.spawn([this, body] {
      body();
      if (--running == 0) pool.shut_down(Error(ErrorCode::unavailable, "done"));
    });
    ++running;
  }
  async::Worker worker;
  InstancePool pool;
  int running = 0;
};

TEST(InstancePool, GivesAPristineInstanceToEachCall) {
  Pool pool;
  pool.run([&] {
    for (int round = 0; round < 3; ++round) {
      auto lease = pool.pool.acquire();
      ASSERT_TRUE(lease) << text_of(lease.error());
      EXPECT_EQ(alive_counters(**lease), 0u);
      make_counter(**lease);
      EXPECT_EQ(alive_counters(**lease), 1u);
    }
    EXPECT_EQ(pool.pool.counts().created, 1u);
    EXPECT_EQ(pool.pool.counts().reset, 3u);
  });
  pool.worker.run();
}

TEST(InstancePool, KeepsStateWhereThatIsAskedFor) {
  PoolOptions options;
  options.pristine = false;
  Pool pool(options);
  pool.run([&] {
    make_counter(**pool.pool.acquire());
    EXPECT_EQ(alive_counters(**pool.pool.acquire()), 1u);
  });
  pool.worker.run();
}

TEST(InstancePool, QueuesWhenAllAreBusyInOrder) {
  PoolOptions options;
  options.max_instances = 1;
  Pool pool(options);
  std::vector<int> order;
  for (int caller = 0; caller < 4; ++caller)
    pool.run([&, caller] {
      auto lease = pool.pool.acquire();
      ASSERT_TRUE(lease) << text_of(lease.error());
      EXPECT_EQ(add(**lease, 1, 2), 3u);
      async::Fiber::current().yield();
      order.push_back(caller);
    });
  pool.worker.run();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
  EXPECT_EQ(pool.pool.counts().created, 1u);
}

TEST(InstancePool, RefusesWhatDoesNotFitInTheQueue) {
  PoolOptions options;
  options.max_instances = 1;
  options.max_queue = 1;
  Pool pool(options);
  int served = 0, overloaded = 0;
  for (int caller = 0; caller < 3; ++caller)
    pool.run([&] {
      auto lease = pool.pool.acquire();
      if (lease) {
        ++served;
        async::Fiber::current().yield();
      } else if (lease.error().code() == ErrorCode::overloaded) {
        ++overloaded;
      }
    });
  pool.worker.run();
  EXPECT_EQ(served, 2);
  EXPECT_EQ(overloaded, 1);
  EXPECT_EQ(pool.pool.counts().refused, 1u);
}

TEST(InstancePool, ADeadlineInTheQueueIsOverload) {
  PoolOptions options;
  options.max_instances = 1;
  Pool pool(options);
  bool refused = false;
  pool.run([&] {
    auto lease = pool.pool.acquire();
    while (!refused) async::Fiber::current().yield();
  });
  pool.run([&] {
    async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(20));
    auto lease = pool.pool.acquire();
    ASSERT_FALSE(lease);
    EXPECT_EQ(lease.error().code(), ErrorCode::overloaded);
    EXPECT_EQ(pool.pool.counts().queued, 0u);
    refused = true;
  });
  pool.worker.run();
}

TEST(InstancePool, ResetsAPoisonedInstance) {
  Pool pool;
  pool.run([&] {
    {
      auto lease = pool.pool.acquire();
      auto result = (*lease)->call<std::string>(**library()->find_function(kCalc, "echo"), {},
                                                std::string("\xff\xfe not UTF-8"));
      ASSERT_FALSE(result);
      EXPECT_TRUE((*lease)->poisoned());
    }
    EXPECT_EQ(add(**pool.pool.acquire(), 1, 2), 3u);
    EXPECT_EQ(pool.pool.counts().created, 1u);
    EXPECT_EQ(pool.pool.counts().dropped, 0u);
  });
  pool.worker.run();
}

TEST(InstancePool, ReplacesAPoisonedInstanceThatKeepsItsState) {
  PoolOptions options;
  options.pristine = false;
  Pool pool(options);
  pool.run([&] {
    {
      auto lease = pool.pool.acquire();
      ASSERT_FALSE((*lease)->call<std::string>(**library()->find_function(kCalc, "echo"), {},
                                               std::string("\xff\xfe not UTF-8")));
    }
    EXPECT_EQ(pool.pool.counts().dropped, 1u);
    EXPECT_EQ(add(**pool.pool.acquire(), 1, 2), 3u);
    EXPECT_EQ(pool.pool.counts().created, 2u);
  });
  pool.worker.run();
}

TEST(InstancePool, ReplacesAKeptInstanceThatLeaksBeforeItFails) {
  PoolOptions options;
  options.pristine = false;
  Pool pool(options);
  pool.run([&] {
    for (bool too_many : {false, true}) {
      auto lease = pool.pool.acquire();
      HostResources& resources = (*lease)->host().resources;
      const uint32_t half = resources.max_count / 2;
      while (resources.count() < half + (too_many ? 1 : 0))
        resources.insert(std::make_unique<HostResource>());
    }
    EXPECT_EQ(pool.pool.counts().created, 1u);
    EXPECT_EQ(pool.pool.counts().dropped, 1u);
    EXPECT_EQ((*pool.pool.acquire())->host().resources.count(), 0u);
  });
  pool.worker.run();
}

TEST(InstancePool, ReplacesWhatACallSpoiltBeforeTheNextOne) {
  engine::StorePool stores(1);
  PoolOptions options;
  options.pristine = false;  // so that a poisoned instance is spoilt
  options.spare_stores = &stores;
  options.replaced_ahead = 2;
  Pool pool(options);
  pool.run([&] {
    {
      auto lease = pool.pool.acquire();
      ASSERT_FALSE((*lease)->call<std::string>(**library()->find_function(kCalc, "echo"), {},
                                               std::string("\xff\xfe not UTF-8")));
    }
    EXPECT_EQ(pool.pool.counts().dropped, 1u);
    while (pool.pool.counts().ready < 2) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    EXPECT_EQ(add(**pool.pool.acquire(), 1, 2), 3u);
    EXPECT_EQ(pool.pool.counts().created, 3u);
    EXPECT_EQ(pool.pool.counts().busy, 0u);
  });
  pool.worker.run();
}

TEST(InstancePool, MayEndBeforeWhatACallSpoiltIsReplaced) {
  engine::StorePool stores(1);
  PoolOptions options;
  options.pristine = false;
  options.spare_stores = &stores;
  options.replaced_ahead = 2;
  Pool pool(options);
  pool.run([&] {
    auto ends = std::make_unique<InstancePool>(pool.worker, library(), options);
    {
      auto lease = ends->acquire();
      ASSERT_FALSE((*lease)->call<std::string>(**library()->find_function(kCalc, "echo"), {},
                                               std::string("\xff\xfe not UTF-8")));
    }
    ends.reset();
    ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(30)));
  });
  pool.worker.run();
}

TEST(InstancePool, DropsIdleInstancesAndComesBack) {
  PoolOptions options;
  options.idle_time = std::chrono::milliseconds(5);
  Pool pool(options);
  pool.run([&] {
    {
      EXPECT_EQ(add(**pool.pool.acquire(), 1, 2), 3u);
    }
    while (pool.pool.counts().ready > 0) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    EXPECT_EQ(library()->live_instances(), 0u);
    EXPECT_EQ(add(**pool.pool.acquire(), 3, 4), 7u);
  });
  pool.worker.run();
}

TEST(InstancePool, ShutDownEndsCallsAndRefusesNewOnes) {
  PoolOptions options;
  options.max_instances = 1;
  Pool pool(options);
  std::vector<std::string> ends;
  pool.running = 10;  // this test shuts down itself
  pool.run([&] {
    auto lease = pool.pool.acquire();
    auto slept = async::sleep_for(std::chrono::hours(1));
    ends.push_back(slept ? "slept" : slept.error().message());
  });
  pool.run([&] {
    auto lease = pool.pool.acquire();
    ends.push_back(lease ? "served" : lease.error().message());
  });
  pool.run([&] {
    pool.pool.shut_down(Error(ErrorCode::unavailable, "going down"));
    EXPECT_FALSE(pool.pool.acquire());
  });
  pool.worker.run();
  EXPECT_THAT(ends, ::testing::UnorderedElementsAre("going down", "going down"));
  EXPECT_EQ(pool.pool.counts().busy, 0u);
}

TEST(InstancePool, TakesStoresThatWereMadeAhead) {
  ASSERT_TRUE(library());
  engine::StorePool spares(2);
  PoolOptions options;
  options.spare_stores = &spares;
  Pool pool(options);
  pool.run([&] {
    while (spares.ready() < 2) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
    auto first = pool.pool.acquire();
    EXPECT_EQ(add(**first, 3, 4), 7u);
  });
  pool.worker.run();
}

}  // namespace
}  // namespace wattle::runtime
