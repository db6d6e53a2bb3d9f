// What tests of the transport share: two ends on buses of one worker, in memory or on a real server.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "lattice/bus_test_support.h"
#include "wrpc/call_codec.h"

namespace wattle::wrpc {

using namespace std::chrono_literals;

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().full_message();
  std::abort();
}
inline void must(const Result<void>& result) {
  EXPECT_TRUE(result) << result.error().full_message();
}

inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Everything that comes out of a pipe, and how it ended.
struct Drained {
  std::string bytes;
  std::optional<Error> error;
};
inline Drained drain(async::Pipe& pipe) {
  Drained all;
  uint8_t buffer[5000];
  while (true) {
    const auto count = pipe.read_some(buffer);
    if (!count) {
      all.error = count.error();
      return all;
    }
    if (*count == 0) return all;
    all.bytes.append(reinterpret_cast<const char*>(buffer), *count);
  }
}

// Writes and closes, on a fiber of its own.
inline void client_writes(const std::shared_ptr<async::Pipe>& pipe, const std::string& bytes) {
  async::Fiber::current().worker().spawn([pipe, bytes] {
    if (pipe->write_all(as_bytes(bytes))) pipe->close();
  });
}

inline std::string pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 + i / 251);
  return text;
}

class TransportTest : public testing::TestWithParam<lattice::BusKind> {
 protected:
  static constexpr std::string_view kPrefix = "default.shop-kv";
  static constexpr std::string_view kInstance = "shop:prices/prices@0.1.0";

  static void TearDownTestSuite() { places().clear(); }
  static lattice::BusPlace& here() { return places().try_emplace(GetParam(), GetParam()).first->second; }

  // Runs `test(caller's bus, callee's bus)`.
  template <class Test>
  static void with_buses(Test test) {
    nats::run_test([&](async::Worker& worker) {
      const auto caller = here().connect(worker);
      const auto callee = here().connect(worker);
      test(*caller, *callee);
    });
  }
  // Runs `test(client, server, service)` with `handler` behind kPrefix.
  template <class Test>
  static void with_pair(CallHandler handler, Test test, ServerOptions options = {.host = "NCALLEE"}) {
    with_buses([&](lattice::Bus& caller, lattice::Bus& callee) {
      const auto server = must(Server::start(callee, options));
      const auto service = must(server->serve(std::string(kPrefix), std::string(kPrefix), handler));
      must(callee.flush());
      const auto client = must(Client::start(caller));
      test(*client, *server, *service);
    });
  }
  static Call call_of(std::string_view function) {
    return {.prefix = kPrefix, .instance = kInstance, .function = function};
  }

 private:
  static std::map<lattice::BusKind, lattice::BusPlace>& places() {
    static std::map<lattice::BusKind, lattice::BusPlace> places;
    return places;
  }
};

inline std::string bus_name(const testing::TestParamInfo<lattice::BusKind>& info) {
  return info.param == lattice::BusKind::memory ? "Memory" : "Nats";
}

}  // namespace wattle::wrpc
