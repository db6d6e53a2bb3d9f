#include "wasi/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace wattle::wasi {

namespace {

void fill(Host& host, std::span<uint8_t> bytes) {
  if (const auto& replaced = context_of(host).random) return replaced(bytes);
  while (!bytes.empty()) {
    const ssize_t count = getrandom(bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) std::abort();  // a kernel without getrandom: nothing safe is left to do
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

}  // namespace

Result<Bytes> random_bytes(Host& host, uint64_t length) {
  if (length > kMaxRandomBytes)
    return failure(ErrorCode::trap, "{} random bytes asked for: at most {} at once", length, kMaxRandomBytes);
  Bytes bytes(static_cast<size_t>(length));
  fill(host, bytes);
  return bytes;
}

uint64_t random_u64(Host& host) {
  uint64_t value = 0;
  fill(host, {reinterpret_cast<uint8_t*>(&value), sizeof value});
  return value;
}

void add_random(runtime::Linker& linker) {
  constexpr std::string_view kRandom = "wasi:random/random@0.2.12";
  linker.function(kRandom, "get-random-bytes",
                  [](Host& host, uint64_t length) { return random_bytes(host, length); });
  linker.function(kRandom, "get-random-u64", [](Host& host) { return random_u64(host); });
  constexpr std::string_view kInsecure = "wasi:random/insecure@0.2.12";
  linker.function(kInsecure, "get-insecure-random-bytes",
                  [](Host& host, uint64_t length) { return random_bytes(host, length); });
  linker.function(kInsecure, "get-insecure-random-u64", [](Host& host) { return random_u64(host); });
  linker.function("wasi:random/insecure-seed@0.2.12", "insecure-seed", [](Host& host) {
    return std::tuple<uint64_t, uint64_t>{random_u64(host), random_u64(host)};
  });
}

}  // namespace wattle::wasi
