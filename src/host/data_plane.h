// A host's data side: components, built-in providers, and the invocations between them, on worker threads of
// its own. The control side (control.h) tells it what there shall be; nothing here waits for the control
// side.
//
//   WATTLE_TRY(auto plane, DataPlane::start({.workers = 2, .log = log, .factories = {&http_server}}));
//   WATTLE_CHECK(plane->put_component({.id = "shop-api", .component = component, .max_instances = 100}));
//   WATTLE_CHECK(plane->put_provider({.id = "web", .name = "http-server"}));
//   plane->set_links(links);                                    // and requests are answered
//
// Everything is called on fibers of some other worker: about providers, links and configs one call at a time,
// about components one at a time for each. What is told is a state to reach: telling the same twice changes
// nothing, telling something else replaces it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "capability/provider.h"
#include "host/secrets.h"
#include "host/spies.h"
#include "lattice/bus.h"
#include "lattice/link_requests.h"
#include "lattice/links.h"
#include "lattice/membership.h"

namespace wattle::runtime {
class Component;
}
namespace wattle::telemetry {
class Log;
}
namespace wattle::wasi {
class Context;
}

namespace wattle::host {

struct ComponentLimits {
  uint64_t max_memory_bytes = uint64_t{256} << 20;         // max_memory_limit
  Duration max_execution_time = std::chrono::minutes(10);  // max_execution_time, of wall time
  Duration cpu_time = Duration::max();                     // of one call
  bool operator==(const ComponentLimits&) const = default;
};

// One revision of a component that this host shall run.
struct ComponentSpec {
  std::string id;
  std::string digest{};     // of the binary, by which revisions are told apart
  std::string image_ref{};  // what weights name it by
  std::shared_ptr<const runtime::Component> component{};
  bool parked = false;         // nothing of it is in memory until its next call; `component` is null then
  uint32_t max_instances = 1;  // at once; each worker has its share, one at least
  uint32_t max_queue = 1024;   // calls that wait for an instance
  bool pristine = true;        // false: instances keep their state between calls
  ComponentLimits limits{};
  std::vector<std::string> config{};  // names, merged in order
  bool operator==(const ComponentSpec&) const = default;
};

// A built-in provider that this host shall run.
struct BuiltinProviderSpec {
  std::string id;
  std::string name;                   // of the factory: "keyvalue-memory"
  std::vector<std::string> config{};  // names, merged in order
};

// What a provider refuses of what it was told: a link, or its own configuration, when the link is empty.
struct Refusal {
  std::string provider_id{};
  lattice::RefusedLink link{};
  Error reason;
};

// A revision, as this host knows it.
struct RevisionKey {
  std::string id;
  std::string digest;
  auto operator<=>(const RevisionKey&) const = default;
};

struct ComponentLoad {
  uint32_t in_flight = 0;
  uint32_t capacity = 0;  // max_instances
  uint32_t queued = 0;
  uint64_t calls = 0;     // that have ended
  uint64_t failures = 0;  // of them, by the component's own doing
};

struct DataPlaneOptions {
  std::string host_id{};
  std::string lattice{};
  uint32_t workers = 1;
  const telemetry::Log* log = nullptr;  // outlives the data plane, as the factories do
  std::vector<capability::ProviderFactory*> factories{};
  // A worker's own way to the lattice, made on one of its fibers. Without it this host is alone.
  std::function<Result<std::unique_ptr<lattice::Bus>>(async::Worker&)> connect{};
  // The first call has come to a revision that is parked, and waits for it to be put unparked, or refused:
  // from a worker's thread, must not wait. Without it nothing may be parked.
  std::function<void(const RevisionKey&)> on_parked_called{};
  // What components are given beside their capabilities; a host gives nothing.
  std::function<Result<void>(wasi::Context&)> grants{};
};

class DataPlane {
 public:
  // Starts the workers; on a fiber where they are to connect. Precondition: the engine has been started.
  // Refused: what `connect` refuses.
  static Result<std::unique_ptr<DataPlane>> start(DataPlaneOptions options);
  // Precondition: drained, unless nothing was ever put.
  virtual ~DataPlane() = default;

  // Links and readies the component, then takes calls for it; returns when calls are answered. With
  // another digest under the same id: this revision runs beside the others, and is the one for calls that
  // nothing weighs, from the moment that it is ready. With the same digest: limits and numbers change for
  // new calls. Refused: unlinkable, and what the first instance fails with; what ran before goes on then.
  // Parked: calls in flight finish as they began, and those that come wait, as many as `max_queue` says and
  // to their deadline.
  virtual Result<void> put_component(const ComponentSpec& spec) = 0;
  // The calls that wait for a parked revision fail with this, and until then those that come too. Does not
  // wait.
  virtual void refuse_calls(const RevisionKey& key, const Error& reason, TimePoint until) = 0;
  // Whether it is here, and exports wasi:http/incoming-handler.
  virtual bool serves_http(const std::string& id) = 0;
  // All its revisions, or one: takes no new calls; those in flight finish. Not being there is no failure.
  virtual void remove_component(const std::string& id) = 0;
  virtual void remove_revision(const RevisionKey& key) = 0;

  // Refused: not_found (no factory of that name; names what there is), and what the provider refuses.
  virtual Result<void> put_provider(const BuiltinProviderSpec& spec) = 0;
  virtual void remove_provider(const std::string& id) = 0;

  // Whole states: each replaces the one before, on every worker, before this returns. What a provider refuses
  // of its links comes back; the others are in force.
  virtual std::vector<Refusal> set_links(std::shared_ptr<const lattice::LinkTable> links) = 0;
  virtual std::vector<Refusal> set_configs(std::shared_ptr<const lattice::ConfigTable> configs) = 0;
  // A link that names secrets which are not known is given to providers once they are; until then, what the
  // link was before.
  virtual std::vector<Refusal> set_secrets(std::shared_ptr<const SecretTable> secrets) = 0;

  // These two also while another call goes on. Whether the calls that began along the links under `key`
  // before these last changed have ended.
  virtual bool links_settled(const lattice::LinkKey& key) = 0;
  // Moves out what was written along a link that is copied. Refused: as LinkGate::take.
  virtual Result<lattice::LinkRecords> take_records(const lattice::LinkKey& key, const std::string& copy,
                                                    size_t bytes_max) = 0;

  // How calls are shared among revisions.
  virtual void set_weights(std::shared_ptr<const lattice::WeightTable> weights) = 0;
  virtual void set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) = 0;
  // Who looks at calls; null: nobody. Does not wait.
  virtual void set_spies(std::shared_ptr<const SpyTable> spies) = 0;

  // From any thread.
  virtual std::map<RevisionKey, ComponentLoad> loads() const = 0;
  // Takes no new work anywhere, lets what is in flight finish within the fiber's deadline, and ends the
  // workers. Nothing may be told after it.
  virtual void drain() = 0;
};

}  // namespace wattle::host
