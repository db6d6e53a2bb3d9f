// wattle run: a command component, from start to exit code.

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "async/offload.h"
#include "cli/load.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "http/client.h"
#include "wasi/add_to.h"
#include "wasi/cli.h"
#include "wasi/declare.h"

namespace wattle::cli {
namespace {

struct RunOptions {
  std::string path;
  std::vector<std::string> arguments;
  Grants grants;
  Limits limits;
};

Result<int> run_on(async::Worker& worker, async::OffloadPool& pool,
                   std::shared_ptr<const runtime::LinkedComponent> linked, const RunOptions& options,
                   const Limits::Parsed& limits) {
  wasi::Context context(pool);
  context.arguments = {options.path};
  context.arguments.insert(context.arguments.end(), options.arguments.begin(), options.arguments.end());
  context.stdio = wasi::inherit_stdio(pool);
  WATTLE_CHECK(options.grants.apply(context));
  http::Client client(worker, pool, http::ClientOptions{});
  context.client = &client;

  std::optional<Result<int>> exit_code;
  int signal_number = 0;
  boost::asio::signal_set signals(worker.io(), SIGINT, SIGTERM);
  auto fiber = worker.spawn([&] {
    exit_code = wasi::run_command(std::move(linked), context, limits.for_call());
    client.close_idle();
    context.stdio = {};  // a wait for input that goes on would keep the loop running
    signals.cancel();
  });
  signals.async_wait([&](boost::system::error_code error, int number) {
    if (error) return;
    signal_number = number;
    signals.clear();  // a second one ends the process at once
    fiber->cancel(Error(ErrorCode::cancelled, "interrupted"));
  });
  worker.run();
  if (signal_number != 0 && !*exit_code) return kExitSignal + signal_number;
  if (!*exit_code) return failure(guest_failure(options.path, exit_code->error()));
  return std::move(*exit_code);
}

Result<int> run(const Session& session, const RunOptions& options) {
  WATTLE_TRY(auto limits, options.limits.parse());
  WATTLE_CHECK(start_engine(session));
  WATTLE_TRY(auto component, load_component(options.path, {.max_memory_bytes = limits.max_memory_bytes}));
  runtime::Linker linker;
  wasi::add_to(linker);
  WATTLE_CHECK(wasi::declare_types(linker));
  WATTLE_TRY(auto linked, linker.link(component));
  async::OffloadPool pool;
  async::Worker worker;
  return run_on(worker, pool, std::move(linked), options, limits);
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("run", "Runs a command component; its exit code is wattle's");
  auto options = std::make_shared<RunOptions>();
  verb->add_option("component", options->path, "The component file")->required();
  verb->add_option("arguments", options->arguments, "Arguments of the guest, behind --");
  options->grants.add_to(*verb);
  options->limits.add_to(*verb, "the whole run");
  verb->footer(
      "Example:\n  wattle run app.wasm --dir ./data::/data --env MODE=fast --timeout 5s -- convert /data/in");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      auto code = run(session, *options);
      if (code) return *code;
      output.error(code.error());
      return exit_code(code.error());
    };
  });
}

}  // namespace wattle::cli
