#include "cli/capacity_options.h"

#include "base/parse.h"
#include "cli/sandbox.h"

namespace wattle::cli {

void CapacityOptions::add_to(CLI::App& verb) {
  verb.add_option(
          "--memory", memory,
          "What instances on a host may ask for in all, for example 8Gi; the machine's, or its control "
          "group's limit")
      ->type_name("QUANTITY");
  verb.add_option("--cpus", cpus, "Likewise, for example 4, 0.5 or 500m")->type_name("QUANTITY");
}

Result<host::MachineCapacity> CapacityOptions::capacity() const {
  host::MachineCapacity capacity = host::machine_capacity();
  if (!memory.empty()) {
    const auto bytes = parse_memory_quantity(memory);
    if (!bytes) return failure(about_option("--memory", bytes.error()));
    capacity.memory_bytes = *bytes;
  }
  if (!cpus.empty()) {
    const auto milli_cpus = parse_cpu_quantity(cpus);
    if (!milli_cpus) return failure(about_option("--cpus", milli_cpus.error()));
    capacity.milli_cpus = *milli_cpus;
  }
  return capacity;
}

std::vector<std::string> CapacityOptions::words() const {
  std::vector<std::string> words;
  if (!memory.empty()) words.insert(words.end(), {"--memory", memory});
  if (!cpus.empty()) words.insert(words.end(), {"--cpus", cpus});
  return words;
}

}  // namespace wattle::cli
