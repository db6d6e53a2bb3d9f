#include <gtest/gtest.h>

#include "async/fiber.h"
#include "async/offload.h"
#include "async/pipe.h"
#include "async/signal.h"

namespace wattle::async {
namespace {

using namespace std::chrono_literals;

TEST(Fiber, SleepsWithoutHoldingUpOthers) {
  Worker worker;
  std::string order;
  worker.spawn([&] {
    ASSERT_TRUE(sleep_for(20ms));
    order += "late";
  });
  worker.spawn([&] { order += "early "; });
  worker.run();
  EXPECT_EQ(order, "early late");
}

TEST(Fiber, CancelEndsTheWaitInProgressAndLaterOnes) {
  Worker worker;
  auto fiber = worker.spawn([&] {
    EXPECT_EQ(sleep_for(1h).error().code(), ErrorCode::cancelled);
    EXPECT_EQ(sleep_for(1h).error().code(), ErrorCode::cancelled);
  });
  worker.spawn([&] { fiber->cancel(); });
  worker.run();
  EXPECT_TRUE(fiber->finished());
}

TEST(Fiber, AMaskedWaitIsNotCancelled) {
  Worker worker;
  auto fiber = worker.spawn([&] {
    MaskScope mask;
    EXPECT_TRUE(sleep_for(5ms));
  });
  worker.spawn([&] { fiber->cancel(); });
  worker.run();
}

TEST(Fiber, DeadlineEndsWaitsInItsScopeOnly) {
  Worker worker;
  worker.spawn([&] {
    {
      DeadlineScope scope(Clock::now() + 5ms);
      EXPECT_EQ(sleep_for(1h).error().code(), ErrorCode::deadline_exceeded);
      EXPECT_EQ(sleep_for(1h).error().code(), ErrorCode::deadline_exceeded);
    }
    EXPECT_TRUE(sleep_for(1ms));
  });
  worker.run();
}

TEST(Fiber, RunReturnsWithoutWaitingForAnUnusedDeadline) {
  Worker worker;
  worker.spawn([&] {
    DeadlineScope scope(Clock::now() + 1h);
    EXPECT_TRUE(sleep_for(1ms));
  });
  auto begin = Clock::now();
  worker.run();
  EXPECT_LT(Clock::now() - begin, 10s);
}

struct CountingObserver final : SwitchObserver {
  int left = 0;
  int came_back = 0;
  void before_suspend() override { ++left; }
  void after_resume() override { ++came_back; }
};

TEST(Fiber, TellsItsObserverOfEverySwitch) {
  Worker worker;
  CountingObserver observer;
  worker.spawn([&] {
    Fiber::current().set_switch_observer(&observer);
    EXPECT_TRUE(sleep_for(1ms));
    Fiber::current().yield();
  });
  worker.run();
  EXPECT_EQ(observer.left, 2);
  EXPECT_EQ(observer.came_back, 2);
}

TEST(Signal, WakesAllWhoWait) {
  Worker worker;
  Signal signal;
  int woken = 0;
  for (int i = 0; i < 3; ++i) worker.spawn([&] { woken += signal.wait().has_value(); });
  worker.spawn([&] { signal.notify(); });
  worker.run();
  EXPECT_EQ(woken, 3);
}

TEST(Signal, WaitAnyEndsAtItsTimeWithSuccess) {
  Worker worker;
  Signal first, second;
  worker.spawn([&] {
    Signal* both[] = {&first, &second};
    EXPECT_TRUE(Signal::wait_any(both, Clock::now() + 5ms));
    EXPECT_FALSE(first.has_waiters() || second.has_waiters());
  });
  worker.run();
}

TEST(Signal, CancelledWaitLeavesNoWaiterBehind) {
  Worker worker;
  Signal signal;
  auto fiber = worker.spawn([&] {
    Signal* one[] = {&signal};
    EXPECT_FALSE(Signal::wait_any(one, Clock::now() + 1h));
  });
  worker.spawn([&] { fiber->cancel(); });
  worker.run();
  EXPECT_FALSE(signal.has_waiters());
}

TEST(Pipe, HoldsTheWriterBackUntilTheReaderTakes) {
  Worker worker;
  Pipe pipe(16);
  std::string received;
  worker.spawn([&] {
    std::string text(1000, 'x');
    ASSERT_TRUE(pipe.write_all({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
    pipe.close();
  });
  worker.spawn([&] {
    uint8_t buffer[7];
    for (;;) {
      EXPECT_LE(pipe.buffered(), 16u);
      auto count = pipe.read_some(buffer);
      ASSERT_TRUE(count);
      if (*count == 0) break;
      received.append(reinterpret_cast<char*>(buffer), *count);
    }
  });
  worker.run();
  EXPECT_EQ(received, std::string(1000, 'x'));
}

TEST(Pipe, AbortReachesTheReaderAfterTheBytes) {
  Worker worker;
  Pipe pipe;
  worker.spawn([&] {
    uint8_t byte = 7;
    pipe.try_write({&byte, 1});
    pipe.abort(Error(ErrorCode::unavailable, "connection reset"));
    uint8_t buffer[4];
    EXPECT_EQ(pipe.read_some(buffer).value(), 1u);
    EXPECT_EQ(pipe.read_some(buffer).error().message(), "connection reset");
  });
  worker.run();
}

TEST(Pipe, WriterLearnsThatTheReaderWentAway) {
  Worker worker;
  Pipe pipe(4);
  worker.spawn([&] {
    uint8_t bytes[8] = {};
    EXPECT_EQ(pipe.write_all(bytes).error().code(), ErrorCode::unavailable);
  });
  worker.spawn([&] { pipe.stop_reading(); });
  worker.run();
}

TEST(Offload, ReturnsTheValueOfAnotherThread) {
  Worker worker;
  OffloadPool pool(2);
  auto self = std::this_thread::get_id();
  worker.spawn([&] { EXPECT_NE(offload(pool, [] { return std::this_thread::get_id(); }), self); });
  worker.run();
}

}  // namespace
}  // namespace wattle::async
