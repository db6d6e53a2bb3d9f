// What a host has for what runs on it: the machine's memory and CPUs, or what the control group that it is in
// allows, where that is less.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lattice/control_types.h"

namespace wattle::host {

struct MachineCapacity {
  std::optional<uint64_t> memory_bytes{};  // nothing: not told
  std::optional<uint32_t> milli_cpus{};    // thousandths of a CPU; likewise
};

// Of this machine. Control groups of version 2, and of version 1 where memory and cpu are mounted in their
// usual places; limits of groups around the own one hold too. `root` stands for "/" in tests.
MachineCapacity machine_capacity(const std::string& root = "");

// As labels: hostcore.memory ("8589934592") and hostcore.cpus ("4", "0.5").
lattice::StringMap capacity_labels(const MachineCapacity& capacity);

}  // namespace wattle::host
