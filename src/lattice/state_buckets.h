// What wasmCloud v1 keeps in key-value buckets of the lattice, and its clients read there directly. wattle's
// own truth is lattice::Store; these buckets mirror it.
//
//   LATTICEDATA_{lattice}   COMPONENT_{id}   a component's or provider's image and the links from it
//                           CLAIMS_{key}     what a signed component says of itself
//   CONFIGDATA_{lattice}    {name}           a config: a map of texts
//   wadm_state              host_{lattice}, component_{lattice}, provider_{lattice}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lattice/control_types.h"
#include "lattice/link.h"

namespace wattle::lattice {

std::string lattice_data_bucket(std::string_view lattice);
std::string config_data_bucket(std::string_view lattice);
inline constexpr std::string_view kObservedStateBucket = "wadm_state";

// Keys in them.
std::string component_key(std::string_view id);
std::string claims_key(std::string_view subject);
std::string observed_hosts_key(std::string_view lattice);
std::string observed_components_key(std::string_view lattice);
std::string observed_providers_key(std::string_view lattice);

// The value of COMPONENT_{id}.
struct ComponentRecord {
  std::string url{};  // image reference; empty while only links are known
  std::vector<Link> links{};
};

struct ObservedHost {
  struct Provider {
    std::string provider_id;
    std::string provider_ref;
    StringMap annotations;
  };
  std::string id{};
  std::string friendly_name{};
  std::map<std::string, uint32_t> components{};  // instances by component id
  StringMap labels{};
  std::vector<Provider> providers{};
  uint64_t uptime_seconds = 0;
  std::string version{};
  std::string last_seen{};  // RFC 3339
};
using ObservedHosts = std::map<std::string, ObservedHost>;  // by host id

struct ObservedComponent {
  struct Instances {
    StringMap annotations;
    uint32_t count = 0;
  };
  std::string id{};
  std::string name{};
  std::string issuer{};
  std::string reference{};
  std::map<std::string, std::vector<Instances>> instances{};  // by host id
};
using ObservedComponents = std::map<std::string, ObservedComponent>;  // by component id

struct ObservedProvider {
  std::string id{};
  std::string name{};
  std::string issuer{};
  std::string reference{};
  std::map<std::string, std::string> hosts{};  // by host id: "Pending", "Running" or "Failed"
};
using ObservedProviders = std::map<std::string, ObservedProvider>;  // by provider id

// Adds what one host tells about itself, with when it was heard.
struct ObservedState {
  ObservedHosts hosts{};
  ObservedComponents components{};
  ObservedProviders providers{};

  void add(const HostInventory& inventory, std::string_view last_seen);
};

Result<ComponentRecord> parse_component_record(std::string_view json);
std::string to_json(const ComponentRecord& record);
// The value of CLAIMS_{key}: without times.
Result<ComponentClaims> parse_claims(std::string_view json);
std::string to_json(const ComponentClaims& claims);
Result<ObservedHosts> parse_observed_hosts(std::string_view json);
std::string to_json(const ObservedHosts& hosts);
Result<ObservedComponents> parse_observed_components(std::string_view json);
std::string to_json(const ObservedComponents& components);
Result<ObservedProviders> parse_observed_providers(std::string_view json);
std::string to_json(const ObservedProviders& providers);

}  // namespace wattle::lattice
