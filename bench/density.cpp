// How much memory a deployed, idle component costs, and how fast its next call is.
//
//   density COMPONENT [COUNT] [IDLE-MS]
//
// COMPONENT is the guest library-c. COUNT (1,000) components are made of it that differ in their code: each
// has a number of its own in place of pi in the function that computes a circle's area, so that a call tells
// whether its own component answered. All are loaded into this process, called once, and left alone until
// their instances and code have been dropped (IDLE-MS after the last call). Then the proportional set size is
// compared with that of the process before they were loaded, and each is called once more.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
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
constexpr size_t kSpareStores = 4;
constexpr double kTargetKibibytes = 64;
constexpr double kTargetNextCallMs = 5;

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
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Pss:")) return std::strtoull(line.c_str() + 4, nullptr, 10) * 1024;
  return failure(ErrorCode::io, "no Pss in /proc/self/smaps_rollup");
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

Result<void> wait_until_idle(const std::vector<Deployed>& all) {
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

Result<std::vector<double>> next_calls_ms(std::vector<Deployed>& all) {
  std::vector<double> times_ms;
  for (Deployed& deployed : all) {
    const TimePoint started = Clock::now();
    WATTLE_CHECK(call(deployed));
    times_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - started).count());
  }
  std::sort(times_ms.begin(), times_ms.end());
  return times_ms;
}

void report(size_t count, uint64_t before, uint64_t active, uint64_t idle, const std::vector<double>& times) {
  const auto each = [&](uint64_t bytes) {
    return (static_cast<double>(bytes) - static_cast<double>(before)) / 1024 / static_cast<double>(count);
  };
  const double p50 = times[times.size() / 2], p99 = times[times.size() * 99 / 100];
  const auto verdict = [](bool reached) { return reached ? "reached" : "MISSED"; };
  fmt::print("{} components with different code in one process of {:.1f} MiB\n", count,
             static_cast<double>(before) / (1 << 20));
  fmt::print("just called: {:.1f} KiB each\n", each(active));
  fmt::print("idle: {:.1f} KiB each (target {:.0f}: {})\n", each(idle), kTargetKibibytes,
             verdict(each(idle) <= kTargetKibibytes));
  fmt::print("next call: p50 {:.2f} ms, p99 {:.2f} ms, worst {:.2f} ms (target {:.0f}: {})\n", p50, p99,
             times.back(), kTargetNextCallMs, verdict(p99 <= kTargetNextCallMs));
}

Result<void> measure(async::Worker& worker, const char* path, size_t count, Duration idle_time) {
  WATTLE_TRY(auto bytes, read_file(path));
  WATTLE_TRY(auto position, find_constant(bytes));
  engine::StorePool spare_stores(kSpareStores);
  std::vector<Deployed> all;
  all.reserve(count);
  // The first is the process itself: V8, its first isolate, the stacks.
  {
    WATTLE_TRY(Deployed first, deploy(worker, spare_stores, bytes, position, kPi, idle_time));
    WATTLE_CHECK(call(first));
    all.push_back(std::move(first));
    WATTLE_CHECK(wait_until_idle(all));
  }
  WATTLE_TRY(auto before, proportional_bytes());
  for (size_t index = 1; index <= count; ++index) {
    WATTLE_TRY(auto deployed,
               deploy(worker, spare_stores, bytes, position, kPi + static_cast<double>(index), idle_time));
    WATTLE_CHECK(call(deployed));
    all.push_back(std::move(deployed));
  }
  WATTLE_TRY(auto active, proportional_bytes());
  WATTLE_CHECK(wait_until_idle(all));
  WATTLE_TRY(auto idle, proportional_bytes());
  WATTLE_TRY(auto times_ms, next_calls_ms(all));
  report(count, before, active, idle, times_ms);
  for (Deployed& deployed : all) deployed.pool->shut_down(Error(ErrorCode::cancelled, "measured"));
  return {};
}

int run(int argument_count, char** arguments) {
  const size_t count = argument_count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 1000;
  const auto idle_time = milliseconds(argument_count > 3 ? std::atoi(arguments[3]) : 2000);
  if (argument_count < 2 || count < 1 || count > kCountMax || idle_time < milliseconds(1)) {
    fmt::print(stderr, "usage: density COMPONENT [COUNT] [IDLE-MS]\n");
    return 2;
  }
  Result<void> measured = engine::start({});
  if (measured) {
    async::Worker worker;
    worker.spawn([&] { measured = measure(worker, arguments[1], count, idle_time); });
    worker.run();
  }
  if (measured) return 0;
  fmt::print(stderr, "density: {}\n", measured.error().full_message());
  return 1;
}

}  // namespace
}  // namespace wattle

int main(int argument_count, char** arguments) {
  return wattle::run(argument_count, arguments);
}
