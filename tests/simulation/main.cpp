// wattle-sim: the manager's own code on simulated hosts, bus, disk and clock, under faults, by seeds.
//
//   wattle-sim --seed 7 --hosts 5 --hours 1            one run; the same seed, the same trace hash
//   wattle-sim --seed 1 --seeds 500                    seeds 1 to 500
//   wattle-sim --seed 7 --trace 7.txt                  everything that happens, in lines
//   wattle-sim --hosts 1000 --applications 100 --replicas 100 --hours 0.1
#include <malloc.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "simulation.h"

namespace wattle::simulation {
namespace {

constexpr std::string_view kUsage =
    "usage: wattle-sim [--seed N] [--seeds COUNT] [--hosts H] [--hours T] [--managers M] [--applications A]\n"
    "                  [--replicas R] [--quiet-after SECONDS] [--no-faults] [--scarce] [--borders] "
    "[--trace FILE] [--quiet]\n";

constexpr int kMemoryKept = 1 << 30;

struct Arguments {
  SimulationOptions options{};
  uint64_t seeds = 1;
  bool quiet = false;  // only violations and the sum
  std::string trace_path{};
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size();
}

bool read_arguments(int count, char** texts, Arguments& arguments) {
  SimulationOptions& options = arguments.options;
  double quiet_after = 60;
  for (int index = 1; index < count; ++index) {
    const std::string_view name = texts[index];
    if (name == "--no-faults") {
      options.faults = false;
      continue;
    }
    if (name == "--scarce") {
      options.scarce = true;
      continue;
    }
    if (name == "--borders") {
      options.borders = true;
      continue;
    }
    if (name == "--quiet") {
      arguments.quiet = true;
      continue;
    }
    if (index + 1 == count) return false;
    const std::string_view value = texts[++index];
    bool read = true;
    if (name == "--seed")
      read = read_number(value, options.seed);
    else if (name == "--seeds")
      read = read_number(value, arguments.seeds);
    else if (name == "--hosts")
      read = read_number(value, options.hosts) && options.hosts > 0;
    else if (name == "--hours")
      read = read_number(value, options.hours);
    else if (name == "--managers")
      read = read_number(value, options.managers) && options.managers > 0 && options.managers < 100;
    else if (name == "--applications")
      read = read_number(value, options.applications) && options.applications > 0;
    else if (name == "--replicas")
      read = read_number(value, options.replicas) && options.replicas > 0;
    else if (name == "--quiet-after")
      read = read_number(value, quiet_after) && quiet_after > 0;
    else if (name == "--trace")
      arguments.trace_path = value;
    else
      read = false;
    if (!read) return false;
  }
  options.quiet_after = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(quiet_after));
  if (arguments.trace_path.empty() || arguments.seeds == 1) return true;
  fmt::print(stderr, "--trace is of one seed: leave --seeds out\n");
  return false;
}

void print(const SimulationResult& result) {
  fmt::print(
      "seed {} trace {:016x} hours {:.2f} events {} changes {} refused {} faults {} commands {} takeovers {} "
      "rollbacks {} plans {} longest plan {:.2f} ms settled within {:.1f} s speed {:.0f}x violations {}\n",
      result.seed, result.trace_hash, result.hours, result.events, result.changes, result.refused,
      result.faults, result.counted.commands, result.counted.takeovers, result.counted.rollbacks,
      result.counted.plans, result.counted.longest_plan_ms, result.longest_settling_s,
      result.hours * 3600 / result.real_seconds, result.violation ? 1 : 0);
}

int run(const Arguments& arguments) {
  uint64_t violations = 0, plans = 0;
  double hours = 0, real_seconds = 0, longest_plan = 0, plans_ms = 0;
  for (uint64_t index = 0; index < arguments.seeds; ++index) {
    SimulationOptions options = arguments.options;
    options.seed += index;
    if (!arguments.trace_path.empty()) {
      options.trace = std::fopen(arguments.trace_path.c_str(), "w");
      if (options.trace == nullptr) {
        fmt::print(stderr, "{}: {}\n", arguments.trace_path, std::strerror(errno));
        return 2;
      }
    }
    const SimulationResult result = simulate(options);
    if (options.trace != nullptr) std::fclose(options.trace);
    hours += result.hours;
    real_seconds += result.real_seconds;
    plans += result.counted.plans;
    plans_ms += result.counted.plans_ms;
    longest_plan = std::max(longest_plan, result.counted.longest_plan_ms);
    if (!arguments.quiet || result.violation) print(result);
    if (!result.violation) continue;
    ++violations;
    for (const std::string& line : result.last_lines) fmt::print("  {}\n", line);
    fmt::print("seed {} violates {} at {:.3f} s: {}\n", result.seed, result.violation->check,
               result.violation->at_seconds, result.violation->what);
  }
  if (arguments.seeds > 1 || arguments.quiet)
    fmt::print(
        "{} seeds, {:.1f} simulated hours in {:.1f} s ({:.0f}x), {} plans of {:.3f} ms on average and {:.2f} "
        "ms at "
        "most, {} seeds with a violation\n",
        arguments.seeds, hours, real_seconds, hours * 3600 / real_seconds, plans,
        plans == 0 ? 0.0 : plans_ms / static_cast<double>(plans), longest_plan, violations);
  return violations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace wattle::simulation

int main(int count, char** texts) {
  wattle::simulation::Arguments arguments;
  if (!wattle::simulation::read_arguments(count, texts, arguments)) {
    fmt::print(stderr, "{}", wattle::simulation::kUsage);
    return 2;
  }
  mallopt(M_TRIM_THRESHOLD, wattle::simulation::kMemoryKept);  // giving it back after each seed takes time
  return wattle::simulation::run(arguments);
}
