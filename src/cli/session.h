// What every verb shares: the global options and the way to speak.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/output.h"

namespace wattle::cli {

struct Session {
  std::string format = "text";
  std::string log_level = "warn";
  std::string cache_directory;
  bool no_cache = false;
  // The verb that was given; returns the exit code.
  std::function<int(const Output&)> verb;

  Output output() const;
};

// Starts V8 for this process by the session's options.
Result<void> start_engine(const Session& session);

// Each adds one verb to `app`; when it is parsed it sets session.verb.
void add_run(CLI::App& app, Session& session);
void add_serve(CLI::App& app, Session& session);
void add_host(CLI::App& app, Session& session);
void add_manager(CLI::App& app, Session& session);
void add_provider_process(CLI::App& app, Session& session);
void add_call(CLI::App& app, Session& session);
void add_inspect(CLI::App& app, Session& session);
void add_validate(CLI::App& app, Session& session);
// Those of the lattice.
void add_get(CLI::App& app, Session& session);
void add_start(CLI::App& app, Session& session);
void add_scale(CLI::App& app, Session& session);
void add_update(CLI::App& app, Session& session);
void add_stop(CLI::App& app, Session& session);
void add_link(CLI::App& app, Session& session);
void add_link_query(CLI::App& link, Session& session);  // beside "get links"
void add_provider(CLI::App& app, Session& session);
void add_config(CLI::App& app, Session& session);
void add_secrets(CLI::App& app, Session& session);
void add_label(CLI::App& app, Session& session);
void add_watch(CLI::App& app, Session& session);
void add_spy(CLI::App& app, Session& session);
void add_app(CLI::App& app, Session& session);
void add_up(CLI::App& app, Session& session);
void add_down(CLI::App& app, Session& session);

}  // namespace wattle::cli
