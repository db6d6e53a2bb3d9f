// wasi:cli: environment, exit, standard streams and terminals; and the driver of `wasi:cli/run`.
#pragma once

#include "engine/engine.h"
#include "runtime/runtime.h"
#include "wasi/context.h"

namespace wattle::wasi {

class TerminalInput : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:cli/terminal-input";
  static constexpr std::string_view kName = "terminal-input";
};

class TerminalOutput : public HostResource {
 public:
  static constexpr std::string_view kInterface = "wasi:cli/terminal-output";
  static constexpr std::string_view kName = "terminal-output";
};

void add_cli(runtime::Linker& linker);

// Runs a command component to its end on the current fiber, whose waits the deadline of `limits` bounds too.
// Returns its exit code: what it passed to exit, else 0 when run() returned ok and 1 when it returned err.
// Errors: not_found when it exports no wasi:cli/run, trap, and those of engine::Store::call.
Result<int> run_command(std::shared_ptr<const runtime::LinkedComponent> linked, Context& context,
                        const engine::CallLimits& limits);

}  // namespace wattle::wasi
