// What a call pays to be let through: finding its link among many, and the checks at both ends.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "lattice/authorize.h"

namespace {

using namespace wattle::lattice;

std::shared_ptr<const LinkTable> table_of(int64_t links) {
  std::vector<Link> all;
  for (int64_t i = 0; i < links; ++i)
    all.push_back({.source_id = "shop-component-" + std::to_string(i % 50),
                   .target = "shop-provider-" + std::to_string(i),
                   .name = "link-" + std::to_string(i / 50),
                   .wit_namespace = "wasi",
                   .wit_package = "keyvalue",
                   .interfaces = {"store", "atomics"},
                   .source_config = {},
                   .target_config = {}});
  return LinkTable::build(std::move(all));
}

void authorize_at_caller(benchmark::State& state) {
  const auto table = table_of(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(
        authorize(*table, "shop-component-7", "link-0", "wasi:keyvalue/store@0.2.0-draft", "bucket.get"));
}
BENCHMARK(authorize_at_caller)->Arg(50)->Arg(5000);

void authorize_at_callee(benchmark::State& state) {
  const auto table = table_of(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(authorize(*table, "shop-component-7", "link-0",
                                       "wrpc:keyvalue/store@0.2.0-draft", "bucket.get", "shop-provider-7"));
}
BENCHMARK(authorize_at_callee)->Arg(50)->Arg(5000);

}  // namespace
