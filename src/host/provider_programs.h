// Which program a provider's reference means:
//
//   file:///usr/lib/outbox       a program of this machine
//   file:///srv/outbox.par       an archive of programs (provider_archive.h), of which this machine's runs
//   wattle://sha256:0123...      either of them, out of the lattice's own store of images
//   process://keyvalue-redis     a provider that hosts have built in, as a process of its own
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/images.h"
#include "lattice/control_types.h"

namespace wattle::host {

struct ProviderProgram {
  std::string path;
  std::vector<std::string> arguments{};
  std::optional<lattice::ComponentClaims> claims{};  // of a signed archive
  // What came over the bus or out of an archive is a file in memory, which lasts as long as this.
  std::shared_ptr<const int> file{};
};

struct ProviderProgramOptions {
  bool allow_file_load = false;
  // What runs a built-in provider when its name is put behind it; empty: they are refused.
  std::vector<std::string> builtin_command{};
  std::vector<std::string> builtin_names{};
};

class ProviderPrograms {
 public:
  // Both outlive it.
  ProviderPrograms(Images& images, async::OffloadPool& blocking, ProviderProgramOptions options)
      : images_(images), blocking_(blocking), options_(std::move(options)) {}

  // Whether the reference is of one of these forms.
  static bool is_program(std::string_view reference);
  // Within the fiber's deadline. Refused: what Images::fetch and read_provider_archive refuse; not_found.
  Result<ProviderProgram> find(const std::string& reference);

 private:
  Result<ProviderProgram> own(std::string_view name) const;
  Result<ProviderProgram> unpack(const std::string& reference);

  Images& images_;
  async::OffloadPool& blocking_;
  const ProviderProgramOptions options_;
};

}  // namespace wattle::host
