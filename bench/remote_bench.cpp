// A component that calls a component on another host, beside plain request and reply of the C client of NATS,
// in one program, with one nats-server that it starts itself.
//
//   remote_bench [--benchmark_filter=...]
//
// Two hosts' data sides, with one worker each and connections of their own; the callee is pristine for each
// call. A caller is an instance of the calling component, which makes its calls one after the other; p50 is
// that of the means of 50 calls. Counters as wrpc_bench has them (targets: a ratio of 0.6, p50 at most 60 us
// more). Needs tools/guests linked-caller-c linked-callee-c.
//
// `linked_on_one_host` is the same call of a function with two numbers where the callee runs on the caller's
// host, which no bus carries: `ns_a_call` of 100,000 calls by one instance.
#include <benchmark/benchmark.h>

#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "engine/engine.h"
#include "host/data_plane.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "nats_yardstick.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "wrpc/call_codec.h"

namespace wattle::host {
namespace {

using bench::kCallsPerTurn;
using bench::microseconds;
using bench::must;
using bench::Turn;

constexpr const char* kLattice = "bench";
constexpr uint32_t kCallsAtOnce = 50;
constexpr uint32_t kCallersMax = 64;

nats::TestServer& nats_server() {
  static nats::TestServer running({.jetstream = false});
  return running;
}

Result<std::unique_ptr<lattice::Bus>> connect(async::Worker& worker) {
  WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = {.urls = {nats_server().url()}}}));
  return bus;
}

std::shared_ptr<const runtime::Component> load_guest(const std::string& name) {
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  return must(runtime::Component::load({std::istreambuf_iterator<char>(file), {}}, {}));
}

lattice::Link link(const char* source, const char* target, const char* package, const char* interface) {
  return {.source_id = source,
          .target = target,
          .wit_namespace = "wattle",
          .wit_package = package,
          .interfaces = {interface}};
}

class TwoHosts {
 public:
  TwoHosts() {
    on_fiber([&] {
      near_ = start("NNEAR");
      far_ = start("NFAR");
      const auto links = lattice::LinkTable::build(
          {link("bench", "caller", "linking", "relay"), link("caller", "callee", "linked", "work")});
      for (DataPlane* host : {near_.get(), far_.get()}) host->set_links(links);
      put(*near_, "caller", "linked-caller-c");
      put(*far_, "callee", "linked-callee-c");
    });
  }
  ~TwoHosts() {
    on_fiber([&] {
      near_->drain();
      far_->drain();
    });
  }

  Turn turn(int callers, const std::string& payload) {
    std::vector<double> times_us;
    const TimePoint begin = Clock::now();
    on_fiber([&] {
      const auto bus = must(connect(async::Fiber::current().worker()));
      const auto client = must(wrpc::Client::start(*bus));
      int left = callers;
      async::Signal over;
      for (int caller = 0; caller < callers; ++caller)
        async::Fiber::current().worker().spawn([&] {
          async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
          for (uint32_t done = 0; done < kCallsPerTurn / static_cast<uint32_t>(callers); done += kCallsAtOnce)
            ask(*client, payload, times_us);
          if (--left == 0) over.notify();
        });
      while (left > 0) (void)over.wait();
    });
    const double calls = static_cast<double>(times_us.size()) * kCallsAtOnce;
    return {calls / std::chrono::duration<double>(Clock::now() - begin).count(),
            bench::median(std::move(times_us))};
  }

 private:
  static void on_fiber(const std::function<void()>& body) {
    async::Worker worker;
    worker.spawn(body);
    worker.run();
  }
  static void put(DataPlane& host, const char* id, const char* guest) {
    must(host.put_component({.id = id, .component = load_guest(guest), .max_instances = kCallersMax})
             .transform([] { return true; }));
  }
  static void ask(wrpc::Client& client, const std::string& payload, std::vector<double>& times_us) {
    const lattice::Headers headers{{"source-id", "bench"}, {"link-name", "default"}};
    const std::string prefix = lattice::call_prefix(kLattice, "caller");
    const TimePoint begin = Clock::now();
    const auto bytes = must(wrpc::call_typed<uint64_t>(client,
                                                       {.prefix = prefix,
                                                        .instance = "wattle:linking/relay@1.0.0",
                                                        .function = "echo-often",
                                                        .headers = &headers},
                                                       payload, kCallsAtOnce));
    if (std::get<0>(bytes) != payload.size() * kCallsAtOnce) std::abort();
    times_us.push_back(microseconds(Clock::now() - begin) / kCallsAtOnce);
  }
  std::unique_ptr<DataPlane> start(const char* id) {
    return must(DataPlane::start(
        {.host_id = id, .lattice = kLattice, .workers = 1, .log = &log_, .connect = connect}));
  }

  telemetry::Log log_{
      {.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}}};
  std::unique_ptr<DataPlane> near_, far_;
};

// Nanoseconds for each of `calls` along a link on one host.
double call_on_one_host(uint32_t calls) {
  const telemetry::Log log{
      {.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}}};
  double taken = 0;
  async::Worker worker;
  worker.spawn([&] {
    const auto host = must(DataPlane::start(
        {.host_id = "NONE", .lattice = kLattice, .workers = 1, .log = &log, .connect = connect}));
    host->set_links(lattice::LinkTable::build(
        {link("bench", "caller", "linking", "relay"), link("caller", "callee", "linked", "work")}));
    const auto put = [&](const char* id, const char* guest) {
      must(host->put_component({.id = id, .component = load_guest(guest)}).transform([] { return true; }));
    };
    put("caller", "linked-caller-c");
    put("callee", "linked-callee-c");
    const auto bus = must(connect(async::Fiber::current().worker()));
    const auto client = must(wrpc::Client::start(*bus));
    const lattice::Headers headers{{"source-id", "bench"}, {"link-name", "default"}};
    const std::string prefix = lattice::call_prefix(kLattice, "caller");
    async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
    const TimePoint begin = Clock::now();
    must(wrpc::call_typed<uint32_t>(*client,
                                    {.prefix = prefix,
                                     .instance = "wattle:linking/relay@1.0.0",
                                     .function = "add-often",
                                     .headers = &headers},
                                    calls));
    taken = std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / calls;
    host->drain();
  });
  worker.run();
  return taken;
}

void linked_on_one_host(benchmark::State& state) {
  (void)nats_server();
  must(engine::start({}).transform([] { return true; }));
  constexpr uint32_t kCalls = 100'000;
  for ([[maybe_unused]] auto _ : state) state.counters["ns_a_call"] = call_on_one_host(kCalls);
}
BENCHMARK(linked_on_one_host)->Iterations(1)->Repetitions(5)->Unit(benchmark::kMillisecond)->UseRealTime();

void remote_calls(benchmark::State& state) {
  (void)nats_server();
  must(engine::start({}).transform([] { return true; }));
  TwoHosts ours;
  bench::CPair theirs(nats_server().url());
  for ([[maybe_unused]] auto _ : state)
    bench::show(state, bench::compare(ours, theirs, static_cast<int>(state.range(0))));
}
BENCHMARK(remote_calls)
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace wattle::host
