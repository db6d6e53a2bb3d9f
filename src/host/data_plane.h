// What a host's control side (control.h) asks of its data side: which components, links and built-in
// providers there are. The data side runs invocations on worker threads of its own and never waits for the
// control side.
//
// Called on the control worker's fibers. What is told is a state to reach, not a step: telling the same twice
// changes nothing, and telling something else replaces it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace wattle::lattice {
class LinkTable;
class DirectorySnapshot;
}  // namespace wattle::lattice

namespace wattle::host {

struct ComponentLimits {
  uint64_t max_memory_bytes = uint64_t{256} << 20;         // max_memory_limit
  Duration max_execution_time = std::chrono::minutes(10);  // max_execution_time, of wall time
  bool operator==(const ComponentLimits&) const = default;
};

// One revision of a component that this host shall run.
struct ComponentSpec {
  std::string id;
  std::string image_ref;  // as it was asked for
  std::string digest;     // "sha256:..." of the binary: the revision
  std::shared_ptr<const std::vector<uint8_t>> binary;
  uint32_t max_instances = 1;  // at once, on all workers together
  ComponentLimits limits;
  std::vector<std::string> config;  // names, merged in order
};

// A built-in provider that this host shall run.
struct BuiltinProviderSpec {
  std::string id;
  std::string name;                 // of the factory: "keyvalue-memory"
  std::vector<std::string> config;  // names, merged in order
};

// Every named config with its values, at one moment.
using ConfigTable = std::map<std::string, std::map<std::string, std::string>, std::less<>>;

struct ComponentLoad {
  uint32_t in_flight = 0;
  uint32_t capacity = 0;  // max_instances
  uint32_t queued = 0;
};

class DataPlane {
 public:
  virtual ~DataPlane() = default;

  // Compiles, links and readies the component, then takes calls for it; returns when calls are answered. With
  // another digest under the same id: new calls go to the new revision from the moment that it is ready,
  // calls in flight finish on the old one. With the same digest: limits and numbers change in place. Refused:
  // malformed, invalid, unlinkable, memory_exceeded; what ran before goes on then.
  virtual Result<void> put_component(const ComponentSpec& spec) = 0;
  // Takes no new calls, lets those in flight finish within the fiber's deadline, and forgets it.
  virtual void remove_component(const std::string& id) = 0;

  // Refused: not_found (no factory of that name; names what there is), and what the provider refuses.
  virtual Result<void> put_provider(const BuiltinProviderSpec& spec) = 0;
  virtual void remove_provider(const std::string& id) = 0;

  // Whole states; each replaces the one before, on every worker, before this returns. A provider's refusal of
  // a link comes back by link, and leaves the others in force.
  virtual void set_links(std::shared_ptr<const lattice::LinkTable> links) = 0;
  virtual void set_configs(std::shared_ptr<const ConfigTable> configs) = 0;
  virtual void set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) = 0;

  virtual std::map<std::string, ComponentLoad> loads() const = 0;
  // Takes no new work anywhere and lets what is in flight finish, within the fiber's deadline.
  virtual void drain() = 0;
};

}  // namespace wattle::host
