#include "async/signal.h"

#include <boost/container/small_vector.hpp>
#include <cassert>

namespace wattle::async {

struct Signal::Group {
  Fiber& fiber;
  boost::container::small_vector<Waiter, 4> waiters;
  bool woken = false;

  void wake() {
    if (std::exchange(woken, true)) return;
    fiber.wake();
  }
};

Signal::~Signal() {
  assert(waiters_.empty());
}

void Signal::notify() {
  if (listener_) listener_();
  // A woken fiber may wait on this signal again at once: only those that wait now are taken.
  boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> now;
  now.splice(now.end(), waiters_);
  while (!now.empty()) {
    Group* group = now.front().group;
    now.pop_front();
    group->wake();
  }
}

Result<void> Signal::wait() {
  Signal* self = this;
  return wait_any(std::span<Signal* const>(&self, 1));
}

Result<void> Signal::wait_any(std::span<Signal* const> signals, TimePoint until) {
  Group group{Fiber::current(), {}};
  group.waiters.resize(signals.size());
  for (size_t index = 0; index < signals.size(); ++index) {
    group.waiters[index].group = &group;
    signals[index]->waiters_.push_back(group.waiters[index]);
  }
  if (until == kNever) return group.fiber.suspend([&] { group.wake(); });

  // The timer's handler must have run before its captures leave the stack.
  boost::asio::steady_timer timer(group.fiber.worker().io(), until);
  bool timer_done = false;
  bool waiting_for_timer = false;
  timer.async_wait([&](boost::system::error_code) {
    timer_done = true;
    if (waiting_for_timer) {
      group.fiber.wake();
    } else {
      group.wake();
    }
  });
  auto waited = group.fiber.suspend([&] { group.wake(); });
  group.waiters.clear();
  if (!timer_done) {
    MaskScope mask;
    timer.cancel();
    waiting_for_timer = true;
    (void)group.fiber.suspend([] {});
  }
  return waited;
}

}  // namespace wattle::async
