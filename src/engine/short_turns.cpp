#include "engine/short_turns.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

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

}  // namespace

void take_short_turns() {
  Attributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  // Real-time and deadline threads are scheduled by other rules, which somebody has chosen.
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return;
  attributes.turn_ns = kShortTurnNs;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace wattle::engine
