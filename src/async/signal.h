// A Signal says "something changed"; what changed, its owner's own state tells. Waiting on several at once is
// what wasi:io/poll needs. All of it is for one worker's thread.
//
//   while (queue.empty()) WATTLE_CHECK(not_empty.wait());
#pragma once

#include <boost/intrusive/list.hpp>
#include <span>

#include "async/fiber.h"

namespace wattle::async {

class Signal {
 public:
  Signal() = default;
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  // Wakes everybody who waits now. From a fiber or from the loop, on the worker's thread.
  void notify();
  bool has_waiters() const { return !waiters_.empty(); }

  // Calls `listener` at every notify() too, before the waiters wake; null takes it away. It must neither wait
  // nor destroy this signal. This is how a connection learns of bytes or room without a fiber of its own.
  void set_listener(std::function<void()> listener) { listener_ = std::move(listener); }

  // Waits for the next notify().
  Result<void> wait();
  // Waits until one of `signals` is notified or `until` is reached, whichever is first; reaching `until` is
  // success.
  static Result<void> wait_any(std::span<Signal* const> signals, TimePoint until = kNever);

 private:
  struct Group;  // one waiting fiber
  struct Waiter
      : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    Group* group = nullptr;
  };
  boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters_;
  std::function<void()> listener_;
};

}  // namespace wattle::async
