#include "wasi/cli.h"

namespace wattle::wasi {

namespace {

// Ends the guest; run_command turns it into the exit code.
Result<void> end_guest(Host& host, uint8_t code) {
  context_of(host).exit_code = code;
  return failure(ErrorCode::exit, "the guest exited with code {}", code);
}

Error not_text(std::string_view what) {
  return Error(ErrorCode::invalid_argument, fmt::format("{} given to the guest is not UTF-8", what));
}

using Pairs = std::vector<std::tuple<std::string, std::string>>;

Result<Pairs> environment(Host& host) {
  const auto& pairs = context_of(host).environment;
  for (const auto& [name, value] : pairs)
    if (!is_utf8(name) || !is_utf8(value)) return failure(not_text("an environment variable"));
  return Pairs(pairs.begin(), pairs.end());
}

Result<std::vector<std::string>> arguments(Host& host) {
  for (const std::string& argument : context_of(host).arguments)
    if (!is_utf8(argument)) return failure(not_text("an argument"));
  return context_of(host).arguments;
}

void add_environment(runtime::Linker& linker) {
  constexpr std::string_view kEnvironment = "wasi:cli/environment@0.2.12";
  linker.function(kEnvironment, "get-environment", [](Host& host) { return environment(host); });
  linker.function(kEnvironment, "get-arguments", [](Host& host) { return arguments(host); });
  linker.function(kEnvironment, "initial-cwd", [](Host& host) { return context_of(host).initial_directory; });

  constexpr std::string_view kExit = "wasi:cli/exit@0.2.12";
  using Status = tl::expected<void, std::monostate>;
  linker.function(kExit, "exit",
                  [](Host& host, Status status) { return end_guest(host, status.has_value() ? 0 : 1); });
  linker.function(kExit, "exit-with-code", [](Host& host, uint8_t code) { return end_guest(host, code); });
}

void add_stdio(runtime::Linker& linker) {
  linker.function("wasi:cli/stdin@0.2.12", "get-stdin",
                  [](Host& host) { return std::make_unique<InputStream>(context_of(host).stdio.input); });
  linker.function("wasi:cli/stdout@0.2.12", "get-stdout",
                  [](Host& host) { return std::make_unique<OutputStream>(context_of(host).stdio.output); });
  linker.function("wasi:cli/stderr@0.2.12", "get-stderr",
                  [](Host& host) { return std::make_unique<OutputStream>(context_of(host).stdio.error); });
}

template <class Terminal>
std::optional<std::unique_ptr<Terminal>> terminal_if(bool is_terminal) {
  if (!is_terminal) return std::nullopt;
  return std::make_unique<Terminal>();
}

void add_terminals(runtime::Linker& linker) {
  linker.resource<TerminalInput>("0.2.12");
  linker.resource<TerminalOutput>("0.2.12");
  linker.function("wasi:cli/terminal-stdin@0.2.12", "get-terminal-stdin", [](Host& host) {
    return terminal_if<TerminalInput>(context_of(host).stdio.input_is_terminal);
  });
  linker.function("wasi:cli/terminal-stdout@0.2.12", "get-terminal-stdout", [](Host& host) {
    return terminal_if<TerminalOutput>(context_of(host).stdio.output_is_terminal);
  });
  linker.function("wasi:cli/terminal-stderr@0.2.12", "get-terminal-stderr", [](Host& host) {
    return terminal_if<TerminalOutput>(context_of(host).stdio.error_is_terminal);
  });
}

// What a guest left in a sink goes out, as long as the deadline allows.
void drain(OutputSink& sink) {
  if (sink.flush()) (void)wait_until_ready(sink);
}

}  // namespace

void add_cli(runtime::Linker& linker) {
  add_environment(linker);
  add_stdio(linker);
  add_terminals(linker);
}

Result<int> run_command(std::shared_ptr<const runtime::LinkedComponent> linked, Context& context,
                        const engine::CallLimits& limits) {
  auto run = linked->find_function("wasi:cli/run@0.2.0", "run");
  if (!run)
    return failure(
        Error(ErrorCode::not_found, "this component is no command: it does not export wasi:cli/run",
              std::move(run).error())
            .with_remedy("serve it if it exports wasi:http/incoming-handler, or call one of its functions"));
  async::DeadlineScope deadline(limits.deadline);
  context.exit_code.reset();
  runtime::Host host;
  host.attach(context);
  auto finish = [&](Result<int> outcome) -> Result<int> {
    drain(*context.stdio.output);
    drain(*context.stdio.error);
    if (!outcome && outcome.error().code() == ErrorCode::exit && context.exit_code)
      return int{*context.exit_code};
    return outcome;
  };
  auto instance = runtime::Instance::create(std::move(linked), std::move(host), limits);
  if (!instance) return finish(failure(std::move(instance).error()));
  auto returned = (*instance)->call<tl::expected<void, std::monostate>>(**run, limits);
  if (!returned) return finish(failure(std::move(returned).error()));
  return finish(returned->has_value() ? 0 : 1);
}

}  // namespace wattle::wasi
