// Sees to it that compiled code gets into the cache. V8 compiles functions as they are used, and optimises
// them in the background, so a module's code is looked at a few times, at growing intervals, and written
// whenever there is clearly more of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"
#include "engine/code_cache.h"
#include "engine/module_impl.h"

namespace wattle::engine {

class CodeKeeper {
 public:
  // The process's. Its cache is the one that start() was told of.
  static CodeKeeper& instance();

  const CodeCache& cache() const { return cache_; }
  // From now on until the module is gone. `kept_bytes`: what is in the cache already. `is_new`: not even the
  // facts are there yet.
  void keep(std::shared_ptr<const ModuleImpl> module, size_t kept_bytes, bool is_new);
  // One that was kept: what is remembered of it goes, too.
  void module_is_gone();
  // Writes at once whatever there is more of. For programs that are about to end, and tests.
  void flush();

 private:
  struct Item {
    std::weak_ptr<const ModuleImpl> module;
    ModuleImpl::Code code;  // until the first look: programs may end before it
    std::string key;
    CachedFacts facts;
    size_t kept_bytes;
    bool is_new;
    TimePoint next;
    Duration interval;
  };
  explicit CodeKeeper(CodeCache cache) : cache_(std::move(cache)) {}
  void start();
  // Before the process takes down what the thread uses: waits for what it is writing, at most.
  void stop();
  void run();
  void look_at(Item& item);

  CodeCache cache_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  size_t gone_ = 0;  // modules of items, about: since these were looked through
  bool running_ = false;
  bool stopping_ = false;
  std::thread thread_;
  std::atomic<bool> warned_{false};
};

}  // namespace wattle::engine
