// The yardstick of calls between hosts: request and reply of the plain C client of NATS, in turns of so many
// calls.
#pragma once

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <nats/nats.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace wattle::bench {

inline constexpr int kTurns = 11;
inline constexpr int kCallsPerTurn = 8000;  // of all callers together
inline constexpr size_t kPayloadBytes = 128;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().full_message());
  std::abort();
}

inline void must(natsStatus status) {
  if (status == NATS_OK) return;
  fmt::print(stderr, "libnats: {}\n", natsStatus_GetText(status));
  std::abort();
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline double microseconds(Duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

// One turn of one pair.
struct Turn {
  double calls_per_second = 0;
  double p50_us = 0;
};
inline Turn turn_of(std::vector<double> times_us, Duration whole) {
  const auto count = static_cast<double>(times_us.size());
  return {count / std::chrono::duration<double>(whole).count(), median(std::move(times_us))};
}

inline void answer(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                         natsMsg_GetDataLength(message));
  natsMsg_Destroy(message);
}

inline natsConnection* connect_c(const std::string& url) {
  natsOptions* options = nullptr;
  natsConnection* connection = nullptr;
  must(natsOptions_Create(&options));
  must(natsOptions_SetURL(options, url.c_str()));
  must(natsOptions_SetSendAsap(options, true));  // else a reply waits for a flusher's thread
  must(natsConnection_Connect(&connection, options));
  natsOptions_Destroy(options);
  return connection;
}

// A caller and a callee on connections of their own; a thread a caller.
class CPair {
 public:
  explicit CPair(const std::string& url) : responder_(connect_c(url)), requester_(connect_c(url)) {
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

  natsConnection* responder_;
  natsConnection* requester_;
  natsSubscription* served_ = nullptr;
};

// `ours` and the C client in turns, so that noise hits both alike; what it returns are medians of the turns.
struct Comparison {
  double per_second, c_per_second, ratio, p50_us, c_p50_us, p50_more_us;
};
template <class Ours>
Comparison compare(Ours& ours, CPair& theirs, int callers) {
  const std::string payload(kPayloadBytes, 'x');
  std::vector<double> rates, c_rates, ratios, p50s, c_p50s, more;
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
  return {median(rates), median(c_rates), median(ratios), median(p50s), median(c_p50s), median(more)};
}

inline void show(benchmark::State& state, const Comparison& figures) {
  state.counters["wattle_per_s"] = figures.per_second;
  state.counters["c_per_s"] = figures.c_per_second;
  state.counters["ratio"] = figures.ratio;
  state.counters["wattle_p50_us"] = figures.p50_us;
  state.counters["c_p50_us"] = figures.c_p50_us;
  state.counters["p50_more_us"] = figures.p50_more_us;
}

}  // namespace wattle::bench
