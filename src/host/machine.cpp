#include "host/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include "base/parse.h"
#include "lattice/capacity_labels.h"

namespace wattle::host {
namespace {

constexpr std::string_view kGroups = "/sys/fs/cgroup";

// The first line, as words; empty where there is no such file.
std::vector<std::string> words_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; words.size() < 2 && file >> word;) words.push_back(std::move(word));
  return words;
}

// Nothing: "max", -1 and whatever else is no number.
std::optional<uint64_t> number_in(const std::vector<std::string>& words, size_t index) {
  if (index >= words.size()) return {};
  uint64_t number = 0;
  const char* const end = words[index].data() + words[index].size();
  const auto [rest, problem] = std::from_chars(words[index].data(), end, number);
  if (problem != std::errc() || rest != end) return {};
  return number;
}

void lower(uint64_t& least, std::optional<uint64_t> limit) {
  if (limit) least = std::min(least, *limit);
}

std::optional<uint64_t> milli_cpus_of(std::optional<uint64_t> quota, std::optional<uint64_t> period) {
  if (!quota || !period || *period == 0 || *quota > UINT64_MAX / 1000) return {};
  return std::max<uint64_t>(1, *quota * 1000 / *period);
}

// A group and those around it, below `mount`, the whole mount last: in a container that sees its own group as
// the whole, the path from outside is not there.
std::vector<std::string> groups_of(const std::string& mount, std::string path) {
  std::vector<std::string> groups;
  while (path.size() > 1) {
    groups.push_back(mount + path);
    path.erase(path.rfind('/'));
  }
  groups.push_back(mount);
  return groups;
}

// The own group's path, of the hierarchy with this controller; "": of version 2.
std::string own_group(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names == ",," ? controller.empty() : names.find(fmt::format(",{},", controller)) != std::string::npos)
      return line.substr(second + 1);
  }
  return {};
}

uint64_t memory_there() {
  const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(bytes) : UINT64_MAX;
}

// Those that this process may run on.
unsigned cpus_there() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return static_cast<unsigned>(CPU_COUNT(&allowed));
  return std::thread::hardware_concurrency();
}

}  // namespace

MachineCapacity machine_capacity(const std::string& root) {
  uint64_t memory = memory_there(), milli_cpus = uint64_t{1000} * cpus_there();
  const std::string mount = root + std::string(kGroups);
  for (const std::string& group : groups_of(mount, own_group(root, ""))) {
    lower(memory, number_in(words_in(group + "/memory.max"), 0));
    const auto cpu = words_in(group + "/cpu.max");
    lower(milli_cpus, milli_cpus_of(number_in(cpu, 0), number_in(cpu, 1)));
  }
  for (const std::string& group : groups_of(mount + "/memory", own_group(root, "memory")))
    lower(memory, number_in(words_in(group + "/memory.limit_in_bytes"), 0));
  for (const std::string& group : groups_of(mount + "/cpu", own_group(root, "cpu")))
    lower(milli_cpus, milli_cpus_of(number_in(words_in(group + "/cpu.cfs_quota_us"), 0),
                                    number_in(words_in(group + "/cpu.cfs_period_us"), 0)));
  MachineCapacity capacity;
  if (memory != UINT64_MAX) capacity.memory_bytes = memory;
  if (milli_cpus != 0)
    capacity.milli_cpus = static_cast<uint32_t>(std::min<uint64_t>(milli_cpus, kMilliCpusMax));
  return capacity;
}

lattice::StringMap capacity_labels(const MachineCapacity& capacity) {
  lattice::StringMap labels;
  if (capacity.memory_bytes) labels.emplace(lattice::kMemoryLabel, std::to_string(*capacity.memory_bytes));
  if (!capacity.milli_cpus) return labels;
  std::string cpus = fmt::format("{}.{:03}", *capacity.milli_cpus / 1000, *capacity.milli_cpus % 1000);
  cpus.erase(cpus.find_last_not_of('0') + 1);
  if (cpus.back() == '.') cpus.pop_back();
  labels.emplace(lattice::kCpusLabel, std::move(cpus));
  return labels;
}

}  // namespace wattle::host
