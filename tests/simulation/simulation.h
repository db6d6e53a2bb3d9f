// One run: whiles of changes and faults, and after each of them quiet, in which everything has to be as
// declared within ten seconds and to stay so.
#pragma once

#include <cstdio>
#include <memory>
#include <vector>

#include "calls.h"
#include "checks.h"
#include "faults.h"
#include "hosts.h"
#include "managers.h"
#include "people.h"
#include "stores.h"

namespace wattle::simulation {

struct SimulationOptions {
  uint64_t seed = 1;
  uint32_t hosts = 5;
  double hours = 1;
  uint32_t managers = 2;
  uint32_t applications = 6;
  uint32_t replicas = 8;
  Duration quiet_after = seconds(60);  // of changes and faults
  bool faults = true;
  bool scarce = false;   // most hosts have little memory, and half of the components ask for some
  bool borders = false;  // most share and leave out others; links that cross a border do not hold
  std::FILE* trace = nullptr;
};

struct SimulationResult {
  uint64_t seed = 0;
  uint64_t trace_hash = 0;
  double hours = 0;
  uint64_t events = 0;
  uint64_t faults = 0;
  uint64_t changes = 0;
  uint64_t refused = 0;
  Counted counted{};
  double longest_settling_s = 0;
  double real_seconds = 0;
  std::optional<Violation> violation{};
  std::vector<std::string> last_lines{};
};

SimulationResult simulate(const SimulationOptions& options);

}  // namespace wattle::simulation
