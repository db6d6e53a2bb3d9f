#include "async/fiber.h"

#include <cassert>
#include <exception>

#include "async/poller.h"

#if defined(BOOST_USE_UCONTEXT)
// Debian builds libboost_context without the ucontext implementation that the sanitizers need; its one
// out-of-line function is defined here: each thread begins with a record of its own stack.
namespace boost::context::detail {
fiber_activation_record*& fiber_activation_record::current() noexcept {
  thread_local fiber_activation_record main_record;
  thread_local fiber_activation_record* record = &main_record;
  return record;
}
}  // namespace boost::context::detail
#endif

namespace wattle::async {
namespace {

thread_local Worker* current_worker = nullptr;
thread_local Fiber* current_fiber = nullptr;

// Boost.Context takes its allocator by value; this one forwards to the worker's pool.
struct PoolAllocator {
  StackPool* pool;
  uintptr_t* stack_low;

  boost::context::stack_context allocate() {
    auto stack = pool->allocate();
    *stack_low = reinterpret_cast<uintptr_t>(stack.sp) - pool->stack_bytes();
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept { pool->deallocate(stack); }
};

}  // namespace

Fiber& Fiber::current() {
  assert(current_fiber != nullptr);
  return *current_fiber;
}

Fiber* Fiber::current_or_null() {
  return current_fiber;
}

void Fiber::start() {
  self_ = shared_from_this();
  context_ = boost::context::fiber(
      std::allocator_arg, PoolAllocator{&worker_.stacks_, &stack_low_}, [this](boost::context::fiber&& loop) {
        context_ = std::move(loop);
        try {
          body_();
        } catch (...) {
          std::terminate();  // an exception that reaches here is a bug, and must not be lost
        }
        finished_ = true;
        return std::move(context_);
      });
  resume();
}

void Fiber::resume() {
  Fiber* outer = current_fiber;
  assert(outer == nullptr && !finished_);
  auto keep_alive = shared_from_this();
  current_fiber = this;
  suspended_ = false;
  ++worker_.resumes_;
  auto context = std::move(context_).resume();
  current_fiber = outer;
  if (finished_) {
    body_ = nullptr;
    self_.reset();
    worker_.fiber_finished();
  } else {
    context_ = std::move(context);
  }
}

// The loop's continuation arrives as the value of resume() on our side; ours arrives there as its value.
void Fiber::switch_out() {
  if (observer_ != nullptr) observer_->before_suspend();
  suspended_ = true;
  context_ = std::move(context_).resume();
  if (observer_ != nullptr) observer_->after_resume();
}

Result<void> Fiber::suspend(const std::function<void()>& interrupt) {
  assert(current_fiber == this);
  const bool can_be_interrupted = masked_ == 0;
  deadline_passed_ = false;
  ++wait_;
  if (can_be_interrupted) {
    interrupt_ = &interrupt;
    deadline_passed_ = deadline_ != kNever && deadline_ <= Clock::now();
    if (cancellation_ || deadline_passed_) {
      // The operation has begun already: it is ended from the loop, like any other.
      boost::asio::post(worker_.io_, [self = shared_from_this(), wait = wait_] {
        if (self->wait_ == wait) self->interrupt_wait();
      });
    } else if (deadline_ != kNever) {
      worker_.arm(*this);
    }
  }
  switch_out();
  interrupt_ = nullptr;
  if (armed_) worker_.disarm(*this);
  if (can_be_interrupted && cancellation_) return failure(*cancellation_);
  if (deadline_passed_) return failure(ErrorCode::deadline_exceeded, "the deadline passed");
  return {};
}

void Fiber::wake() {
  assert(!finished_);
  if (current_fiber == nullptr && current_worker == &worker_ && suspended_ && worker_.wakes_deferred_ == 0) {
    resume();
    return;
  }
  boost::asio::post(worker_.io_, [self = shared_from_this()] { self->resume(); });
}

void Fiber::yield() {
  assert(current_fiber == this);
  ++wait_;
  boost::asio::post(worker_.io_, [self = shared_from_this()] { self->resume(); });
  switch_out();
}

bool Fiber::give_way(Duration patience) {
  assert(current_fiber == this);
  ++wait_;
  worker_.giving_way_.push_back({this, Clock::now() + patience});
  worker_.arm_quiet_rounds();
  switch_out();
  return was_quiet_;
}

void Fiber::cancel(Error reason) {
  if (finished_ || cancellation_) return;
  cancellation_ = std::move(reason);
  interrupt_wait();
}

void Fiber::interrupt_wait() {
  if (!suspended_ || interrupt_ == nullptr) return;
  auto* interrupt = std::exchange(interrupt_, nullptr);
  (*interrupt)();
}

Worker::Worker(Options options) : io_(1), stacks_(options.stack_bytes), deadline_timer_(io_) {}

Worker::~Worker() {
  assert(live_fibers_ == 0);
}

Poller& Worker::poller() {
  if (!poller_) poller_ = std::make_unique<Poller>(*this);
  return *poller_;
}

Worker* Worker::current() {
  return current_worker;
}

std::shared_ptr<Fiber> Worker::spawn(std::function<void()> body) {
  std::shared_ptr<Fiber> fiber(new Fiber(*this, std::move(body)));
  if (live_fibers_++ == 0) {
    fibers_live_.emplace(io_.get_executor());
    if (poller_) poller_->arm();
  }
  boost::asio::post(io_, [fiber] { fiber->start(); });
  return fiber;
}

void Worker::post(std::function<void()> task) {
  boost::asio::post(io_, std::move(task));
}

void Worker::run() {
  Worker* outer = std::exchange(current_worker, this);
  io_.restart();
  io_.run();
  current_worker = outer;
}

int Worker::news_descriptor() const {
  return poller_ ? poller_->descriptor() : -1;
}

void Worker::arm_quiet_rounds() {
  resumes_seen_ = resumes_;
  quiet_rounds_ = 0;
  if (std::exchange(quiet_rounds_armed_, true)) return;
  boost::asio::post(io_, [this] { quiet_round(); });
}

// Between two rounds the loop asks the kernel once, but what it learns there runs after the second: only two
// quiet rounds in a row mean that nobody is ready.
void Worker::quiet_round() {
  quiet_rounds_armed_ = false;
  quiet_rounds_ = resumes_ == resumes_seen_ ? quiet_rounds_ + 1 : 0;
  resumes_seen_ = resumes_;
  const GivingWay first = giving_way_.front();
  const bool is_quiet = quiet_rounds_ >= 2;
  if (is_quiet || Clock::now() >= first.until) {
    giving_way_.pop_front();
    first.fiber->was_quiet_ = is_quiet;
    first.fiber->resume();
    if (!giving_way_.empty()) arm_quiet_rounds();
  } else {
    quiet_rounds_armed_ = true;
    boost::asio::post(io_, [this] { quiet_round(); });
  }
}

void Worker::arm(Fiber& fiber) {
  if (spare_node_) {
    spare_node_.key() = fiber.deadline_;
    spare_node_.mapped() = &fiber;
    fiber.armed_ = deadlines_.insert(std::move(spare_node_));
  } else {
    fiber.armed_ = deadlines_.emplace(fiber.deadline_, &fiber);
  }
  arm_timer();
}

void Worker::disarm(Fiber& fiber) {
  spare_node_ = deadlines_.extract(*fiber.armed_);
  fiber.armed_.reset();
  // The timer keeps its time: to fire too early costs less than to be moved for every wait.
}

void Worker::fiber_finished() {
  if (--live_fibers_ > 0) return;
  fibers_live_.reset();
  if (poller_) poller_->pause();
  timer_armed_for_ = kNever;  // nobody left to wake: run() must not wait for the timer
  deadline_timer_.cancel();
}

void Worker::arm_timer() {
  if (deadlines_.empty() || deadlines_.begin()->first >= timer_armed_for_) return;
  timer_armed_for_ = deadlines_.begin()->first;
  deadline_timer_.expires_at(timer_armed_for_);
  deadline_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    timer_armed_for_ = kNever;
    expire();
  });
}

void Worker::expire() {
  TimePoint now = Clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Fiber& fiber = *deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    fiber.armed_.reset();
    fiber.deadline_passed_ = true;
    fiber.interrupt_wait();
  }
  arm_timer();
}

Result<void> sleep_until(TimePoint when) {
  boost::asio::steady_timer timer(Fiber::current().worker().io(), when);
  auto done = await<boost::system::error_code>([&](auto handler) { timer.async_wait(std::move(handler)); },
                                               [&] { timer.cancel(); });
  if (!done) return failure(std::move(done).error());
  return {};
}

Result<void> sleep_for(Duration duration) {
  return sleep_until(Clock::now() + duration);
}

}  // namespace wattle::async
