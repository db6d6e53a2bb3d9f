// What hosts are told that they have for what runs there: --memory and --cpus.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "host/machine.h"

namespace wattle::cli {

struct CapacityOptions {
  std::string memory;  // empty: the machine's
  std::string cpus;    // likewise

  void add_to(CLI::App& verb);
  // The machine's, and what the options say instead. Refused (invalid_argument): what is no quantity.
  Result<host::MachineCapacity> capacity() const;
  // As a host's command line has them.
  std::vector<std::string> words() const;
};

}  // namespace wattle::cli
