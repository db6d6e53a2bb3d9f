// Processes by id and start time, so that a signal never hits another one that has got the same id since.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace wattle::cli {

struct ProcessMark {
  std::string role;  // "supervisor", "nats-server", "host": for people
  pid_t pid = 0;
  uint64_t started = 0;  // ticks between the machine's start and the process's, as /proc/PID/stat has it

  bool operator==(const ProcessMark&) const = default;
};

// The start time of the process with this id, nothing when there is none (or only its remains, a zombie).
std::optional<uint64_t> start_time(pid_t pid);
// What tells this process from others. Precondition: it lives.
ProcessMark mark_of(std::string role, pid_t pid);

bool lives(const ProcessMark& mark);
// Sends a signal to exactly this process; false when it is gone.
bool send_signal(const ProcessMark& mark, int signal_number);
// Waits until it is gone; false when it still lives at `until`. Blocks.
bool wait_for_end(const ProcessMark& mark, TimePoint until);

}  // namespace wattle::cli
