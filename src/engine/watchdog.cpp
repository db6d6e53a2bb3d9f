#include "engine/watchdog.h"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/short_turns.h"

namespace wattle::engine {
namespace {

// Between two looks. While some guest runs on and on, looks are closer together, so that its neighbours on
// the thread wait for little.
constexpr int64_t kTickNs = 500'000;
constexpr int64_t kCloseTickNs = 200'000;
constexpr int kCloseTicks = 100;  // how many follow the last sight of such a guest
// What the guest has run before the watchdog saw it is known by wall time only, which also runs while the
// operating system runs others: it counts for a tick at most.
constexpr int64_t kUnseenNs = 1'000'000;
// A slice is over when this part of it was seen; by then the guest has run for up to a tick besides.
constexpr int64_t kSeenShare = 2;
// A request that had no effect (the guest was inside a host function) is repeated after this.
constexpr int64_t kAskAgainNs = 20'000'000;

int64_t nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

int64_t now_ns() {
  return nanoseconds(Clock::now().time_since_epoch());
}

int64_t read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The processor's own time stamp where it is cheap and steady, else the steady clock.
uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<uint64_t>(now_ns());
#endif
}

double measure_tick_ns() {
#if defined(__x86_64__)
  const int64_t from_ns = now_ns();
  const uint64_t from = ticks();
  while (now_ns() - from_ns < 200'000) {
  }
  const int64_t to_ns = now_ns();
  return static_cast<double>(to_ns - from_ns) / static_cast<double>(std::max<uint64_t>(ticks() - from, 1));
#else
  return 1;
#endif
}

double tick_ns() {
  static const double value = measure_tick_ns();
  return value;
}

}  // namespace

// Lives until the process ends, like its thread.
class Watchdog {
 public:
  static Watchdog& instance() {
    static Watchdog* watchdog = new Watchdog;
    return *watchdog;
  }

  WatchedThread& take_slot() {
    std::lock_guard lock(mutex_);
    for (auto& slot : slots_) {
      if (!slot->taken_.exchange(true)) return *slot;
    }
    slots_.emplace_back(new WatchedThread);
    slots_.back()->taken_ = true;
    return *slots_.back();
  }

  bool awake() const { return awake_.load(std::memory_order_seq_cst) != 0; }
  void wake() {
    if (awake_.exchange(1) == 0) awake_.notify_one();
  }

 private:
  Watchdog() {
    std::thread([this] { run(); }).detach();
  }

  void run() {
    constexpr int kIdleTicks = 200;
    constexpr unsigned long kSlackNs = 10'000;
    prctl(PR_SET_TIMERSLACK, kSlackNs, 0, 0, 0);
    take_short_turns();
    int idle = 0, close = 0;
    while (true) {
      const timespec tick{0, close > 0 ? kCloseTickNs : kTickNs};
      ppoll(awaited_.data(), awaited_.size(), &tick, nullptr);
      const Sight sight = look_at_all();
      close = sight == Sight::long_running ? kCloseTicks : std::max(close - 1, 0);
      idle = sight == Sight::nothing ? idle + 1 : 0;
      if (idle < kIdleTicks) continue;
      idle = 0;
      awake_.store(0, std::memory_order_seq_cst);
      // A segment that began just now saw the watchdog awake, or is seen here.
      if (any_running()) {
        awake_.store(1, std::memory_order_seq_cst);
      } else {
        awake_.wait(0);
      }
    }
  }

  bool any_running() {
    std::lock_guard lock(mutex_);
    return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) {
      return (slot->epoch_.load(std::memory_order_seq_cst) & 1) != 0;
    });
  }

  // In rising order: what is seen of all threads is the highest.
  enum class Sight { nothing, running, long_running };

  Sight look_at_all() {
    std::lock_guard lock(mutex_);
    const int64_t now = now_ns();
    Sight sight = Sight::nothing;
    const std::vector<pollfd> polled = std::exchange(awaited_, {});
    for (auto& slot : slots_) sight = std::max(sight, look_at(*slot, now, polled));
    return sight;
  }

  static bool has_news(int descriptor, const std::vector<pollfd>& polled) {
    return std::any_of(polled.begin(), polled.end(), [descriptor](const pollfd& each) {
      return each.fd == descriptor && (each.revents & POLLIN) != 0;
    });
  }

  Sight look_at(WatchedThread& slot, int64_t now, const std::vector<pollfd>& polled) {
    const uint64_t epoch = slot.epoch_.load(std::memory_order_acquire);
    if ((epoch & 1) == 0) return Sight::nothing;
    auto& notes = slot.notes_;
    const int64_t cpu_ns = read_clock(slot.cpu_clock_);
    const bool is_new = notes.epoch != epoch;
    if (is_new) {
      notes = {.epoch = epoch, .asked_ns = 0};
      slot.seen_cpu_ns_.store(cpu_ns, std::memory_order_relaxed);
      slot.seen_epoch_.store(epoch, std::memory_order_release);
    }
    const int64_t seen_cpu_ns = slot.seen_cpu_ns_.load(std::memory_order_relaxed);
    const int news = slot.news_descriptor_.load(std::memory_order_relaxed);
    const bool due = now >= slot.deadline_ns_.load(std::memory_order_relaxed) ||
                     cpu_ns - seen_cpu_ns >= slot.cpu_time_ns_.load(std::memory_order_relaxed) ||
                     cpu_ns - seen_cpu_ns >= slot.slice_ns_.load(std::memory_order_relaxed) / kSeenShare ||
                     (news >= 0 && has_news(news, polled));
    if (due && (notes.asked_ns == 0 || now - notes.asked_ns >= kAskAgainNs)) {
      notes.asked_ns = now;
      slot.held_.store(true, std::memory_order_seq_cst);
      // end() changes the epoch before it looks at held_: one of the two sees the other.
      if (slot.epoch_.load(std::memory_order_seq_cst) == epoch) {
        slot.guest_.load(std::memory_order_relaxed)->interrupt();
      }
      slot.held_.store(false, std::memory_order_release);
    } else if (news >= 0 && notes.asked_ns == 0) {
      awaited_.push_back({news, POLLIN, 0});
    }
    return is_new ? Sight::running : Sight::long_running;
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<WatchedThread>> slots_;
  std::vector<pollfd> awaited_;  // the watchdog's own: what segments wait for news from
  std::atomic<uint32_t> awake_{1};
};

// Gives the slot back when the thread ends.
struct WatchedThreadOwner {
  WatchedThreadOwner() : slot(Watchdog::instance().take_slot()) { slot.adopt(); }
  ~WatchedThreadOwner() { slot.taken_.store(false); }
  WatchedThread& slot;
};

void WatchedThread::adopt() {
  tick_ns();
  take_short_turns();
  if (pthread_getcpuclockid(pthread_self(), &cpu_clock_) != 0) cpu_clock_ = CLOCK_THREAD_CPUTIME_ID;
}

WatchedThread& WatchedThread::current() {
  thread_local WatchedThreadOwner owner;
  return owner.slot;
}

void WatchedThread::begin(Interruptible& guest, const SegmentLimits& limits) {
  guest_.store(&guest, std::memory_order_relaxed);
  deadline_ns_.store(limits.deadline == kNever ? std::numeric_limits<int64_t>::max()
                                               : nanoseconds(limits.deadline.time_since_epoch()),
                     std::memory_order_relaxed);
  cpu_time_ns_.store(nanoseconds(limits.cpu_time), std::memory_order_relaxed);
  slice_ns_.store(nanoseconds(limits.slice), std::memory_order_relaxed);
  news_descriptor_.store(limits.news_descriptor, std::memory_order_relaxed);
  began_ticks_ = ticks();
  epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  if (auto& watchdog = Watchdog::instance(); !watchdog.awake()) watchdog.wake();
}

Duration WatchedThread::end() {
  const Duration total = used();
  epoch_.store(epoch_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  while (held_.load(std::memory_order_seq_cst)) std::this_thread::yield();
  return total;
}

Duration WatchedThread::elapsed() const {
  return std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(ticks() - began_ticks_) * tick_ns()));
}

bool WatchedThread::slice_is_over() const {
  if (seen_epoch_.load(std::memory_order_acquire) != epoch_.load(std::memory_order_relaxed)) return false;
  const int64_t seen_ns = read_clock(CLOCK_THREAD_CPUTIME_ID) - seen_cpu_ns_.load(std::memory_order_relaxed);
  return seen_ns >= slice_ns_.load(std::memory_order_relaxed) / kSeenShare;
}

Duration WatchedThread::used() const {
  const int64_t wall = nanoseconds(elapsed());
  if (seen_epoch_.load(std::memory_order_acquire) != epoch_.load(std::memory_order_relaxed)) {
    return std::chrono::nanoseconds(std::min(wall, kUnseenNs));
  }
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  const int64_t cpu = int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  const int64_t seen = std::max<int64_t>(cpu - seen_cpu_ns_.load(std::memory_order_relaxed), 0);
  return std::chrono::nanoseconds(seen + std::clamp<int64_t>(wall - seen, 0, kUnseenNs));
}

}  // namespace wattle::engine
