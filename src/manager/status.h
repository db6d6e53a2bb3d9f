// How an application does: of each part and link what is wanted, what is there, and in plain words what is
// missing. The types of wadm's API, with wattle's own numbers beside them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wattle::manager {

// wadm's words. The worst of an application's objects is the application's own, in this order.
enum class StatusKind : uint8_t { failed, undeployed, waiting, reconciling, unhealthy, deployed };
std::string_view to_string(StatusKind kind);
// A word that is not known, as of a newer manager: reconciling.
StatusKind parse_status_kind(std::string_view word);

struct Status {
  StatusKind kind = StatusKind::undeployed;
  std::string message{};  // why, and what to do; empty when deployed
  bool operator==(const Status&) const = default;
};

// One revision of a component, as hosts run it.
struct RevisionStatus {
  std::string image{};
  uint32_t ready = 0;                       // instances, on all hosts
  uint32_t weight = 0;                      // share of the calls, of all revisions' weights
  std::map<std::string, uint32_t> hosts{};  // ready instances by host id
  bool operator==(const RevisionStatus&) const = default;
};

// What keeps one part, link or config as declared: wadm's "scaler".
struct ObjectStatus {
  std::string id{};    // the same as long as what is declared is
  std::string kind{};  // "SpreadScaler", "DaemonScaler", "LinkScaler", "ConfigScaler"
  std::string name{};  // "shop-api", "shop-api -(wasi:keyvalue)-> shop-kv", "shop-redis-url"
  Status status{};
  // Of components and providers; a provider has one revision.
  uint32_t wanted = 0;
  uint32_t ready = 0;
  // Of a component that follows its calls (`most` is 0 else): its bounds, its calls on all hosts, and on how
  // many of them it is parked.
  uint32_t least = 0;
  uint32_t most = 0;
  uint64_t in_flight = 0;
  uint64_t queued = 0;
  uint32_t parked = 0;
  std::vector<RevisionStatus> revisions{};
  bool operator==(const ObjectStatus&) const = default;
};

// Who uses what of whom: a link into another application.
struct Use {
  std::string user{};       // application
  std::string source{};     // its part
  std::string owner{};      // application
  std::string target{};     // its part
  std::string interface{};  // "wasi:keyvalue/store"
  bool operator==(const Use&) const = default;
};

struct ApplicationStatus {
  Status status{};
  std::vector<ObjectStatus> objects{};
  std::vector<Use> uses{};  // in both directions
  // A change of version that goes on, or how the last one ended: "canary: 10 % of the calls reach 0.2.0".
  std::string rollout{};
  std::map<std::string, std::string> host_names{};  // of the hosts that the revisions name, by id
  bool operator==(const ApplicationStatus&) const = default;
};

// The worst of them, with the messages of all that are as bad; deployed when there are none.
Status worst_of(const std::vector<ObjectStatus>& objects);

}  // namespace wattle::manager
