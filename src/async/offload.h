// Blocking work (files, name lookup, compiling) runs on a bounded pool of threads; the calling fiber waits.
//
//   auto text = offload(pool, [&] { return read_file(path); });
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "async/fiber.h"

namespace wattle::async {

class OffloadPool {
 public:
  // Threads start as work comes, `threads` at most.
  explicit OffloadPool(size_t threads = 4);
  // Waits for everything that was submitted.
  ~OffloadPool();
  OffloadPool(const OffloadPool&) = delete;
  OffloadPool& operator=(const OffloadPool&) = delete;

  // From any thread. `task` must not throw.
  void submit(std::function<void()> task);

 private:
  void work();

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable available_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

// Runs `work` on the pool and returns its value. The wait cannot be cut short, since `work` uses the caller's
// stack: give blocking work a bound of its own.
template <class Work>
std::invoke_result_t<Work> offload(OffloadPool& pool, Work work) {
  using Value = std::invoke_result_t<Work>;
  Fiber& fiber = Fiber::current();
  MaskScope mask;
  if constexpr (std::is_void_v<Value>) {
    pool.submit([&] {
      work();
      fiber.worker().post([&] { fiber.wake(); });
    });
    (void)fiber.suspend([] {});
  } else {
    std::optional<Value> value;
    pool.submit([&] {
      value.emplace(work());
      fiber.worker().post([&] { fiber.wake(); });
    });
    (void)fiber.suspend([] {});
    return std::move(*value);
  }
}

}  // namespace wattle::async
