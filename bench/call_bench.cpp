// What a call costs: from C++ into a component, between two components, into a pristine instance.
//
//   tools/guests composed library-c caller-c && build/release/bin/call_bench
//
// Between components: one iteration is one call that the outer component makes, 10,000 of them for each call
// from C++, so that the latter does not count.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>

#include "async/fiber.h"
#include "runtime/import_call.h"
#include "runtime/runtime.h"

namespace wattle::runtime {
namespace {

constexpr uint32_t kCallsAtOnce = 10'000;
constexpr std::string_view kCalc = "wattle:demo/calc@1.0.0";
constexpr std::string_view kCaller = "wattle:caller/caller@1.0.0";

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n(guests come from tools/guests; run this in the repository's folder)\n",
             result.error().full_message());
  std::abort();
}

std::shared_ptr<const LinkedComponent> linked_guest(const std::string& name, const Linker& linker = {}) {
  if (!engine::start({})) std::abort();
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return must(linker.link(must(Component::load(std::move(bytes), {}))));
}

// Runs `body` on a fiber with a fresh instance.
template <class Body>
void with_instance(const std::string& guest, Body body, const Linker& linker = {}) {
  async::Worker worker;
  worker.spawn([&] {
    auto instance = must(Instance::create(linked_guest(guest, linker), Host(), {}));
    body(*instance);
  });
  worker.run();
}

const ExportedFunction& find(Instance& instance, std::string_view interface, std::string_view name) {
  return *must(instance.linked().find_function(interface, name));
}

// Optimised code arrives in the background.
template <class Call>
void warm_up(Call call) {
  const auto until = Clock::now() + std::chrono::milliseconds(300);
  while (Clock::now() < until) call();
}

// Instance::call<uint32_t>(add, limits, 1, 2): enters the store for each call.
void export_call(benchmark::State& state) {
  with_instance("library-c", [&](Instance& instance) {
    const ExportedFunction& add = find(instance, kCalc, "add");
    auto call = [&] { return must(instance.call<uint32_t>(add, {}, 1u, 2u)); };
    warm_up(call);
    for (auto _ : state) benchmark::DoNotOptimize(call());
  });
}
BENCHMARK(export_call);

void export_call_in_session(benchmark::State& state) {
  with_instance("library-c", [&](Instance& instance) {
    const ExportedFunction& add = find(instance, kCalc, "add");
    Instance::Session session(instance, {});
    auto call = [&] { return must(session.call<uint32_t>(add, 1u, 2u)); };
    warm_up(call);
    for (auto _ : state) benchmark::DoNotOptimize(call());
  });
}
BENCHMARK(export_call_in_session);

void export_call_pristine(benchmark::State& state) {
  with_instance("library-c", [&](Instance& instance) {
    const ExportedFunction& add = find(instance, kCalc, "add");
    auto call = [&] {
      const uint32_t sum = must(instance.call<uint32_t>(add, {}, 1u, 2u));
      if (!instance.reset()) std::abort();
      return sum;
    };
    warm_up(call);
    for (auto _ : state) benchmark::DoNotOptimize(call());
  });
}
BENCHMARK(export_call_pristine);

void export_call_echo_1_kib(benchmark::State& state) {
  with_instance("library-c", [&](Instance& instance) {
    const ExportedFunction& echo = find(instance, kCalc, "echo");
    const std::string text(1024, 'w');
    auto call = [&] { return must(instance.call<std::string>(echo, {}, text)).size(); };
    warm_up(call);
    for (auto _ : state) benchmark::DoNotOptimize(call());
  });
}
BENCHMARK(export_call_echo_1_kib);

// `function` makes the given number of calls of another component, or of the host.
void calls_out(benchmark::State& state, const std::string& guest, std::string_view function,
               const Linker& linker = {}) {
  with_instance(
      guest,
      [&](Instance& instance) {
        const ExportedFunction& often = find(instance, kCaller, function);
        Instance::Session session(instance, {});
        auto call = [&] { return must(session.call<uint32_t>(often, uint32_t{kCallsAtOnce})); };
        warm_up(call);
        while (state.KeepRunningBatch(kCallsAtOnce)) benchmark::DoNotOptimize(call());
      },
      linker);
}

void component_call(benchmark::State& state) {
  calls_out(state, "composed", "add-often");
}
BENCHMARK(component_call);

void component_call_string_1_kib(benchmark::State& state) {
  calls_out(state, "composed", "length-often");
}
BENCHMARK(component_call_string_1_kib);

void component_call_echo_1_kib(benchmark::State& state) {
  calls_out(state, "composed", "echo-often");
}
BENCHMARK(component_call_echo_1_kib);

struct Counter : HostResource {
  static constexpr std::string_view kInterface = "wattle:demo/counters";
  static constexpr std::string_view kName = "counter";
  uint32_t value = 0;
};

Linker host_library() {
  Linker linker;
  linker.function(kCalc, "add", [](Host&, uint32_t a, uint32_t b) { return a + b; });
  linker.function(kCalc, "length",
                  [](Host&, std::string_view text) { return static_cast<uint32_t>(text.size()); });
  linker.function(kCalc, "echo", [](Host&, std::string text) { return text; });
  linker.resource<Counter>();
  linker.function("wattle:demo/counters@1.0.0", "[constructor]counter",
                  [](Host&, uint32_t) { return std::make_unique<Counter>(); });
  linker.function("wattle:demo/counters@1.0.0", "[method]counter.value",
                  [](Host&, Counter& counter) { return counter.value; });
  linker.function("wattle:demo/counters@1.0.0", "[static]counter.merge",
                  [](Host&, std::unique_ptr<Counter> a, std::unique_ptr<Counter>) { return a; });
  return linker;
}

void host_call(benchmark::State& state) {
  calls_out(state, "caller-c", "add-often", host_library());
}
BENCHMARK(host_call);

void host_call_string_1_kib(benchmark::State& state) {
  calls_out(state, "caller-c", "length-often", host_library());
}
BENCHMARK(host_call_string_1_kib);

// ---- Through a link, into an instance of another component

// One store inside a call of another: what the processor has to be told, without any call.
void nested_scope(benchmark::State& state) {
  with_instance("library-c", [&](Instance& outer) {
    Instance::Session session(outer, {});
    auto inner = must(Instance::create(linked_guest("library-c"), Host(), {}));
    auto call = [&] { Instance::Session entered(*inner, {}); };
    warm_up(call);
    for (auto _ : state) call();
  });
}
BENCHMARK(nested_scope);

// What resolves a link here stands for a host's: it finds the target of the import by its index. `plain`: no
// link but a host function, which makes the same call of the same pool with C++ types.
void linked_calls(benchmark::State& state, bool pristine, bool plain) {
  async::Worker worker;
  worker.spawn([&] {
    const auto callee = linked_guest("library-c");
    PoolOptions options;
    options.pristine = pristine;
    std::optional<InstancePool> pool(std::in_place, worker, callee, options);
    const auto add = must(callee->find_function(kCalc, "add"));
    std::vector<std::shared_ptr<const ExportedFunction>> targets;
    Linker linker = plain ? host_library() : Linker();
    if (plain) {
      linker.function(kCalc, "add", [&](Host&, uint32_t a, uint32_t b) {
        auto lease = must(pool->acquire());
        return must(lease->call<uint32_t>(*add, {}, a, b));
      });
    }
    linker.link_other_interfaces([&](ImportCall& call) -> Result<void> {
      auto& target = targets[call.import().index];
      if (target == nullptr) {
        WATTLE_TRY(target, callee->find_function(call.import().interface, call.import().name));
      }
      return call.run_in(*pool, *target, {});
    });
    const auto caller = linked_guest("caller-c", linker);
    targets.resize(caller->linked_imports().size());
    auto instance = must(Instance::create(caller, Host(), {}));
    Instance::Session session(*instance, {});
    const ExportedFunction& often = find(*instance, kCaller, "add-often");
    auto call = [&] { return must(session.call<uint32_t>(often, uint32_t{kCallsAtOnce})); };
    warm_up(call);
    while (state.KeepRunningBatch(kCallsAtOnce)) benchmark::DoNotOptimize(call());
    pool->shut_down(Error(ErrorCode::unavailable, "done"));
    pool.reset();
  });
  worker.run();
}
BENCHMARK_CAPTURE(linked_calls, pristine, true, false);
BENCHMARK_CAPTURE(linked_calls, kept, false, false);
BENCHMARK_CAPTURE(linked_calls, kept_without_link, false, true);

}  // namespace
}  // namespace wattle::runtime
