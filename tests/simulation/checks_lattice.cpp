// What hosts follow when all is quiet: links, borders and configs.
#include <algorithm>

#include "checks.h"

namespace wattle::simulation {
namespace {

bool lets(const manager::Application& owner, const std::string& user, const lattice::Link& link) {
  return std::all_of(link.interfaces.begin(), link.interfaces.end(), [&](const std::string& interface) {
    return manager::may_use(owner, user, link.wit_namespace, link.wit_package, interface);
  });
}

}  // namespace

// Whoever has put them: hosts leave out what the borders refuse.
std::string Checks::links_stay_within_borders(const manager::Desired& wanted) const {
  const StoreState& state = parts_.stores.state();
  std::vector<lattice::Border> borders;
  for (const auto& [name, border] : state.borders) borders.push_back(border);
  const lattice::BorderTable table(std::move(borders));
  const auto owner_of = [&](const std::string& id) -> const manager::Application* {
    const auto part = wanted.parts.find(id);
    if (part == wanted.parts.end() || part->second.application == manager::kPlatform) return nullptr;
    const Record& record = state.applications.find(part->second.application)->second;
    return record.versions.find(record.deployed)->second.get();
  };
  for (const auto& [group, links] : state.links) {
    for (const lattice::StoredLink& stored : links) {
      const manager::Application* source = owner_of(stored.link.source_id);
      const manager::Application* target = owner_of(stored.link.target);
      if (source == nullptr || target == nullptr || source == target || !table.check(stored.link)) continue;
      if (lets(*target, source->name, stored.link) || lets(*source, target->name, stored.link)) continue;
      return fmt::format("hosts follow the link {}, and neither application shares with the other",
                         lattice::to_json(stored.link));
    }
  }
  for (const auto& [group, links] : wanted.links) {
    for (const manager::WantedLink& each : links) {
      const manager::Application* source = owner_of(each.link.source_id);
      const manager::Application* target = owner_of(each.link.target);
      if (source == nullptr || target == nullptr || table.check(each.link)) continue;
      if (lets(*target, source->name, each.link))
        return fmt::format("the borders refuse the link {}, which {} lets in", lattice::to_json(each.link),
                           target->name);
    }
  }
  return {};
}

bool Checks::any_link_is_refused(std::string_view application) {
  const lattice::BorderTable borders = parts_.stores.borders();
  for (const auto& [group, links] : desired().links)
    for (const manager::WantedLink& each : links)
      if ((application.empty() || each.application == application) && !borders.check(each.link)) return true;
  return false;
}

std::string Checks::lattice_is_as_declared(const manager::Desired& wanted) {
  const StoreState& state = parts_.stores.state();
  std::vector<lattice::Link> declared = parts_.people.links_by_hand();
  for (const auto& [group, links] : wanted.links)
    for (const manager::WantedLink& link : links) declared.push_back(link.link);
  const lattice::BorderTable borders = parts_.stores.borders();
  std::erase_if(declared, [&](const lattice::Link& link) { return !borders.check(link); });
  size_t in_force = 0;
  for (const auto& [group, links] : state.links) {
    for (const lattice::StoredLink& stored : links) {
      if (!borders.check(stored.link)) continue;
      ++in_force;
      if (std::find(declared.begin(), declared.end(), stored.link) == declared.end())
        return fmt::format("the link {} is in force, and nobody wants it", lattice::to_json(stored.link));
    }
  }
  if (in_force != declared.size())
    return fmt::format("{} links are in force, and {} are declared", in_force, declared.size());
  std::map<std::string, manager::StringMap> configs = parts_.people.configs_by_hand();
  for (const auto& [name, config] : wanted.configs) configs[name] = config.values;
  for (const auto& [name, values] : configs) {
    const auto there = state.configs->find(name);
    if (there == state.configs->end()) return fmt::format("the config {} is not there", name);
    if (there->second != values) return fmt::format("the config {} has other values", name);
  }
  for (const auto& [name, values] : *state.configs)
    if (!configs.contains(name)) return fmt::format("the config {} is there, and nobody wants it", name);
  for (const auto& [id, weights] : state.weights)
    if (!weights.empty() && !serves_what_was_before(wanted, id, weights))
      return fmt::format("{} still has weights", id);
  return {};
}

}  // namespace wattle::simulation
