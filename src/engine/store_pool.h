// Stores made ahead, and ended behind. To make one takes 2 ms and to end one 1 ms, which is too long inside a
// request and too long for a thread that serves others, so a thread of the pool's own does both.
//
//   StorePool pool(4);
//   WATTLE_TRY(auto store, pool.take({.max_memory_bytes = 64 << 20}));   // microseconds
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/engine.h"

namespace wattle::engine {

class StorePool {
 public:
  // Keeps `spare` stores ready (0.9 MB each), the first ones soon after this returns.
  explicit StorePool(size_t spare);
  // Waits for the store in the making, at most.
  ~StorePool();
  StorePool(const StorePool&) = delete;
  StorePool& operator=(const StorePool&) = delete;

  // From any thread; the store then belongs to the first that uses it. Makes one if none is ready.
  Result<std::unique_ptr<Store>> take(const StoreOptions& options);
  // Ends a store, some time soon. On the thread that used it, outside of scopes.
  void retire(std::unique_ptr<Store> store);
  // How many are ready now.
  size_t ready() const;

 private:
  // Retired stores keep the memory of their guests: whoever retires more of them at once ends them itself.
  static constexpr size_t kMostRetired = 4;

  void work();

  const size_t wanted_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<std::unique_ptr<Store>> retired_;
  bool stopping_ = false;
  bool failed_ = false;
  std::thread thread_;
};

}  // namespace wattle::engine
