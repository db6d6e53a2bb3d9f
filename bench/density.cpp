// How much memory a deployed, idle component costs, and how fast its next call is.
//
//   density COMPONENT [COUNT] [IDLE-MS] [--strict]
//
// COMPONENT is the guest library-c. COUNT (1,000) components are made of it that differ in their code: each
// has a number of its own in place of pi in the function that computes a circle's area, so that a call tells
// whether its own component answered. All are loaded into this process, called once, and left alone until
// their instances and code have been dropped (IDLE-MS after the last call). Then the proportional set size is
// compared with that of the process before they were loaded, and each is called once more: the one half when
// the host has its spare stores, as it has where calls of idle components are rare; the other half one right
// after the other, which leaves it no time to make them.
//
// Pages of files do not count: they are the program's own, and their share changes with who else runs it.
// --strict ends with 1 where a target is missed. It is for tests, which share the machine: a call then counts
// by its thread's processor time, and the median by itself.
#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/fiber.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/store_pool.h"
#include "runtime/runtime.h"

namespace wattle {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr double kPi = 3.141592653589793;
constexpr size_t kCountMax = 100'000;
constexpr auto kDropWithin = seconds(60);
constexpr size_t kSpareStores = 4;  // as wattle serve keeps
constexpr double kTargetKibibytes = 64;
constexpr double kTargetNextCallMs = 5;
// V8 11 keeps some 45 KiB more of a module that was dropped: a test says no more there than that it stays so.
constexpr double kBoundKibibytesNewerV8 = 128;

struct Deployed {
  std::shared_ptr<const runtime::LinkedComponent> linked;
  std::shared_ptr<const runtime::ExportedFunction> area;
  std::unique_ptr<runtime::InstancePool> pool;
  double circle = 0;  // what area(circle(1)) gives
};

Result<std::vector<uint8_t>> read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty())
    return failure(ErrorCode::not_found, "cannot read {}; run: tools/guests library-c", path);
  return bytes;
}

// Where the constant stands in the code: f64.const and its eight bytes.
Result<size_t> find_constant(const std::vector<uint8_t>& bytes) {
  uint8_t instruction[9] = {0x44};
  std::memcpy(instruction + 1, &kPi, sizeof(kPi));
  auto found = std::search(bytes.begin(), bytes.end(), std::begin(instruction), std::end(instruction));
  if (found == bytes.end())
    return failure(ErrorCode::invalid_argument,
                   "no f64.const pi in the component; is it the guest library-c?");
  return static_cast<size_t>(found - bytes.begin()) + 1;
}

Result<uint64_t> proportional_bytes() {
  std::ifstream file("/proc/self/smaps_rollup");
  uint64_t kibibytes = 0;
  for (std::string line; std::getline(file, line);)
    for (std::string_view kind : {"Pss_Anon:", "Pss_Shmem:"})
      if (line.starts_with(kind)) kibibytes += std::strtoull(line.c_str() + kind.size(), nullptr, 10);
  if (kibibytes == 0) return failure(ErrorCode::io, "no Pss_Anon in /proc/self/smaps_rollup");
  return kibibytes * 1024;
}

double thread_time_ms() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

Result<Deployed> deploy(async::Worker& worker, engine::StorePool& spare_stores, std::vector<uint8_t> bytes,
                        size_t position, double circle, Duration idle_time) {
  std::memcpy(bytes.data() + position, &circle, sizeof(circle));
  WATTLE_TRY(auto component, runtime::Component::load(std::move(bytes), {}));
  runtime::Linker linker;
  Deployed deployed;
  WATTLE_TRY(deployed.linked, linker.link(component));
  WATTLE_TRY(deployed.area, deployed.linked->find_function("wattle:demo/calc@1.0.0", "area"));
  runtime::PoolOptions options;
  options.idle_time = idle_time;
  options.spare_stores = &spare_stores;
  deployed.pool = std::make_unique<runtime::InstancePool>(worker, deployed.linked, options);
  deployed.circle = circle;
  return deployed;
}

// One call in a pristine instance; refuses where another component's code answered.
Result<void> call(Deployed& deployed) {
  WATTLE_TRY(auto lease, deployed.pool->acquire());
  const wit::Value circle = wit::case_value(0, wit::Value{1.0});
  WATTLE_TRY(auto area, lease->call(*deployed.area, {&circle, 1}, {.deadline = Clock::now() + seconds(10)}));
  if (!area || *area != wit::Value{deployed.circle})
    return failure(ErrorCode::internal, "a call gave another component's answer");
  return {};
}

Result<void> wait_for_spare_stores(const engine::StorePool& spare_stores) {
  const TimePoint deadline = Clock::now() + kDropWithin;
  while (spare_stores.ready() < kSpareStores) {
    if (Clock::now() > deadline) return failure(ErrorCode::deadline_exceeded, "there are no spare stores");
    WATTLE_CHECK(async::sleep_for(milliseconds(1)));
  }
  return {};
}

Result<void> wait_until_idle(const std::vector<Deployed>& all, const engine::StorePool& spare_stores) {
  WATTLE_CHECK(wait_for_spare_stores(spare_stores));
  const TimePoint deadline = Clock::now() + kDropWithin;
  for (const Deployed& deployed : all) {
    while (deployed.pool->counts().ready + deployed.pool->counts().busy != 0) {
      if (Clock::now() > deadline)
        return failure(ErrorCode::deadline_exceeded, "idle instances are still there after 60 s");
      WATTLE_CHECK(async::sleep_for(milliseconds(20)));
    }
  }
  return {};
}

// What calls took, in ms, sorted.
struct Times {
  std::vector<double> wall, processor;
};

// Calls each once. `spare_stores`: waits for them before each call; null: does not.
Result<Times> next_calls(std::span<Deployed> deployed, const engine::StorePool* spare_stores) {
  Times times;
  for (Deployed& each : deployed) {
    if (spare_stores != nullptr) WATTLE_CHECK(wait_for_spare_stores(*spare_stores));
    const TimePoint started = Clock::now();
    const double thread_started_ms = thread_time_ms();
    WATTLE_CHECK(call(each));
    times.processor.push_back(thread_time_ms() - thread_started_ms);
    times.wall.push_back(std::chrono::duration<double, std::milli>(Clock::now() - started).count());
  }
  std::sort(times.wall.begin(), times.wall.end());
  std::sort(times.processor.begin(), times.processor.end());
  return times;
}

std::string_view verdict(bool reached) {
  return reached ? "reached" : "MISSED";
}

// True: the target was reached.
bool report_memory(size_t count, uint64_t before, uint64_t active, uint64_t idle, double target) {
  const auto each = [&](uint64_t bytes) {
    return (static_cast<double>(bytes) - static_cast<double>(before)) / 1024 / static_cast<double>(count);
  };
  const bool reached = each(idle) <= target;
  fmt::print("{} components with different code in one process of {:.1f} MiB\n", count,
             static_cast<double>(before) / (1 << 20));
  fmt::print("just called: {:.1f} KiB each\n", each(active));
  fmt::print("idle: {:.1f} KiB each (target {:.0f}: {})\n", each(idle), target, verdict(reached));
  return reached;
}

// `strict`: the median counts instead of the worst.
bool report_times(std::string_view what, const std::vector<double>& times, bool strict) {
  const double median = times[times.size() / 2];
  const bool reached = (strict ? median : times.back()) <= kTargetNextCallMs;
  fmt::print("{}: p50 {:.2f} ms, p99 {:.2f} ms, worst {:.2f} ms (target {:.0f}: {})\n", what, median,
             times[times.size() * 99 / 100], times.back(), kTargetNextCallMs, verdict(reached));
  return reached;
}

// False: a target was missed.
Result<bool> measure(async::Worker& worker, const char* path, size_t count, Duration idle_time, bool strict) {
  WATTLE_TRY(auto bytes, read_file(path));
  WATTLE_TRY(auto position, find_constant(bytes));
  engine::StorePool spare_stores(kSpareStores);
  std::vector<Deployed> all;
  all.reserve(count + 1);
  // The first is the process itself: V8, its first isolates, the stacks.
  {
    WATTLE_TRY(Deployed first, deploy(worker, spare_stores, bytes, position, kPi, idle_time));
    WATTLE_CHECK(call(first));
    all.push_back(std::move(first));
    WATTLE_CHECK(wait_until_idle(all, spare_stores));
  }
  WATTLE_TRY(auto before, proportional_bytes());
  for (size_t index = 1; index <= count; ++index) {
    WATTLE_TRY(auto deployed,
               deploy(worker, spare_stores, bytes, position, kPi + static_cast<double>(index), idle_time));
    WATTLE_CHECK(call(deployed));
    all.push_back(std::move(deployed));
  }
  WATTLE_TRY(auto active, proportional_bytes());
  WATTLE_CHECK(wait_until_idle(all, spare_stores));
  WATTLE_TRY(auto idle, proportional_bytes());
  const auto half = static_cast<ptrdiff_t>((all.size() + 1) / 2);
  WATTLE_TRY(auto single, next_calls({all.begin(), all.begin() + half}, &spare_stores));
  WATTLE_TRY(auto in_a_row, next_calls({all.begin() + half, all.end()}, nullptr));
  bool reached = report_memory(
      count, before, active, idle,
      strict && !engine::v8_version().starts_with("10.") ? kBoundKibibytesNewerV8 : kTargetKibibytes);
  reached = report_times("next call", strict ? single.processor : single.wall, strict) && reached;
  reached =
      report_times("next calls in a row", strict ? in_a_row.processor : in_a_row.wall, strict) && reached;
  for (Deployed& deployed : all) deployed.pool->shut_down(Error(ErrorCode::cancelled, "measured"));
  return reached;
}

int run(std::vector<std::string> arguments) {
  const bool strict = std::erase(arguments, "--strict") > 0;
  const size_t count = arguments.size() > 2 ? std::strtoul(arguments[2].c_str(), nullptr, 10) : 1000;
  const auto idle_time = milliseconds(arguments.size() > 3 ? std::atoi(arguments[3].c_str()) : 2000);
  if (arguments.size() < 2 || arguments.size() > 4 || count < 1 || count > kCountMax ||
      idle_time < milliseconds(1)) {
    fmt::print(stderr, "usage: density COMPONENT [COUNT] [IDLE-MS] [--strict]\n");
    return 2;
  }
  Result<void> started = engine::start({});
  Result<bool> measured = false;
  if (started) {
    async::Worker worker;
    worker.spawn([&] { measured = measure(worker, arguments[1].c_str(), count, idle_time, strict); });
    worker.run();
  } else {
    measured = failure(std::move(started).error());
  }
  if (measured) return strict && !*measured ? 1 : 0;
  fmt::print(stderr, "density: {}\n", measured.error().full_message());
  return 1;
}

}  // namespace
}  // namespace wattle

int main(int argument_count, char** arguments) {
  return wattle::run({arguments, arguments + argument_count});
}
