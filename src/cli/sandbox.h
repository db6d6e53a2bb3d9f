// The options by which a user grants a guest something, and bounds it: shared by run, serve and call.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "runtime/runtime.h"
#include "wasi/context.h"

namespace wattle::cli {

struct Grants {
  std::vector<std::string> folders;        // HOST::GUEST[::ro]
  std::vector<std::string> environment;    // NAME=VALUE, or NAME to pass this process's own on
  std::vector<std::string> connections;    // HOST:PORT, for sockets
  std::vector<std::string> outgoing_http;  // HOST[:PORT], for HTTP requests

  void add_to(CLI::App& verb);
  // Opens the folders and fills in the rest. Refuses with invalid_argument, not_found or permission_denied.
  Result<void> apply(wasi::Context& context) const;
};

// As text, since durations and sizes have units.
struct Limits {
  std::string timeout;  // empty: none
  std::string cpu_time;
  std::string max_memory;

  void add_to(CLI::App& verb, std::string_view what);
  struct Parsed {
    std::optional<Duration> timeout;
    Duration cpu_time = Duration::max();
    uint64_t max_memory_bytes = uint64_t{4} << 30;

    // Limits of a call that begins now.
    engine::CallLimits for_call() const;
  };
  // Refuses with invalid_argument, naming the option.
  Result<Parsed> parse() const;
};

// `error`, which a value of `option` led to, under the option's name.
Error about_option(std::string_view option, const Error& error);

// What ended the guest in `path`, with the option that would have let it go on.
Error guest_failure(const std::string& path, const Error& error);

}  // namespace wattle::cli
