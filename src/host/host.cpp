#include "host/host.h"

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "host/identity.h"
#include "http/server.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "runtime/runtime.h"

namespace wattle::host {
namespace {

// Everything of a host, on its control worker.
class Host {
 public:
  Host(async::Worker& worker, const HostSetup& setup) : worker_(worker), setup_(setup) {}

  // On a fiber. What has been started is stopped again when something is refused.
  Result<void> run() {
    auto started = start();
    if (started) {
      ready_ = true;
      if (setup_.on_ready) setup_.on_ready(control_->host_id());
      while (!stop_asked_) (void)stop_.wait();
    }
    stop();
    return started;
  }

  void ask_to_stop(Duration drain_time) {
    drain_time_ = drain_time;
    stop_asked_ = true;
    stop_.notify();
  }

 private:
  Result<void> start() {
    WATTLE_CHECK(listen_for_health());
    WATTLE_TRY(bus_, connect(worker_));
    lattice::StoreOptions store;
    store.lattice = setup_.control.lattice;
    store.path = setup_.store_path;
    store.offload = &blocking_;
    store.log = setup_.log;
    WATTLE_TRY(state_, lattice::LatticeState::open(*bus_, std::move(store)));
    HostOptions options = setup_.control;
    if (options.host_id.empty()) options.host_id = new_host_id();
    WATTLE_TRY(data_, DataPlane::start({.host_id = options.host_id,
                                        .lattice = options.lattice,
                                        .workers = setup_.workers,
                                        .log = setup_.log,
                                        .factories = setup_.factories,
                                        .connect = [this](async::Worker& worker) { return connect(worker); },
                                        .on_parked_called =
                                            [this](const RevisionKey& key) {
                                              worker_.post([this, key] {
                                                if (control_) control_->wake(key);
                                              });
                                            }}));
    WATTLE_TRY(spies_, SpyBook::start(*bus_, options.lattice, *setup_.log,
                                      [this](std::shared_ptr<const SpyTable> table) {
                                        data_->set_spies(std::move(table));
                                      }));
    images_.emplace(*bus_, blocking_,
                    ImageOptions{.lattice = options.lattice,
                                 .allow_file_load = setup_.allow_file_load,
                                 .cache_folder = setup_.images_folder});
    if (setup_.secrets) secrets_.emplace(*state_, *setup_.log, setup_.secrets(worker_, blocking_));
    start_processes(options);
    WATTLE_TRY(given_back_, (program_images_ ? program_images_ : images_)->give_back());
    WATTLE_TRY(control_, HostControl::start({.bus = *bus_,
                                             .state = *state_,
                                             .data = *data_,
                                             .images = *images_,
                                             .log = *setup_.log,
                                             .compile =
                                                 [this](const Image& image, const ComponentLimits& limits) {
                                                   return compile(image, limits);
                                                 },
                                             .processes = processes_ ? &*processes_ : nullptr,
                                             .secrets = secrets_ ? &*secrets_ : nullptr,
                                             .on_stop = [this](Duration time) { ask_to_stop(time); }},
                                            options));
    return {};
  }

  void stop() {
    ready_ = false;
    async::Fiber::current().set_deadline(Clock::now() + drain_time_);
    spies_.reset();
    given_back_.reset();
    if (control_) {
      control_->stop();
    } else if (data_) {
      data_->drain();
    }
    control_.reset();
    processes_.reset();
    secrets_.reset();
    data_.reset();
    programs_.reset();
    program_images_.reset();
    images_.reset();
    state_.reset();
    if (bus_) (void)bus_->drain();
    bus_.reset();
    if (health_) health_->drain(Duration::zero());
  }

  Result<std::unique_ptr<lattice::Bus>> connect(async::Worker& worker) {
    nats::ClientOptions client = setup_.client;
    client.log = setup_.log;
    client.inbox_prefix = lattice::kInboxPrefix;
    WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = std::move(client)}));
    return std::unique_ptr<lattice::Bus>(std::move(bus));
  }

  Result<std::shared_ptr<const runtime::Component>> compile(const Image& image,
                                                            const ComponentLimits& limits) {
    return async::offload(blocking_, [&] {
      return runtime::Component::load(*image.bytes, {.max_memory_bytes = limits.max_memory_bytes});
    });
  }

  void start_processes(const HostOptions& options) {
    if (!setup_.provider_connection) return;
    program_images_.emplace(*bus_, blocking_,
                            ImageOptions{.lattice = options.lattice,
                                         .allow_file_load = setup_.allow_file_load,
                                         .bytes_max = kProgramBytesMax,
                                         .cache_folder = setup_.images_folder});
    ProviderProgramOptions programs;
    programs.allow_file_load = setup_.allow_file_load;
    programs.builtin_command = setup_.provider_command;
    for (const auto* factory : setup_.factories) programs.builtin_names.emplace_back(factory->name());
    programs_.emplace(*program_images_, blocking_, std::move(programs));
    processes_.emplace(
        ProviderProcessParts{
            .bus = *bus_,
            .state = *state_,
            .log = *setup_.log,
            .programs = *programs_,
            .connection = setup_.provider_connection,
            .secrets = secrets_ ? &*secrets_ : nullptr,
            .tell = [this, lattice = options.lattice, id = options.host_id](
                        const auto& event) { (void)lattice::publish(*bus_, lattice, id, event); },
            .on_change =
                [this] {
                  if (control_) control_->announce();
                }},
        ProviderProcessOptions{.lattice = options.lattice, .host_id = options.host_id});
  }

  Result<void> listen_for_health() {
    if (setup_.admin_address.empty()) return {};
    health_ =
        std::make_unique<http::Server>(worker_, http::ServerOptions{}, [this](http::Exchange& exchange) {
          const std::string& path = exchange.request().path_with_query;
          const bool known = path == "/livez" || path == "/readyz";
          const bool well = path == "/livez" || (ready_ && bus_ && bus_->connected());
          http::Response response;
          response.status = !known ? 404 : well ? 200 : 503;
          (void)response.fields.append("content-type", "text/plain");
          (void)exchange.respond(response, http::as_bytes(!known ? "not found\n"
                                                          : well ? "ok\n"
                                                                 : "not ready\n"));
        });
    auto listens = health_->listen(setup_.admin_address);
    if (!listens) health_.reset();
    return listens;
  }

  async::Worker& worker_;
  const HostSetup& setup_;
  async::OffloadPool blocking_;
  std::unique_ptr<http::Server> health_;
  std::unique_ptr<lattice::Bus> bus_;
  std::unique_ptr<lattice::LatticeState> state_;
  std::unique_ptr<DataPlane> data_;
  std::unique_ptr<SpyBook> spies_;
  std::optional<Images> images_;
  std::optional<Images> program_images_;
  std::unique_ptr<lattice::BusSubscription> given_back_;  // images that others miss
  std::optional<ProviderPrograms> programs_;
  std::optional<SecretKeeper> secrets_;
  std::optional<ProviderProcesses> processes_;
  std::unique_ptr<HostControl> control_;
  bool ready_ = false;
  bool stop_asked_ = false;
  Duration drain_time_ = std::chrono::seconds(10);
  async::Signal stop_;
};

}  // namespace

Result<void> run_host(const HostSetup& setup) {
  std::signal(SIGPIPE, SIG_IGN);
  async::Worker worker;
  Host host(worker, setup);
  boost::asio::signal_set signals(worker.io(), SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (error) return;
    signals.clear();  // a second one ends the process at once
    host.ask_to_stop(setup.control.drain_time);
  });
  Result<void> ran;
  worker.spawn([&] {
    ran = host.run();
    signals.cancel();
  });
  worker.run();
  return ran;
}

}  // namespace wattle::host
