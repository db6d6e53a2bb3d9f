// The control side of a host: answers the control protocol, keeps what runs here, tells the data side what
// shall run, and tells the lattice what happened. It lives on the control worker.
//
//   WATTLE_TRY(auto state, lattice::LatticeState::open(bus, {.lattice = "default"}));
//   WATTLE_TRY(auto control, HostControl::start({.bus = bus, .state = *state, .data = *data, ...}, options));
//   ...
//   control->stop();
//
// Scaling, updating and starting are acknowledged when they have been understood, done one after the other
// for each component or provider, and end in an event that says how.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "host/data_plane.h"
#include "host/idle_times.h"
#include "host/images.h"
#include "host/job_queues.h"
#include "host/link_changes.h"
#include "host/machine.h"
#include "host/provider_processes.h"
#include "host/secrets.h"
#include "lattice/bucket_mirror.h"
#include "lattice/control_server.h"
#include "lattice/directory.h"
#include "lattice/events.h"
#include "lattice/lattice_state.h"
#include "telemetry/log.h"

namespace wattle::host {

struct HostOptions {
  std::string lattice = std::string("default");
  std::string host_id{};  // "N..."; empty: a new one
  lattice::StringMap labels{};
  MachineCapacity capacity{};  // told in labels too
  std::string version{};
  Duration heartbeat_interval = std::chrono::seconds(30);
  Duration drain_time = std::chrono::seconds(10);    // when host.stop does not say
  Duration work_time_max = std::chrono::minutes(2);  // fetching and readying one component
  bool component_auctions = true;
  bool provider_auctions = true;
};

// All of these outlive the HostControl. `processes` may be null: programs are refused then.
struct HostParts {
  lattice::Bus& bus;
  lattice::LatticeState& state;
  DataPlane& data;
  Images& images;
  const telemetry::Log& log;
  // Makes the component of an image; blocks only this fiber (see async::offload).
  std::function<Result<std::shared_ptr<const runtime::Component>>(const Image&, const ComponentLimits&)>
      compile;
  ProviderProcesses* processes = nullptr;
  SecretKeeper* secrets = nullptr;  // not started; null: configs that refer to secrets lead to none
  // host.stop was asked; called once, must not wait. The host's owner then calls stop().
  std::function<void(Duration drain_time)> on_stop{};
  // Credentials of registries, as they are put.
  std::function<void(const lattice::RegistryCredentials&)> on_registries{};
};

class HostControl final : public lattice::ControlHandler {
 public:
  // Listens, tells host_started, and begins to beat. On a fiber of the bus's worker. Refused:
  // invalid_argument (id, labels), and as ControlServer::start.
  static Result<std::unique_ptr<HostControl>> start(HostParts parts, HostOptions options);
  // Precondition: stopped.
  ~HostControl() override;

  const std::string& host_id() const { return options_.host_id; }
  // Takes no more requests, lets accepted work and calls in flight finish within the fiber's deadline, stops
  // providers, and tells host_stopped.
  void stop();

  lattice::HostInventory inventory_now() const;
  // Who else lives in the lattice, and what runs there.
  lattice::Directory& directory() { return *directory_; }
  // Something that the lease tells has changed: a provider's health.
  void announce();
  // The first call has come to a revision that is parked. On the control worker; does not wait.
  void wake(const RevisionKey& key);

  Result<lattice::Host> describe_host() override;
  Result<lattice::HostInventory> inventory() override { return inventory_now(); }
  Result<lattice::Ack> stop_host(const lattice::StopHost& request) override;
  Result<lattice::Ack> put_label(const lattice::Label& label) override;
  Result<lattice::Ack> delete_label(const lattice::LabelKey& label) override;
  Result<std::optional<lattice::ComponentAuctionAck>> bid(const lattice::ComponentAuction& auction) override;
  Result<std::optional<lattice::ProviderAuctionAck>> bid(const lattice::ProviderAuction& auction) override;
  Result<lattice::Ack> scale_component(const lattice::ScaleComponent& request) override;
  Result<lattice::Ack> update_component(const lattice::UpdateComponent& request) override;
  Result<lattice::Ack> start_provider(const lattice::StartProvider& request) override;
  Result<lattice::Ack> stop_provider(const lattice::StopProvider& request) override;
  Result<lattice::Ack> put_link(const lattice::Link& link) override;
  Result<lattice::Ack> replace_link(const lattice::Link& link) override;
  Result<lattice::LinkCopyAck> copy_link(const lattice::LinkCopyRequest& request) override;
  Result<lattice::Ack> delete_link(const lattice::LinkKey& key) override;
  Result<std::vector<lattice::Link>> links() override;
  Result<lattice::Ack> put_config(const std::string& name, const lattice::StringMap& values) override;
  Result<lattice::Ack> delete_config(const std::string& name) override;
  Result<std::optional<lattice::StringMap>> config(const std::string& name) override;
  Result<std::vector<lattice::StringMap>> claims() override;
  Result<lattice::Ack> put_weights(const lattice::PutWeights& request) override;
  Result<lattice::WeightTable> weights() override { return *parts_.state.weights(); }
  Result<lattice::Ack> put_registries(const lattice::RegistryCredentials& credentials) override;

 private:
  // One revision of a component.
  struct Component {
    ComponentSpec spec;  // as the data side has it
    lattice::StringMap annotations;
    std::optional<lattice::StringMap> limits;
    lattice::ComponentInterfaces interfaces;
    std::optional<lattice::ComponentClaims> claims;
    std::string token;      // of its claims
    int32_t revision = 0;   // counts the binaries that the component has had here
    Duration idle_after{};  // without a call until it is parked; zero: it never is
    // Of loading it for a call, in a row: until when the next call is refused, and with what.
    uint32_t failures = 0;
    std::optional<Error> refusal;
    TimePoint refused_until{};
  };
  using Revisions = std::vector<Component>;  // of one component: at least one, the newest last
  struct Provider {
    std::string image_ref;
    std::string builtin;  // the factory's name; empty: a process
    std::vector<std::string> config;
    lattice::StringMap annotations;
    std::optional<lattice::ComponentClaims> claims{};  // of a signed archive
    bool running = false;                              // else starting
  };

  HostControl(HostParts parts, HostOptions options)
      : parts_(std::move(parts)), options_(std::move(options)), jobs_(parts_.bus.worker()) {}
  Result<void> begin();
  void beat();
  void follow_state();
  void follow_directory();
  void log_host(const lattice::LeaseChange& change);
  void tell_data();
  void take_refused(const std::vector<Refusal>& refusals);
  std::vector<lattice::RefusedLink> refused_of(const std::string& provider_id) const;
  std::vector<std::string> hosts_of_provider(const std::string& id) const;
  void tell_secrets(std::shared_ptr<const SecretTable> secrets);

  // Jobs, each on a fiber of its own.
  void do_scale(const lattice::ScaleComponent& request);
  Result<void> scale(const lattice::ScaleComponent& request);
  void do_update(const lattice::UpdateComponent& request);
  Result<void> update(const lattice::UpdateComponent& request);
  void do_park(const RevisionKey& key);
  void do_wake(const RevisionKey& key);
  void do_start(const lattice::StartProvider& request);
  Result<void> start(const lattice::StartProvider& request);
  void do_stop(const std::string& provider_id);

  WantedSecrets wanted_secrets() const;
  // What what is about to run was given. Refused: a secret that cannot be had.
  Result<void> fetch_secrets(const std::string& id, const std::vector<std::string>& configs,
                             const std::string& token);

  // Null: no such revision runs.
  const Component* newest(const std::string& id) const;
  const Component* find_image(const std::string& id, const std::string& image_ref) const;
  const Component* find_digest(const std::string& id, const std::string& digest) const;
  Component* find_revision(const RevisionKey& key);
  // What a scale changes or replaces.
  const Component* base_of(const lattice::ScaleComponent& request) const;
  Result<void> load(Component& next, const std::string& image_ref);
  // `image_ref`: what it shall run from now on; empty: what it runs. `beside`: other revisions stay. What ran
  // before goes on when this fails.
  Result<void> put_component(Component next, const std::string& image_ref, bool beside);
  Result<void> tell_component(const Component& next);
  // Parks what has had no call for long enough.
  void park_idle();
  Result<void> load_parked(Component& next);
  void refuse_parked(Component& component, const Error& cause);
  void stop_component(const std::string& id);
  // Those for which `ends` says so; the component, when none is left.
  void end_revisions(const std::string& id, const std::function<bool(const Component&)>& ends);
  std::optional<lattice::ComponentClaims> claims_of(const Image& image, const std::string& image_ref);
  // Runs `work` when nobody else speaks to the data side of links, configs and providers.
  Result<void> with_data(const std::function<Result<void>()>& work);
  lattice::HostLease describe_lease() const;
  lattice::BucketMirror::Hosts live_hosts() const;
  uint64_t uptime_seconds() const;

  bool satisfies(const lattice::StringMap& constraints) const;
  void tell(const lattice::Event& event);
  // What an event says of a failure: all of it, and what to do.
  static std::string told(const Error& error);
  static std::string component_job(const std::string& id) { return "component " + id; }

  // Configs may be on their way from another host.
  static constexpr Duration kConfigPatience = std::chrono::seconds(5);
  static constexpr Duration kRetryPauseMin = std::chrono::milliseconds(250);
  static constexpr Duration kRetryPauseMax = std::chrono::seconds(30);
  HostParts parts_;
  HostOptions options_;
  JobQueues jobs_;
  lattice::StringMap labels_;
  std::string friendly_name_;
  std::map<std::string, Revisions> components_;
  std::map<std::string, Provider> providers_;
  WantedSecrets starting_secrets_;  // of components that are about to run, or to run with others
  std::unique_ptr<lattice::ControlServer> server_;
  std::unique_ptr<lattice::Directory> directory_;
  std::unique_ptr<lattice::LeasePublisher> lease_;
  std::unique_ptr<lattice::BucketMirror> mirror_;
  std::unique_ptr<LinkChanges> link_changes_;
  std::shared_ptr<const lattice::ConfigTable> told_configs_;
  std::shared_ptr<const lattice::LinkTable> told_links_;
  std::shared_ptr<const lattice::WeightTable> told_weights_;
  // By provider what it refuses of them, and when it is told again: a port may be free by then.
  std::map<std::string, std::vector<lattice::RefusedLink>> refused_;
  Duration retry_pause_ = kRetryPauseMin;
  TimePoint next_retry_ = TimePoint::max();
  async::Signal retry_changed_;
  lattice::BucketMirror::Hosts told_hosts_;
  bool data_busy_ = false;
  async::Signal data_free_;
  async::Signal components_changed_;
  std::shared_ptr<async::Fiber> parker_;
  std::shared_ptr<async::Fiber> heart_;
  std::shared_ptr<async::Fiber> follower_;
  std::shared_ptr<async::Fiber> directory_follower_;
  TimePoint started_ = Clock::now();
  bool begun_ = false;
  bool stop_asked_ = false;
  bool stopped_ = false;
};

}  // namespace wattle::host
