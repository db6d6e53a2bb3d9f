#include "host/provider_processes.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include "lattice/names.h"
#include "nats/nkey.h"

extern char** environ;

namespace wattle::host {
namespace {

using lattice::ProviderLinkDefinition;

constexpr Duration kFirstProbe = std::chrono::milliseconds(20);

// What a provider may know of our environment: how to log and trace.
std::vector<std::string> environment() {
  std::vector<std::string> passed;
  for (char** item = environ; *item != nullptr; ++item) {
    const std::string_view text(*item);
    if (text.starts_with("RUST_LOG=") || text.starts_with("OTEL_")) passed.emplace_back(text);
  }
  return passed;
}

// A link as the provider shall know it; secrets are sealed anew each time that it is told.
struct WantedLink {
  ProviderLinkDefinition definition;
  lattice::SecretMap secrets;  // of the provider's end
  bool is_source = false;      // which end that is
  bool operator==(const WantedLink&) const = default;
};

std::string key_of(const ProviderLinkDefinition& link) {
  return fmt::format("{} {} {} {} {}", link.source_id, link.target, link.name, link.wit_namespace,
                     link.wit_package);
}

}  // namespace

// One provider, and the fiber that looks after it.
struct ProviderProcesses::Supervised {
  Supervised(ProviderProcessParts& parts_, const ProviderProcessOptions& options_,
             lattice::StartProvider request_)
      : parts(parts_), options(options_), request(std::move(request_)) {}

  Result<void> launch();
  Result<void> await_first_answer();
  void supervise();
  bool live();
  void restart();
  void shut_down();
  void check_health();
  void set_healthy(bool now);
  void send_changes();
  Result<lattice::HostData> host_data();
  std::map<std::string, WantedLink> wanted_links() const;
  // Nothing while one of them is not known.
  std::optional<lattice::SecretMap> secrets_of(const std::vector<std::string>& configs) const;
  Result<ProviderLinkDefinition> sealed(const WantedLink& link) const;
  Result<bool> ask_health();
  std::string subject(std::string_view verb) const {
    return lattice::provider_subject(options.lattice, request.provider_id, verb);
  }

  ProviderProcessParts& parts;
  const ProviderProcessOptions& options;
  lattice::StartProvider request;
  ProviderProgram program;
  std::unique_ptr<ChildProcess> child;
  nats::CurveKeyPair host_key = nats::CurveKeyPair::generate();
  nats::CurveKeyPair provider_key = nats::CurveKeyPair::generate();
  // What the provider was told last.
  std::map<std::string, WantedLink> links;
  lattice::StringMap config;
  TimePoint launched{};
  TimePoint next_check{};
  Duration backoff{};
  bool healthy = false;
  bool stopping = false;
  async::Signal stop_asked;
  std::shared_ptr<async::Fiber> fiber;
};

std::optional<lattice::SecretMap> ProviderProcesses::Supervised::secrets_of(
    const std::vector<std::string>& configs) const {
  const auto table =
      parts.secrets == nullptr ? std::make_shared<const SecretTable>() : parts.secrets->table();
  const auto secrets = table->of(request.provider_id, configs);
  return secrets ? std::optional(texts_of(*secrets)) : std::nullopt;
}

// For this life of the provider alone.
Result<ProviderLinkDefinition> ProviderProcesses::Supervised::sealed(const WantedLink& link) const {
  ProviderLinkDefinition definition = link.definition;
  if (link.secrets.empty()) return definition;
  WATTLE_TRY(const std::string text,
             host_key.seal(lattice::to_json(link.secrets), provider_key.public_key()));
  (link.is_source ? definition.source_secrets : definition.target_secrets).emplace(text.begin(), text.end());
  return definition;
}

// Those whose secrets are known; of others, what they were before.
std::map<std::string, WantedLink> ProviderProcesses::Supervised::wanted_links() const {
  std::map<std::string, WantedLink> wanted;
  const auto table = parts.state.links();
  for (const auto& entry : table->entries()) {
    const lattice::Link& link = entry.link;
    const bool is_source = link.source_id == request.provider_id;
    if (!is_source && link.target != request.provider_id) continue;
    // A provider calls along what is in force, and is called along the others too.
    if (is_source && entry.phase != lattice::LinkPhase::in_force) continue;
    ProviderLinkDefinition definition;
    definition.source_id = link.source_id;
    definition.target = link.target;
    definition.name = link.name;
    definition.wit_namespace = link.wit_namespace;
    definition.wit_package = link.wit_package;
    definition.interfaces = link.interfaces;
    definition.source_config = entry.source_config;
    definition.target_config = entry.target_config;
    std::string key = key_of(definition);
    auto secrets = secrets_of(is_source ? link.source_config : link.target_config);
    if (!secrets) {
      if (const auto known = links.find(key); known != links.end()) wanted.insert(*known);
      continue;
    }
    wanted.emplace(std::move(key), WantedLink{std::move(definition), std::move(*secrets), is_source});
  }
  return wanted;
}

Result<lattice::HostData> ProviderProcesses::Supervised::host_data() {
  lattice::HostData data;
  WATTLE_TRY(ProviderConnection connection, parts.connection(request.provider_id, provider_key.public_key()));
  data.host_id = options.host_id;
  data.lattice_rpc_prefix = options.lattice;
  data.lattice_rpc_url = std::move(connection.url);
  data.lattice_rpc_user_jwt = std::move(connection.user_jwt);
  data.lattice_rpc_user_seed = std::move(connection.user_seed);
  data.provider_key = request.provider_id;
  data.instance_id = lattice::event_id();
  links = wanted_links();
  for (const auto& [key, link] : links) {
    WATTLE_TRY(auto definition, sealed(link));
    data.link_definitions.push_back(std::move(definition));
  }
  config = lattice::merge_configs(*parts.state.configs(), request.config);
  data.config = config;
  data.secrets = secrets_of(request.config).value_or(lattice::SecretMap());
  data.host_xkey_public_key = host_key.public_key();
  data.provider_xkey_private_key = provider_key.seed();
  data.default_rpc_timeout_ms = options.rpc_timeout_ms;
  if (!options.log_level.empty()) data.log_level = options.log_level;
  return data;
}

Result<void> ProviderProcesses::Supervised::launch() {
  provider_key = nats::CurveKeyPair::generate();
  WATTLE_TRY(const lattice::HostData data, host_data());
  ChildOptions child_options;
  child_options.program = program.path;
  child_options.arguments = program.arguments;
  child_options.environment = environment();
  child_options.input = lattice::to_line(data);
  WATTLE_TRY(child, ChildProcess::start(parts.bus.worker(), child_options));
  launched = Clock::now();
  return {};
}

Result<bool> ProviderProcesses::Supervised::ask_health() {
  const lattice::RequestOptions patience{.headers = nullptr, .timeout = options.health_timeout};
  // Its own subject, which processes of the same provider on other hosts do not answer; v1's have none.
  auto answer = parts.bus.request(
      lattice::provider_subject(options.lattice, provider_key.public_key(), "health"), "", patience);
  if (!answer && nats::reason_of(answer.error()) == nats::Reason::no_responders)
    answer = parts.bus.request(subject("health"), "", patience);
  if (!answer) return failure(std::move(answer).error());
  WATTLE_TRY(const lattice::ProviderHealth health, lattice::parse_provider_health(answer->payload));
  if (!health.healthy)
    parts.log.warn("a provider says that it is not well",
                   {{"provider", request.provider_id}, {"message", health.message.value_or("")}});
  return health.healthy;
}

// Asked until it answers, since nothing else says that its subscriptions are there. What it answers is not
// judged: a provider whose backend is down has started.
Result<void> ProviderProcesses::Supervised::await_first_answer() {
  const TimePoint until = Clock::now() + options.start_time;
  Duration pause = kFirstProbe;
  async::Signal* const signals[] = {&child->changed(), &stop_asked};
  while (Clock::now() < until) {
    if (child->ended())
      return failure(ErrorCode::unavailable, "the provider's program {} {}", request.provider_ref,
                     *child->ended());
    if (stopping) return failure(ErrorCode::cancelled, "the provider is stopped");
    if (auto well = ask_health()) {
      set_healthy(*well);
      next_check = Clock::now() + options.health_interval;
      return {};
    }
    WATTLE_CHECK(async::Signal::wait_any(signals, Clock::now() + pause));
    pause = std::min<Duration>(pause * 2, std::chrono::milliseconds(200));
  }
  return failure(ErrorCode::deadline_exceeded,
                 "the provider's program {} runs, and does not answer on {} within {} s",
                 request.provider_ref, subject("health"),
                 std::chrono::duration_cast<std::chrono::seconds>(options.start_time).count());
}

void ProviderProcesses::Supervised::set_healthy(bool now) {
  if (healthy == now) return;
  healthy = now;
  parts.tell(lattice::health_check(now ? lattice::HealthEvent::passed : lattice::HealthEvent::failed,
                                   options.host_id, request.provider_id));
  if (parts.on_change) parts.on_change();
}

void ProviderProcesses::Supervised::check_health() {
  const bool before = healthy;
  const auto well = ask_health();
  if (stopping || child->ended()) return;  // told otherwise
  if (!well)
    parts.log.warn("a provider does not answer",
                   {{"provider", request.provider_id}, {"reason", well.error().full_message()}});
  set_healthy(well && *well);
  if (healthy == before)
    parts.tell(lattice::health_check(lattice::HealthEvent::status, options.host_id, request.provider_id));
  next_check = Clock::now() + options.health_interval;
}

// Tells what is new since the last time; what is told twice changes nothing.
void ProviderProcesses::Supervised::send_changes() {
  auto wanted = wanted_links();
  const std::string put =
      lattice::provider_subject(options.lattice, provider_key.public_key(), "linkdefs.put");
  for (const auto& [key, link] : links)
    if (!wanted.contains(key))
      (void)parts.bus.publish(subject("linkdefs.del"), lattice::to_json(link.definition));
  for (const auto& [key, link] : wanted) {
    const auto known = links.find(key);
    if (known != links.end() && known->second == link) continue;
    if (const auto told = sealed(link))
      (void)parts.bus.publish(put, lattice::to_json(*told));
    else
      parts.log.warn(told.error().full_message(), {{"provider", request.provider_id}});
  }
  links = std::move(wanted);
  auto now = lattice::merge_configs(*parts.state.configs(), request.config);
  if (now == config) return;
  config = std::move(now);
  (void)parts.bus.publish(subject("config.update"), lattice::to_json(config));
}

// While the program lives. False: it has ended.
bool ProviderProcesses::Supervised::live() {
  std::vector<async::Signal*> signals{&child->changed(), &stop_asked, &parts.state.changed()};
  if (parts.secrets != nullptr) signals.push_back(&parts.secrets->changed());
  while (!stopping) {
    if (child->ended()) return false;
    send_changes();
    if (Clock::now() >= next_check) {
      check_health();
      continue;
    }
    if (!async::Signal::wait_any(signals, next_check)) return true;
  }
  return true;
}

// One attempt after a wait.
void ProviderProcesses::Supervised::restart() {
  backoff = Clock::now() - launched >= options.steady_after || backoff == Duration::zero()
                ? options.backoff_min
                : std::min(backoff * 2, options.backoff_max);
  async::Signal* const signals[] = {&stop_asked};
  const TimePoint until = Clock::now() + backoff;
  while (!stopping && Clock::now() < until)
    if (!async::Signal::wait_any(signals, until)) return;
  if (stopping) return;
  auto started = launch();
  if (started) started = await_first_answer();
  if (started) {
    parts.log.info("a provider runs again", {{"provider", request.provider_id}});
    return;
  }
  if (!stopping)
    parts.log.warn("a provider could not be started again",
                   {{"provider", request.provider_id}, {"reason", started.error().full_message()}});
  child.reset();
}

void ProviderProcesses::Supervised::supervise() {
  while (!stopping && !async::Fiber::current().cancellation()) {
    if (child && live()) break;
    if (stopping) break;
    if (child)
      parts.log.error("a provider's program has ended, and is started again",
                      {{"provider", request.provider_id}, {"how", child->ended().value_or("")}});
    set_healthy(false);
    child.reset();
    restart();
  }
}

// Asks it to end, and waits for that a moment; it is killed with its object, if it has not.
void ProviderProcesses::Supervised::shut_down() {
  const TimePoint until = Clock::now() + options.shutdown_delay;
  const std::string who = boost::json::serialize(boost::json::object{{"host_id", options.host_id}});
  const auto answer = parts.bus.request(subject("default.shutdown"), who,
                                        {.headers = nullptr, .timeout = options.shutdown_delay});
  async::Signal* const signals[] = {&child->changed()};
  while (answer && !child->ended() && Clock::now() < until) (void)async::Signal::wait_any(signals, until);
}

ProviderProcesses::ProviderProcesses(ProviderProcessParts parts, ProviderProcessOptions options)
    : parts_(std::move(parts)), options_(std::move(options)) {}

ProviderProcesses::~ProviderProcesses() = default;

Result<void> ProviderProcesses::start(const lattice::StartProvider& request) {
  WATTLE_TRY(ProviderProgram program, parts_.programs.find(request.provider_ref));
  if (providers_.contains(request.provider_id))
    return failure(ErrorCode::already_exists, "provider \"{}\" runs here already", request.provider_id);
  auto& provider = providers_[request.provider_id];
  provider = std::make_unique<Supervised>(parts_, options_, request);
  provider->program = std::move(program);
  auto started = provider->launch();
  if (started) started = provider->await_first_answer();
  if (!started) {
    providers_.erase(request.provider_id);
    return started;
  }
  provider->fiber = parts_.bus.worker().spawn([supervised = provider.get()] { supervised->supervise(); });
  return {};
}

void ProviderProcesses::stop(const std::string& provider_id) {
  const auto found = providers_.find(provider_id);
  if (found == providers_.end()) return;
  Supervised& provider = *found->second;
  provider.stopping = true;
  provider.stop_asked.notify();
  const async::MaskScope mask;  // all waits here are bounded
  // Its waits end now.
  if (provider.fiber) provider.fiber->cancel();
  while (provider.fiber && !provider.fiber->finished()) async::Fiber::current().yield();
  if (provider.child && !provider.child->ended()) provider.shut_down();
  providers_.erase(found);
}

bool ProviderProcesses::running(const std::string& provider_id) const {
  const auto found = providers_.find(provider_id);
  return found != providers_.end() && found->second->healthy;
}

std::optional<lattice::ComponentClaims> ProviderProcesses::claims(const std::string& provider_id) const {
  const auto found = providers_.find(provider_id);
  return found == providers_.end() ? std::nullopt : found->second->program.claims;
}

pid_t ProviderProcesses::pid(const std::string& provider_id) const {
  const auto found = providers_.find(provider_id);
  return found == providers_.end() || !found->second->child || found->second->child->ended()
             ? 0
             : found->second->child->pid();
}

}  // namespace wattle::host
