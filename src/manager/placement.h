// Where instances go: a pure function of what is wanted, of the hosts there are, and of what runs where now.
//
//   HostSet hosts(views);
//   Placement placed = place(hosts, {.scaling = scaling, .instances = 16, .present = {{0, 8}, {2, 8}}});
//   for (const auto& [host, count] : placed.instances) ...
//
// Evenly: a component's instances over all hosts that fit, a provider's over as many as it asks for. Between
// failure domains first, then to where it runs already, then to where the fewest parts are. So nothing moves
// without need, and everything moves back when what was lost is there again.
//
// Where instances ask for memory and CPUs (requests), a host gets as many as it has room for beside what
// others have been given there, and the rest goes where there is room. What a host has already it keeps.
#pragma once

#include <boost/container/flat_map.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manager/capacity.h"
#include "manager/manifest.h"

namespace wattle::manager {

// A host that takes work. `labels` outlives the HostSet.
struct HostView {
  std::string id{};
  std::string friendly_name{};
  const StringMap* labels = nullptr;
};

// The hosts there are, how many parts each of them has been given, and what these ask for.
class HostSet {
 public:
  explicit HostSet(std::vector<HostView> hosts);

  size_t size() const { return hosts_.size(); }
  const HostView& operator[](size_t index) const { return hosts_[index]; }
  // Those that a spread fits; kept for the next part that asks for the same labels.
  const std::vector<uint32_t>& eligible(const Spread& spread);
  // Numbers for the values of a label; hosts without it have one each.
  const std::vector<uint32_t>& domains(const std::string& label);
  // Two spreads that ask for the same are one key.
  static std::string requirements_of(const Spread& spread);

  uint32_t parts(size_t index) const { return parts_[index]; }
  void add_part(size_t index) { ++parts_[index]; }
  void remove_part(size_t index) { --parts_[index]; }
  Capacity& capacity(size_t index) { return capacities_[index]; }
  const Capacity& capacity(size_t index) const { return capacities_[index]; }

 private:
  std::vector<HostView> hosts_;
  std::vector<Capacity> capacities_;
  std::vector<uint32_t> parts_;
  std::map<std::string, std::vector<uint32_t>, std::less<>> eligible_;
  std::map<std::string, std::vector<uint32_t>, std::less<>> domains_;
};

// Instances by the host's place in the set.
using Instances = boost::container::flat_map<uint32_t, uint32_t>;

struct PlacementRequest {
  const Scaling& scaling;
  PartKind kind = PartKind::component;
  uint32_t instances = 0;  // in all; of a daemon, on each host
  const std::string& failure_domain;
  const Instances& present;
  const std::vector<uint32_t>* only = nullptr;  // among these hosts; null: among all
  Requests requests{};                          // of each instance
  const Instances* kept = nullptr;  // so many have their room already, and hosts' books are without them
};

struct Placement {
  Instances instances{};
  // Which spreads have fewer hosts than they need, and why each host is none: "spread east: no host fits:
  // ...", "spread east: 3 of 5 instances have no host: alpha: 64 MiB asked, 12 MiB left of 8 GiB".
  std::vector<std::string> shortages{};
  uint32_t lacking = 0;  // instances for which hosts that fit have no room
  bool limited = false;  // with more room somewhere it might be another
};

Placement place(HostSet& hosts, const PlacementRequest& request);

// `total` divided by the spreads' weights; what is left over goes one by one to the heaviest first.
std::vector<uint32_t> shares_of(std::span<const Spread> spreads, uint32_t total);

}  // namespace wattle::manager
