#include "manager/lattice_changes.h"

#include <algorithm>
#include <tuple>

namespace wattle::manager {
namespace {

// Calls `changed` for each key of one of the maps that the other does not have with this value; with null
// where there is none now.
template <class Map, class Changed>
void visit_changes(const Map& before, const Map& now, Changed changed) {
  auto old = before.begin();
  for (const auto& [key, value] : now) {
    for (; old != before.end() && old->first < key; ++old) changed(old->first, nullptr);
    if (old == before.end() || old->first != key)
      changed(key, &value);
    else if (const auto& same = old++->second; same != value)
      changed(key, &value);
  }
  for (; old != before.end(); ++old) changed(old->first, nullptr);
}

auto key_of(const lattice::Link& link) {
  return std::tie(link.source_id, link.name, link.wit_namespace, link.wit_package);
}

// The links in force of one group, one after the other in a table.
class Groups {
 public:
  explicit Groups(const std::vector<lattice::LinkTable::Entry>& entries) : entries_(entries) { next(); }
  bool at_end() const { return links_.empty(); }
  const lattice::Link& front() const { return *links_.front(); }
  const std::vector<const lattice::Link*>& links() const { return links_; }
  void next() {
    links_.clear();
    for (; at_ < entries_.size(); ++at_) {
      if (entries_[at_].phase != lattice::LinkPhase::in_force) continue;
      const lattice::Link& link = entries_[at_].link;
      if (!links_.empty() && key_of(front()) != key_of(link)) return;
      links_.push_back(&link);
    }
  }

 private:
  const std::vector<lattice::LinkTable::Entry>& entries_;
  size_t at_ = 0;
  std::vector<const lattice::Link*> links_;
};

bool are_same(const Groups& left, const Groups& right) {
  return std::equal(left.links().begin(), left.links().end(), right.links().begin(), right.links().end(),
                    [](const lattice::Link* one, const lattice::Link* other) { return *one == *other; });
}

// Both tables are in the order of their groups.
void add_links(const lattice::LinkTable& before, const lattice::LinkTable& now, LatticeChanged& changed) {
  Groups old(before.entries());
  for (Groups fresh(now.entries()); !fresh.at_end(); fresh.next()) {
    for (; !old.at_end() && key_of(old.front()) < key_of(fresh.front()); old.next())
      changed.links[group_of(old.front())];
    const bool is_there = !old.at_end() && key_of(old.front()) == key_of(fresh.front());
    if (!is_there || !are_same(old, fresh)) {
      auto& links = changed.links[group_of(fresh.front())];
      for (const lattice::Link* link : fresh.links()) links.push_back(*link);
    }
    if (is_there) old.next();
  }
  for (; !old.at_end(); old.next()) changed.links[group_of(old.front())];
}

std::map<std::string, const lattice::Border*> by_application(const lattice::BorderTable& table) {
  std::map<std::string, const lattice::Border*> borders;
  for (const lattice::Border& border : table.borders()) borders[border.application] = &border;
  return borders;
}

}  // namespace

HostReport report_of(const lattice::HostLease& lease) {
  HostReport report;
  report.id = lease.host_id;
  report.friendly_name = lease.friendly_name;
  report.incarnation = lease.incarnation;
  report.draining = lease.draining;
  report.labels = lease.labels;
  if (lease.components)
    for (const lattice::ComponentLease& component : *lease.components)
      report.components.push_back({component.id,
                                   component.image_ref,
                                   {component.calls, component.failures},
                                   component.in_flight,
                                   component.queued,
                                   component.parked,
                                   component.capacity});
  if (lease.providers)
    for (const lattice::ProviderLease& provider : *lease.providers) {
      report.providers.insert(provider.id);
      if (!provider.healthy) report.unhealthy_providers.insert(provider.id);
      if (!provider.refused.empty()) report.refused.emplace(provider.id, provider.refused);
    }
  return report;
}

LatticeTables tables_of(const lattice::LatticeState& state) {
  return {state.links(), state.configs(), state.borders(), state.weights()};
}

LatticeChanged changes_between(const LatticeTables& before, const LatticeTables& now) {
  LatticeChanged changed{.all = false, .links = {}, .configs = {}, .weights = {}, .borders = {}};
  if (before.links != now.links) add_links(*before.links, *now.links, changed);
  if (before.configs != now.configs)
    visit_changes(*before.configs, *now.configs, [&](const std::string& name, const StringMap* values) {
      changed.configs[name] = values == nullptr ? std::nullopt : std::optional(*values);
    });
  if (before.weights != now.weights)
    visit_changes(*before.weights, *now.weights,
                  [&](const std::string& id, const lattice::RevisionWeights* weights) {
                    changed.weights[id] = weights == nullptr ? lattice::RevisionWeights() : *weights;
                  });
  if (before.borders == now.borders) return changed;
  const auto old = by_application(*before.borders);
  for (const auto& [name, border] : old) changed.borders[name];
  for (const auto& [name, border] : by_application(*now.borders)) {
    const auto there = old.find(name);
    if (there != old.end() && *there->second == *border)
      changed.borders.erase(name);
    else
      changed.borders[name] = *border;
  }
  return changed;
}

}  // namespace wattle::manager
