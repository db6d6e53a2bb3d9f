#include "engine/short_turns.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace wattle::engine {
namespace {

constexpr uint64_t kShortTurnNs = 100'000;

// The kernel's struct sched_attr in its first version, which not every C library names.
struct Attributes {
  uint32_t size = sizeof(Attributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t turn_ns = 0;  // "runtime"; since 6.12 of ordinary threads too
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

struct ThreadTurns {
  int wanted = 0;
  bool short_now = false;
  Attributes usual;

  void shorten() {
    if (syscall(SYS_sched_getattr, 0, &usual, sizeof usual, 0) != 0) return;
    // Real-time and deadline threads are scheduled by other rules, which somebody has chosen.
    if (usual.policy != SCHED_OTHER && usual.policy != SCHED_BATCH) return;
    Attributes attributes = usual;
    attributes.turn_ns = kShortTurnNs;
    short_now = syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
  }
  void restore() {
    if (std::exchange(short_now, false)) syscall(SYS_sched_setattr, 0, &usual, 0);
  }
};
thread_local ThreadTurns thread_turns;

}  // namespace

void ShortTurns::begin() {
  if (std::exchange(on_, true)) return;
  if (thread_turns.wanted++ == 0) thread_turns.shorten();
}

void ShortTurns::end() {
  if (!std::exchange(on_, false)) return;
  if (--thread_turns.wanted == 0) thread_turns.restore();
}

}  // namespace wattle::engine
