#include "engine/store_pool.h"

#include <gtest/gtest.h>

#include "engine/test_module.h"

namespace wattle::engine {
namespace {

void wait_until_ready(const StorePool& pool, size_t count) {
  const TimePoint give_up = Clock::now() + std::chrono::seconds(30);
  while (pool.ready() < count && Clock::now() < give_up) std::this_thread::yield();
  ASSERT_EQ(pool.ready(), count);
}

TEST(StorePool, StoresOfAnotherThreadRunTrapAndRecurseHere) {
  auto module = testing::compile(R"((module (memory 1)
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func $recurse (export "recurse") call $recurse)))");
  StorePool pool(3);
  wait_until_ready(pool, 3);
  for (int round = 0; round < 3; ++round) {
    auto store = *pool.take({});
    Store::Scope scope(*store, {});
    auto instance = *store->instantiate(*module, {});
    CoreValue values[1] = {};
    EXPECT_TRUE(store->call(*store->exported_function(instance, "load"), values));
    values[0].u64 = 0x7fffffff;
    EXPECT_EQ(store->call(*store->exported_function(instance, "load"), values).error().message(),
              "out of bounds memory access");
    EXPECT_EQ(store->call(*store->exported_function(instance, "recurse"), values).error().message(),
              "call stack exhausted");
  }
  wait_until_ready(pool, 3);
}

TEST(Store, MayBeDestroyedElsewhereAfterItsThreadHasEnded) {
  auto module =
      testing::compile("(module (memory 1) (global (mut i32) (i32.const 0)) (func (export \"f\")))");
  std::unique_ptr<Store> store = *Store::create({});
  std::thread([&] {
    Store::Scope scope(*store, {});
    ASSERT_TRUE(store->instantiate(*module, {}));
    ASSERT_TRUE(store->take_image());
    ASSERT_TRUE(store->reset());
  }).join();
  store.reset();
  EXPECT_TRUE(Store::create({}));
}

TEST(Store, MayBeUsedElsewhereAfterItWasReleased) {
  auto module = testing::compile(
      "(module (memory 1) (global $g (mut i32) (i32.const 0)) (func (export \"count\") (result i32) "
      "(global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))");
  auto store = *Store::create({});
  CoreValue values[1] = {};
  InstanceHandle instance;
  {
    Store::Scope scope(*store, {});
    instance = *store->instantiate(*module, {});
    ASSERT_TRUE(store->call(*store->exported_function(instance, "count"), values));
  }
  store->release();
  std::thread([&] {
    Store::Scope scope(*store, {});
    ASSERT_TRUE(store->call(*store->exported_function(instance, "count"), values));
  }).join();
  EXPECT_EQ(values[0].u32, 2u);
}

TEST(StorePool, EndsStoresThatWereUsed) {
  auto module = testing::compile(
      "(module (memory 1 1000) (func (export \"grow\") (result i32) "
      "(memory.grow (i32.const 500))))");
  StorePool pool(1);
  for (int round = 0; round < 10; ++round) {
    auto store = *pool.take({});
    {
      Store::Scope scope(*store, {});
      auto instance = *store->instantiate(*module, {});
      CoreValue values[1] = {};
      EXPECT_TRUE(store->call(*store->exported_function(instance, "grow"), values));
    }
    pool.retire(std::move(store));
  }
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (module.use_count() > 1 && Clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(module.use_count(), 1);  // each store's instances hold the module
}

TEST(StorePool, MakesOneWhenNoneIsReady) {
  testing::start_engine();
  StorePool pool(0);
  EXPECT_TRUE(pool.take({}));
}

TEST(StorePool, GivesEachStoreItsOwnLimits) {
  auto module = testing::compile("(module (memory 2))");
  StorePool pool(1);
  wait_until_ready(pool, 1);
  auto store = *pool.take({.max_memory_bytes = 65536});
  Store::Scope scope(*store, {});
  auto instance = store->instantiate(*module, {});
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code(), ErrorCode::memory_exceeded);
}

}  // namespace
}  // namespace wattle::engine
