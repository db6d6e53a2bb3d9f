// wattle up and wattle down: a lattice on this machine, as a supervisor and its children.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "base/parse.h"
#include "cli/app_manifest.h"
#include "cli/capacity_options.h"
#include "cli/lattice_session.h"
#include "cli/sandbox.h"
#include "cli/secret_backends.h"
#include "cli/state_folder.h"
#include "cli/supervisor.h"

namespace wattle::cli {
namespace {

// Where v1's dashboard is served.
const std::vector<std::string> kDefaultOrigins = {"http://127.0.0.1:3030", "http://localhost:3030"};

struct UpOptions : LatticeOptions {
  uint32_t hosts = 1;
  uint32_t managers = 1;
  uint16_t nats_port = 4222;
  uint16_t websocket_port = 4223;
  std::vector<std::string> allowed_origins;
  std::string state_folder;
  std::vector<std::string> labels;
  CapacityOptions each_has;
  bool allow_file_load = false;
  uint32_t workers = 0;
  std::string images;  // empty: wattle's own table
  std::string drain_timeout = "10s";
  bool detach = false;
};

// Held while a lattice is up.
Result<FileLock> lock_lattice(const std::string& lattice) {
  WATTLE_TRY(auto lock, FileLock::take(fmt::format("{}/{}.lock", runtime_folder(), lattice)));
  if (lock) return *std::move(lock);
  const auto connection = read_connection(connection_path(lattice));
  const bool known = connection && !connection->processes.empty();
  return failure(
      Error(ErrorCode::already_exists,
            fmt::format("the lattice \"{}\" is up already{}", lattice,
                        known ? fmt::format(", under process {}", connection->processes.front().pid) : ""))
          .with_remedy(
              fmt::format("\"wattle down --lattice {}\" ends it; --lattice names another", lattice)));
}

// What --detach does: the supervisor goes on in a process of its own, and this one ends when it is ready.
class Detached {
 public:
  // In the parent: the exit code, when it is known. In the child: nothing.
  Result<std::optional<int>> fork_off() {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC) != 0) return failure(ErrorCode::io, "no pipe: {}", std::strerror(errno));
    const pid_t pid = fork();
    if (pid < 0) return failure(ErrorCode::io, "cannot go into the background: {}", std::strerror(errno));
    if (pid == 0) {
      setsid();
      close(ends[0]);
      tell_ = ends[1];
      return std::optional<int>();
    }
    close(ends[1]);
    char ready = 0;
    ssize_t count = 0;
    do count = read(ends[0], &ready, 1);
    while (count < 0 && errno == EINTR);
    close(ends[0]);
    if (count == 1) return std::optional<int>(kExitSuccess);
    int status = 0;
    waitpid(pid, &status, 0);
    return std::optional<int>(WIFEXITED(status) ? WEXITSTATUS(status) : kExitSignal + WTERMSIG(status));
  }
  // In the child: lets the parent end, and its terminal go.
  void ready(int log) {
    if (tell_ < 0) return;
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    close(nothing);
    (void)!write(tell_, "r", 1);
    close(tell_);
    tell_ = -1;
  }

 private:
  int tell_ = -1;
};

// The state folder and what is in it for its owner alone.
Result<std::string> make_state_folder(const UpOptions& options) {
  std::string folder = options.state_folder;
  if (folder.empty()) {
    WATTLE_TRY(folder, default_state_folder(options.lattice, "--state-dir"));
  }
  std::error_code problem;
  folder = std::filesystem::absolute(folder, problem).lexically_normal().string();
  WATTLE_CHECK(make_private_folder(folder));
  return folder;
}

std::string own_program() {
  std::error_code problem;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", problem);
  return !problem && std::filesystem::exists(program, problem) ? program.string() : "/proc/self/exe";
}

std::vector<std::string> child_arguments(std::string_view verb, const Session& session,
                                         const UpOptions& options, const std::string& connection_file) {
  return {std::string(verb), "--lattice",       options.lattice, "--connection", connection_file,
          "--log-level",     session.log_level, "--output",      session.format};
}

// The table is checked here, so that a mistake ends this command, and not every manager it starts.
Result<std::vector<std::string>> manager_arguments(const Session& session, const UpOptions& options,
                                                   const std::string& connection_file) {
  auto words = child_arguments("manager", session, options, connection_file);
  if (options.images.empty()) return words;
  WATTLE_CHECK(image_table(options.images));
  std::error_code problem;
  const auto path = std::filesystem::absolute(options.images, problem);
  words.insert(words.end(), {"--images", path.string()});
  return words;
}

std::vector<std::string> host_arguments(const Session& session, const UpOptions& options,
                                        const std::string& connection_file) {
  auto words = child_arguments("host", session, options, connection_file);
  for (const auto& label : options.labels) words.insert(words.end(), {"--label", label});
  const auto capacity = options.each_has.words();
  words.insert(words.end(), capacity.begin(), capacity.end());
  if (options.allow_file_load) words.emplace_back("--allow-file-load");
  if (options.workers != 0) words.insert(words.end(), {"--workers", std::to_string(options.workers)});
  if (!session.cache_directory.empty()) words.insert(words.end(), {"--cache-dir", session.cache_directory});
  if (session.no_cache) words.emplace_back("--no-cache");
  return words;
}

void announce(const Connection& connection, const Supervisor& supervisor, const Output& output) {
  boost::json::array hosts;
  std::string names;
  for (const auto& said : supervisor.ready_hosts()) {
    hosts.push_back(boost::json::parse(said));
    const auto* name = hosts.back().get_object().if_contains("friendly_name");
    if (name != nullptr && name->is_string())
      names += fmt::format("{}{}", names.empty() ? ": " : ", ", std::string_view(name->get_string()));
  }
  if (output.json())
    return output.line(
        boost::json::serialize(boost::json::object{{"lattice", connection.lattice},
                                                   {"url", connection.url},
                                                   {"websocket_url", connection.websocket_url},
                                                   {"credentials_file", connection.credentials_file},
                                                   {"connection_file", connection_path(connection.lattice)},
                                                   {"hosts", hosts}}));
  output.line(fmt::format("lattice {} is up on {}{}{}, with {} host{}{}", connection.lattice, connection.url,
                          connection.websocket_url.empty() ? "" : " and ", connection.websocket_url,
                          hosts.size(), hosts.size() == 1 ? "" : "s", names));
}

// Until a signal; a second one ends everything at once.
Result<void> supervise(SupervisorOptions options, Detached& detached, int log_file, const Output& output) {
  async::Worker worker;
  const Connection connection = options.connection;
  Supervisor supervisor(worker, std::move(options));
  Result<void> done;
  bool ending = false;
  bool starting = true;
  boost::asio::signal_set signals(worker.io(), SIGINT, SIGTERM, SIGHUP);
  async::Signal told;
  std::function<void()> listen = [&] {
    signals.async_wait([&](boost::system::error_code error, int) {
      if (error) return;
      if (ending) supervisor.kill_all();
      ending = true;
      told.notify();
      listen();
    });
  };
  listen();
  worker.spawn([&] {
    const auto starter = async::Fiber::current().shared_from_this();
    worker.spawn([&, starter] {
      while (!ending && starting)
        if (!told.wait()) break;
      if (starting) starter->cancel();
    });
    done = supervisor.start();
    starting = false;
    told.notify();
    if (done) {
      announce(connection, supervisor, output);
      detached.ready(log_file);
    }
    worker.spawn([&] {  // this fiber may be cancelled
      while (done && !ending)
        if (!told.wait()) break;
      if (ending) done = Result<void>();
      supervisor.stop();
      signals.cancel();
    });
  });
  worker.run();
  return done;
}

// The descriptor of the log of a lattice that has no terminal.
Result<int> open_log(const std::string& state_folder) {
  const std::string path = state_folder + "/wattle.log";
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor < 0) return failure(ErrorCode::io, "cannot write \"{}\": {}", path, std::strerror(errno));
  return descriptor;
}

Result<Connection> bus_of(const UpOptions& options, const std::string& state_folder,
                          std::optional<BusServer>& server) {
  Connection connection{
      .lattice = options.lattice, .url = options.nats_url, .credentials_file = options.credentials_file};
  if (!options.nats_url.empty()) return connection;
  WATTLE_TRY(server, prepare_bus_server({.lattice = options.lattice,
                                         .state_folder = state_folder,
                                         .port = options.nats_port,
                                         .websocket_port = options.websocket_port,
                                         .allowed_origins = options.allowed_origins.empty()
                                                                ? kDefaultOrigins
                                                                : options.allowed_origins}));
  connection.url = server->url();
  connection.websocket_url = server->websocket_url();
  connection.credentials_file = server->credentials_file;
  connection.account_key_file = server->account_key_file;
  return connection;
}

Result<void> up(const Session& session, const UpOptions& options, Detached& detached, const Output& output) {
  const auto drain_time = parse_duration(options.drain_timeout);
  if (!drain_time) return failure(about_option("--drain-timeout", drain_time.error()));
  WATTLE_CHECK(options.each_has.capacity());
  WATTLE_CHECK(make_private_folder(runtime_folder()));
  WATTLE_TRY(const auto lock, lock_lattice(options.lattice));
  WATTLE_TRY(const auto state_folder, make_state_folder(options));
  std::signal(SIGPIPE, SIG_IGN);
  SupervisorOptions supervisor;
  WATTLE_TRY(supervisor.connection, bus_of(options, state_folder, supervisor.server));
  supervisor.connection.secrets_key_file = state_folder + "/secrets.nk";
  supervisor.connection.secrets_folder = state_folder + "/secrets";
  WATTLE_CHECK(make_secrets_key(supervisor.connection.secrets_key_file));
  WATTLE_TRY(const int log_file, options.detach ? open_log(state_folder) : Result<int>(-1));
  const telemetry::Log log({.level = *telemetry::parse_log_level(session.log_level),
                            .format = output.json() ? telemetry::LogFormat::json : telemetry::LogFormat::text,
                            .file = {}});
  supervisor.connection_file = connection_path(options.lattice);
  supervisor.hosts = options.hosts;
  supervisor.managers = options.managers;
  supervisor.program = own_program();
  WATTLE_TRY(supervisor.manager_arguments, manager_arguments(session, options, supervisor.connection_file));
  supervisor.host_arguments = host_arguments(session, options, supervisor.connection_file);
  supervisor.data_folder = state_folder;
  supervisor.errors = log_file;
  supervisor.drain_time = *drain_time;
  supervisor.log = &log;
  return supervise(std::move(supervisor), detached, log_file, output);
}

int up_perhaps_detached(const Session& session, const UpOptions& options, const Output& output) {
  Detached detached;
  auto checked = lattice::check_lattice(options.lattice);
  if (checked && options.detach) {
    auto forked = detached.fork_off();
    if (forked && *forked) return **forked;
    if (!forked) checked = failure(forked.error());
  }
  const auto done = checked ? up(session, options, detached, output) : checked;
  if (done) return kExitSuccess;
  output.error(done.error());
  return exit_code(done.error());
}

struct DownOptions {
  std::string lattice{lattice::kDefaultLattice};
  std::string timeout = "30s";
};

// Asks one process after the other to end, the supervisor first, which ends the others; kills what still
// lives in the end.
size_t end_processes(const std::vector<ProcessMark>& processes, Duration timeout) {
  const TimePoint until = Clock::now() + timeout;
  size_t ended = 0;
  for (const auto& process : processes) {
    if (!lives(process)) continue;
    ++ended;
    (void)send_signal(process, SIGTERM);
    if (process.role == "supervisor") (void)wait_for_end(process, until);
  }
  for (const auto& process : processes) {
    if (wait_for_end(process, until)) continue;
    (void)send_signal(process, SIGKILL);
    (void)wait_for_end(process, Clock::now() + std::chrono::seconds(5));
  }
  return ended;
}

Result<void> down(const DownOptions& options, const Output& output) {
  WATTLE_CHECK(lattice::check_lattice(options.lattice));
  const auto timeout = parse_duration(options.timeout);
  if (!timeout) return failure(about_option("--timeout", timeout.error()));
  const std::string path = connection_path(options.lattice);
  const auto connection = read_connection(path);
  if (!connection && connection.error().code() != ErrorCode::not_found) return failure(connection.error());
  const size_t ended = connection ? end_processes(connection->processes, *timeout) : 0;
  if (connection) unlink(path.c_str());  // what a supervisor left that was killed
  if (output.json()) {
    output.line(fmt::format(R"({{"lattice":{},"ended_processes":{}}})", json_string(options.lattice), ended));
  } else {
    output.line(ended != 0 ? fmt::format("lattice {} is down", options.lattice)
                           : fmt::format("lattice {} was not up", options.lattice));
  }
  return {};
}

}  // namespace

void add_up(CLI::App& app, Session& session) {
  auto* verb = app.add_subcommand(
      "up", "Brings up a lattice: its bus, its hosts and a manager, until it is told to end");
  auto options = std::make_shared<UpOptions>();
  options->add_to(*verb);
  verb->add_option("--hosts", options->hosts, "How many hosts")
      ->check(CLI::Range(0u, 1000u))
      ->capture_default_str();
  verb->add_option("--managers", options->managers,
                   "How many managers; 0 where applications are kept elsewhere")
      ->check(CLI::Range(0u, 16u))
      ->capture_default_str();
  verb->add_option("--nats-port", options->nats_port,
                   "Where its nats-server listens on loopback; 0: a free port")
      ->capture_default_str();
  verb->add_option("--websocket-port", options->websocket_port, "The same, for WebSocket")
      ->capture_default_str();
  verb->add_option(
          "--allow-origin", options->allowed_origins,
          "A page that may use the WebSocket, instead of those on port 3030 here; give several times "
          "for more")
      ->type_name("URL")
      ->allow_extra_args(false);
  verb->add_option("--state-dir", options->state_folder,
                   "What lasts: keys, JetStream's data, hosts' stores (~/.local/state/wattle/LATTICE)")
      ->type_name("FOLDER");
  verb->add_option("--label", options->labels, "A label of every host; give several times for more")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  options->each_has.add_to(*verb);
  verb->add_flag("--allow-file-load", options->allow_file_load, "Hosts may load file:// images");
  verb->add_option("--workers", options->workers, "Threads of each host; 0 is its own choice")
      ->capture_default_str();
  verb->add_option("--images", options->images,
                   "A table of images in place of wattle's own; see \"wattle app images\"")
      ->type_name("FILE");
  verb->add_option("--drain-timeout", options->drain_timeout, "What calls in flight have at the end")
      ->type_name("DURATION")
      ->capture_default_str();
  verb->add_flag("--detach", options->detach, "Return when everything is ready; \"wattle down\" ends it");
  verb->footer(
      "Examples:\n"
      "  wattle up --hosts 3\n"
      "  wattle up --lattice shop --nats-port 0 --websocket-port 0 --detach");
  verb->callback([&session, options] {
    session.verb = [&session, options](const Output& output) {
      return up_perhaps_detached(session, *options, output);
    };
  });
}

void add_down(CLI::App& app, Session& session) {
  auto* verb =
      app.add_subcommand("down", "Ends all of a lattice that \"wattle up\" brought up, and waits for it");
  auto options = std::make_shared<DownOptions>();
  verb->add_option("--lattice", options->lattice, "Which lattice")->type_name("NAME")->capture_default_str();
  verb->add_option("--timeout", options->timeout, "What is left then is killed")
      ->type_name("DURATION")
      ->capture_default_str();
  verb->footer("Example:\n  wattle down --lattice shop");
  verb->callback([&session, options] {
    session.verb = [options](const Output& output) {
      const auto done = down(*options, output);
      if (done) return kExitSuccess;
      output.error(done.error());
      return exit_code(done.error());
    };
  });
}

}  // namespace wattle::cli
