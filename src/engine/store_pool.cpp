#include "engine/store_pool.h"

namespace wattle::engine {

StorePool::StorePool(size_t spare) : wanted_(spare), thread_([this] { work(); }) {}

StorePool::~StorePool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

size_t StorePool::ready() const {
  std::lock_guard lock(mutex_);
  return stores_.size();
}

Result<std::unique_ptr<Store>> StorePool::take(const StoreOptions& options) {
  std::unique_ptr<Store> store;
  {
    std::lock_guard lock(mutex_);
    failed_ = false;  // somebody wants stores: try again
    if (!stores_.empty()) {
      store = std::move(stores_.back());
      stores_.pop_back();
    }
  }
  changed_.notify_one();
  if (store == nullptr) return Store::create(options);
  store->set_options(options);
  return store;
}

void StorePool::retire(std::unique_ptr<Store> store) {
  {
    std::lock_guard lock(mutex_);
    if (retired_.size() >= kMostRetired) return;
    store->release();
    retired_.push_back(std::move(store));
  }
  changed_.notify_one();
}

void StorePool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock,
                  [&] { return stopping_ || !retired_.empty() || (!failed_ && stores_.size() < wanted_); });
    if (stopping_) return;
    // First what gives memory back.
    if (!retired_.empty()) {
      auto store = std::move(retired_.back());
      retired_.pop_back();
      lock.unlock();
      store.reset();
      lock.lock();
      continue;
    }
    lock.unlock();
    auto store = Store::create({});
    lock.lock();
    if (store) {
      stores_.push_back(std::move(*store));
    } else {
      failed_ = true;
    }
  }
}

}  // namespace wattle::engine
