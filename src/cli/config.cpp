// wattle config: named sets of values, which links and components refer to.

#include "cli/lattice_session.h"
#include "cli/table.h"

namespace wattle::cli {
namespace {

struct ConfigOptions : LatticeOptions {
  std::string name;
  std::vector<std::string> values;
};

void told(const Output& output, std::string_view name, std::string_view what, const std::string& message) {
  if (output.json())
    return output.line(fmt::format(R"({{"config":{},"result":{},"message":{}}})", json_string(name),
                                   json_string(what), json_string(message)));
  output.line(fmt::format("config {} {}", name, what));
}

Result<void> put_config(Lattice& lattice, const ConfigOptions& options, const Output& output) {
  WATTLE_TRY(const auto values, parse_pairs(options.values, "a value of a config"));
  WATTLE_TRY(const auto message, lattice.control.put_config(options.name, values));
  told(output, options.name, "put", message);
  return {};
}

Result<void> get_config(Lattice& lattice, const ConfigOptions& options, const Output& output) {
  WATTLE_TRY(const auto values, lattice.control.config(options.name));
  if (output.json()) {
    output.line(lattice::to_json(values));
    return {};
  }
  Table table({"KEY", "VALUE"});
  for (const auto& [key, value] : values) table.add({key, value});
  output.line(table.empty() ? fmt::format("The config \"{}\" is empty.", options.name) : table.text());
  return {};
}

Result<void> delete_config(Lattice& lattice, const ConfigOptions& options, const Output& output) {
  WATTLE_TRY(const auto message, lattice.control.delete_config(options.name));
  told(output, options.name, "deleted", message);
  return {};
}

CLI::App* add(CLI::App& config, Session& session, const std::string& name, const std::string& what,
              const std::string& example, std::shared_ptr<ConfigOptions> options,
              Result<void> (*work)(Lattice&, const ConfigOptions&, const Output&)) {
  auto* verb = config.add_subcommand(name, what);
  options->add_to(*verb);
  verb->add_option("name", options->name, "The config's name")->required();
  verb->footer("Example:\n  " + example);
  on_lattice<ConfigOptions>(*verb, session, std::move(options), work);
  return verb;
}

}  // namespace

void add_config(CLI::App& app, Session& session) {
  auto* config = app.add_subcommand("config", "Puts, shows and deletes configs");
  config->require_subcommand(1);
  config->footer("Example:\n  wattle config put redis url=redis://127.0.0.1:6379");
  auto options = std::make_shared<ConfigOptions>();
  add(*config, session, "put", "Makes a config, or replaces all of it",
      "wattle config put redis url=redis://127.0.0.1:6379 pool=8", options, put_config)
      ->add_option("values", options->values, "Its values, each as KEY=VALUE")
      ->required();
  add(*config, session, "get", "Shows a config's values", "wattle config get redis",
      std::make_shared<ConfigOptions>(), get_config);
  add(*config, session, "del", "Deletes a config", "wattle config del redis",
      std::make_shared<ConfigOptions>(), delete_config);
}

}  // namespace wattle::cli
