// What deploying a version would change, for people who look before they do.
#include <fmt/ranges.h>

#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

// "max_memory_limit=67108864, max_execution_time=2000"
std::string listed_limits(const StringMap& limits) {
  std::string out;
  for (const auto& [name, value] : limits)
    out += fmt::format("{}{}={}", out.empty() ? "" : ", ", name, value);
  return out;
}

// In what the two differ, of what people declare; empty: in nothing that they would see.
std::vector<std::string> details_of(const WantedPart& before, const WantedPart& after) {
  std::vector<std::string> details;
  const WantedRevision &old = before.revision, &fresh = after.revision;
  if (old.reference != fresh.reference)
    details.push_back(fmt::format("{} instead of {}", fresh.reference, old.reference));
  if (before.scaling.load != after.scaling.load)
    details.push_back(after.scaling.load ? fmt::format("from {} to {} instances by its calls",
                                                       after.scaling.load->least, after.scaling.load->most)
                                         : "as many instances whatever its calls");
  if (before.scaling.instances != after.scaling.instances)
    details.push_back(
        fmt::format("{} instances instead of {}", after.scaling.instances, before.scaling.instances));
  if (old.requests != fresh.requests)
    details.push_back(
        fmt::format("each asks for {} instead of {}", describe(fresh.requests), describe(old.requests)));
  if (old.limits != fresh.limits)
    details.push_back(fresh.limits.empty() ? "without limits of its own"
                                           : fmt::format("limits {}", listed_limits(fresh.limits)));
  if (old.configs != fresh.configs)
    details.push_back(fmt::format("configs {}", fmt::join(fresh.configs, ", ")));
  return details;
}

}  // namespace

std::vector<Reconciler::Difference> Reconciler::differences(const Application& next) const {
  std::vector<DeployedApplication> deployed;
  for (const auto& [name, known] : applications_)
    if (name != next.name && known.input.version)
      deployed.push_back({name, with_shared_ids(known.input.version), nullptr});
  deployed.push_back({next.name, with_shared_ids(std::make_shared<const Application>(next)), nullptr});
  if (const auto known = applications_.find(next.name); known != applications_.end())
    deployed.back().interfaces = known->second.note.interfaces;
  const Desired after = desired_of(deployed);
  std::vector<Difference> lines;
  add_part_differences(next.name, after, lines);
  add_link_differences(next.name, after, lines);
  add_config_differences(next.name, after, lines);
  return lines;
}

// "2 on calm-reed-4821 a:1", for each host and revision that runs.
std::vector<std::string> Reconciler::whereabouts(std::string_view id) const {
  std::map<std::string, uint32_t> counts;
  for (const auto& [host_id, host] : hosts_) {
    if (const auto components = host.components.find(id); components != host.components.end())
      for (const RunningComponent& running : components->second)
        counts[host.report.friendly_name + " " + running.reference] += running.count;
    if (const auto provider = host.providers.find(id); provider != host.providers.end())
      counts[host.report.friendly_name + " " + provider->second.reference] = 1;
  }
  std::vector<std::string> out;
  for (const auto& [host, count] : counts) out.push_back(fmt::format("{} on {}", count, host));
  return out;
}

void Reconciler::add_part_differences(std::string_view application, const Desired& after,
                                      std::vector<Difference>& lines) const {
  using Kind = Difference::Kind;
  for (const auto& [id, part] : after.parts) {
    if (part.application != application && part.application != kPlatform) continue;
    const auto before = desired().parts.find(id);
    const auto running = whereabouts(id);
    if (running.empty() && (before == desired().parts.end() || part.application == application)) {
      if (part.application == kPlatform && before != desired().parts.end()) continue;
      std::string detail = fmt::format("{}, {} instances", part.revision.reference, part.scaling.instances);
      if (part.revision.requests.any())
        detail += fmt::format(", each asks for {}", describe(part.revision.requests));
      lines.push_back({Kind::add, id, std::move(detail)});
      continue;
    }
    if (before == desired().parts.end()) continue;
    auto details = details_of(before->second, part);
    if (details.empty()) continue;
    for (const std::string& each : running) details.push_back("now " + each);
    lines.push_back({Kind::change, id, fmt::format("{}", fmt::join(details, "; "))});
  }
  for (const auto& [id, part] : desired().parts)
    if (part.application == application && !after.parts.contains(id))
      lines.push_back({Kind::remove, id, fmt::format("{}", fmt::join(whereabouts(id), "; "))});
}

void Reconciler::add_link_differences(std::string_view application, const Desired& after,
                                      std::vector<Difference>& lines) const {
  using Kind = Difference::Kind;
  for (const auto& [group, wanted] : after.links) {
    for (const WantedLink& one : wanted) {
      if (one.application != application) continue;
      const auto there = links_.find(group);
      const lattice::Link* same = nullptr;
      if (there != links_.end())
        for (const lattice::Link& link : there->second)
          if (link.target == one.link.target) same = &link;
      if (same == nullptr)
        lines.push_back({Kind::add, lattice::describe(one.link), {}});
      else if (!(*same == one.link))
        lines.push_back({Kind::change, lattice::describe(one.link), "interfaces or configs differ"});
    }
  }
  for (const auto& [group, links] : desired().links) {
    if (after.links.contains(group)) continue;
    for (const WantedLink& link : links)
      if (link.application == application) lines.push_back({Kind::remove, lattice::describe(link.link), {}});
  }
}

void Reconciler::add_config_differences(std::string_view application, const Desired& after,
                                        std::vector<Difference>& lines) const {
  using Kind = Difference::Kind;
  for (const auto& [name, config] : after.configs) {
    if (config.application != application) continue;
    const auto there = configs_.find(name);
    if (there == configs_.end())
      lines.push_back({Kind::add, "config " + name, {}});
    else if (there->second != config.values)
      lines.push_back({Kind::change, "config " + name, "values differ"});
  }
  for (const auto& [name, config] : desired().configs)
    if (config.application == application && !after.configs.contains(name))
      lines.push_back({Kind::remove, "config " + name, {}});
}

}  // namespace wattle::manager
