#include "wasi/random.h"

#include <algorithm>

#include "wasi/clocks.h"
#include "wasi/test_support.h"

namespace wattle::wasi {
namespace {

class Random : public WasiTest {};

TEST_F(Random, GivesAsManyBytesAsAskedFor) {
  on_fiber([&] {
    EXPECT_EQ(random_bytes(*host, 0)->size(), 0u);
    EXPECT_EQ(random_bytes(*host, 1000)->size(), 1000u);
    EXPECT_NE(*random_bytes(*host, 32), *random_bytes(*host, 32));
    EXPECT_NE(random_u64(*host), random_u64(*host));
  });
}

TEST_F(Random, TrapsOnMoreThanItsBound) {
  on_fiber([&] {
    EXPECT_TRUE(random_bytes(*host, kMaxRandomBytes));
    EXPECT_EQ(random_bytes(*host, kMaxRandomBytes + 1).error().code(), ErrorCode::trap);
    EXPECT_EQ(random_bytes(*host, UINT64_MAX).error().code(), ErrorCode::trap);
  });
}

TEST_F(Random, TakesTheEmbeddersBytes) {
  on_fiber([&] {
    context->random = [](std::span<uint8_t> bytes) { std::fill(bytes.begin(), bytes.end(), 7); };
    EXPECT_EQ(*random_bytes(*host, 3), (Bytes{7, 7, 7}));
  });
}

TEST(MonotonicClock, SaturatesFarInstants) {
  EXPECT_EQ(monotonic_instant(UINT64_MAX), kNever);
  EXPECT_EQ(monotonic_after(UINT64_MAX), kNever);
  EXPECT_EQ(monotonic_after(UINT64_MAX / 2), kNever);
  EXPECT_LT(monotonic_after(1'000'000'000), kNever);
  EXPECT_GT(monotonic_after(1'000'000'000), Clock::now());
}

}  // namespace
}  // namespace wattle::wasi
