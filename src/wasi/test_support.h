// For the tests of this folder: a host with a context, on a fiber of a worker.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "wasi/context.h"

namespace wattle::wasi {

class WasiTest : public testing::Test {
 protected:
  // Runs `body` on a fiber until nothing is left to do. Whatever waits for ever ends after 10 s with an
  // error.
  void on_fiber(const std::function<void()>& body) {
    async::Worker worker;
    worker.spawn([&] {
      async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(10));
      context.emplace(pool);
      host.emplace();
      host->attach(*context);
      body();
      host.reset();
      context.reset();
    });
    worker.run();
  }

  async::OffloadPool pool{2};
  std::optional<Context> context;
  std::optional<runtime::Host> host;
};

// The value of an operation on a stream that must succeed.
template <class T, class E>
T good(Result<tl::expected<T, E>> result) {
  EXPECT_TRUE(result && *result);
  return result && *result ? std::move(**result) : T{};
}

inline std::string text_of(const Bytes& bytes) {
  return std::string(bytes.begin(), bytes.end());
}
inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace wattle::wasi
