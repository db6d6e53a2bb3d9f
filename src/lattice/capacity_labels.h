// The labels by which a host tells what it has for what runs there. One without them has no limit that
// anybody knows.
#pragma once

#include <string_view>

namespace wattle::lattice {

inline constexpr std::string_view kMemoryLabel = "hostcore.memory";  // bytes: "8589934592"
inline constexpr std::string_view kCpusLabel = "hostcore.cpus";      // CPUs, to a thousandth: "4", "0.5"

}  // namespace wattle::lattice
