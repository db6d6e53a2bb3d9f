// wattle host: one host that joins a lattice.

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/parse.h"
#include "cli/builtin_providers.h"
#include "cli/capacity_options.h"
#include "cli/lattice_connection.h"
#include "cli/lattice_session.h"
#include "cli/sandbox.h"
#include "cli/secret_backends.h"
#include "host/host.h"
#include "host/identity.h"
#include "host/provider_credentials.h"
#include "nats/credentials.h"
#include "telemetry/log.h"

namespace wattle::cli {
namespace {

struct HostFlags : LatticeOptions {
  std::string connection_file;
  std::vector<std::string> labels;
  CapacityOptions has;
  uint32_t workers = 0;
  bool allow_file_load = false;
  std::string admin_address;
  std::string data_folder;
  std::string drain_timeout = "10s";
  std::string secrets_key_file;
  std::string secrets_folder;
};

// Where the bus is, as the flags, the environment, the supervisor or the lattice's own file say.
Result<Connection> connection_of(const HostFlags& flags) {
  if (!flags.connection_file.empty()) return read_connection(flags.connection_file);
  WATTLE_TRY(auto connection, find_connection({.lattice = flags.lattice,
                                               .url = flags.nats_url,
                                               .credentials_file = flags.credentials_file}));
  if (!flags.secrets_key_file.empty()) connection.secrets_key_file = flags.secrets_key_file;
  if (!flags.secrets_folder.empty()) connection.secrets_folder = flags.secrets_folder;
  return connection;
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

// How providers that are programs reach the bus: with users of their own, where this host may make them.
using ProviderConnections =
    std::function<Result<host::ProviderConnection>(std::string_view id, std::string_view xkey)>;

Result<ProviderConnections> provider_connections(const Connection& connection) {
  if (connection.account_key_file.empty())
    return [url = connection.url](std::string_view, std::string_view) -> Result<host::ProviderConnection> {
      return host::ProviderConnection{.url = url};
    };
  bool others_can_read = false;
  WATTLE_TRY(const auto text, nats::read_secret_file(connection.account_key_file, others_can_read));
  WATTLE_TRY(auto key, nats::parse_seed_file(text));
  return [connection, key = std::move(key)](std::string_view id,
                                            std::string_view xkey) -> Result<host::ProviderConnection> {
    return host::provider_connection(connection.url, key, connection.lattice, id, xkey);
  };
}

host::FetchSecret fetch_secrets_with(std::shared_ptr<SecretBackends> backends) {
  return
      [backends = std::move(backends)](const lattice::SecretReference& reference, const std::string& token) {
        return backends->get(reference, token);
      };
}

// A supervisor reads it as JSON.
void announce(const HostFlags& flags, const Output& output, const std::string& host_id) {
  const std::string name = host::friendly_name(host_id);
  if (output.json() || !flags.connection_file.empty()) {
    output.line(fmt::format(R"({{"ready":true,"host_id":"{}","friendly_name":"{}","lattice":{}}})", host_id,
                            name, json_string(flags.lattice)));
  } else {
    output.line(fmt::format("host {} ({}) is ready in lattice \"{}\"", name, host_id, flags.lattice));
  }
}

Result<void> run(const Session& session, const HostFlags& flags, const Output& output) {
  WATTLE_CHECK(start_engine(session));
  telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                      .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                      .file = {}});
  WATTLE_TRY(auto labels, parse_pairs(flags.labels, "a label with its value"));
  WATTLE_CHECK(lattice::check_lattice(flags.lattice));
  WATTLE_TRY(const auto connection, connection_of(flags));
  auto drain_time = parse_duration(flags.drain_timeout);
  if (!drain_time) return failure(about_option("--drain-timeout", drain_time.error()));
  BuiltinProviders providers;
  host::HostSetup setup;
  setup.control.lattice = flags.lattice;
  setup.control.labels = std::move(labels);
  WATTLE_TRY(setup.control.capacity, flags.has.capacity());
  setup.control.version = WATTLE_VERSION;
  setup.control.drain_time = *drain_time;
  setup.client.urls = {connection.url};
  setup.client.name = "wattle host";
  setup.client.credentials_file = connection.credentials_file;
  setup.workers = flags.workers != 0 ? flags.workers : std::max(1u, std::thread::hardware_concurrency());
  setup.allow_file_load = flags.allow_file_load;
  if (!flags.data_folder.empty()) {
    WATTLE_CHECK(make_folder(flags.data_folder));
    setup.store_path = flags.data_folder + "/store.sqlite";
    setup.images_folder = flags.data_folder + "/images";
  }
  setup.log = &log;
  setup.factories = providers.factories();
  WATTLE_TRY(setup.provider_connection, provider_connections(connection));
  setup.provider_command = {"/proc/self/exe", "provider-process"};
  const auto key = nats::KeyPair::generate(nats::KeyKind::server);
  setup.control.host_id = key.public_key();
  setup.secrets = [&](async::Worker& worker, async::OffloadPool& blocking) {
    return fetch_secrets_with(
        std::make_shared<SecretBackends>(worker, blocking, connection, host::host_token(key)));
  };
  setup.admin_address = flags.admin_address;
  setup.on_ready = [&](const std::string& host_id) { announce(flags, output, host_id); };
  return host::run_host(setup);
}

}  // namespace

void add_host(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand("host", "Runs one host that joins a lattice, until it is told to stop");
  auto flags = std::make_shared<HostFlags>();
  flags->add_to(*verb);
  verb->add_option("--connection", flags->connection_file, "What a supervisor wrote about the bus, instead")
      ->type_name("FILE");
  verb->add_option("--label", flags->labels, "A label of this host; give several times for more")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  flags->has.add_to(*verb);
  verb->add_option("--workers", flags->workers, "Threads that run components; 0 is one a core")
      ->capture_default_str();
  verb->add_flag("--allow-file-load", flags->allow_file_load, "Load file:// images from this machine");
  verb->add_option("--http-admin", flags->admin_address, "Where /livez and /readyz answer")
      ->type_name("HOST:PORT");
  verb->add_option(
          "--data-dir", flags->data_folder,
          "Keeps the lattice's links, configs and images here too, beside the bus; each host needs its own")
      ->type_name("FOLDER");
  verb->add_option("--secrets-key", flags->secrets_key_file,
                   "Opens the secrets of the backend nats; that of \"wattle up\"")
      ->type_name("FILE");
  verb->add_option("--secrets-dir", flags->secrets_folder, "Has those of the backend file")
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
