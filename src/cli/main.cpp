// wattle: runs WebAssembly components. This file parses the command line and picks the verb; each verb has a
// file.

#include "cli/session.h"
#include "cli/usage.h"
#include "engine/engine.h"

namespace wattle::cli {
namespace {

// The global options work behind the verb too, so its help names them.
void mention_global_options(CLI::App& app) {
  for (auto* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verb->footer(verb->get_footer() +
                 "\nFor every verb: -o text|json, --log-level LEVEL, --cache-dir FOLDER, --no-cache; see "
                 "\"wattle --help\".");
    mention_global_options(*verb);
  }
}

int run_main(int argc, char** argv) {
  Session session;
  CLI::App app("Runs WebAssembly components: once, as a server, or one function at a time.", "wattle");
  app.set_version_flag("--version", fmt::format("wattle {} (V8 {})", WATTLE_VERSION, engine::v8_version()));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("-o,--output", session.format, "Form of results and errors")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--log-level", session.log_level, "What is logged on stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.add_option("--cache-dir", session.cache_directory, "Where compiled code is kept between runs");
  app.add_flag("--no-cache", session.no_cache, "Compile anew, and keep nothing");
  app.footer(
      "Examples:\n"
      "  wattle run app.wasm -- hello\n"
      "  wattle serve app.wasm --addr 127.0.0.1:8000\n"
      "  wattle call library.wasm 'wattle:demo/calc@1.0.0.add' 2 3\n"
      "\"wattle VERB --help\" shows a verb's options.");
  add_run(app, session);
  add_serve(app, session);
  add_host(app, session);
  add_manager(app, session);
  add_provider_process(app, session);
  add_call(app, session);
  add_inspect(app, session);
  add_validate(app, session);
  add_up(app, session);
  add_down(app, session);
  add_get(app, session);
  add_start(app, session);
  add_scale(app, session);
  add_update(app, session);
  add_stop(app, session);
  add_link(app, session);
  add_provider(app, session);
  add_config(app, session);
  add_secrets(app, session);
  add_label(app, session);
  add_watch(app, session);
  add_spy(app, session);
  add_app(app, session);

  mention_global_options(app);
  keep_lists_whole(app);

  try {
    app.parse(parser_words(argc, argv));
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    session.format = asks_for_json(argc, argv) ? "json" : "text";
    session.output().error(usage_error(app, error));
    return kExitRefused;
  }
  const Output output = session.output();
  const int code = session.verb(output);
  engine::flush_code_cache();  // a short run has compiled something, too
  if (auto written = output.finish(); !written && code == kExitSuccess) {
    output.error(written.error());
    return kExitRefused;
  }
  return code;
}

}  // namespace

}  // namespace wattle::cli

int main(int argc, char** argv) {
  return wattle::cli::run_main(argc, argv);
}
