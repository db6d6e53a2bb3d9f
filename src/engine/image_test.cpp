#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>

#include "engine/engine.h"
#include "engine/page_scan.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

using testing::compile;

constexpr std::string_view kWriter = R"((module
  (memory (export "memory") 17 64)
  (global $g (mut i32) (i32.const 7)) (global $h (mut i64) (i64.const -1)) (global $f (mut f64) (f64.const 0.5))
  (data (i32.const 1024) "hello") (data (i32.const 70000) "world")
  (func (export "write") (param i32) (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1)))
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (global.set $h (i64.add (global.get $h) (i64.const 1)))
    (global.set $f (f64.add (global.get $f) (f64.const 1))))
  (func (export "globals") (result i64)
    (i64.add (i64.add (i64.extend_i32_s (global.get $g)) (global.get $h)) (i64.trunc_f64_s (global.get $f))))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") unreachable)
  (func $recurse (export "recurse") (global.set $g (i32.const 0)) (call $recurse))
  (func (export "spin") (loop (i32.store (i32.const 1024) (i32.const 5)) (br 0)))))";

struct Writer {
  Writer() : module(compile(kWriter)), store(*Store::create({})), scope(*store, {}) {
    instance = *store->instantiate(*module, {});
    memory = store->memory(*store->exported(instance, "memory"));
  }
  int64_t call(std::string_view name, uint32_t argument = 0) {
    CoreValue values[1] = {{.u64 = argument}};
    auto called = store->call(*store->exported_function(instance, name), values);
    return called ? values[0].i64 : -1;
  }
  std::vector<uint8_t> copy() const {
    auto view = store->view(memory);
    return {view.base, view.base + view.bytes};
  }

  std::shared_ptr<const Module> module;
  std::unique_ptr<Store> store;
  Store::Scope scope;
  InstanceHandle instance;
  MemoryHandle memory;
};

class ImageTest : public ::testing::TestWithParam<PageScanWay> {
 protected:
  void SetUp() override { force_page_scan(GetParam()); }
  void TearDown() override { force_page_scan(PageScanWay::best); }
};
INSTANTIATE_TEST_SUITE_P(Ways, ImageTest,
                         ::testing::Values(PageScanWay::best, PageScanWay::pagemap, PageScanWay::none));

TEST_P(ImageTest, EveryResetGivesBackEveryByteAndGlobal) {
  Writer guest;
  guest.call("write", 1024);
  ASSERT_TRUE(guest.store->take_image());
  const auto memory = guest.copy();
  const auto globals = guest.call("globals");
  std::minstd_rand random(1);
  for (int round = 0; round < 3000; ++round) {
    guest.call("write", 1024);  // hot
    guest.call("write", 70000);
    if (random() % 4 == 0) guest.call("write", random() % (17 * 65536 - 4));  // strays
    if (round % 7 == 0)
      guest.store->view(guest.memory).base[random() % (17 * 65536)] ^= 1;  // the host writes
    ASSERT_TRUE(guest.store->reset());
    ASSERT_EQ(std::memcmp(guest.store->view(guest.memory).base, memory.data(), memory.size()), 0) << round;
    ASSERT_EQ(guest.call("globals"), globals);
  }
}

TEST(Image, APageThatIsWrittenWithoutBeingChangedStaysHot) {
  Writer guest;
  ASSERT_TRUE(guest.store->take_image());
  auto touch = [&] { std::memcpy(guest.store->view(guest.memory).base + 70000, "world", 5); };
  const auto before = count_faults().faults;
  constexpr int kRounds = 60'000;
  for (int round = 0; round < kRounds; ++round) {
    touch();
    ASSERT_TRUE(guest.store->reset());
  }
  // A cold page costs a fault each time. Some faults are the machine's own: it looks for pages to take away.
  EXPECT_LT(count_faults().faults - before, kRounds / 10);
}

TEST(Image, IsNotGoodAfterGrowth) {
  Writer guest;
  ASSERT_TRUE(guest.store->take_image());
  ASSERT_TRUE(guest.store->reset());
  ASSERT_EQ(guest.call("grow"), 17);
  EXPECT_EQ(guest.store->view(guest.memory).bytes, 18u * 65536);
  EXPECT_FALSE(guest.store->reset());
}

TEST(Image, IsGoodAfterTraps) {
  Writer guest;
  ASSERT_TRUE(guest.store->take_image());
  const auto memory = guest.copy();
  const auto globals = guest.call("globals");
  for (std::string_view end : {"trap", "recurse"}) {
    guest.call("write", 1024);
    EXPECT_EQ(guest.call(end), -1) << end;
    ASSERT_TRUE(guest.store->reset()) << end;
    EXPECT_EQ(guest.copy(), memory) << end;
    EXPECT_EQ(guest.call("globals"), globals) << end;
  }
}

TEST(Image, IsGoodAfterALimit) {
  auto module = compile(kWriter);
  auto store = *Store::create({});
  InstanceHandle instance;
  {
    Store::Scope scope(*store, {});
    instance = *store->instantiate(*module, {});
    ASSERT_TRUE(store->take_image());
  }
  for (int round = 0; round < 3; ++round) {
    CoreValue values[1] = {};
    {
      Store::Scope scope(*store, {.cpu_time = std::chrono::milliseconds(2)});
      auto spun = store->call(*store->exported_function(instance, "spin"), values);
      ASSERT_FALSE(spun);
      EXPECT_EQ(spun.error().code(), ErrorCode::cpu_time_exceeded);
    }
    Store::Scope scope(*store, {});
    ASSERT_TRUE(store->reset());
    EXPECT_EQ(store->view(store->memory(*store->exported(instance, "memory"))).base[1024], 'h');
    EXPECT_TRUE(store->call(*store->exported_function(instance, "globals"), values));
  }
}

TEST(Image, IsSharedBetweenStoresOfOneModule) {
  Writer first, second;
  second.call("write", 4096);  // one page differs
  const auto expected = second.copy();
  auto image = first.store->take_image();
  ASSERT_TRUE(image);
  EXPECT_EQ((*image)->bytes(), 2u * kPageBytes);
  auto shared = second.store->take_image(*image);
  ASSERT_TRUE(shared);
  EXPECT_EQ(*shared, *image);
  for (int round = 0; round < 200; ++round) {
    second.call("write", 4096);
    second.call("write", 20000);
    ASSERT_TRUE(second.store->reset());
    ASSERT_EQ(second.copy(), expected);
  }
}

TEST(Image, IsRefusedWhereTablesChange) {
  auto module = compile(R"((module (table 1 funcref) (func $f (export "f")
    (table.set 0 (i32.const 0) (ref.null func)))))");
  EXPECT_FALSE(module->resettable());
  auto store = *Store::create({});
  Store::Scope scope(*store, {});
  ASSERT_TRUE(store->instantiate(*module, {}));
  auto image = store->take_image();
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code(), ErrorCode::unsupported);
}

TEST(Image, StartFunctionMayChangeTables) {
  auto module = compile(R"((module (table 1 funcref) (data $d "x") (memory 1) (func $helper (data.drop $d))
    (func $f (call $helper) (table.set 0 (i32.const 0) (ref.null func))) (start $f) (func (export "g"))))");
  EXPECT_TRUE(module->resettable());
}

}  // namespace
}  // namespace wattle::engine
