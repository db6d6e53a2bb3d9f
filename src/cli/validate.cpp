// wattle validate: is this a component, and a valid one?

#include "cli/load.h"
#include "cli/session.h"
#include "engine/engine.h"

namespace wattle::cli {
namespace {

// Core modules are checked by the engine, whose rules they will run under.
Result<void> validate_modules(const component::Component& component) {
  for (const auto& module : component.modules) WATTLE_CHECK(engine::Module::validate(module.bytes));
  for (const auto& nested : component.components) WATTLE_CHECK(validate_modules(*nested));
  return {};
}

int validate(const Session& session, const std::string& path, const Output& output) {
  auto component = load_component(path, {.compile = false});
  if (!component) return output.error(component.error()), kExitRefused;
  if (auto started = start_engine(session); !started) return output.error(started.error()), kExitRefused;
  const Progress progress("validating the core modules of " + path);
  if (auto valid = validate_modules((*component)->definition()); !valid) {
    output.error(valid.error().with_context(fmt::format("a core module in \"{}\" is not valid", path)));
    return kExitRefused;
  }
  if (output.json()) {
    output.line(fmt::format(R"({{"file":{},"valid":true}})", json_string(path)));
  } else {
    output.line(fmt::format("{}: valid", path));
  }
  return kExitSuccess;
}

}  // namespace

void add_validate(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("validate", "Checks that a file is a valid component");
  auto path = std::make_shared<std::string>();
  verb->add_option("component", *path, "The component file")->required();
  verb->footer("Example:\n  wattle validate app.wasm");
  verb->callback([&session, path] {
    session.verb = [&session, path](const Output& output) { return validate(session, *path, output); };
  });
}

}  // namespace wattle::cli
