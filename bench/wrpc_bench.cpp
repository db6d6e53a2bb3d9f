// Calls between two hosts over wRPC beside plain request and reply of the C client of NATS, in one program,
// with one nats-server that it starts itself.
//
//   wrpc_bench [--benchmark_filter=...]
//
// Each pair is a caller and a callee on connections and threads of their own, as two hosts have them: ours
// with parameters decoded, a fiber for the call, and the result encoded. The pairs take turns with the same
// number of callers (fibers here, threads there), so that noise hits both alike. Counters are medians of the
// turns: calls a second of both and their ratio (target: 0.6), p50 of both and how much more ours is (target:
// 60 us).
#include <benchmark/benchmark.h>

#include <future>
#include <thread>

#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "nats_yardstick.h"
#include "wrpc/call_codec.h"

namespace wattle::wrpc {
namespace {

using bench::kCallsPerTurn;
using bench::kPayloadBytes;
using bench::microseconds;
using bench::must;
using bench::Turn;
constexpr std::string_view kPrefix = "default.callee";

// First called from main's thread, with which it ends.
nats::TestServer& nats_server() {
  static nats::TestServer running({.jetstream = false});
  return running;
}

// A worker on a thread of its own, with a bus, until it is told to stop.
class Host {
 public:
  explicit Host(std::function<void(Host&)> begin) {
    std::promise<void> ready;
    thread_ = std::thread([this, begin = std::move(begin), &ready] {
      async::Worker worker;
      worker_ = &worker;
      worker.spawn([&] {
        bus = must(lattice::NatsBus::connect(worker, {.client = {.urls = {nats_server().url()}}}));
        begin(*this);
        (void)bus->flush();
        ready.set_value();
        while (!stopping_) (void)stop_.wait();
        client.reset();
        service.reset();
        server.reset();
        bus.reset();
      });
      worker.run();
    });
    ready.get_future().get();
  }
  ~Host() {
    worker_->post([this] {
      stopping_ = true;
      stop_.notify();
    });
    thread_.join();
  }
  // Runs `body` on a fiber there and waits for its end.
  void run(const std::function<void()>& body) {
    std::promise<void> done;
    worker_->post([&] {
      worker_->spawn([&] {
        body();
        done.set_value();
      });
    });
    done.get_future().get();
  }
  async::Worker& worker() { return *worker_; }

  std::unique_ptr<lattice::NatsBus> bus;
  std::unique_ptr<Server> server;
  std::unique_ptr<Service> service;
  std::unique_ptr<Client> client;

 private:
  std::thread thread_;
  async::Worker* worker_ = nullptr;
  async::Signal stop_;
  bool stopping_ = false;
};

class OurPair {
 public:
  Turn turn(int callers, const std::string& payload) {
    std::vector<double> times_us;
    times_us.reserve(kCallsPerTurn);
    const TimePoint begin = Clock::now();
    caller_.run([&] {
      int left = callers;
      async::Signal over;
      for (int caller = 0; caller < callers; ++caller)
        caller_.worker().spawn([&] {
          ask(kCallsPerTurn / callers, payload, times_us);
          if (--left == 0) over.notify();
        });
      while (left > 0) (void)over.wait();
    });
    return bench::turn_of(std::move(times_us), Clock::now() - begin);
  }

 private:
  void ask(int calls, const std::string& payload, std::vector<double>& times_us) {
    const lattice::Headers headers{{"source-id", "caller"}, {"link-name", "default"}};
    async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
    for (int i = 0; i < calls; ++i) {
      const TimePoint begin = Clock::now();
      Call call{.prefix = kPrefix, .instance = "bench:calls/calls@0.1.0", .function = "echo"};
      call.headers = &headers;
      const auto answer = must(call_typed<Binary>(*caller_.client, std::move(call), Binary{payload}));
      if (std::get<0>(answer).bytes.size() != kPayloadBytes) std::abort();
      times_us.push_back(microseconds(Clock::now() - begin));
    }
  }

  Host callee_{[](Host& host) {
    host.server = must(Server::start(*host.bus, {.host = "NCALLEE"}));
    host.service = must(host.server->serve(std::string(kPrefix), std::string(kPrefix),
                                           [](IncomingCall& call) -> Result<Reply> {
                                             WATTLE_TRY(auto parameters, parameters_of<Binary>(call));
                                             return reply_with(std::get<0>(parameters));
                                           }));
  }};
  Host caller_{[](Host& host) { host.client = must(Client::start(*host.bus)); }};
};

void calls(benchmark::State& state) {
  (void)nats_server();
  OurPair ours;
  bench::CPair theirs(nats_server().url());
  for ([[maybe_unused]] auto _ : state)
    bench::show(state, bench::compare(ours, theirs, static_cast<int>(state.range(0))));
}
BENCHMARK(calls)->Arg(1)->Arg(16)->Arg(64)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace wattle::wrpc
