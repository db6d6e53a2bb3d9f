// Several waits at once: for backends that take one thing at a time, but many side by side.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "async/signal.h"

namespace wattle::providers {

// Calls `work(i)` for each i below `count`, on at most `fibers_max` fibers, and returns when all have ended.
// After a failure no new ones begin; it is the first failure that is returned. Each call has the calling
// fiber's deadline; a cancellation of the caller is handed on.
inline Result<void> for_each_in_parallel(size_t count, size_t fibers_max,
                                         const std::function<Result<void>(size_t)>& work) {
  async::Fiber& caller = async::Fiber::current();
  size_t next = 0;
  std::optional<Error> problem;
  const auto run = [&] {
    while (next < count && !problem) {
      auto done = work(next++);
      if (!done && !problem) problem = done.error();
    }
  };
  size_t running = 0;
  async::Signal ended;
  std::vector<std::shared_ptr<async::Fiber>> fibers;
  for (size_t i = 1; i < std::min(count, fibers_max); ++i) {
    ++running;
    fibers.push_back(caller.worker().spawn([&] {
      async::Fiber::current().set_deadline(caller.deadline());
      run();
      if (--running == 0) ended.notify();
    }));
  }
  run();
  // The others use this fiber's stack; their own deadlines and the cancellation end them.
  if (caller.cancellation())
    for (const auto& fiber : fibers) fiber->cancel(*caller.cancellation());
  const async::MaskScope mask;
  while (running > 0) (void)ended.wait();
  if (problem) return failure(*problem);
  return {};
}

}  // namespace wattle::providers
