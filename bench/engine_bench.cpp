// What the engine costs: calls, scopes, resets, stores.
//
//   build/release/bin/engine_bench
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "engine/engine.h"

namespace wattle::engine {
namespace {

// The module below as bytes, since benchmarks run where no assembler is:
//   (import "host" "f" (func (param i32) (result i32)))
//   (memory (export "memory") 64)
//   (global (mut i32) (i32.const 65536))
//   (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
//   (func (export "host") (param i32) (result i32) (call 0 (local.get 0)))
//   (func (export "touch") (param i32 i32)  ;; writes to pages [0, p0) that are p1 bytes apart
//     (loop (i32.store (i32.mul (local.get 0) (local.get 1)) (i32.const 1))
//           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
//   (func (export "hosts") (param i32) (result i32)  ;; p0 calls of the host
//     (loop (drop (call 0 (local.get 0)))
//           (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))) (local.get 0))
constexpr uint8_t kModule[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x11, 0x03, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60,
    0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x02, 0x7f, 0x7f, 0x00, 0x02, 0x0a, 0x01, 0x04, 0x68, 0x6f, 0x73,
    0x74, 0x01, 0x66, 0x00, 0x00, 0x03, 0x05, 0x04, 0x01, 0x00, 0x02, 0x00, 0x05, 0x03, 0x01, 0x00, 0x40,
    0x06, 0x08, 0x01, 0x7f, 0x01, 0x41, 0x80, 0x80, 0x04, 0x0b, 0x07, 0x27, 0x05, 0x06, 0x6d, 0x65, 0x6d,
    0x6f, 0x72, 0x79, 0x02, 0x00, 0x03, 0x61, 0x64, 0x64, 0x00, 0x01, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x00,
    0x02, 0x05, 0x74, 0x6f, 0x75, 0x63, 0x68, 0x00, 0x03, 0x05, 0x68, 0x6f, 0x73, 0x74, 0x73, 0x00, 0x04,
    0x0a, 0x3f, 0x04, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, 0x06, 0x00, 0x20, 0x00, 0x10, 0x00,
    0x0b, 0x18, 0x00, 0x03, 0x40, 0x20, 0x00, 0x20, 0x01, 0x6c, 0x41, 0x01, 0x36, 0x02, 0x00, 0x20, 0x00,
    0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x0b, 0x15, 0x00, 0x03, 0x40, 0x20, 0x00, 0x10, 0x00,
    0x1a, 0x20, 0x00, 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x20, 0x00, 0x0b};

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().full_message());
  std::abort();
}

const Module& module() {
  static std::shared_ptr<const Module> compiled = [] {
    if (!start({})) std::abort();
    return must(Module::compile(kModule, {}));
  }();
  return *compiled;
}

struct Guest {
  Guest() : store(must((module(), Store::create({})))) {
    Store::Scope scope(*store, {});
    Extern host = store->make_host_function(
        {{CoreType::i32}, {CoreType::i32}},
        [](void*, CoreValue* values) {
          ++values[0].u32;
          return true;
        },
        nullptr);
    instance = must(store->instantiate(module(), std::array{host}));
  }
  FunctionHandle function(std::string_view name) { return must(store->exported_function(instance, name)); }
  std::unique_ptr<Store> store;
  InstanceHandle instance;
};

// Optimised code arrives in the background.
template <class Call>
void warm_up(Call call) {
  const auto until = Clock::now() + std::chrono::milliseconds(50);
  while (Clock::now() < until) call();
}

void call(benchmark::State& state, std::string_view name, uint32_t argument) {
  Guest guest;
  Store::Scope scope(*guest.store, {});
  FunctionHandle function = guest.function(name);
  CoreValue values[2];
  auto once = [&] {
    values[0].u64 = argument;
    values[1].u64 = 2;
    if (!guest.store->call(function, values)) std::abort();
    benchmark::DoNotOptimize(values);
  };
  warm_up(once);
  for (auto _ : state) once();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * (name == "hosts" ? argument : 1));
}
void call_add(benchmark::State& state) {
  call(state, "add", 40);
}
void call_with_one_host_call(benchmark::State& state) {
  call(state, "host", 40);
}
void call_with_1000_host_calls(benchmark::State& state) {
  call(state, "hosts", 1000);
}
BENCHMARK(call_add);
BENCHMARK(call_with_one_host_call);
BENCHMARK(call_with_1000_host_calls);

void scope_without_limits(benchmark::State& state) {
  Guest guest;
  for (auto _ : state) Store::Scope scope(*guest.store, {});
}
BENCHMARK(scope_without_limits);

void scope_with_deadline(benchmark::State& state) {
  Guest guest;
  for (auto _ : state) {
    Store::Scope scope(*guest.store, {.deadline = Clock::now() + std::chrono::seconds(1)});
  }
}
BENCHMARK(scope_with_deadline);

void scopes_of_two_stores_in_turn(benchmark::State& state) {
  Guest first, second;
  for (auto _ : state) {
    {
      Store::Scope scope(*first.store, {});
    }
    {
      Store::Scope scope(*second.store, {});
    }
  }
}
BENCHMARK(scopes_of_two_stores_in_turn);

// A scope and a call that dirties so many pages; then with a reset.
void pages(benchmark::State& state, bool reset) {
  Guest guest;
  FunctionHandle touch;
  {
    Store::Scope scope(*guest.store, {});
    touch = guest.function("touch");
    must(guest.store->take_image());
  }
  auto once = [&] {
    Store::Scope scope(*guest.store, {});
    CoreValue values[2] = {{.u64 = static_cast<uint64_t>(state.range(0) - 1)}, {.u64 = 2 * 4096}};
    if (!guest.store->call(touch, values)) std::abort();
    if (reset && !guest.store->reset()) std::abort();
  };
  warm_up(once);
  for (auto _ : state) once();
}
void call_and_touch(benchmark::State& state) {
  pages(state, false);
}
void call_and_touch_and_reset(benchmark::State& state) {
  pages(state, true);
}
BENCHMARK(call_and_touch)->Arg(4)->Arg(64)->Arg(256);
BENCHMARK(call_and_touch_and_reset)->Arg(4)->Arg(64)->Arg(256);

void store_with_instance(benchmark::State& state) {
  module();
  for (auto _ : state) Guest guest;
}
BENCHMARK(store_with_instance)->Unit(benchmark::kMillisecond);

void compile_small_module(benchmark::State& state) {
  module();
  for (auto _ : state) must(Module::compile(kModule, {}));
}
BENCHMARK(compile_small_module)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace wattle::engine
