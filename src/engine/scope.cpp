// Entering and leaving a store, and everything that can end guest code or make it wait.

#include "engine/engine_state.h"

#include <algorithm>

#include "engine/store_impl.h"

namespace wattle::engine {
namespace {

// Parts of V8's garbage collection wait for this thread; they are not urgent.
constexpr uint32_t kTasksEvery = 1024;

// Entering an isolate costs more than a call, so a thread stays in the last one until another is entered. The
// owner leaves it when the thread ends.
struct ThreadIsolate {
  Store::Impl* store = nullptr;
  ~ThreadIsolate() {
    if (store != nullptr) store->isolate->Exit();
  }
};
thread_local ThreadIsolate thread_isolate;

// The store whose segment goes on on this thread.
thread_local Store::Impl* running = nullptr;

}  // namespace

void leave_isolate(Store::Impl& store) {
  if (thread_isolate.store != &store) return;
  store.isolate->Exit();
  thread_isolate.store = nullptr;
}

void Store::Impl::enter_isolate() {
  if (thread_isolate.store == this) return;
  if (thread_isolate.store != nullptr) thread_isolate.store->isolate->Exit();
  if (hold == nullptr) adopt();
  isolate->Enter();
  thread_isolate.store = this;
}

void Store::Impl::adopt() {
  hold = new (hold_room) ThreadHold(isolate.get());
  context.Get(isolate.get())->Enter();  // for good: nothing else ever runs in this isolate
  isolate->Exit();
}

void Store::Impl::begin_segment() {
  watched = &WatchedThread::current();
  running = this;
  exchange_thread_budget(this);
  Duration cpu_left = Duration::max();
  if (limits.cpu_time != Duration::max()) cpu_left = std::max(limits.cpu_time - cpu_before, Duration::zero());
  watched->begin(
      *this, {.deadline = limits.deadline,
              .cpu_time = cpu_left,
              .slice = fiber != nullptr ? limits.slice : Duration::max(),
              .news_descriptor = long_running && !has_whole_slice ? fiber->worker().news_descriptor() : -1});
}

void Store::Impl::end_segment() {
  cpu_before += watched->end();
  exchange_thread_budget(nullptr);
  running = nullptr;
}

void Store::Impl::enter(const CallLimits& call_limits) {
  limits = call_limits;
  fiber = async::Fiber::current_or_null();
  cpu_before = Duration::zero();
  long_running = has_whole_slice = false;
  stop.reset();
  trap_error.reset();
  if (has_foreign_stop.load(std::memory_order_relaxed)) {
    std::lock_guard lock(foreign_mutex);
    foreign_stop.reset();
    has_foreign_stop = false;
  }
  // A host function of another store may call into this one: that one waits meanwhile.
  outer = running;
  if (outer != nullptr) outer->end_segment();
  enter_isolate();
  const uintptr_t limit = current_stack_limit();
  if (limit != stack_limit) {
    isolate->SetStackLimit(limit);
    stack_limit = limit;
  }
  if (fiber != nullptr) {
    outer_observer = fiber->switch_observer();
    fiber->set_switch_observer(this);
    // Of nested stores only the innermost has a segment that goes on; who observed the fiber before them is
    // told.
    told = outer != nullptr && outer->fiber == fiber ? outer->told : outer_observer;
  }
  entered = true;
  begin_segment();
}

void Store::Impl::leave() {
  end_segment();
  if (++scopes_left % kTasksEvery == 0) run_tasks(platform(), isolate.get());
  entered = false;
  if (fiber != nullptr) fiber->set_switch_observer(outer_observer);
  fiber = nullptr;
  if (outer == nullptr) return;
  outer->enter_isolate();
  outer->begin_segment();
}

void Store::Impl::before_suspend() {
  end_segment();
  if (told != nullptr) told->before_suspend();
}

void Store::Impl::after_resume() {
  if (told != nullptr) told->after_resume();
  enter_isolate();
  begin_segment();
}

// A guest's memory.grow: V8 is about to make the first `bytes` at `base` usable.
bool Store::Impl::commit(void* base, size_t bytes) {
  for (MemoryEntry& memory : memories) {
    if (memory.base != base || bytes <= memory.bytes) continue;
    if (memory_bytes() - memory.bytes + bytes > options.max_memory_bytes) {
      refused_bytes = bytes;
      return false;
    }
    memory.bytes = bytes;
    grown = true;
    return true;
  }
#if defined(WATTLE_SANITIZE_ADDRESS)
  // Without guard regions V8's second try, at another place, is only known by its size.
  if (bytes == refused_bytes) return false;
#endif
  return true;
}

void Store::Impl::interrupt() {
  isolate->RequestInterrupt([](v8::Isolate*, void* self) { static_cast<Impl*>(self)->interrupted(); }, this);
}

Duration Store::Impl::cpu_used() const {
  return cpu_before + (entered ? watched->used() : Duration::zero());
}

// Called by V8 inside guest code that is about to fill its heap, with tables or references: the process would
// end.
size_t Store::Impl::heap_is_full(void* self, size_t limit_bytes, size_t initial_bytes) {
  constexpr size_t kRoomToEnd = size_t{32} << 20;
  auto& store = *static_cast<Impl*>(self);
  store.broken = true;
  if (!store.stop) {
    store.stop = Error(ErrorCode::memory_exceeded, "the guest's tables and references need too much memory");
  }
  store.terminating = true;
  store.isolate->TerminateExecution();
  return limit_bytes < initial_bytes + 4 * kRoomToEnd ? limit_bytes + kRoomToEnd : limit_bytes;
}

bool Store::Impl::find_reason_to_stop() {
  if (stop) return true;
  if (has_foreign_stop.load(std::memory_order_acquire)) {
    std::lock_guard lock(foreign_mutex);
    stop = foreign_stop;
  } else if (fiber != nullptr && fiber->cancellation() && !fiber->masked()) {
    stop = fiber->cancellation();
  }
  return stop.has_value();
}

void Store::Impl::give_way() {
  constexpr Duration kPatience = std::chrono::milliseconds(10);
  long_running = true;
  has_whole_slice = !fiber->give_way(kPatience);
  find_reason_to_stop();
}

void Store::Impl::interrupted() {
  if (!entered) return;  // asked for in a scope that has been left since
  if (!find_reason_to_stop() && fiber != nullptr) {
    if (watched->slice_is_over() || (long_running && !has_whole_slice)) give_way();
  }
  if (!stop && limits.deadline != kNever && Clock::now() >= limits.deadline) {
    stop = Error(ErrorCode::deadline_exceeded, "the guest ran past its deadline");
  }
  if (!stop && cpu_used() >= limits.cpu_time) {
    stop = Error(ErrorCode::cpu_time_exceeded,
                 fmt::format("the guest used more than {} ms of CPU time",
                             std::chrono::duration_cast<std::chrono::milliseconds>(limits.cpu_time).count()));
  }
  if (stop) {
    terminating = true;
    isolate->TerminateExecution();
  }
}

void Store::Impl::stop_guest() {
  terminating = true;
  isolate->TerminateExecution();
  // Told inside a callback, V8 acts only at its next check, and the guest may return before that: this call
  // has one.
  v8::HandleScope handles(isolate.get());
  auto ended = local(poll)->Call(local(context), v8::Undefined(isolate.get()), 0, nullptr);
  static_cast<void>(ended.IsEmpty());
}

Store::Scope::Scope(Store& store, const CallLimits& limits) : store_(store) {
  store.impl().enter(limits);
}

Store::Scope::~Scope() {
  store_.impl().leave();
}

void Store::set_trap(Error error) {
  if (!impl_->trap_error) impl_->trap_error = std::move(error);
}

void Store::terminate(Error error) {
  {
    std::lock_guard lock(impl_->foreign_mutex);
    if (!impl_->foreign_stop) impl_->foreign_stop = std::move(error);
    impl_->has_foreign_stop.store(true, std::memory_order_release);
  }
  impl_->interrupt();
}

Duration Store::cpu_time_used() const {
  return impl_->cpu_used();
}

}  // namespace wattle::engine
