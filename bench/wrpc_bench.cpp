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
#include <nats/nats.h>

#include <algorithm>
#include <future>
#include <thread>

#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "wrpc/call_codec.h"

namespace wattle::wrpc {
namespace {

constexpr int kTurns = 11;
constexpr int kCallsPerTurn = 8000;  // of all callers together
constexpr size_t kPayloadBytes = 128;
constexpr std::string_view kPrefix = "default.callee";

// First called from main's thread, with which it ends.
nats::TestServer& nats_server() {
  static nats::TestServer running({.jetstream = false});
  return running;
}

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().full_message());
  std::abort();
}

void must(natsStatus status) {
  if (status == NATS_OK) return;
  fmt::print(stderr, "libnats: {}\n", natsStatus_GetText(status));
  std::abort();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// One turn of one pair.
struct Turn {
  double calls_per_second = 0;
  double p50_us = 0;
};
Turn turn_of(std::vector<double> times_us, Duration whole) {
  const auto count = static_cast<double>(times_us.size());
  return {count / std::chrono::duration<double>(whole).count(), median(std::move(times_us))};
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
    return turn_of(std::move(times_us), Clock::now() - begin);
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

void answer(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                         natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

natsConnection* connect_c() {
  natsOptions* options = nullptr;
  natsConnection* connection = nullptr;
  must(natsOptions_Create(&options));
  must(natsOptions_SetURL(options, nats_server().url().c_str()));
  must(natsOptions_SetSendAsap(options, true));  // else a reply waits for a flusher's thread
  must(natsConnection_Connect(&connection, options));
  natsOptions_Destroy(options);
  return connection;
}

class CPair {
 public:
  CPair() {
    must(natsConnection_Subscribe(&served_, responder_, "theirs", answer, nullptr));
    must(natsConnection_Flush(responder_));
  }
  ~CPair() {
    natsSubscription_Destroy(served_);
    natsConnection_Destroy(responder_);
    natsConnection_Destroy(requester_);
  }
  CPair(const CPair&) = delete;
  CPair& operator=(const CPair&) = delete;

  Turn turn(int callers, const std::string& payload) {
    std::vector<std::vector<double>> times_us(static_cast<size_t>(callers));
    std::vector<std::thread> threads;
    threads.reserve(times_us.size());
    const TimePoint begin = Clock::now();
    for (auto& its : times_us)
      threads.emplace_back([&, this] { ask(kCallsPerTurn / callers, payload, its); });
    for (auto& thread : threads) thread.join();
    const Duration whole = Clock::now() - begin;
    std::vector<double> all;
    for (const auto& its : times_us) all.insert(all.end(), its.begin(), its.end());
    return turn_of(std::move(all), whole);
  }

 private:
  void ask(int requests, const std::string& payload, std::vector<double>& times_us) {
    for (int i = 0; i < requests; ++i) {
      natsMsg* reply = nullptr;
      const TimePoint begin = Clock::now();
      must(natsConnection_Request(&reply, requester_, "theirs", payload.data(),
                                  static_cast<int>(payload.size()), 10'000));
      times_us.push_back(microseconds(Clock::now() - begin));
      natsMsg_Destroy(reply);
    }
  }

  natsConnection* responder_ = connect_c();
  natsConnection* requester_ = connect_c();
  natsSubscription* served_ = nullptr;
};

void calls(benchmark::State& state) {
  (void)nats_server();
  OurPair ours;
  CPair theirs;
  const std::string payload(kPayloadBytes, 'x');
  const auto callers = static_cast<int>(state.range(0));
  std::vector<double> rates, c_rates, ratios, p50s, c_p50s, more;
  for ([[maybe_unused]] auto _ : state) {
    for (int i = 0; i < kTurns; ++i) {
      const Turn our_turn = ours.turn(callers, payload);
      const Turn their_turn = theirs.turn(callers, payload);
      rates.push_back(our_turn.calls_per_second);
      c_rates.push_back(their_turn.calls_per_second);
      ratios.push_back(our_turn.calls_per_second / their_turn.calls_per_second);
      p50s.push_back(our_turn.p50_us);
      c_p50s.push_back(their_turn.p50_us);
      more.push_back(our_turn.p50_us - their_turn.p50_us);
    }
  }
  state.counters["wattle_per_s"] = median(rates);
  state.counters["c_per_s"] = median(c_rates);
  state.counters["ratio"] = median(ratios);
  state.counters["wattle_p50_us"] = median(p50s);
  state.counters["c_p50_us"] = median(c_p50s);
  state.counters["p50_more_us"] = median(more);
}
BENCHMARK(calls)->Arg(1)->Arg(16)->Arg(64)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace wattle::wrpc
