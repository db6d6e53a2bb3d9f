// One thread of the data side: the components and providers that run on it, and the ways between them.
//
// Everything but start() and stop() is called on fibers of its own worker (see run_on.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/store_pool.h"
#include "host/data_plane.h"
#include "host/link_gates.h"
#include "host/remote_calls.h"
#include "host/revision.h"
#include "host/running_components.h"
#include "http/client.h"

namespace wattle::host {

// What the workers of a host have in common; outlives them.
struct DataShared {
  explicit DataShared(DataPlaneOptions options_) : options(std::move(options_)) {}

  const DataPlaneOptions options;
  async::OffloadPool blocking;
  // An instance that a hostile call spoilt is replaced without making its neighbours wait for a new isolate.
  engine::StorePool spare_stores{4};
};

// What the control side told last; replaced as a whole.
struct Surroundings {
  std::shared_ptr<const lattice::LinkTable> links = lattice::LinkTable::build({});
  std::shared_ptr<const lattice::ConfigTable> configs = std::make_shared<const lattice::ConfigTable>();
  std::shared_ptr<const SecretTable> secrets = std::make_shared<const SecretTable>();
};

class DataWorker {
 public:
  explicit DataWorker(DataShared& shared);
  // Precondition: stop() has returned, or start() was never called.
  ~DataWorker();
  DataWorker(const DataWorker&) = delete;
  DataWorker& operator=(const DataWorker&) = delete;

  void start();
  // Once drain() has returned. From any thread but its own.
  void stop();
  async::Worker& loop() { return loop_; }

  // Precondition: DataPlaneOptions::connect is there.
  Result<void> connect();

  // ---- What the control side tells

  Result<std::shared_ptr<Revision>> make_revision(const ComponentSpec& spec,
                                                  std::shared_ptr<const runtime::LinkedComponent> linked,
                                                  std::shared_ptr<ComponentCounters> counters);
  // Refused: what listening for its calls is refused with.
  Result<void> put_revision(const ComponentSpec& spec, std::shared_ptr<Revision> revision);
  // As DataPlane::refuse_calls.
  void refuse_calls(const RevisionKey& key, const Error& reason, TimePoint until);
  void rename_revision(const RevisionKey& key, const std::string& image_ref);
  bool serves_http(const std::string& id) const;
  void remove_component(const std::string& id);
  void remove_revision(const RevisionKey& key);
  void set_weights(std::shared_ptr<const lattice::WeightTable> weights);
  Result<void> put_provider(const BuiltinProviderSpec& spec, capability::ProviderFactory& factory);
  void remove_provider(const std::string& id);
  std::vector<Refusal> set_surroundings(const Surroundings& surroundings);
  // Calls to hosts that have died or left meanwhile end at once.
  void set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts);
  // Ends providers first, which bring new calls, then components, when their calls are over.
  void drain();

  // ---- What happens here

  const Surroundings& surroundings() const { return surroundings_; }
  // Of the surroundings' links.
  LinkGates& gates() { return gates_; }
  const telemetry::Log& log() const { return *shared_.options.log; }
  SpyGlass& spy_glass() { return spy_glass_; }
  // Null: it does not run on this worker.
  std::shared_ptr<capability::Provider> find_provider(std::string_view id) const;
  // The way to a provider that runs elsewhere, or to a component: in the revision of `image_ref`, or any.
  // Refused (unavailable): this host is alone.
  Result<std::shared_ptr<const bindings::RemoteTarget>> remote_target(const lattice::LinkTable::Entry& link,
                                                                      std::string_view image_ref = {});
  // A call of a component's import, along its link.
  Result<void> call(const Caller& caller, runtime::ImportCall& call);
  // What a provider of this worker hands to a component, by the component's id.
  Result<tl::expected<void, std::string>> handle_message(const std::string& provider_id,
                                                         std::string_view target,
                                                         const capability::BrokerMessage& message);
  Result<void> tell_watcher(const std::string& provider_id, std::string_view target, const KeyChange& change);
  void handle_http(const std::string& provider_id, std::string_view target, http::Exchange& exchange);

 private:
  class ProviderCalls;
  struct RunningProvider {
    BuiltinProviderSpec spec;
    std::unique_ptr<ProviderCalls> calls;
    std::shared_ptr<capability::Provider> provider;  // calls under way hold it too
    std::vector<capability::ProviderLink> links;
    std::optional<Error> refused_config{};  // why it keeps its former configuration
  };

  Result<wrpc::Reply> answer(const std::string& component_id, wrpc::IncomingCall& call);
  // Null: nobody looks.
  std::unique_ptr<Sighting> look_at_http(std::string_view source, const std::string& target,
                                         http::Exchange& exchange);
  void give_links(RunningProvider& running, std::vector<Refusal>& refused);
  // Calls in flight finish in it; those that wait for it are chosen anew.
  void end_revision(const RevisionKey& key);
  std::vector<capability::ProviderLink> links_of(const RunningProvider& running) const;
  // The revision here that a call goes to, in memory; null: it goes to another host, as `choice` says.
  // Refused: as Revision::wait_while_parked.
  Result<std::shared_ptr<Revision>> revision_here(std::string_view target, RunningComponents::Choice& choice);
  bool runs_somewhere(const std::string& id) const;
  // Until it is worth another try to call `target`, which nobody has answered; `since` the first one. False:
  // it is time to fail.
  bool wait_for_it(const std::string& target, TimePoint since);
  // The same of a link of `source` that its application's manager may still make.
  bool wait_for_link(const std::string& source, TimePoint since);
  // As lattice::authorize, of a call of a component's import; waits while wait_for_link says so.
  Result<const lattice::LinkTable::Entry*> link_of(const Caller& caller, const runtime::LinkedImport& import);
  // Whether a call goes to the revision here that was chosen, not to another host's.
  bool goes_here(std::string_view target, const RunningComponents::Choice& choice) const;
  void fail_http(const std::string& provider_id, http::Exchange& exchange, const Error& error);
  void log_http_failure(const std::string& provider_id, http::Exchange& exchange, const Error& error);

  DataShared& shared_;
  async::Worker loop_;
  std::thread thread_;
  SpyGlass spy_glass_;
  bool stopping_ = false;
  async::Signal stopped_;
  std::unique_ptr<http::Client> http_client_;  // of components that were granted hosts
  std::unique_ptr<lattice::Bus> bus_;          // null: this host is alone
  std::unique_ptr<RemoteCalls> remote_;
  Surroundings surroundings_;
  LinkGates gates_;
  std::shared_ptr<const lattice::DirectorySnapshot> hosts_;
  async::Signal places_changed_, links_changed_;
  size_t waiting_calls_ = 0;
  RunningComponents components_;
  std::map<std::string, RunningProvider, std::less<>> providers_;
};

}  // namespace wattle::host
