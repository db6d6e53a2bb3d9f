// Stackful fibers on Boost.Context, one Asio io_context per worker thread, no migration. Code reads top to
// bottom; an operation that has to wait suspends its fiber and lets the worker run others.
//
//   Worker worker;
//   worker.spawn([&] {
//     Fiber::current().set_deadline(Clock::now() + 5s);
//     if (auto slept = sleep_for(1s); !slept) return;   // cancelled, or the deadline passed
//   });
//   worker.run();                                       // returns when no fiber and no operation is left
//
// Why not asio::spawn: a wait inside a guest's import must leave and re-enter the V8 isolate around every
// switch, must know the bounds of its stack, and must never be unwound (a suspended fiber is resumed with an
// error instead). A layer of our own states those three rules in one place, and costs less per switch.
//
// Cancelling: Fiber::cancel ends the wait in progress and every later one with an error, until the fiber
// returns; a deadline does so for as long as it is set and has passed. Nothing is ever thrown into a fiber.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/context/fiber.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "async/stack_pool.h"
#include "base/result.h"
#include "base/time.h"

namespace wattle::async {

class Poller;
class Worker;

// Told when its fiber leaves and comes back to the processor: how the engine exits and re-enters an isolate.
class SwitchObserver {
 public:
  virtual void before_suspend() = 0;
  virtual void after_resume() = 0;

 protected:
  ~SwitchObserver() = default;
};

// Always held by shared_ptr; Worker::spawn makes it. All members are for the owning worker's thread, except
// where said.
class Fiber : public std::enable_shared_from_this<Fiber> {
 public:
  // The fiber that is running on this thread. Precondition: one is.
  static Fiber& current();
  static Fiber* current_or_null();

  Worker& worker() const { return worker_; }
  // Lowest usable address of this fiber's stack.
  uintptr_t stack_low() const { return stack_low_; }
  bool finished() const { return finished_; }

  // Ends the current and every later wait with `reason` (code cancelled, unless told otherwise). The first
  // reason wins. From the worker's thread only; from another thread, post it to the worker.
  void cancel(Error reason = Error(ErrorCode::cancelled, "cancelled"));
  // The reason given to cancel(), which all waits end with from then on.
  const std::optional<Error>& cancellation() const { return cancellation_; }
  // While a fiber is masked, cancellation and deadline do not end its waits: for cleaning up. Masks nest.
  void mask() { ++masked_; }
  void unmask() { --masked_; }
  bool masked() const { return masked_ != 0; }

  // Waits end with deadline_exceeded from this point on; kNever takes it away. See DeadlineScope.
  void set_deadline(TimePoint deadline) { deadline_ = deadline; }
  TimePoint deadline() const { return deadline_; }

  void set_switch_observer(SwitchObserver* observer) { observer_ = observer; }
  SwitchObserver* switch_observer() const { return observer_; }

  // What every waiting operation is made of. Suspends until somebody calls wake(); `interrupt` is called at
  // most once, when the fiber is cancelled or its deadline passes meanwhile, and must see to it that wake()
  // follows (now or later). Returns the cancellation, if there was one. Precondition: this is the current
  // fiber.
  Result<void> suspend(const std::function<void()>& interrupt);
  // Resumes a suspended fiber: at once when called from the worker's loop, by a post when called from a fiber
  // or inside a DeferWakesScope.
  void wake();
  // Lets every other ready fiber run before going on. Cannot be interrupted.
  void yield();
  // Goes on when no other fiber is ready, at the latest after about `patience`: for who has had much already.
  // Those that give way take turns. False: others were ready all the time. Cannot be interrupted.
  bool give_way(Duration patience);

 private:
  friend class Worker;
  Fiber(Worker& worker, std::function<void()> body) : worker_(worker), body_(std::move(body)) {}

  void start();
  void resume();
  void switch_out();
  void interrupt_wait();

  Worker& worker_;
  std::function<void()> body_;
  std::shared_ptr<Fiber> self_;    // from start to return: a suspended fiber is never destroyed
  boost::context::fiber context_;  // while suspended: this fiber; while running: the worker's loop
  uintptr_t stack_low_ = 0;
  SwitchObserver* observer_ = nullptr;
  const std::function<void()>* interrupt_ = nullptr;
  std::optional<Error> cancellation_;
  TimePoint deadline_ = kNever;
  std::optional<std::multimap<TimePoint, Fiber*>::iterator> armed_;
  bool was_quiet_ = false;  // why give_way() goes on
  uint64_t wait_ = 0;       // counts waits, so that a late interruption does not hit the next one
  int masked_ = 0;
  bool deadline_passed_ = false;
  bool suspended_ = false;
  bool finished_ = false;
};

// A thread's event loop and the fibers on it. Made and run on one thread; post() is for any thread.
class Worker {
 public:
  struct Options {
    // Guests recurse on it, and unwinding all of it (in V8, 0.1 us a frame) must not take long.
    size_t stack_bytes = 512 * 1024;
  };
  Worker() : Worker(Options{}) {}
  explicit Worker(Options options);
  // Precondition: run() has returned, so no fiber is suspended.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  boost::asio::io_context& io() { return io_; }
  // Readiness of descriptors by edges, for connections. See poller.h.
  Poller& poller();
  // The worker that runs on this thread, or null.
  static Worker* current();
  // Readable while a connection has news that the loop has not taken yet: another thread may poll it, to
  // learn that this one, in the middle of something, is waited for. -1: there is no such descriptor.
  int news_descriptor() const;

  // Starts a fiber from the loop, not inside the call. From the worker's thread, or before run().
  std::shared_ptr<Fiber> spawn(std::function<void()> body);
  // Runs `task` on the worker's thread, outside of any fiber. From any thread.
  void post(std::function<void()> task);
  // Runs until nothing is left to do: every fiber has returned and no operation is pending.
  void run();
  size_t live_fibers() const { return live_fibers_; }

 private:
  friend class Fiber;
  friend class DeferWakesScope;
  void arm(Fiber& fiber);
  void disarm(Fiber& fiber);
  void arm_timer();
  void fiber_finished();
  void expire();
  void arm_quiet_rounds();
  void quiet_round();

  boost::asio::io_context io_;
  StackPool stacks_;
  boost::asio::steady_timer deadline_timer_;
  TimePoint timer_armed_for_ = kNever;
  std::multimap<TimePoint, Fiber*> deadlines_;
  std::multimap<TimePoint, Fiber*>::node_type spare_node_;
  size_t live_fibers_ = 0;
  int wakes_deferred_ = 0;
  // Fibers that give way, and how many rounds of the loop in a row found no other to run.
  struct GivingWay {
    Fiber* fiber;
    TimePoint until;
  };
  std::deque<GivingWay> giving_way_;
  uint64_t resumes_ = 0;
  uint64_t resumes_seen_ = 0;
  int quiet_rounds_ = 0;
  bool quiet_rounds_armed_ = false;
  std::unique_ptr<Poller> poller_;  // made when first asked for
  // While a fiber lives the loop goes on, even if only another thread can wake it.
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> fibers_live_;
};

// Narrows the current fiber's deadline for a scope: the earlier of the two holds.
class DeadlineScope {
 public:
  explicit DeadlineScope(TimePoint deadline) : fiber_(Fiber::current()), outer_(fiber_.deadline()) {
    if (deadline < outer_) fiber_.set_deadline(deadline);
  }
  ~DeadlineScope() { fiber_.set_deadline(outer_); }
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;

 private:
  Fiber& fiber_;
  TimePoint outer_;
};

// While it lives, no fiber of this worker is resumed inside a call to wake(), but soon after: for code of the
// loop that is not finished with what a woken fiber might change or destroy.
class DeferWakesScope {
 public:
  explicit DeferWakesScope(Worker& worker) : worker_(worker) { ++worker_.wakes_deferred_; }
  ~DeferWakesScope() { --worker_.wakes_deferred_; }
  DeferWakesScope(const DeferWakesScope&) = delete;
  DeferWakesScope& operator=(const DeferWakesScope&) = delete;

 private:
  Worker& worker_;
};

// While it lives, the current fiber's waits are not ended by cancellation or deadline.
class MaskScope {
 public:
  MaskScope() : fiber_(Fiber::current()) { fiber_.mask(); }
  ~MaskScope() { fiber_.unmask(); }
  MaskScope(const MaskScope&) = delete;
  MaskScope& operator=(const MaskScope&) = delete;

 private:
  Fiber& fiber_;
};

// Waits for one Asio operation. `start(handler)` begins it with `handler` as completion handler; `cancel()`
// asks Asio to end it early. Buffers and sockets may live on the fiber's stack: this returns only after the
// handler ran. Returns the handler's arguments as a tuple, or the cancellation.
//
//   WATTLE_TRY(auto done, (await<boost::system::error_code, size_t>(
//       [&](auto handler) { socket.async_read_some(buffer, std::move(handler)); }, [&] { socket.cancel();
//       })));
template <class... Values, class Start, class Cancel>
Result<std::tuple<Values...>> await(Start start, Cancel cancel) {
  Fiber& fiber = Fiber::current();
  std::optional<std::tuple<Values...>> values;
  bool waiting = false;
  start([&](Values... results) {
    values.emplace(std::move(results)...);
    if (waiting) fiber.wake();
  });
  if (!values) {
    waiting = true;
    auto waited = fiber.suspend(cancel);
    if (!waited) return failure(std::move(waited).error());
  }
  return std::move(*values);
}

// Ends with the fiber's cancellation, if that comes first.
Result<void> sleep_until(TimePoint when);
Result<void> sleep_for(Duration duration);

}  // namespace wattle::async
