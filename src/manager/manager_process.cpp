#include "manager/manager_process.h"

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <set>

#include "lattice/bucket_mirror.h"
#include "lattice/directory.h"
#include "lattice/events.h"
#include "lattice/lattice_state.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "manager/api_server.h"
#include "manager/commands.h"
#include "manager/lattice_changes.h"
#include "manager/leadership.h"

namespace wattle::manager {
namespace {

constexpr Duration kCommandTimeMax = std::chrono::seconds(5);
constexpr Duration kStatusInterval = std::chrono::milliseconds(200);
constexpr Duration kStopTime = 2 * kCommandTimeMax;                // commands under way end first
constexpr Duration kLookAtLeast = std::chrono::milliseconds(250);  // whether it still leads
// Hosts tell of many changes while applications are deployed, and clients poll.
constexpr Duration kMirrorSettle = std::chrono::milliseconds(500);
// Until it listens for requests, after it could not.
constexpr Duration kListenPauseMin = std::chrono::milliseconds(250);
constexpr Duration kListenPauseMax = std::chrono::seconds(15);

class Manager {
 public:
  Manager(async::Worker& worker, const ManagerSetup& setup) : worker_(worker), setup_(setup) {}

  // On a fiber. What has been started is stopped again when something is refused.
  Result<void> run() {
    Result<void> started;
    bool is_over = false;
    async::Signal over;
    // It may wait for the bus as long as that takes, and is cancelled then.
    starting_ = worker_.spawn([&] {
      started = start();
      is_over = true;
      over.notify();
    });
    while (!is_over) (void)over.wait();
    starting_.reset();
    if (started && !stop_asked_) {
      if (setup_.on_ready) setup_.on_ready(id_);
      think();
    }
    stop();
    return stop_asked_ ? Result<void>() : started;
  }

  void ask_to_stop() {
    stop_asked_ = true;
    news_.notify();
    if (starting_) starting_->cancel();
  }

 private:
  Result<void> start() {
    WATTLE_CHECK(lattice::check_lattice(setup_.lattice));
    nats::ClientOptions client = setup_.client;
    client.log = setup_.log;
    client.inbox_prefix = lattice::kInboxPrefix;
    WATTLE_TRY(bus_, lattice::NatsBus::connect(worker_, {.client = std::move(client)}));
    id_ = lattice::event_id();
    lattice::StoreOptions manifests;
    manifests.lattice = setup_.lattice;
    manifests.path = setup_.store_path;
    manifests.offload = &blocking_;
    manifests.log = setup_.log;
    WATTLE_TRY(store_, ApplicationStore::open(*bus_, std::move(manifests), setup_.images));
    WATTLE_CHECK(store_->wait_ready());
    lattice::StoreOptions links;
    links.lattice = setup_.lattice;
    links.offload = &blocking_;
    links.log = setup_.log;
    WATTLE_TRY(state_, lattice::LatticeState::open(*bus_, std::move(links)));
    runner_.emplace(*bus_, *store_, *state_, setup_.lattice);
    WATTLE_TRY(directory_, lattice::Directory::start(*bus_, setup_.lattice, {.log = setup_.log}));
    directory_->set_listener([this](const lattice::LeaseChange& change) { take(change); });
    WATTLE_TRY(events_, bus_->subscribe(lattice::event_subject(setup_.lattice, ">"), {},
                                        [this](const lattice::Message& message) { take(message); }));
    leadership_ = Leadership::start(*bus_, setup_.lattice, id_, *setup_.log);
    WATTLE_TRY(
        mirror_,
        lattice::BucketMirror::start(
            *bus_, *state_, *setup_.log, id_, [this] { return mirrored_hosts(); },
            {.writer = lattice::MirrorWriter::manager, .lattice = setup_.lattice, .settle = kMirrorSettle}));
    return {};
  }

  void stop() {
    async::Fiber::current().set_deadline(Clock::now() + kStopTime);
    stopping_ = true;
    if (api_) (void)api_->drain();
    api_.reset();
    if (mirror_) mirror_->stop();
    mirror_.reset();
    while (running_ > 0)
      if (!done_.wait()) break;
    if (leadership_) leadership_->stop();
    leadership_.reset();
    events_.reset();
    if (directory_) directory_->set_listener(nullptr);
    directory_.reset();
    state_.reset();
    store_.reset();
    if (bus_) (void)bus_->drain();
    bus_.reset();
  }

  // ---- What is heard

  void take(const lattice::LeaseChange& change) {
    using Kind = lattice::LeaseChange::Kind;
    if (change.kind == Kind::left || change.kind == Kind::died)
      feed(HostGone{change.lease->host_id});
    else
      feed(HostSeen{report_of(*change.lease), true});
  }

  void take(const lattice::Message& message) {
    const auto event = lattice::parse_event(message.payload);
    if (!event) return;
    if (event->name == "component_scaled") {
      if (auto scale = lattice::parse_scale(*event))
        return feed(HostScaled{event->source, std::move(scale->component_id), std::move(scale->image_ref),
                               scale->max_instances});
    }
    if (event->name == "component_scale_failed" || event->name == "provider_start_failed") {
      if (auto failed = lattice::parse_failure(*event))
        feed(HostFailed{event->source, std::move(failed->id), std::move(failed->error)});
    } else if (event->name.starts_with("component_scale") || event->name.starts_with("provider_st")) {
      feed(HostActed{event->source});
    }
  }

  // Load alone.
  void take_leases() {
    const auto snapshot = directory_->snapshot();
    if (snapshot == told_hosts_) return;
    told_hosts_ = snapshot;
    for (const auto& host : snapshot->hosts()) feed(HostSeen{report_of(*host), false});
    tell_mirror();
  }

  void take_state() {
    const LatticeTables tables = tables_of(*state_);
    if (told_tables_ && *told_tables_ == tables) return;
    auto changed = changes_between(told_tables_.value_or(LatticeTables()), tables);
    told_tables_ = tables;
    feed(std::move(changed));
  }

  void take_applications() {
    const auto snapshot = store_->values();
    if (snapshot == told_applications_) return;
    ApplicationsChanged changed{.all = false, .applications = {}, .gone = {}};
    for (const std::string& name : store_->changed_since(told_applications_.get())) {
      const auto record = store_->find(name);
      const auto note = store_->note(name);
      if (record == nullptr && !note) {
        changed.gone.push_back(name);
        continue;
      }
      // Of what has been deleted, a note is left of what is still to be taken down.
      ApplicationRecord deleted;
      deleted.name = name;
      changed.applications.push_back(input_of(record ? *record : deleted, note.value_or("")));
    }
    told_applications_ = snapshot;
    feed(std::move(changed));
  }

  ApplicationInput input_of(const ApplicationRecord& record, const std::string& note) {
    ApplicationInput input;
    input.name = record.name;
    input.unreadable = record.unreadable;
    if (!note.empty()) {
      auto parsed = parse_note(note);
      if (parsed)
        input.note = std::move(*parsed);
      else
        input.unreadable = parsed.error().full_message();
    }
    if (!input.unreadable.empty() || !record.deployed) return input;
    input.version_name = *record.deployed;
    auto version = store_->application(record.name, *record.deployed);
    if (version)
      input.version = std::move(*version);
    else
      input.unreadable = version.error().full_message();
    if (!input.note.stable.empty() && input.note.stable != input.version_name)
      if (auto stable = store_->application(record.name, input.note.stable))
        input.stable = std::move(*stable);
    return input;
  }

  // ---- What is done

  void feed(Event event) {
    if (stopping_) return;
    // A process that was stopped may have lost the lease meanwhile, before it has thought again.
    if (reconciler_.leads() && !leadership_->leads()) (void)reconciler_.step(Leading{false}, Clock::now());
    auto commands = reconciler_.step(std::move(event), Clock::now());
    news_.notify();
    for (Command& command : commands) begin(std::move(command));
  }

  void begin(Command command) {
    ++running_;
    worker_.spawn([this, command = std::move(command)] {
      const async::DeadlineScope deadline(Clock::now() + kCommandTimeMax);
      CommandDone done = runner_->run(command);
      --running_;
      done_.notify();
      if (!done.result)
        setup_.log->debug("a command failed",
                          {{"object", command.object}, {"reason", done.result.error().full_message()}});
      feed(std::move(done));
    });
  }

  // Until it is told to stop.
  void think() {
    async::Signal* const signals[] = {&news_, &store_->changed(), &state_->changed(), &directory_->changed(),
                                      &leadership_->changed()};
    while (!stop_asked_) {
      take_leases();
      take_state();
      take_applications();
      lead_or_follow();
      if (Clock::now() >= reconciler_.next_step()) feed(TimePassed{});
      tell_statuses();
      const TimePoint next = std::min({reconciler_.next_step(), next_status_, Clock::now() + kLookAtLeast});
      if (Clock::now() < next && !async::Signal::wait_any(signals, next)) return;
    }
  }

  // It acts once it has heard every live host; a manager that leads no more answers nobody.
  void lead_or_follow() {
    const bool leads = leadership_->leads() && directory_->settled();
    if (leads != leading_ || leads != reconciler_.leads()) {
      leading_ = leads;
      feed(Leading{leads});
      tell_mirror();
      listen_pause_ = kListenPauseMin;
      next_listen_ = Clock::now();
    }
    if (!leads) {
      if (api_) (void)api_->drain();
      api_.reset();
    } else if (!api_ && Clock::now() >= next_listen_) {
      listen();
    }
  }

  void listen() {
    auto api = ApiServer::start(
        *bus_, *store_,
        {.lattice = setup_.lattice,
         .hooks = {.status = [this](std::string_view name) { return status_of(name); },
                   .differences = [this](const Application& next) { return differences_to(next); },
                   .leads = [this] { return leadership_->leads(); }}});
    if (api) {
      api_ = std::move(*api);
      return;
    }
    setup_.log->error(api.error().with_context("the manager cannot listen for requests"));
    next_listen_ = Clock::now() + listen_pause_;
    listen_pause_ = std::min(2 * listen_pause_, kListenPauseMax);
  }

  // ---- What is told

  ApplicationStatus status_of(std::string_view name) {
    take_applications();
    auto status = reconciler_.status(name);
    if (status) return *std::move(status);
    return ApplicationStatus{.status = {StatusKind::undeployed, {}}};
  }

  Result<std::vector<api::Difference>> differences_to(const Application& next) {
    take_applications();
    std::vector<api::Difference> lines;
    for (const auto& line : reconciler_.differences(next)) {
      using Kind = Reconciler::Difference::Kind;
      const auto kind = line.kind == Kind::add ? "add" : line.kind == Kind::remove ? "remove" : "change";
      lines.push_back({kind, line.object, line.detail});
    }
    return lines;
  }

  // wadm_state is written by the manager that leads.
  lattice::BucketMirror::Hosts mirrored_hosts() const {
    lattice::BucketMirror::Hosts hosts;
    if (!leading_ || !leadership_->leads()) return hosts;
    hosts.writer = id_;
    const auto snapshot = directory_->snapshot();
    for (const auto& host : snapshot->hosts()) hosts.add(*host);
    return hosts;
  }

  void tell_mirror() {
    auto hosts = mirrored_hosts();
    if (hosts == mirrored_) return;
    mirrored_ = std::move(hosts);
    mirror_->hosts_changed();
  }

  void tell_statuses() {
    next_status_ = TimePoint::max();
    if (!leading_ || reconciler_.plans() == told_plans_) return;
    if (Clock::now() < last_status_ + kStatusInterval) {
      next_status_ = last_status_ + kStatusInterval;
      return;
    }
    last_status_ = Clock::now();
    told_plans_ = reconciler_.plans();
    for (const std::string& name : reconciler_.changed_statuses())
      if (const auto status = reconciler_.status(name))
        (void)publish_status(*bus_, setup_.lattice, name, *status);
  }

  async::Worker& worker_;
  const ManagerSetup& setup_;
  std::string id_;
  async::OffloadPool blocking_;
  std::unique_ptr<lattice::Bus> bus_;
  std::unique_ptr<ApplicationStore> store_;
  std::unique_ptr<lattice::LatticeState> state_;
  std::unique_ptr<lattice::Directory> directory_;
  std::unique_ptr<lattice::BusSubscription> events_;
  std::unique_ptr<Leadership> leadership_;
  std::unique_ptr<lattice::BucketMirror> mirror_;
  lattice::BucketMirror::Hosts mirrored_;  // as it was told last
  std::unique_ptr<ApiServer> api_;
  std::optional<CommandRunner> runner_;
  Reconciler reconciler_;
  std::shared_ptr<async::Fiber> starting_;  // while it does
  bool leading_ = false;
  bool stop_asked_ = false;
  bool stopping_ = false;
  size_t running_ = 0;
  async::Signal done_;
  async::Signal news_;
  std::shared_ptr<const lattice::DirectorySnapshot> told_hosts_;
  std::optional<LatticeTables> told_tables_;
  std::shared_ptr<const lattice::StoreSnapshot> told_applications_;
  TimePoint next_listen_{};
  Duration listen_pause_ = kListenPauseMin;
  uint64_t told_plans_ = 0;
  TimePoint last_status_{};
  TimePoint next_status_ = TimePoint::max();
};

}  // namespace

Result<void> run_manager(const ManagerSetup& setup) {
  std::signal(SIGPIPE, SIG_IGN);
  async::Worker worker;
  Manager manager(worker, setup);
  boost::asio::signal_set signals(worker.io(), SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    signals.clear();  // a second one ends the process at once
    manager.ask_to_stop();
  });
  Result<void> ran;
  worker.spawn([&] {
    ran = manager.run();
    signals.cancel();
  });
  worker.run();
  return ran;
}

}  // namespace wattle::manager
