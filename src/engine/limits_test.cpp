#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

#include "async/fiber.h"
#include "async/poller.h"
#include "async/signal.h"
#include "engine/engine.h"
#include "engine/test_module.h"

namespace wattle::engine {
namespace {

using async::Fiber;
using async::Worker;
using std::chrono::milliseconds;
using testing::compile;

constexpr std::string_view kSpinner = R"((module (memory (export "memory") 1)
  (func (export "spin") (loop (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (br 0)))
  (func (export "count") (param i32) (loop
    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $recurse (export "recurse") call $recurse)
  (func (export "fine") (result i32) (i32.const 1))))";

struct Guest {
  explicit Guest(std::string_view text = kSpinner, const StoreOptions& options = {})
      : module(compile(text)), store(*Store::create(options)) {
    Store::Scope scope(*store, {});
    instance = *store->instantiate(*module, {});
  }
  Result<CoreValue> call(std::string_view name, const CallLimits& limits, uint32_t argument = 0) {
    Store::Scope scope(*store, limits);
    WATTLE_TRY(FunctionHandle function, store->exported_function(instance, name));
    CoreValue values[1] = {{.u64 = argument}};
    WATTLE_CHECK(store->call(function, values));
    return values[0];
  }
  uint32_t counter() {
    Store::Scope scope(*store, {});
    auto view = store->view(store->memory(*store->exported(instance, "memory")));
    uint32_t value = 0;
    std::memcpy(&value, view.base, sizeof value);
    return value;
  }
  std::shared_ptr<const Module> module;
  std::unique_ptr<Store> store;
  InstanceHandle instance;
};

TEST(Limits, DeadlineEndsASpinningGuest) {
  Guest guest;
  auto called = guest.call("spin", {.deadline = Clock::now() + milliseconds(20)});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_TRUE(guest.call("fine", {}));  // the store itself is usable
}

TEST(Limits, CpuTimeEndsASpinningGuest) {
  Guest guest;
  const auto before = Clock::now();
  auto called = guest.call("spin", {.cpu_time = milliseconds(20)});
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code(), ErrorCode::cpu_time_exceeded);
  EXPECT_GE(Clock::now() - before, milliseconds(18));
}

TEST(Limits, CpuTimeIsMeasured) {
  Guest guest;
  Store::Scope scope(*guest.store, {.cpu_time = milliseconds(30)});
  CoreValue values[1] = {};
  EXPECT_FALSE(guest.store->call(*guest.store->exported_function(guest.instance, "spin"), values));
  EXPECT_GE(guest.store->cpu_time_used(), milliseconds(29));
  EXPECT_LE(guest.store->cpu_time_used(), milliseconds(90));
}

TEST(Limits, AnotherThreadEndsAGuest) {
  Guest guest;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(10));
    guest.store->terminate(Error(ErrorCode::unavailable, "shutting down"));
  });
  auto called = guest.call("spin", {});
  other.join();
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().message(), "shutting down");
  EXPECT_TRUE(guest.call("fine", {}));
}

TEST(Limits, RecursionEndsOnAFiberToo) {
  testing::start_engine();
  Worker worker({.stack_bytes = 256 * 1024});
  std::string message;
  worker.spawn([&] {
    Guest guest;
    for (int round = 0; round < 3; ++round) {
      auto called = guest.call("recurse", {});
      message = called ? "no trap" : called.error().message();
    }
  });
  worker.run();
  EXPECT_EQ(message, "call stack exhausted");
}

TEST(Limits, MemoryOfAllInstancesTogetherIsBounded) {
  constexpr std::string_view kGrower = R"((module (memory (export "memory") 1)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))))";
  Guest guest(kGrower, {.max_memory_bytes = 10 * 65536});
  InstanceHandle second;
  {
    Store::Scope scope(*guest.store, {});
    second = *guest.store->instantiate(*guest.module, {});
  }
  EXPECT_EQ(guest.call("grow", {}, 5)->i32, 1);   // 6 + 1 pages
  EXPECT_EQ(guest.call("grow", {}, 4)->i32, -1);  // would be 10 + 1
  EXPECT_EQ(guest.call("grow", {}, 3)->i32, 6);   // 9 + 1
  guest.instance = second;
  EXPECT_EQ(guest.call("grow", {}, 1)->i32, -1);
  Store::Scope scope(*guest.store, {});
  auto third = guest.store->instantiate(*guest.module, {});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::memory_exceeded);
}

TEST(Limits, AddressSpaceForMemoriesEndsWithAClearError) {
#if defined(WATTLE_SANITIZE_ADDRESS)
  GTEST_SKIP() << "the address sanitizer goes without the trap handler, and memories then reserve little";
#endif
  auto module = compile("(module (memory 1))");
  auto store = *Store::create({.max_memory_bytes = uint64_t{1} << 50, .max_instances = 20'000});
  Store::Scope scope(*store, {});
  Result<InstanceHandle> instance = InstanceHandle{};
  int count = 0;
  while (instance && count < 20'000) {
    instance = store->instantiate(*module, {});
    ++count;
  }
  ASSERT_FALSE(instance);
  EXPECT_GT(count, 10'000);
  EXPECT_EQ(instance.error().code(), ErrorCode::memory_exceeded);
  EXPECT_FALSE(instance.error().remedy().empty());
}

TEST(Limits, MemoryMayGrowAndIsSeenToHaveGrown) {
  Guest guest(R"((module (memory (export "memory") 1)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "write") (param i32) (i32.store8 (local.get 0) (i32.const 7)))))");
  EXPECT_EQ(guest.call("grow", {}, 3)->i32, 1);
  ASSERT_TRUE(guest.call("write", {}, 4 * 65536 - 1));
  EXPECT_FALSE(guest.call("write", {}, 4 * 65536));
  Store::Scope scope(*guest.store, {});
  auto view = guest.store->view(guest.store->memory(*guest.store->exported(guest.instance, "memory")));
  EXPECT_EQ(view.bytes, 4u * 65536);
  EXPECT_EQ(view.base[4 * 65536 - 1], 7);
}

TEST(Limits, TablesCannotGrowWithoutBound) {
  Guest guest(R"((module (table 1 funcref)
    (func (export "grow") (param i32) (result i32) (table.grow 0 (ref.null func) (local.get 0)))))");
  EXPECT_EQ(guest.call("grow", {}, 50'000)->i32, 1);
  EXPECT_EQ(guest.call("grow", {}, 60'000)->i32, -1);
  EXPECT_EQ(guest.call("grow", {}, 0xffffffff)->i32, -1);
}

TEST(Limits, FillingV8sHeapEndsTheGuestOnly) {
  std::string tables, grow;
  for (int index = 0; index < 150; ++index) {
    tables += "(table 1 externref)(table 0 funcref)";
    for (int table : {2 * index, 2 * index + 1}) {
      if (table >= 200) continue;
      grow += fmt::format("(drop (table.grow {} (ref.null {}) (i32.const 99000)))", table,
                          table % 2 == 0 ? "extern" : "func");
    }
    if (index == 99) break;
  }
  Guest guest("(module " + tables + "(func (export \"fill\") " + grow + ") (func (export \"fine\")))");
  auto called = guest.call("fill", {});
  if (!called) {
    EXPECT_EQ(called.error().code(), ErrorCode::memory_exceeded);
  }
  Guest other;
  EXPECT_TRUE(other.call("fine", {}));
  Store::Scope scope(*guest.store, {});
  auto more = guest.store->instantiate(*guest.module, {});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::memory_exceeded);
}

TEST(Limits, AStoreMayBeEnteredFromAnothersHostFunction) {
  testing::start_engine();
  Worker worker;
  bool right = false;
  worker.spawn([&] {
    Guest inner;
    auto module =
        compile("(module (import \"h\" \"f\" (func $f)) (func (export \"run\") (call $f) (call $f)))");
    auto store = *Store::create({});
    Store::Scope scope(*store, {.deadline = Clock::now() + std::chrono::seconds(60)});
    Extern host = store->make_host_function(
        {},
        [](void* context, CoreValue*) {
          auto& guest = *static_cast<Guest*>(context);
          EXPECT_EQ(guest.call("spin", {.cpu_time = milliseconds(15)}).error().code(),
                    ErrorCode::cpu_time_exceeded);
          EXPECT_TRUE(async::sleep_for(milliseconds(2)));
          return true;
        },
        &inner);
    auto instance = *store->instantiate(*module, std::array{host});
    CoreValue values[1] = {};
    right = store->call(*store->exported_function(instance, "run"), values).has_value();
    EXPECT_LT(store->cpu_time_used(), milliseconds(25));
  });
  worker.run();
  EXPECT_TRUE(right);
}

// ---- On fibers

TEST(Slices, SpinningGuestsShareAWorkerWithAWellBehavedFiber) {
  testing::start_engine();
  Worker worker;
  uint32_t counts[4] = {};
  int turns_before_an_end = 0, ended = 0;
  for (uint32_t& count : counts) {
    worker.spawn([&] {
      Guest guest;
      auto called = guest.call("spin", {.cpu_time = milliseconds(60)});
      EXPECT_EQ(called.error().code(), ErrorCode::cpu_time_exceeded);
      count = guest.counter();
      ++ended;
    });
  }
  worker.spawn([&] {
    while (ended < 4) {
      ASSERT_TRUE(async::sleep_for(milliseconds(1)));
      if (ended == 0) ++turns_before_an_end;
    }
  });
  worker.run();
  for (uint32_t count : counts) EXPECT_GT(count, 1000u);
  // Without slices the first guest would have ended before anybody else had a turn.
  EXPECT_GE(turns_before_an_end, 2);
}

// Sends back what it is sent, and ends a fiber after `most` bytes.
struct Echo final : async::Poller::Watcher {
  void on_events(uint32_t events) override {
    char byte = 0;
    if ((events & EPOLLIN) == 0 || recv(descriptor, &byte, 1, MSG_DONTWAIT) != 1) return;
    if (++count == most) spinner->cancel();
    EXPECT_EQ(send(descriptor, &byte, 1, MSG_DONTWAIT), 1);
  }
  int descriptor = -1;
  int count = 0;
  int most = 0;
  std::shared_ptr<Fiber> spinner;
};

TEST(Slices, AGuestThatUsedOneUpYieldsToNewsAtOnce) {
  constexpr auto kSlice = milliseconds(200);
  constexpr int kRounds = 10;
  testing::start_engine();
  Worker worker;
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Echo echo;
  echo.descriptor = ends[0];
  echo.most = kRounds + 1;
  echo.spinner = worker.spawn([&] {
    ASSERT_TRUE(worker.poller().add(ends[0], echo));
    Guest guest;
    EXPECT_EQ(guest.call("spin", {.slice = kSlice}).error().code(), ErrorCode::cancelled);
    worker.poller().remove(ends[0], echo);
  });
  Duration took{};
  std::thread client([&] {
    TimePoint first_slice_over;
    for (int round = 0; round <= kRounds; ++round) {
      char byte = 0;
      EXPECT_EQ(send(ends[1], "x", 1, 0), 1);
      EXPECT_EQ(recv(ends[1], &byte, 1, 0), 1);
      if (round == 0) first_slice_over = Clock::now();
    }
    took = Clock::now() - first_slice_over;
  });
  worker.run();
  client.join();
  EXPECT_LT(took, kSlice * kRounds / 2);
  close(ends[0]);
  close(ends[1]);
}

TEST(Slices, CancellingAFiberEndsItsSpinningGuest) {
  testing::start_engine();
  Worker worker;
  std::string message;
  auto spinning = worker.spawn([&] {
    Guest guest;
    auto called = guest.call("spin", {});
    message = called ? "returned" : called.error().message();
  });
  worker.spawn([&] {
    ASSERT_TRUE(async::sleep_for(milliseconds(20)));
    spinning->cancel(Error(ErrorCode::cancelled, "the client went away"));
  });
  worker.run();
  EXPECT_EQ(message, "the client went away");
}

// ---- Waits in host functions

constexpr std::string_view kWaiter = R"((module (import "host" "wait" (func $wait (param i32) (result i32)))
  (func (export "run") (param i32) (result i32)
    (i32.add (call $wait (local.get 0)) (call $wait (local.get 0))))))";

bool wait_a_while(void*, CoreValue* values) {
  values[0].i32 = async::sleep_for(milliseconds(values[0].i32)) ? 1 : 100;
  return true;
}

Result<CoreValue> run_waiter(const CallLimits& limits, uint32_t wait_ms, HostCallback callback = wait_a_while,
                             void* context = nullptr) {
  auto module = compile(kWaiter);
  auto store = *Store::create({});
  Store::Scope scope(*store, limits);
  Extern wait = store->make_host_function({{CoreType::i32}, {CoreType::i32}}, callback, context);
  auto instance = *store->instantiate(*module, std::array{wait});
  CoreValue values[1] = {{.u64 = wait_ms}};
  WATTLE_CHECK(store->call(*store->exported_function(instance, "run"), values));
  EXPECT_LT(store->cpu_time_used(), milliseconds(15));
  return values[0];
}

// Those who wait until all are there: for ever, if they waited one after the other.
struct Gathering {
  int expected = 0;
  int present = 0;
  async::Signal complete = {};
};

bool wait_for_all(void* context, CoreValue* values) {
  auto& gathering = *static_cast<Gathering*>(context);
  if (++gathering.present == gathering.expected) gathering.complete.notify();
  values[0].i32 = 1;
  while (gathering.present < gathering.expected) {
    if (gathering.complete.wait()) continue;
    values[0].i32 = 100;
    break;
  }
  return true;
}

TEST(Waits, ManyGuestsWaitAtOnceOnOneThread) {
  testing::start_engine();
  Worker worker;
  Gathering gathering{.expected = 20};
  int right = 0;
  for (int index = 0; index < gathering.expected; ++index) {
    worker.spawn([&] {
      async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
      const auto result = run_waiter({}, 0, wait_for_all, &gathering);
      right += result && result->i32 == 2 ? 1 : 0;
    });
  }
  worker.run();
  EXPECT_EQ(right, 20);
}

TEST(Waits, CancellingEndsTheWaitAndThenTheGuest) {
  testing::start_engine();
  Worker worker;
  Result<CoreValue> result = CoreValue{};
  auto waiting = worker.spawn([&] { result = run_waiter({}, 60'000); });
  worker.spawn([&] {
    ASSERT_TRUE(async::sleep_for(milliseconds(20)));
    waiting->cancel();
  });
  worker.run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::cancelled);
}

TEST(Waits, DoNotCountAsCpuTime) {
  testing::start_engine();
  Worker worker;
  worker.spawn([&] { EXPECT_EQ(run_waiter({.cpu_time = milliseconds(15)}, 50)->i32, 2); });
  worker.run();
}

}  // namespace
}  // namespace wattle::engine
