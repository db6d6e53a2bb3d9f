// Durations, sizes and quantities as people write them, on the command line and in configuration.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace wattle {

// "250ms", "5s", "1m", "2h", "1.5s"; units ns, us, ms, s, m, h. A bare "0" is zero; any other number needs
// its unit.
Result<Duration> parse_duration(std::string_view text);
// "1.5s", "250ms": the largest unit that keeps the number at 1 or more, at most three decimals.
std::string format_duration(Duration duration);

// "64MiB", "1GiB", "512KiB", "10MB", "4096": bytes, with powers of 1024 (KiB ...) or of 1000 (kB, KB, MB,
// GB).
Result<uint64_t> parse_bytes(std::string_view text);
// "64 MiB", "1.5 KiB", "17 B".
std::string format_bytes(uint64_t bytes);

// As Kubernetes writes quantities. Memory, in bytes: "64Mi", "1G", "1.5Gi", "129e6", "67108864", with powers
// of 1024 (Ki, Mi, Gi, Ti) or of 1000 (k, M, G, T); at most kMemoryQuantityMax.
Result<uint64_t> parse_memory_quantity(std::string_view text);
inline constexpr uint64_t kMemoryQuantityMax = uint64_t{1} << 50;
// CPUs, in thousandths: "2", "0.5", "500m", nothing finer; at most kMilliCpusMax.
Result<uint32_t> parse_cpu_quantity(std::string_view text);
inline constexpr uint32_t kMilliCpusMax = 1'000'000'000;
// "2", "500m".
std::string format_cpu_quantity(uint64_t milli_cpus);

}  // namespace wattle
