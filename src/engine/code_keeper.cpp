#include "engine/code_keeper.h"

#include <algorithm>
#include <cstdlib>

#include "engine/engine_state.h"
#include "telemetry/log.h"

namespace wattle::engine {
namespace {

constexpr Duration kFirstLook = std::chrono::milliseconds(500);
constexpr Duration kLongestInterval = std::chrono::minutes(10);
constexpr int kIntervalFactor = 3;

bool is_clearly_more(size_t now, size_t before) {
  return now > before + before / 8;
}

}  // namespace

CodeKeeper& CodeKeeper::instance() {
  static CodeKeeper* keeper = new CodeKeeper(CodeCache(engine_options().cache_directory));
  return *keeper;
}

void CodeKeeper::keep(std::shared_ptr<const ModuleImpl> module, size_t kept_bytes, bool is_new) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  items_.push_back({.module = module,
                    .code = module->code_if_there(),
                    .key = module->cache_key(),
                    .facts = {.resettable = module->resettable()},
                    .kept_bytes = kept_bytes,
                    .is_new = is_new,
                    .next = Clock::now() + kFirstLook,
                    .interval = kFirstLook});
  if (!running_) start();
  changed_.notify_one();
}

// The cache has hashed keys by now: what is registered here ends before OpenSSL does.
void CodeKeeper::start() {
  running_ = true;
  thread_ = std::thread([this] { run(); });
  std::atexit([] { instance().stop(); });
}

void CodeKeeper::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

// To look at all items for each would take long when many go at once.
void CodeKeeper::module_is_gone() {
  std::lock_guard lock(mutex_);
  if (2 * ++gone_ < items_.size()) return;
  std::erase_if(items_, [](const Item& item) { return item.code == nullptr && item.module.expired(); });
  gone_ = 0;
}

void CodeKeeper::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    auto soonest = std::min_element(items_.begin(), items_.end(),
                                    [](const Item& a, const Item& b) { return a.next < b.next; });
    if (soonest == items_.end()) {
      changed_.wait(lock);
      continue;
    }
    if (const TimePoint next = soonest->next; next > Clock::now()) {
      changed_.wait_until(lock, next);
      continue;
    }
    Item item = std::move(*soonest);
    items_.erase(soonest);
    lock.unlock();
    look_at(item);
    lock.lock();
    if (item.module.expired()) continue;
    item.interval = std::min<Duration>(item.interval * kIntervalFactor, kLongestInterval);
    item.next = Clock::now() + item.interval;
    items_.push_back(std::move(item));
  }
}

void CodeKeeper::look_at(Item& item) {
  ModuleImpl::Code code = std::move(item.code);
  if (code == nullptr) {
    auto module = item.module.lock();
    code = module == nullptr ? nullptr : module->code_if_there();
  }
  if (code == nullptr) return;
  v8::OwnedBuffer serialized = code->Serialize();
  if (!item.is_new && !is_clearly_more(serialized.size, item.kept_bytes)) return;
  auto stored = cache_.store(item.key, item.facts, {serialized.buffer.get(), serialized.size});
  if (!stored) {
    if (!warned_.exchange(true)) telemetry::Log().warn(stored.error().full_message());
    return;
  }
  item.kept_bytes = serialized.size;
  item.is_new = false;
}

void CodeKeeper::flush() {
  std::vector<Item> items;
  {
    std::lock_guard lock(mutex_);
    items = items_;
  }
  for (Item& item : items) look_at(item);
  std::lock_guard lock(mutex_);
  for (Item& item : items_) {
    for (const Item& done : items) {
      if (item.key != done.key) continue;
      item.kept_bytes = done.kept_bytes;
      item.is_new = done.is_new;
    }
  }
}

}  // namespace wattle::engine
