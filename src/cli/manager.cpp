// wattle manager: keeps the applications of a lattice as they are declared.

#include "cli/app_manifest.h"
#include "cli/lattice_connection.h"
#include "cli/lattice_session.h"
#include "cli/state_folder.h"
#include "manager/manager_process.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

struct ManagerFlags : LatticeOptions {
  std::string connection_file;
  std::string data_folder;
  std::string images;
};

Result<Connection> connection_of(const ManagerFlags& flags) {
  if (!flags.connection_file.empty()) return read_connection(flags.connection_file);
  return find_connection(
      {.lattice = flags.lattice, .url = flags.nats_url, .credentials_file = flags.credentials_file});
}

// A supervisor reads it as JSON.
void announce(const ManagerFlags& flags, const Output& output, const std::string& id) {
  if (output.json() || !flags.connection_file.empty())
    output.line(
        fmt::format(R"({{"ready":true,"manager_id":"{}","lattice":{}}})", id, json_string(flags.lattice)));
  else
    output.line(fmt::format("manager {} is ready in lattice \"{}\"", id, flags.lattice));
}

Result<void> run(const Session& session, const ManagerFlags& flags, const Output& output) {
  const telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                            .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                            .file = {}});
  WATTLE_CHECK(lattice::check_lattice(flags.lattice));
  WATTLE_TRY(const auto connection, connection_of(flags));
  manager::ManagerSetup setup;
  setup.lattice = flags.lattice;
  setup.client.urls = {connection.url};
  setup.client.name = "wattle manager";
  setup.client.credentials_file = connection.credentials_file;
  std::optional<ManagerFolder> own_folder;
  if (flags.data_folder.empty()) {
    WATTLE_TRY(own_folder, take_manager_folder(flags.lattice, connection.url));
  } else {
    WATTLE_CHECK(make_private_folder(flags.data_folder));
  }
  setup.store_path = fmt::format("{}/{}", own_folder ? own_folder->path : flags.data_folder, kManifestsFile);
  WATTLE_TRY(setup.images, image_table(flags.images));
  setup.log = &log;
  setup.on_ready = [&](const std::string& id) { announce(flags, output, id); };
  return manager::run_manager(setup);
}

}  // namespace

void add_manager(CLI::App& app, Session& session) {
  auto* verb =
      app.add_subcommand("manager", "Keeps a lattice's applications as declared, until it is told to stop");
  auto flags = std::make_shared<ManagerFlags>();
  flags->add_to(*verb);
  verb->add_option("--connection", flags->connection_file, "What a supervisor wrote about the bus, instead")
      ->type_name("FILE");
  verb->add_option("--data-dir", flags->data_folder,
                   "Where manifests are kept, beside the bus; each manager needs its own "
                   "(~/.local/state/wattle/LATTICE/lone-manager-HOST-PORT-0, or the next that is free)")
      ->type_name("FOLDER");
  verb->add_option("--images", flags->images,
                   "A table of images in place of wattle's own; see \"wattle app images\"")
      ->type_name("FILE");
  verb->footer(
      "Several may run: one acts, and another takes over within 3 s.\n\n"
      "Example:\n  wattle manager --nats-url nats://127.0.0.1:4222 --data-dir ~/.local/state/wattle/manager");
  verb->callback([&session, flags] {
    session.verb = [&session, flags](const Output& output) {
      auto ran = run(session, *flags, output);
      if (ran) return kExitSuccess;
      output.error(ran.error());
      return exit_code(ran.error());
    };
  });
}

}  // namespace wattle::cli
