#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "async/fiber.h"
#include "async/fiber_group.h"
#include "async/offload.h"
#include "async/pipe.h"
#include "async/poller.h"
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

TEST(Fiber, GivesWayUntilNobodyElseIsReady) {
  Worker worker;
  std::string order;
  worker.spawn([&] {
    EXPECT_TRUE(Fiber::current().give_way(1h));
    order += "patient";
  });
  worker.spawn([&] {
    for (int round = 0; round < 20; ++round) Fiber::current().yield();
    order += "busy ";
  });
  worker.run();
  EXPECT_EQ(order, "busy patient");
}

TEST(Fiber, GivesWayToWhatTheKernelHasNewsOf) {
  Worker worker;
  std::string order;
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  struct Reader final : Poller::Watcher {
    void on_events(uint32_t events) override {
      if ((events & EPOLLIN) != 0) fiber->wake();
    }
    Fiber* fiber = nullptr;
  } reader;
  worker.spawn([&] {
    reader.fiber = &Fiber::current();
    ASSERT_TRUE(worker.poller().add(ends[0], reader));
    ASSERT_TRUE(Fiber::current().suspend([] {}));
    order += "reader ";
    worker.poller().remove(ends[0], reader);
  });
  worker.spawn([&] {
    EXPECT_TRUE(Fiber::current().give_way(1h));  // the descriptor is known from here on
    pollfd news{worker.news_descriptor(), POLLIN, 0};
    ASSERT_GE(news.fd, 0);
    EXPECT_EQ(poll(&news, 1, 0), 0);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(poll(&news, 1, 0), 1);
    EXPECT_TRUE(Fiber::current().give_way(1h));
    order += "patient";
  });
  worker.run();
  EXPECT_EQ(order, "reader patient");
  close(ends[0]);
  close(ends[1]);
}

TEST(Fiber, GivesWayNoLongerThanItsPatience) {
  Worker worker;
  bool done = false;
  worker.spawn([&] {
    EXPECT_FALSE(Fiber::current().give_way(2ms));
    done = true;
  });
  worker.spawn([&] {
    while (!done) Fiber::current().yield();
  });
  worker.run();
}

TEST(Fiber, ThoseThatGiveWayTakeTurns) {
  Worker worker;
  std::string order;
  for (char name : {'a', 'b'}) {
    worker.spawn([&, name] {
      for (int round = 0; round < 3; ++round) {
        Fiber::current().give_way(1h);
        order += name;
      }
    });
  }
  worker.run();
  EXPECT_EQ(order, "ababab");
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

TEST(Pipe, CopiesWithoutTakingOut) {
  Pipe pipe(4);
  uint8_t bytes[4] = {1, 2, 3, 0};
  pipe.try_write(std::span(bytes).first(3));
  pipe.try_read(std::span(bytes).first(2));
  pipe.try_write(std::span(bytes).first(3));  // beyond the ring's end
  EXPECT_EQ(pipe.copy(bytes), 4u);
  EXPECT_EQ(std::vector(bytes, bytes + 4), (std::vector<uint8_t>{3, 1, 2, 3}));
  EXPECT_EQ(pipe.buffered(), 4u);
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

TEST(Worker, RunsTasksPostedByOtherThreadsOnItsOwnInOrder) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  Worker worker;
  std::vector<int> next(kThreads, 0);  // touched by the worker's thread alone
  int left = kThreads * kTasks;
  Signal all_done;
  worker.spawn([&] {
    while (left > 0) ASSERT_TRUE(all_done.wait());
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (int task = 0; task < kTasks; ++task)
        worker.post([&, thread, task] {
          EXPECT_EQ(Worker::current(), &worker);
          EXPECT_EQ(Fiber::current_or_null(), nullptr);
          EXPECT_EQ(next[thread]++, task);
          if (--left == 0) all_done.notify();
        });
    });
  worker.run();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(next, std::vector<int>(kThreads, kTasks));
}

TEST(Worker, TwoWorkersHandAFiberWorkBackAndForth) {
  Worker here;
  std::promise<Worker*> started;
  std::promise<void> over;
  std::thread thread([&] {
    Worker there;
    there.spawn([&] {
      auto is_over = over.get_future();
      started.set_value(&there);
      while (is_over.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(sleep_for(1ms));
    });
    there.run();
  });
  Worker* there = started.get_future().get();
  int turns = 0;
  here.spawn([&] {
    Signal answered;
    for (int i = 0; i < 100; ++i) {
      bool answer = false;
      there->post([&] {
        here.post([&] {
          answer = true;
          answered.notify();
        });
      });
      while (!answer) ASSERT_TRUE(answered.wait());
      ++turns;
    }
    over.set_value();
  });
  here.run();
  thread.join();
  EXPECT_EQ(turns, 100);
}

TEST(Signal, TellsItsListenerBeforeItsWaiters) {
  Worker worker;
  Signal signal;
  std::string order;
  signal.set_listener([&] { order += "listener "; });
  worker.spawn([&] {
    ASSERT_TRUE(signal.wait());
    order += "waiter";
  });
  worker.spawn([&] { signal.notify(); });
  worker.run();
  EXPECT_EQ(order, "listener waiter");
  signal.set_listener(nullptr);
  signal.notify();
  EXPECT_EQ(order, "listener waiter");
}

TEST(Fiber, DeferredWakesComeAfterTheScope) {
  Worker worker;
  Signal signal;
  std::string order;
  worker.spawn([&] {
    ASSERT_TRUE(signal.wait());
    order += "woken";
  });
  worker.spawn([&] {
    worker.post([&] {
      DeferWakesScope defer(worker);
      signal.notify();
      order += "done ";
    });
  });
  worker.run();
  EXPECT_EQ(order, "done woken");
}

struct RecordingWatcher final : Poller::Watcher {
  uint32_t seen = 0;
  Signal changed;
  void on_events(uint32_t events) override {
    seen |= events;
    changed.notify();
  }
};

TEST(Poller, TellsOfBytesAndOfAPeerThatHangsUp) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  Worker worker;
  RecordingWatcher watcher;
  worker.spawn([&] {
    ASSERT_TRUE(worker.poller().add(ends[0], watcher));
    EXPECT_FALSE(worker.poller().add(-1, watcher));
    ASSERT_EQ(::send(ends[1], "x", 1, 0), 1);
    while (!(watcher.seen & EPOLLIN)) ASSERT_TRUE(watcher.changed.wait());
    EXPECT_FALSE(watcher.seen & EPOLLRDHUP);
    ::close(ends[1]);
    while (!(watcher.seen & EPOLLRDHUP)) ASSERT_TRUE(watcher.changed.wait());
    worker.poller().remove(ends[0], watcher);
    ::close(ends[0]);
  });
  worker.run();
}

TEST(Poller, AWatchedDescriptorDoesNotKeepTheWorkerRunning) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  Worker worker;
  RecordingWatcher watcher;
  worker.spawn([&] { ASSERT_TRUE(worker.poller().add(ends[0], watcher)); });
  worker.run();
  ASSERT_EQ(::send(ends[1], "x", 1, 0), 1);
  worker.spawn([&] {
    while (!(watcher.seen & EPOLLIN)) ASSERT_TRUE(watcher.changed.wait());
  });
  worker.run();
  worker.poller().remove(ends[0], watcher);
  ::close(ends[0]);
  ::close(ends[1]);
}

struct RemovingWatcher final : Poller::Watcher {
  std::function<void()> remove_other;
  int told = 0;
  void on_events(uint32_t) override {
    ++told;
    remove_other();
  }
};

TEST(Poller, ARemovedWatcherHearsNothingOfTheSameBatch) {
  int first[2], second[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, first), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, second), 0);
  Worker worker;
  RemovingWatcher one, other;
  bool removed = false;
  const auto remove = [&](int descriptor, RemovingWatcher& watcher) {
    if (!std::exchange(removed, true)) worker.poller().remove(descriptor, watcher);
  };
  one.remove_other = [&] { remove(second[0], other); };
  other.remove_other = [&] { remove(first[0], one); };
  worker.spawn([&] {
    ASSERT_TRUE(worker.poller().add(first[0], one));
    ASSERT_TRUE(worker.poller().add(second[0], other));
    while (one.told + other.told == 0) ASSERT_TRUE(sleep_for(1ms));
    EXPECT_TRUE(one.told == 0 || other.told == 0);
  });
  worker.run();
  one.told > 0 ? worker.poller().remove(first[0], one) : worker.poller().remove(second[0], other);
  for (int descriptor : {first[0], first[1], second[0], second[1]}) ::close(descriptor);
}

TEST(FiberGroup, StopsItsFibersAndWaitsForThem) {
  Worker worker;
  int ended = 0;
  worker.spawn([&] {
    FiberGroup group(worker);
    for (int i = 0; i < 3; ++i)
      group.spawn([&] {
        EXPECT_FALSE(sleep_for(1h));
        const MaskScope mask;
        EXPECT_TRUE(sleep_for(1ms));
        ++ended;
      });
    group.spawn([&] { ++ended; });
    while (ended == 0) ASSERT_TRUE(sleep_for(1ms));
    group.stop();
    EXPECT_EQ(ended, 4);
  });
  worker.run();
}

}  // namespace
}  // namespace wattle::async
