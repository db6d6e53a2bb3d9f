#include "cli/supervisor.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/read_until.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "nats/client.h"

extern char** environ;

namespace wattle::cli {
namespace {

constexpr std::string_view kServerRole = "nats-server";
constexpr std::string_view kHostRole = "host";
constexpr std::string_view kManagerRole = "manager";
constexpr Duration kBackoffMin = std::chrono::milliseconds(100);
constexpr Duration kBackoffMax = std::chrono::seconds(5);
constexpr Duration kSteadyAfter = std::chrono::seconds(10);  // a life so long begins the waits anew
constexpr Duration kServerPatience = std::chrono::seconds(10);
constexpr Duration kServerPoll = std::chrono::milliseconds(10);
constexpr size_t kReadyLineBytesMax = 64 * 1024;

using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

std::vector<std::string> our_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  return variables;
}

// Whether a line is what a host or manager prints when it serves: an object with "ready".
bool says_ready(std::string_view line) {
  boost::system::error_code problem;
  const auto value = boost::json::parse(line, problem);
  return !problem && value.is_object() && value.get_object().contains("ready");
}

// A line without its end; nothing at the end of what is read. `buffer` holds what was read beyond it.
std::optional<std::string> read_line(Descriptor& input, std::string& buffer) {
  const auto done = async::await<boost::system::error_code, size_t>(
      [&](auto handler) {
        boost::asio::async_read_until(input, boost::asio::dynamic_buffer(buffer, kReadyLineBytesMax), '\n',
                                      std::move(handler));
      },
      [&] { input.cancel(); });
  if (!done || std::get<0>(*done)) return {};
  std::string line = buffer.substr(0, std::get<1>(*done) - 1);
  buffer.erase(0, std::get<1>(*done));
  return line;
}

}  // namespace

struct Supervisor::Child {
  std::string role;
  host::ChildOptions options;
  std::unique_ptr<host::ChildProcess> process;
  ProcessMark mark;
  std::string said;  // when it was ready
  bool ready = false;
  bool was_ready = false;
  bool stopping = false;
  bool left = false;  // nobody keeps it alive any more
  std::optional<Error> problem;
  async::Signal hurry;  // out of the wait for the next start

  bool server() const { return role == kServerRole; }
};

Supervisor::Supervisor(async::Worker& worker, SupervisorOptions options)
    : worker_(worker), options_(std::move(options)) {}

Supervisor::~Supervisor() = default;

Supervisor::Child& Supervisor::add(std::string role, host::ChildOptions options) {
  auto& child = *children_.emplace_back(std::make_unique<Child>());
  child.role = std::move(role);
  child.options = std::move(options);
  child.options.environment = our_environment();
  child.options.errors = options_.errors;
  child.options.own_group = true;
  worker_.spawn([this, &child] { keep(child); });
  return child;
}

Result<void> Supervisor::start() {
  const TimePoint until = Clock::now() + options_.start_time;
  write_connection();
  if (options_.server) {
    Child& server = add(std::string(kServerRole), {.program = options_.server->program,
                                                   .arguments = {"-c", options_.server->configuration_file}});
    WATTLE_CHECK(wait_until_ready(server, until));
  }
  auto wanted = add_all(kHostRole, options_.hosts, options_.host_arguments);
  const auto managers = add_all(kManagerRole, options_.managers, options_.manager_arguments);
  wanted.insert(wanted.end(), managers.begin(), managers.end());
  for (Child* child : wanted) WATTLE_CHECK(wait_until_ready(*child, until));
  return {};
}

std::vector<Supervisor::Child*> Supervisor::add_all(std::string_view role, uint32_t count,
                                                    const std::vector<std::string>& arguments) {
  std::vector<Child*> added;
  for (uint32_t index = 0; index < count; ++index) {
    auto own = arguments;
    own.insert(own.end(), {"--data-dir", fmt::format("{}/{}-{}", options_.data_folder, role, index)});
    added.push_back(&add(std::string(role), {.program = options_.program, .arguments = std::move(own)}));
  }
  return added;
}

Result<void> Supervisor::wait_until_ready(Child& child, TimePoint until) {
  while (!child.ready) {
    if (child.problem) return failure(*child.problem);
    if (child.left)
      return failure(Error(ErrorCode::unavailable, fmt::format("{} ended before it was ready", child.role)));
    if (Clock::now() >= until)
      return failure(Error(ErrorCode::deadline_exceeded, fmt::format("{} is not ready in time", child.role))
                         .with_remedy("its log says how far it came; the machine may be busy"));
    async::Signal* const signals[] = {&changed_};
    WATTLE_CHECK(async::Signal::wait_any(signals, until));
  }
  return {};
}

// For as long as it shall live.
void Supervisor::keep(Child& child) {
  Duration wait = Duration::zero();
  while (!child.stopping) {
    const TimePoint began = Clock::now();
    live_once(child);
    const bool told_to_end = child.process != nullptr && child.process->ended_well() && !child.server();
    child.process.reset();
    child.ready = false;
    write_connection();
    if (child.stopping || !child.was_ready || told_to_end) break;
    if (Clock::now() - began >= kSteadyAfter) wait = Duration::zero();
    const TimePoint next = Clock::now() + wait;
    wait = std::clamp(wait * 2, kBackoffMin, kBackoffMax);
    async::Signal* const signals[] = {&child.hurry};
    while (!child.stopping && Clock::now() < next)
      if (!async::Signal::wait_any(signals, next)) break;
  }
  child.left = true;
  changed_.notify();
}

// From its start to its end.
void Supervisor::live_once(Child& child) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    child.problem = Error(ErrorCode::io, fmt::format("no pipe to {}: {}", child.role, std::strerror(errno)));
    return;
  }
  child.options.output = child.server() ? -1 : ends[1];
  auto started = host::ChildProcess::start(worker_, child.options);
  close(ends[1]);
  if (!started) {
    close(ends[0]);
    child.problem = started.error();
    options_.log->error(started.error());
    return;
  }
  child.process = std::move(*started);
  child.mark = mark_of(child.role, child.process->pid());
  write_connection();
  worker_.spawn([this, &child, output = ends[0]] { await_ready(child, output); });
  const auto ended = child.process->wait();
  const std::string how = ended ? *ended : ended.error().message();
  if (child.stopping) return;
  options_.log->warn(fmt::format("{} {}", child.role, how), {{"pid", std::to_string(child.mark.pid)}});
  if (!child.was_ready && !child.problem)
    child.problem = Error(ErrorCode::unavailable, fmt::format("{} {} before it was ready", child.role, how))
                        .with_remedy("what it said before that says why");
}

// Of one life: until it ends, or nothing more comes from it. `output` is closed here.
void Supervisor::await_ready(Child& child, int output) {
  Descriptor input(worker_.io(), output);
  const pid_t pid = child.mark.pid;
  const auto now_ready = [&](std::string said) {
    if (child.process == nullptr || child.mark.pid != pid || child.process->ended()) return;
    child.said = std::move(said);
    child.ready = child.was_ready = true;
    options_.log->info(fmt::format("{} is ready", child.role), {{"pid", std::to_string(pid)}});
    changed_.notify();
  };
  if (child.server()) {
    auto serves = await_server(child);
    if (serves) return now_ready("");
    if (child.process == nullptr || child.mark.pid != pid) return;
    if (!child.problem && !child.process->ended()) child.problem = serves.error();
    return changed_.notify();
  }
  std::string buffer;
  while (auto line = read_line(input, buffer))
    if (says_ready(*line)) now_ready(std::move(*line));
}

// Until it lets us in.
Result<void> Supervisor::await_server(const Child& child) {
  const TimePoint until = Clock::now() + kServerPatience;
  const pid_t pid = child.mark.pid;
  for (;;) {
    nats::ClientOptions options;
    options.urls = {options_.server->url()};
    options.name = "wattle up";
    options.credentials_file = options_.server->credentials_file;
    options.connect_timeout = std::chrono::seconds(1);
    options.offload = &blocking_;
    auto client = nats::Client::connect(worker_, std::move(options));
    if (client && (*client)->server_info().jetstream) return {};
    if (child.process == nullptr || child.mark.pid != pid || child.process->ended())
      return failure(ErrorCode::unavailable, "nats-server ended before it was ready");
    Error why = client ? Error(ErrorCode::unsupported, "nats-server runs without JetStream") : client.error();
    if (Clock::now() >= until)
      return failure(
          Error(ErrorCode::unavailable, "nats-server does not let us in", std::move(why))
              .with_remedy(fmt::format("see its log beside {}", options_.server->configuration_file)));
    WATTLE_CHECK(async::sleep_for(kServerPoll));
  }
}

void Supervisor::write_connection() {
  Connection connection = options_.connection;
  connection.processes = {mark_of("supervisor", getpid())};
  for (const auto& child : children_)
    if (child->process != nullptr && !child->process->ended()) connection.processes.push_back(child->mark);
  if (auto written = write_private_file(options_.connection_file, to_json(connection)); !written)
    options_.log->error(written.error());
}

void Supervisor::end(const std::function<bool(const Child&)>& which, Duration patience) {
  for (const auto& child : children_) {
    if (!which(*child)) continue;
    child->stopping = true;
    child->hurry.notify();
    if (child->process != nullptr) child->process->signal(SIGTERM);
  }
  const auto gone = [&] {
    return std::all_of(children_.begin(), children_.end(),
                       [&](const auto& child) { return !which(*child) || child->left; });
  };
  TimePoint until = Clock::now() + patience;
  while (!gone()) {
    async::Signal* const signals[] = {&changed_};
    (void)async::Signal::wait_any(signals, until);
    if (Clock::now() < until) continue;
    for (const auto& child : children_)
      if (which(*child) && child->process != nullptr) {
        options_.log->warn(fmt::format("{} has not ended in time and is killed", child->role));
        child->process->signal(SIGKILL);
      }
    until = kNever;  // nothing withstands that
  }
}

void Supervisor::stop() {
  end([](const Child& child) { return !child.server(); }, options_.drain_time);
  end([](const Child& child) { return child.server(); }, kServerPatience);
  unlink(options_.connection_file.c_str());
}

void Supervisor::kill_all() {
  for (const auto& child : children_) {
    child->stopping = true;
    if (child->process != nullptr) child->process->signal(SIGKILL);
  }
}

std::vector<std::string> Supervisor::ready_hosts() const {
  std::vector<std::string> said;
  for (const auto& child : children_)
    if (child->ready && child->role == kHostRole) said.push_back(child->said);
  return said;
}

}  // namespace wattle::cli
