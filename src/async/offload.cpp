#include "async/offload.h"

namespace wattle::async {

OffloadPool::OffloadPool(size_t threads) : limit_(threads) {}

OffloadPool::~OffloadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  available_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void OffloadPool::submit(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size() && threads_.size() < limit_) threads_.emplace_back([this] { work(); });
  available_.notify_one();
}

void OffloadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    available_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace wattle::async
