// wattle host: one host that joins a lattice.

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/parse.h"
#include "cli/builtin_providers.h"
#include "cli/sandbox.h"
#include "cli/session.h"
#include "host/host.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

struct HostFlags {
  std::string lattice = "default";
  std::string nats_url = "nats://127.0.0.1:4222";
  std::string credentials_file;
  std::vector<std::string> labels;
  uint32_t workers = 0;
  bool allow_file_load = false;
  std::string admin_address;
  std::string data_folder;
  std::string drain_timeout = "10s";
};

Result<lattice::StringMap> parse_labels(const std::vector<std::string>& words) {
  lattice::StringMap labels;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos)
      return failure(Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is no label", word))
                         .with_remedy("write it as KEY=VALUE, for example --label zone=a"));
    labels[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return labels;
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  if (!error) return {};
  return failure(
      Error(ErrorCode::io, fmt::format("cannot use \"{}\" to keep data in: {}", path, error.message()))
          .with_remedy("name a folder that this user may write with --data-dir"));
}

void announce(const Output& output, const std::string& lattice, const std::string& host_id) {
  if (output.json()) {
    output.line(
        fmt::format(R"({{"ready":true,"host_id":"{}","lattice":{}}})", host_id, json_string(lattice)));
  } else {
    output.line(fmt::format("host {} is ready in lattice \"{}\"", host_id, lattice));
  }
}

Result<void> run(const Session& session, const HostFlags& flags, const Output& output) {
  WATTLE_CHECK(start_engine(session));
  telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                      .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                      .file = {}});
  WATTLE_TRY(auto labels, parse_labels(flags.labels));
  auto drain_time = parse_duration(flags.drain_timeout);
  if (!drain_time) return failure(about_option("--drain-timeout", drain_time.error()));
  BuiltinProviders providers;
  host::HostSetup setup;
  setup.control.lattice = flags.lattice;
  setup.control.labels = std::move(labels);
  setup.control.version = WATTLE_VERSION;
  setup.control.drain_time = *drain_time;
  setup.client.urls = {flags.nats_url};
  setup.client.name = "wattle host";
  setup.client.credentials_file = flags.credentials_file;
  setup.workers = flags.workers != 0 ? flags.workers : std::max(1u, std::thread::hardware_concurrency());
  setup.allow_file_load = flags.allow_file_load;
  if (!flags.data_folder.empty()) {
    WATTLE_CHECK(make_folder(flags.data_folder));
    setup.store_path = flags.data_folder + "/store.sqlite";
  }
  setup.log = &log;
  setup.factories = providers.factories();
  setup.provider_connection = [&](std::string_view) -> Result<host::ProviderConnection> {
    return host::ProviderConnection{.url = flags.nats_url};
  };
  setup.admin_address = flags.admin_address;
  setup.on_ready = [&](const std::string& host_id) { announce(output, flags.lattice, host_id); };
  return host::run_host(setup);
}

}  // namespace

void add_host(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("host", "Runs one host that joins a lattice, until it is told to stop");
  auto flags = std::make_shared<HostFlags>();
  verb->add_option("--lattice", flags->lattice, "Name of the lattice")->capture_default_str();
  verb->add_option("--nats-url", flags->nats_url, "Where its bus is")->capture_default_str();
  verb->add_option("--nats-creds", flags->credentials_file, "Credentials file for the bus")
      ->type_name("FILE");
  verb->add_option("--label", flags->labels, "A label of this host")->type_name("KEY=VALUE");
  verb->add_option("--workers", flags->workers, "Threads that run components; 0 is one a core")
      ->capture_default_str();
  verb->add_flag("--allow-file-load", flags->allow_file_load, "Load file:// images from this machine");
  verb->add_option("--http-admin", flags->admin_address, "Where /livez and /readyz answer")
      ->type_name("HOST:PORT");
  verb->add_option("--data-dir", flags->data_folder,
                   "Keeps the lattice's links and configs here too, beside the bus; each host needs its own")
      ->type_name("FOLDER");
  verb->add_option("--drain-timeout", flags->drain_timeout, "What calls in flight have after SIGTERM")
      ->type_name("DURATION")
      ->capture_default_str();
  verb->footer("Example:\n  wattle host --nats-url nats://127.0.0.1:4222 --label zone=a");
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
