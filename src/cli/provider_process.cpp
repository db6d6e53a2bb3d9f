// wattle provider-process: one of the built-in providers as a process of its own, which a host starts for
// process://NAME. Not for people.

#include <wattle/provider.h>

#include "cli/builtin_providers.h"
#include "cli/session.h"

namespace wattle::cli {

void add_provider_process(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("provider-process", "Runs a built-in provider for the host that starts it");
  verb->group("");  // not listed
  auto name = std::make_shared<std::string>();
  verb->add_option("name", *name, "Which one")->required();
  verb->callback([&session, name] {
    session.verb = [name](const Output& output) {
      const BuiltinProviders providers;
      for (capability::ProviderFactory* factory : providers.factories())
        if (factory->name() == *name) return sdk::run(*factory);
      output.error(Error(ErrorCode::not_found, fmt::format("no provider \"{}\" is built in", *name)));
      return kExitRefused;
    };
  });
}

}  // namespace wattle::cli
