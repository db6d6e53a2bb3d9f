// Where instances go: a pure function of what is wanted, of the hosts there are, and of what runs where now.
//
//   HostSet hosts(views);
//   Placement placed = place(hosts, {.scaling = scaling, .instances = 16, .present = {{0, 8}, {2, 8}}});
//   for (const auto& [host, count] : placed.instances) ...
//
// Evenly: a component's instances over all hosts that fit, a provider's over as many as it asks for. Between
// failure domains first, then to where it runs already, then to where the fewest parts are. So nothing moves
// without need, and everything moves back when what was lost is there again.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "manager/manifest.h"

namespace wattle::manager {

// A host that takes work. `labels` outlives the HostSet.
struct HostView {
  std::string id{};
  std::string friendly_name{};
  const StringMap* labels = nullptr;
};

// The hosts there are, and how many parts each of them has been given.
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

 private:
  std::vector<HostView> hosts_;
  std::vector<uint32_t> parts_;
  std::map<std::string, std::vector<uint32_t>, std::less<>> eligible_;
  std::map<std::string, std::vector<uint32_t>, std::less<>> domains_;
};

// Instances by the host's place in the set.
using Instances = std::map<uint32_t, uint32_t>;

struct PlacementRequest {
  const Scaling& scaling;
  PartKind kind = PartKind::component;
  uint32_t instances = 0;  // in all; of a daemon, on each host
  const std::string& failure_domain;
  const Instances& present;
  const std::vector<uint32_t>* only = nullptr;  // among these hosts; null: among all
};

struct Placement {
  Instances instances{};
  // Which spreads have fewer hosts than they need, and why each host is none: "spread east: no host fits:
  // ...".
  std::vector<std::string> shortages{};
};

Placement place(HostSet& hosts, const PlacementRequest& request);

// `total` divided by the spreads' weights; what is left over goes one by one to the heaviest first.
std::vector<uint32_t> shares_of(std::span<const Spread> spreads, uint32_t total);

}  // namespace wattle::manager
