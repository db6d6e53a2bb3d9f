// The latency of request and reply over NATS: our client beside the plain C client, in one program, with one
// nats-server that it starts itself.
//
//   nats_bench [--benchmark_filter=...]
//
// Each pair is a requester and a responder on connections and threads of their own, as two hosts have them.
// The pairs take turns within each iteration of `latency`, so that noise hits both alike; its counters are
// medians: wattle_p50_us, c_p50_us and their ratio. `requests` measures how many requests a second N callers
// make at once.
#include <benchmark/benchmark.h>
#include <nats/nats.h>

#include <algorithm>
#include <future>
#include <thread>

#include "nats/client.h"
#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

constexpr int kTurns = 20;
constexpr int kRequestsPerTurn = 500;
constexpr size_t kPayloadBytes = 128;

// First called from main's thread, with which it ends.
TestServer& server() {
  static TestServer running({.jetstream = false});
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

double median_us(std::vector<Duration>& times) {
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return std::chrono::duration<double, std::micro>(times[times.size() / 2]).count();
}

// A worker on a thread of its own, with a client, until it is told to stop.
class OurPeer {
 public:
  explicit OurPeer(std::function<void(Client&)> begin = {}) {
    std::promise<void> ready;
    thread_ = std::thread([this, begin = std::move(begin), &ready] {
      async::Worker worker;
      worker.spawn([&] {
        auto client = must(Client::connect(worker, {.urls = {server().url()}}));
        client_ = client.get();
        worker_ = &worker;
        if (begin) begin(*client);
        ready.set_value();
        while (!stopping_) (void)stop_.wait();
      });
      worker.run();
    });
    ready.get_future().get();
  }
  ~OurPeer() {
    worker_->post([this] {
      stopping_ = true;
      stop_.notify();
    });
    thread_.join();
  }
  // Runs `body(client)` on a fiber there and waits for its end.
  void run(const std::function<void(Client&)>& body) {
    std::promise<void> done;
    worker_->post([&] {
      worker_->spawn([&] {
        body(*client_);
        done.set_value();
      });
    });
    done.get_future().get();
  }

 private:
  std::thread thread_;
  async::Worker* worker_ = nullptr;
  Client* client_ = nullptr;
  async::Signal stop_;
  bool stopping_ = false;
};

struct OurPair {
  Subscription served;
  OurPeer responder{[this](Client& client) {
    served = must(client.subscribe("ours", {}, [&client](const Message& message) {
      (void)client.publish(message.reply, message.payload);
    }));
    (void)client.flush();
  }};
  OurPeer requester;
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
  must(natsOptions_SetURL(options, server().url().c_str()));
  must(natsOptions_SetSendAsap(options, true));  // else a reply waits for a flusher's thread
  must(natsConnection_Connect(&connection, options));
  natsOptions_Destroy(options);
  return connection;
}

struct CPair {
  CPair() {
    must(natsConnection_Subscribe(&served, responder, "theirs", answer, nullptr));
    must(natsConnection_Flush(responder));
  }
  ~CPair() {
    natsSubscription_Destroy(served);
    natsConnection_Destroy(responder);
    natsConnection_Destroy(requester);
  }
  natsConnection* responder = connect_c();
  natsConnection* requester = connect_c();
  natsSubscription* served = nullptr;
};

void ask_ours(Client& client, const std::string& payload, int requests, std::vector<Duration>& times) {
  for (int i = 0; i < requests; ++i) {
    const TimePoint begin = Clock::now();
    (void)must(client.request("ours", payload));
    times.push_back(Clock::now() - begin);
  }
}

void ask_c(natsConnection* connection, const std::string& payload, int requests,
           std::vector<Duration>& times) {
  for (int i = 0; i < requests; ++i) {
    natsMsg* reply = nullptr;
    const TimePoint begin = Clock::now();
    must(natsConnection_Request(&reply, connection, "theirs", payload.data(),
                                static_cast<int>(payload.size()), 10'000));
    times.push_back(Clock::now() - begin);
    natsMsg_Destroy(reply);
  }
}

void latency(benchmark::State& state) {
  (void)server();
  OurPair ours;
  CPair theirs;
  const std::string payload(kPayloadBytes, 'x');
  std::vector<Duration> our_times;
  std::vector<Duration> their_times;
  std::vector<double> ratios;
  for ([[maybe_unused]] auto _ : state) {
    for (int turn = 0; turn < kTurns; ++turn) {
      std::vector<Duration> our_turn;
      std::vector<Duration> their_turn;
      ours.requester.run([&](Client& client) { ask_ours(client, payload, kRequestsPerTurn, our_turn); });
      ask_c(theirs.requester, payload, kRequestsPerTurn, their_turn);
      our_times.insert(our_times.end(), our_turn.begin(), our_turn.end());
      their_times.insert(their_times.end(), their_turn.begin(), their_turn.end());
      ratios.push_back(median_us(our_turn) / median_us(their_turn));
    }
  }
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<long>(ratios.size() / 2), ratios.end());
  state.counters["wattle_p50_us"] = median_us(our_times);
  state.counters["c_p50_us"] = median_us(their_times);
  state.counters["ratio"] = ratios[ratios.size() / 2];
}
BENCHMARK(latency)->Iterations(1)->Unit(benchmark::kMillisecond)->UseRealTime();

// `callers` at once: fibers here, threads there.
void requests_wattle(benchmark::State& state) {
  (void)server();
  OurPair ours;
  const std::string payload(kPayloadBytes, 'x');
  const auto callers = static_cast<int>(state.range(0));
  int64_t asked = 0;
  for ([[maybe_unused]] auto _ : state)
    ours.requester.run([&](Client& client) {
      int left = callers;
      async::Signal over;
      for (int caller = 0; caller < callers; ++caller)
        client.worker().spawn([&] {
          std::vector<Duration> times;
          ask_ours(client, payload, kRequestsPerTurn, times);
          if (--left == 0) over.notify();
        });
      while (left > 0) (void)over.wait();
      asked += static_cast<int64_t>(callers) * kRequestsPerTurn;
    });
  state.SetItemsProcessed(asked);
}
BENCHMARK(requests_wattle)->Arg(1)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime();

void requests_c(benchmark::State& state) {
  (void)server();
  CPair theirs;
  const std::string payload(kPayloadBytes, 'x');
  const auto callers = static_cast<int>(state.range(0));
  int64_t asked = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<size_t>(callers));
    for (int caller = 0; caller < callers; ++caller)
      threads.emplace_back([&] {
        std::vector<Duration> times;
        ask_c(theirs.requester, payload, kRequestsPerTurn, times);
      });
    for (auto& thread : threads) thread.join();
    asked += static_cast<int64_t>(callers) * kRequestsPerTurn;
  }
  state.SetItemsProcessed(asked);
}
BENCHMARK(requests_c)->Arg(1)->Arg(16)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace wattle::nats
