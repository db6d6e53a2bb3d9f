#include "manager/capacity.h"

#include <algorithm>
#include <array>

#include "base/parse.h"
#include "lattice/capacity_labels.h"

namespace wattle::manager {
namespace {

uint64_t times(uint64_t requested, uint64_t instances) {
  return requested == 0 || instances <= kUsageMax / requested ? requested * instances : kUsageMax;
}

uint64_t left_of(uint64_t all, uint64_t used) {
  return all == UINT64_MAX ? UINT64_MAX : all - std::min(all, used);
}

uint64_t fitting(uint64_t left, uint64_t requested) {
  return requested == 0 || left == UINT64_MAX ? UINT64_MAX : left / requested;
}

// "64 MiB", "1.5 GiB", rounded down: what is left never looks like more than it is.
std::string describe_memory(uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes >> (10 * (unit + 1)) != 0) ++unit;
  const uint64_t one = uint64_t{1} << (10 * unit);
  const uint64_t tenths = bytes % one * 10 / one;
  if (tenths == 0) return fmt::format("{} {}", bytes / one, kUnits[unit]);
  return fmt::format("{}.{} {}", bytes / one, tenths, kUnits[unit]);
}

}  // namespace

Usage usage_of(const Requests& requests, uint64_t instances) {
  return {times(requests.memory, instances), times(requests.milli_cpus, instances)};
}

Usage operator+(const Usage& left, const Usage& right) {
  return {left.memory + right.memory, left.milli_cpus + right.milli_cpus};
}

Usage operator-(const Usage& left, const Usage& right) {
  return {left.memory - right.memory, left.milli_cpus - right.milli_cpus};
}

Usage most_of(const Usage& left, const Usage& right) {
  return {std::max(left.memory, right.memory), std::max(left.milli_cpus, right.milli_cpus)};
}

Usage least_of(const Usage& left, const Usage& right) {
  return {std::min(left.memory, right.memory), std::min(left.milli_cpus, right.milli_cpus)};
}

std::string describe(const Requests& requests) {
  if (!requests.any()) return "nothing";
  std::string text;
  if (requests.memory != 0) text = describe_memory(requests.memory) + " of memory";
  if (requests.milli_cpus != 0)
    text += fmt::format("{}{} CPU", text.empty() ? "" : " and ", format_cpu_quantity(requests.milli_cpus));
  return text;
}

Capacity::Capacity(const StringMap& labels) {
  const auto read = [&](std::string_view name, auto parse, uint64_t& value) {
    const auto label = labels.find(std::string(name));
    if (label == labels.end()) return;
    if (const auto quantity = parse(label->second)) value = *quantity;
  };
  read(lattice::kMemoryLabel, parse_memory_quantity, memory_);
  read(lattice::kCpusLabel, parse_cpu_quantity, milli_cpus_);
}

uint32_t Capacity::room_for(const Requests& requests) const {
  const uint64_t by_memory = fitting(left_of(memory_, used_.memory), requests.memory);
  const uint64_t by_cpus = fitting(left_of(milli_cpus_, used_.milli_cpus), requests.milli_cpus);
  return static_cast<uint32_t>(std::min<uint64_t>({by_memory, by_cpus, UINT32_MAX}));
}

std::string Capacity::lack_of(const Requests& requests, uint64_t more) const {
  const Usage used = used_ + usage_of(requests, more);
  if (const uint64_t left = left_of(memory_, used.memory); left < requests.memory)
    return fmt::format("{} asked, {} left of {}", describe_memory(requests.memory), describe_memory(left),
                       describe_memory(memory_));
  const uint64_t left = left_of(milli_cpus_, used.milli_cpus);
  return fmt::format("{} CPU asked, {} left of {}", format_cpu_quantity(requests.milli_cpus),
                     format_cpu_quantity(left), format_cpu_quantity(milli_cpus_));
}

}  // namespace wattle::manager
