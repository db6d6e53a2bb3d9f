// wattle call: one exported function, with arguments and result as WAVE text; of a file, or of a component
// that runs in a lattice.

#include <filesystem>

#include "async/offload.h"
#include "cli/call_on_lattice.h"
#include "cli/function_name.h"
#include "cli/load.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "http/client.h"
#include "wasi/add_to.h"
#include "wasi/declare.h"
#include "wit/json.h"
#include "wit/wave.h"

namespace wattle::cli {
namespace {

struct CallOptions : LatticeOptions {
  std::string path;  // or a component's id
  std::string function;
  std::vector<std::string> arguments;
  Grants grants;
  Limits limits;
};

Error not_understood(size_t index, const wit::Member& parameter, const Error& error) {
  return Error(error.code(), fmt::format("argument {} ({}: {}): {}", index + 1, parameter.name,
                                         wit::to_string(parameter.type), error.message()))
      .with_remedy(error.remedy().empty()
                       ? "write it as WAVE text, in quotes for the shell: 7, '\"text\"', '{x: 1, y: 2}', "
                         "'[1, 2]', 'some(3)', 'circle(2.5)'"
                       : error.remedy());
}

Result<wit::Values> parse_arguments(const wit::FunctionType& type, const CallOptions& options) {
  const auto& parameters = type.parameters;
  if (parameters.size() != options.arguments.size())
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("{} takes {} argument{}, not {}", options.function, parameters.size(),
                                     parameters.size() == 1 ? "" : "s", options.arguments.size()))
                       .with_remedy("its type is " + wit::to_string(type)));
  wit::Values values;
  for (size_t index = 0; index < parameters.size(); ++index) {
    auto value = wit::parse_wave(parameters[index].type, options.arguments[index]);
    if (!value) return failure(not_understood(index, parameters[index], value.error()));
    values.push_back(std::move(*value));
  }
  return values;
}

using Returned = std::optional<wit::Value>;

Result<Returned> call_on(async::Worker& worker, async::OffloadPool& pool,
                         std::shared_ptr<const runtime::LinkedComponent> linked,
                         const runtime::ExportedFunction& function, const wit::Values& arguments,
                         const CallOptions& options, const Limits::Parsed& limits) {
  wasi::Context context(pool);
  context.arguments = {options.path};
  context.stdio = wasi::inherit_stdio(pool);
  WATTLE_CHECK(options.grants.apply(context));
  http::Client client(worker, pool, http::ClientOptions{});
  context.client = &client;
  std::optional<Result<Returned>> returned;
  worker.spawn([&] {
    const auto call_limits = limits.for_call();
    async::DeadlineScope deadline(call_limits.deadline);
    runtime::Host host;
    host.attach(context);
    auto instance = runtime::Instance::create(std::move(linked), std::move(host), call_limits);
    if (instance) {
      returned = (*instance)->call(function, arguments, call_limits);
    } else {
      returned = failure(instance.error());
    }
    client.close_idle();
    context.stdio = {};  // a wait for input that goes on would keep the loop running
  });
  worker.run();
  if (!*returned) return failure(guest_failure(options.path, returned->error()));
  return std::move(*returned);
}

void show(const wit::TypeRef& type, const Returned& returned, const Output& output) {
  if (output.json()) {
    output.line(fmt::format(R"({{"result":{}}})", returned ? wit::to_json(type, *returned) : "null"));
  } else if (returned) {
    output.line(wit::to_wave(type, *returned));
  }
}

Result<void> call(const Session& session, const CallOptions& options, const Output& output) {
  WATTLE_TRY(auto name, parse_function_name(options.function));
  WATTLE_TRY(auto limits, options.limits.parse());
  WATTLE_CHECK(start_engine(session));
  WATTLE_TRY(auto component, load_component(options.path, {.max_memory_bytes = limits.max_memory_bytes}));
  runtime::Linker linker;
  wasi::add_to(linker);
  WATTLE_CHECK(wasi::declare_types(linker));
  WATTLE_TRY(auto linked, linker.link(component));
  auto found = linked->find_function(name.interface, name.function);
  if (!found)
    return failure(Error(found.error())
                       .with_remedy(fmt::format("{}; \"wattle inspect {}\" shows all with their types",
                                                found.error().remedy(), options.path)));
  const auto& function = *found;
  WATTLE_TRY(const auto function_type, linked->type_of(*function));
  WATTLE_TRY(auto arguments, parse_arguments(*function_type, options));
  async::OffloadPool pool;
  async::Worker worker;
  WATTLE_TRY(auto returned, call_on(worker, pool, linked, *function, arguments, options, limits));
  show(function_type->result, returned, output);
  return {};
}

constexpr Duration kRemoteTimeout = std::chrono::seconds(30);

Result<void> call_in_lattice(Lattice& lattice, const CallOptions& options, const Output& output) {
  WATTLE_TRY(const auto name, parse_function_name(options.function));
  WATTLE_TRY(const auto limits, options.limits.parse());
  WATTLE_TRY(const auto function, find_remote_function(lattice, options.path, name));
  WATTLE_TRY(const auto arguments, parse_arguments(function.type, options));
  const async::DeadlineScope deadline(Clock::now() + limits.timeout.value_or(kRemoteTimeout));
  WATTLE_TRY(const auto returned, call_remote(lattice, options.path, function, arguments));
  show(function.type.result, returned, output);
  return {};
}

// A word that is a file is a file, and so is what could be nothing else.
bool is_file(const std::string& word) {
  std::error_code problem;
  return word.find('/') != std::string::npos || word.find('.') != std::string::npos || word.empty() ||
         std::filesystem::exists(word, problem);
}

Result<void> call_anywhere(const Session& session, const CallOptions& options, const Output& output) {
  if (is_file(options.path)) return call(session, options, output);
  return run_on_lattice(session, options, output,
                        [&](Lattice& lattice) { return call_in_lattice(lattice, options, output); });
}

}  // namespace

void add_call(CLI::App& app, Session& session) {
  auto* verb =
      app.add_subcommand("call", "Calls one exported function, with WAVE text as arguments and result");
  auto options = std::make_shared<CallOptions>();
  verb->add_option("component", options->path, "The component file, or the id of a component in a lattice")
      ->required();
  options->LatticeOptions::add_to(*verb);
  verb->add_option("function", options->function, "ns:package/interface@version.function")->required();
  verb->add_option("arguments", options->arguments,
                   "One WAVE value a parameter; behind -- where one begins with -");
  options->grants.add_to(*verb);
  options->limits.add_to(*verb, "the call");
  verb->footer(
      "Examples:\n"
      "  wattle call library.wasm 'wattle:demo/calc@1.0.0.add' 2 3\n"
      "  wattle call library.wasm 'wattle:demo/calc@1.0.0.translate' '{x: 1, y: 2}' '(10, -20)'\n"
      "  wattle call library.wasm 'wattle:demo/calc@1.0.0.join' '[\"a\", \"b\"]' '\"-\"'\n"
      "  wattle call calc 'wattle:demo/calc@1.0.0.add' 2 3    # where component calc runs in the lattice");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      auto done = call_anywhere(session, *options, output);
      if (done) return kExitSuccess;
      output.error(done.error());
      return exit_code(done.error());
    };
  });
}

}  // namespace wattle::cli
