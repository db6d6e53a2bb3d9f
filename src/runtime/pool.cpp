#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>

#include "async/fiber.h"
#include "engine/store_pool.h"
#include "runtime/memory_trim.h"
#include "runtime/runtime.h"

namespace wattle::runtime {
namespace {

constexpr Duration kLeastIdleTick = std::chrono::milliseconds(1);

}  // namespace

struct InstancePool::Impl {
  Impl(async::Worker& its_worker, std::shared_ptr<const LinkedComponent> its_component,
       const PoolOptions& its_options)
      : worker(its_worker), linked(std::move(its_component)), options(its_options), idle_timer(worker.io()) {}

  // A call that waits for an instance, or for leave to make one.
  struct Waiter {
    async::Fiber* fiber = nullptr;
    std::unique_ptr<Instance> instance;
    bool may_create = false;
    std::list<Waiter*>::iterator place;
    bool is_queued = true;
  };
  struct Ready {
    std::unique_ptr<Instance> instance;
    TimePoint since;
  };
  struct Lent {
    const Instance* instance;
    std::shared_ptr<async::Fiber> fiber;
  };

  Result<std::unique_ptr<Instance>> take();
  Result<std::unique_ptr<Instance>> wait();
  Result<std::unique_ptr<Instance>> create();
  Result<std::unique_ptr<engine::Store>> store();
  void give_back(std::unique_ptr<Instance> instance);
  void drop(std::unique_ptr<Instance> instance);
  void replace_dropped();
  void hand_on(std::unique_ptr<Instance> instance);
  void place_is_free();
  void wake_first(std::unique_ptr<Instance> instance);
  void arm_idle_timer();
  TimePoint idle_end(TimePoint since) const;
  void drop_idle();

  async::Worker& worker;
  std::shared_ptr<const LinkedComponent> linked;
  const PoolOptions options;
  std::vector<Ready> ready;  // the one that was used last is used first
  std::vector<Lent> lent;
  std::list<Waiter*> queue;
  size_t busy = 0;  // lent or being made
  uint64_t created = 0, reset = 0, dropped = 0, refused = 0;
  std::optional<Error> closed;
  boost::asio::steady_timer idle_timer;
  bool idle_timer_armed = false;
  bool is_replacing = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

// ---- Taking

Result<std::unique_ptr<Instance>> InstancePool::Impl::take() {
  if (closed) return failure(*closed);
  if (!ready.empty()) {
    auto instance = std::move(ready.back().instance);
    ready.pop_back();
    ++busy;
    return instance;
  }
  if (busy < options.max_instances) {
    ++busy;
    return create();
  }
  if (queue.size() >= options.max_queue) {
    ++refused;
    return failure(
        Error(ErrorCode::overloaded, fmt::format("all {} instances are busy and {} calls wait already",
                                                 options.max_instances, queue.size()))
            .with_remedy("try again later, or allow more instances or a longer queue"));
  }
  return wait();
}

Result<std::unique_ptr<Instance>> InstancePool::Impl::wait() {
  Waiter waiter;
  waiter.fiber = &async::Fiber::current();
  waiter.place = queue.insert(queue.end(), &waiter);
  auto waited = waiter.fiber->suspend([&] {
    if (!std::exchange(waiter.is_queued, false)) return;  // served already: the wake is on its way
    queue.erase(waiter.place);
    waiter.fiber->wake();
  });
  if (waiter.instance != nullptr) {
    if (waited) return std::move(waiter.instance);
    --busy;
    hand_on(std::move(waiter.instance));
  } else if (waiter.may_create) {
    if (waited) return create();
    place_is_free();
  } else if (closed) {
    return failure(*closed);
  }
  ++refused;
  if (waited.error().code() != ErrorCode::deadline_exceeded) return failure(std::move(waited).error());
  return failure(Error(ErrorCode::overloaded, "no instance became free before the call's deadline",
                       std::move(waited).error())
                     .with_remedy("try again later, or allow more instances"));
}

Result<std::unique_ptr<engine::Store>> InstancePool::Impl::store() {
  engine::StoreOptions wanted;
  wanted.max_memory_bytes = linked->options().max_memory_bytes;
  return options.spare_stores != nullptr ? options.spare_stores->take(wanted) : engine::Store::create(wanted);
}

// Precondition: its place is counted in `busy`.
Result<std::unique_ptr<Instance>> InstancePool::Impl::create() {
  auto fresh = store();
  if (!fresh) return place_is_free(), failure(std::move(fresh).error());
  Host host;
  if (options.prepare_host) options.prepare_host(host);
  engine::CallLimits limits = options.instantiate_limits;
  limits.deadline = std::min(limits.deadline, async::Fiber::current().deadline());
  auto instance = Instance::create(linked, std::move(host), limits, std::move(*fresh));
  if (!instance) return place_is_free(), failure(std::move(instance).error());
  ++created;
  return std::move(*instance);
}

Result<InstancePool::Lease> InstancePool::acquire() {
  WATTLE_TRY(auto instance, impl_->take());
  if (impl_->options.before_call) impl_->options.before_call(instance->host());
  impl_->lent.push_back({instance.get(), async::Fiber::current().shared_from_this()});
  return Lease(*this, std::move(instance));
}

// ---- Giving back

void InstancePool::Impl::give_back(std::unique_ptr<Instance> instance) {
  auto entry = std::find_if(lent.begin(), lent.end(),
                            [&](const Lent& each) { return each.instance == instance.get(); });
  *entry = std::move(lent.back());
  lent.pop_back();
  bool usable = !closed;
  if (usable && options.pristine) {
    usable = instance->reset();
    if (usable) ++reset;
  } else if (instance->poisoned() || instance->host().resources.half_full()) {
    usable = false;
  }
  if (usable) {
    --busy;
    return hand_on(std::move(instance));
  }
  ++dropped;
  drop(std::move(instance));
  place_is_free();
  replace_dropped();
}

void InstancePool::Impl::drop(std::unique_ptr<Instance> instance) {
  auto left = Instance::dismantle(std::move(instance));
  if (options.spare_stores != nullptr) options.spare_stores->retire(std::move(left));
}

// One at a time, and each only when nobody else wants the worker, or has not for long.
void InstancePool::Impl::replace_dropped() {
  static constexpr Duration kPatience = std::chrono::milliseconds(10);
  if (closed || is_replacing || ready.size() >= options.replaced_ahead || busy >= options.max_instances)
    return;
  is_replacing = true;
  ++busy;
  worker.spawn([this, alive_then = std::weak_ptr(alive)] {
    async::Fiber::current().give_way(kPatience);
    if (alive_then.expired()) return;
    auto made = create();
    is_replacing = false;
    if (!made) return;
    --busy;
    hand_on(std::move(*made));
    replace_dropped();
  });
}

// To the first who waits, or to the ready ones.
void InstancePool::Impl::hand_on(std::unique_ptr<Instance> instance) {
  if (closed) return;
  if (!queue.empty()) return wake_first(std::move(instance));
  ready.push_back({std::move(instance), Clock::now()});
  arm_idle_timer();
}

// One instance less: whoever waits first may make one.
void InstancePool::Impl::place_is_free() {
  --busy;
  if (!closed && !queue.empty()) wake_first(nullptr);
}

void InstancePool::Impl::wake_first(std::unique_ptr<Instance> instance) {
  Waiter& waiter = *queue.front();
  queue.pop_front();
  waiter.is_queued = false;
  waiter.may_create = instance == nullptr;
  waiter.instance = std::move(instance);
  ++busy;
  waiter.fiber->wake();
}

// ---- Idling

// Rounded up, so that many pools drop what is idle at the same time, and memory is trimmed once for all.
TimePoint InstancePool::Impl::idle_end(TimePoint since) const {
  const Duration tick = std::max<Duration>(options.idle_time / 8, kLeastIdleTick);
  const Duration end = (since + options.idle_time).time_since_epoch();
  return TimePoint((end / tick + 1) * tick);
}

void InstancePool::Impl::arm_idle_timer() {
  if (idle_timer_armed || options.idle_time == Duration::zero() || ready.empty()) return;
  idle_timer_armed = true;
  idle_timer.expires_at(idle_end(ready.front().since));
  idle_timer.async_wait([this, alive_then = std::weak_ptr(alive)](boost::system::error_code error) {
    if (alive_then.expired()) return;
    idle_timer_armed = false;
    if (!error) drop_idle();
  });
}

// The ready ones are in the order in which they were used.
void InstancePool::Impl::drop_idle() {
  const TimePoint now = Clock::now();
  auto first_kept =
      std::find_if(ready.begin(), ready.end(), [&](const Ready& each) { return idle_end(each.since) > now; });
  if (first_kept != ready.begin()) trim_memory_soon(worker);
  dropped += static_cast<uint64_t>(first_kept - ready.begin());
  ready.erase(ready.begin(), first_kept);
  if (ready.empty() && busy == 0) {
    ready.shrink_to_fit();
    lent.shrink_to_fit();
    linked->park();
  }
  arm_idle_timer();
}

// ---- The pool

InstancePool::InstancePool(async::Worker& worker, std::shared_ptr<const LinkedComponent> linked,
                           const PoolOptions& options)
    : impl_(std::make_unique<Impl>(worker, std::move(linked), options)) {}

InstancePool::~InstancePool() = default;

InstancePool::Counts InstancePool::counts() const {
  return {impl_->ready.size(), impl_->busy,    impl_->queue.size(), impl_->created,
          impl_->reset,        impl_->dropped, impl_->refused};
}

void InstancePool::shut_down(const Error& reason) {
  if (impl_->closed) return;
  impl_->closed = reason;
  impl_->idle_timer.cancel();
  impl_->dropped += impl_->ready.size();
  impl_->ready.clear();
  while (!impl_->queue.empty()) {
    Impl::Waiter& waiter = *impl_->queue.front();
    impl_->queue.pop_front();
    waiter.is_queued = false;
    waiter.fiber->wake();
  }
  // A fiber that is cancelled runs on at once, and gives its instance back.
  const auto lent = impl_->lent;
  for (const Impl::Lent& each : lent) each.fiber->cancel(reason);
}

InstancePool::Lease::Lease(InstancePool& pool, std::unique_ptr<Instance> instance)
    : pool_(&pool), instance_(std::move(instance)) {}

InstancePool::Lease::Lease(Lease&& other) noexcept = default;

InstancePool::Lease::~Lease() {
  if (instance_ != nullptr) pool_->impl_->give_back(std::move(instance_));
}

Instance& InstancePool::Lease::operator*() const {
  return *instance_;
}

Instance* InstancePool::Lease::operator->() const {
  return instance_.get();
}

}  // namespace wattle::runtime
