// Running something on another worker, and waiting for its answer on this one.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "async/fiber.h"

namespace wattle::host {

// Runs `work` on a fiber of `worker`, under the deadline of the current fiber, and returns its value. The
// wait cannot be cut short, since `work` uses the caller's stack; its own waits end at the deadline.
template <class Work>
std::invoke_result_t<Work> run_on(async::Worker& worker, Work work) {
  using Value = std::invoke_result_t<Work>;
  static_assert(!std::is_void_v<Value>, "return something, so that the caller knows that it was done");
  async::Fiber& fiber = async::Fiber::current();
  async::MaskScope mask;
  std::optional<Value> value;
  worker.post([&] {
    worker.spawn([&] {
      async::Fiber::current().set_deadline(fiber.deadline());
      value.emplace(work());
      fiber.worker().post([&fiber] { fiber.wake(); });
    });
  });
  (void)fiber.suspend([] {});
  return std::move(*value);
}

}  // namespace wattle::host
