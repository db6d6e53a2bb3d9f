#include "simulation.h"

namespace wattle::simulation {
namespace {

constexpr Endpoint kFirstHost = 100;
constexpr Duration kSettling = seconds(10);
constexpr Duration kIdle = minutes(5);
// Of one change or fault: every object of every application, several times over.
constexpr uint64_t kCommandsPerChange = 150;
constexpr uint32_t kLargeHosts = 100;
// What was undeployed is forgotten after a while, at any next plan: each kind of thing once.
constexpr uint32_t kIdleNotes = 5;
constexpr std::string_view kUnsettled = "the manager has not settled";
constexpr std::string_view kAtWork = "hosts are at work";

class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options);
  SimulationResult run();

 private:
  void wire();
  void busy(Trouble trouble, Duration duration);
  void quiet();
  std::string who_is_at_work() const;
  std::string what_is_wrong();
  void idle(Duration duration);
  void change_later(TimePoint end, Duration pause);
  void fault_later(TimePoint end, Trouble trouble);
  void begin();
  bool is_large() const { return options_.hosts >= kLargeHosts; }

  SimulationOptions options_;
  World world_;
  Bus bus_;
  Stores stores_;
  Hosts hosts_;
  Calls calls_;
  Counted counted_;
  Manager::Parts manager_parts_;
  std::vector<std::unique_ptr<Manager>> managers_;
  People people_;
  Faults faults_;
  Checks checks_;
  bool calm_ = false;
  bool idle_ = false;
  std::map<std::string, uint32_t> idle_notes_;
  double longest_settling_ = 0;
};

PeopleOptions people_options(const SimulationOptions& options) {
  PeopleOptions people;
  people.applications = options.applications;
  people.replicas = options.replicas;
  people.scarce = options.scarce;
  people.borders = options.borders;
  people.plain = options.hosts >= kLargeHosts;
  return people;
}

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      world_(options.seed, options.trace),
      bus_(world_),
      stores_(world_, bus_),
      hosts_(world_, stores_, kFirstHost),
      calls_(world_, hosts_, stores_),
      manager_parts_{world_, bus_, hosts_, stores_, counted_, {}, {}},
      people_(world_, hosts_, stores_, calls_, people_options(options)),
      faults_({world_, bus_, hosts_, stores_, managers_, options.hosts}),
      checks_({world_, hosts_, stores_, calls_, people_, faults_, managers_}) {
  counted_.in_cpu_time = is_large();
  wire();
}

// Who hears of what.
void Simulation::wire() {
  HostListeners& listeners = hosts_.listeners();
  listeners.on_lease = [this](const Host& host, const Lease& lease, uint64_t sequence) {
    for (auto& manager : managers_) {
      if (!manager->up() || !bus_.passes(host.endpoint, manager->endpoint())) continue;
      if (bus_.weather().late == 0 && bus_.weather().repeated == 0) {
        manager->hear(lease, sequence);
        continue;
      }
      bus_.send(host.endpoint, manager->endpoint(),
                [&manager = *manager, lease, sequence](const Delivery&) { manager.hear(lease, sequence); });
    }
  };
  listeners.on_event = [this](const Host& host, const manager::Event& event) {
    for (auto& manager : managers_)
      bus_.send(host.endpoint, manager->endpoint(),
                [&manager = *manager, event](const Delivery&) { manager.hear_event(event); });
  };
  listeners.before_change = [this](const std::string& id) { calls_.change(id); };
  listeners.in_flight_changes = [this] { return calls_.in_flight_changes(); };
  listeners.in_flight = [this](const Host& host, const std::string& id, const std::string& reference) {
    return calls_.in_flight(host, id, reference);
  };
  listeners.before_lease = [this](const Host& host) { calls_.count_changing(host); };
  listeners.on_scale = [this](const Host& host, const Host::ScaleJob& job, uint32_t before) {
    checks_.nothing_unmanaged_is_scaled(host, job);
    checks_.surge_is_bounded(host, job, before);
    checks_.hosts_have_room(host, job, before);
  };
  listeners.on_stop = [this](const Host& host, const Host::StopJob& job) {
    checks_.nothing_unmanaged_is_stopped(host, job);
  };
  stores_.before_lattice_change([this] { calls_.count_all(); });
  stores_.subscribe([this](Topic topic) {
    if (topic == Topic::applications) checks_.follow_versions();
    for (auto& manager : managers_) manager->hear_store(topic);
  });
  manager_parts_.on_rollback = [this](const manager::RollBack& back) {
    checks_.rollback_overwrites_nothing_else(back);
  };
  manager_parts_.on_command = [this](const Manager&, const manager::Command& command) {
    if (const auto* back = std::get_if<manager::RollBack>(&command.action)) {
      checks_.rollback_has_a_reason(*back, calm_);
      checks_.few_calls_reach_bad_versions(*back);
    }
    // What cannot start is tried again for ever, and so is a link that a border refuses.
    const auto* put = std::get_if<manager::PutLink>(&command.action);
    const bool refused = put != nullptr && !stores_.borders().check(put->link);
    if (idle_ && !refused && !std::holds_alternative<manager::Ask>(command.action) &&
        command.object.find("-never") == std::string::npos &&
        !(command.object.starts_with("note ") && ++idle_notes_[command.object] <= kIdleNotes))
      world_.violate("no_command_loops",
                     fmt::format("nothing has changed, and a manager begins {}", describe(command)));
  };
}

void Simulation::begin() {
  if (options_.scarce) hosts_.make_scarce();
  if (options_.borders) stores_.keep_borders();
  for (uint32_t index = 0; index < options_.hosts; ++index) {
    manager::StringMap labels{{"zone", fmt::format("z{}", index % 3)},
                              {"rack", fmt::format("r{}", index % 4)}};
    if (index % 4 == 1) labels["gpu"] = "yes";
    hosts_.add(std::move(labels));
  }
  for (uint32_t index = 0; index < options_.managers; ++index) {
    managers_.push_back(std::make_unique<Manager>(manager_parts_, index + 1));
    managers_.back()->start();
  }
  world_.run_until(world_.now() + seconds(4));
  const uint32_t first = is_large() ? options_.applications : std::min(options_.applications, 3u);
  for (uint32_t index = 0; index < first; ++index) people_.begin_application();
}

void Simulation::change_later(TimePoint end, Duration pause) {
  const Duration next = world_.random().between(pause / 4, pause * 2);
  if (world_.now() + next >= end) return;
  world_.after(next, [this, end, pause] {
    people_.change();
    change_later(end, pause);
  });
}

void Simulation::fault_later(TimePoint end, Trouble trouble) {
  const Duration next = world_.random().between(milliseconds(200), seconds(7));
  if (trouble == Trouble::none || world_.now() + next >= end) return;
  world_.after(next, [this, end, trouble] {
    faults_.inject(trouble);
    fault_later(end, trouble);
  });
}

void Simulation::busy(Trouble trouble, Duration duration) {
  world_.trace("---- changes, and faults of: {}", to_string(trouble));
  calm_ = trouble == Trouble::none && world_.now() >= faults_.until() + seconds(10);
  people_.set_calm(calm_);
  const TimePoint end = world_.now() + duration;
  const uint64_t commands = counted_.commands;
  const uint64_t reasons = people_.changes() + faults_.injected();
  change_later(end, world_.random().between(seconds(3), seconds(9)));
  fault_later(end, trouble);
  world_.run_until(end);
  world_.run_until(faults_.until());
  const uint64_t done = counted_.commands - commands;
  const uint64_t caused = people_.changes() + faults_.injected() - reasons + 1;
  if (done > kCommandsPerChange * caused * (is_large() ? 100 : 1))
    world_.violate("commands_are_bounded",
                   fmt::format("{} commands after {} changes and faults", done, caused));
}

std::string Simulation::who_is_at_work() const {
  if (std::none_of(managers_.begin(), managers_.end(), [](const auto& manager) {
        return manager->leads() && manager->reconciler().is_settled();
      }))
    return std::string(kUnsettled);
  // What was begun before may still be on its way, and is then taken back.
  if (std::any_of(hosts_.all().begin(), hosts_.all().end(),
                  [](const auto& host) { return !host->jobs.empty(); }))
    return std::string(kAtWork);
  return {};
}

std::string Simulation::what_is_wrong() {
  std::string wrong = checks_.what_is_not_as_declared();
  if (wrong.empty()) wrong = checks_.statuses_are_true();
  return wrong.empty() ? who_is_at_work() : wrong;
}

void Simulation::quiet() {
  world_.trace("---- quiet");
  const TimePoint began = world_.now();
  const TimePoint deadline =
      began + kSettling + checks_.allowance() + (is_large() ? seconds(30) : seconds(0));
  // Until everybody has heard of everybody.
  world_.run_until(world_.now() + seconds(2));
  std::string wrong;
  for (;;) {
    if (!world_.run_until(world_.now() + milliseconds(200))) return;
    const bool is_late = world_.now() >= deadline;
    // While somebody is at work nothing needs to be looked at.
    if (!is_late && !who_is_at_work().empty()) continue;
    wrong = what_is_wrong();
    if (wrong.empty() || is_late) break;
  }
  if (!wrong.empty()) {
    // Of what fails for ever, the manager never settles.
    const bool only_unsettled = wrong == kUnsettled || wrong == kAtWork;
    bool fails = checks_.any_link_is_refused();
    for (const auto& [name, record] : stores_.state().applications)
      if (const auto version = record.versions.find(record.deployed); version != record.versions.end())
        for (const manager::Part& part : version->second->parts)
          fails = fails || part.reference.find("-never") != std::string::npos;
    if (!(only_unsettled && fails)) {
      checks_.trace_statuses();
      return world_.violate("desired_equals_actual", wrong);
    }
  }
  longest_settling_ =
      std::max(longest_settling_, std::chrono::duration<double>(world_.now() - began).count());
  if (std::string lost = checks_.no_accepted_change_is_lost(); !lost.empty())
    return world_.violate("no_accepted_change_is_lost", lost);
  if (std::string bad = checks_.bad_versions_are_gone(); !bad.empty())
    return world_.violate("bad_versions_are_rolled_back", bad);
  people_.forget_bad_deploys();
}

void Simulation::idle(Duration duration) {
  idle_ = true;
  idle_notes_.clear();
  world_.run_until(world_.now() + duration);
  idle_ = false;
  if (world_.violation()) return;
  if (std::string wrong = checks_.what_is_not_as_declared(); !wrong.empty())
    world_.violate("desired_stays_actual", wrong);
}

SimulationResult Simulation::run() {
  const auto began = std::chrono::steady_clock::now();
  const TimePoint end = World::kBeginning + std::chrono::duration_cast<Duration>(
                                                std::chrono::duration<double>(options_.hours * 3600));
  begin();
  if (is_large()) quiet();
  static const std::vector<Trouble> kTroubles{Trouble::none,     Trouble::none,  Trouble::hosts,
                                              Trouble::managers, Trouble::store, Trouble::bus,
                                              Trouble::all,      Trouble::all};
  while (!world_.violation() && world_.now() < end) {
    const Trouble trouble = options_.faults ? world_.random().pick(kTroubles) : Trouble::none;
    busy(trouble, world_.random().between(options_.quiet_after / 2, options_.quiet_after * 3 / 2));
    if (world_.violation()) break;
    quiet();
    if (world_.violation()) break;
    idle(kIdle);
  }
  SimulationResult result;
  result.seed = options_.seed;
  result.trace_hash = world_.trace_hash();
  result.hours = world_.now_in_seconds() / 3600;
  result.events = world_.events();
  result.faults = faults_.injected();
  result.changes = people_.changes();
  result.refused = people_.refused();
  result.counted = counted_;
  result.longest_settling_s = longest_settling_;
  result.violation = world_.violation();
  result.last_lines.assign(world_.last_lines().begin(), world_.last_lines().end());
  result.real_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

}  // namespace

SimulationResult simulate(const SimulationOptions& options) {
  return Simulation(options).run();
}

}  // namespace wattle::simulation
