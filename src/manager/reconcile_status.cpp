// What people are told.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {

Result<ApplicationStatus> Reconciler::status(std::string_view application) const {
  const auto found = applications_.find(application);
  if (found == applications_.end())
    return failure(ErrorCode::not_found, "there is no application {}", in_quotes(application));
  const Known& known = found->second;
  ApplicationStatus status;
  status.rollout = describe_rollout(known);
  if (!known.input.unreadable.empty()) {
    status.status = {StatusKind::failed, known.input.unreadable};
    return status;
  }
  if (!known.input.version) {
    const Note& note = known.input.note;
    status.status.kind = StatusKind::undeployed;
    const auto left = [](const auto& names, const auto& is_there) {
      return std::count_if(names.begin(), names.end(), is_there);
    };
    const auto count =
        left(note.parts, [&](const std::string& id) { return exists(id) && !desired().parts.contains(id); }) +
        left(note.links,
             [&](const LinkGroup& group) {
               return links_.contains(group) && !desired().links.contains(group);
             }) +
        left(note.configs, [&](const std::string& name) {
          return configs_.contains(name) && !desired().configs.contains(name);
        });
    if (count != 0)
      status.status.message =
          fmt::format("{} of its components, providers, links and configs are being taken down", count);
    return status;
  }
  if (plans_ == 0 || stale_.contains(known.input.name)) {
    status.status = {StatusKind::reconciling, "is being begun"};
    return status;
  }
  for (const Part& part : known.input.version->parts)
    if (const auto outcome = parts_done_.find(part.id); outcome != parts_done_.end() && !part.shared) {
      status.objects.push_back(outcome->second.status);
      if (const auto wanted = desired().parts.find(part.id); wanted != desired().parts.end())
        add_load(wanted->second, status.objects.back());
    }
  const auto add = [&](const auto& done, const auto& keys) {
    for (const auto& key : keys)
      if (const auto put = done.find(key); put != done.end())
        for (const auto& [owner, object] : put->second.objects)
          if (owner == application) status.objects.push_back(object);
  };
  const Belongings& own = table_.of(application);
  add(links_done_, own.links);
  add(configs_done_, own.configs);
  const auto conflict = desired().conflicts.lower_bound({known.input.name, {}});
  if (conflict != desired().conflicts.end() && conflict->first.first == application)
    status.status = {StatusKind::failed, conflict->second};
  else
    status.status = worst_of(status.objects);
  if (known.rollout && status.status.kind == StatusKind::deployed)
    status.status = {StatusKind::reconciling, status.rollout};
  add_uses(status, known);
  for (const ObjectStatus& object : status.objects)
    for (const RevisionStatus& revision : object.revisions)
      for (const auto& [host_id, ready] : revision.hosts)
        if (const auto host = hosts_.find(host_id); host != hosts_.end())
          status.host_names.emplace(host_id, host->second.report.friendly_name);
  return status;
}

std::string Reconciler::describe_rollout(const Known& known) const {
  if (!known.rollout) return known.note.outcome;
  const Rollout& rollout = *known.rollout;
  std::string text =
      fmt::format("{} from {} to {}, stage {} of {}", to_string(rollout.strategy.kind), known.note.stable,
                  known.input.version_name, known.note.stage + 1, stages_of(rollout));
  for (const std::string& id : rollout.parts) {
    const auto part = desired().parts.find(id);
    if (part == desired().parts.end()) continue;
    if (const auto stage = stage_of(part->second))
      text += fmt::format("; {}: {} beside {} instances, {}.{} % of the calls", part->second.name,
                          stage->fresh, stage->former, stage->fresh_calls / 10, stage->fresh_calls % 10);
  }
  return text;
}

void Reconciler::add_uses(ApplicationStatus& status, const Known& known) const {
  DesiredTable::Names names = table_.users_of(known.input.name);
  names.insert(known.input.name);
  for (const std::string& name : names) {
    const auto other = applications_.find(name);
    if (other == applications_.end() || !other->second.input.version) continue;
    const Application& user = *other->second.input.version;
    for (const Link& link : user.links) {
      for (const std::string& end : {link.source, link.target}) {
        const Part* part = find_part(user, end);
        if (part == nullptr || !part->shared) continue;
        if (name != known.input.name && part->shared->application != known.input.name) continue;
        for (const std::string& interface : link.interfaces)
          status.uses.push_back({name, end == link.source ? link.target : link.source,
                                 part->shared->application, part->shared->part,
                                 fmt::format("{}:{}/{}", link.wit_namespace, link.wit_package, interface)});
      }
    }
  }
}

std::vector<std::string> Reconciler::changed_statuses() {
  std::vector<std::string> changed;
  for (const std::string& name : std::exchange(statuses_to_tell_, {})) {
    const auto now = status(name);
    if (!now) continue;
    const auto [told, is_new] = told_statuses_.try_emplace(name, now->status);
    if (!is_new && told->second == now->status) continue;
    told->second = now->status;
    changed.push_back(name);
  }
  return changed;
}

std::vector<Reconciler::Difference> Reconciler::differences(const Application& next) const {
  std::vector<DeployedApplication> deployed;
  for (const auto& [name, known] : applications_)
    if (name != next.name && known.input.version) deployed.push_back({name, known.input.version, nullptr});
  deployed.push_back({next.name, std::make_shared<const Application>(next), nullptr});
  if (const auto known = applications_.find(next.name); known != applications_.end())
    deployed.back().interfaces = known->second.note.interfaces;
  const Desired after = desired_of(deployed);
  using Kind = Difference::Kind;
  std::vector<Difference> lines;
  const auto hosts_of = [&](std::string_view id) {
    std::map<std::string, uint32_t> hosts;
    for (const auto& [host_id, host] : hosts_) {
      if (const auto components = host.components.find(id); components != host.components.end())
        for (const RunningComponent& running : components->second)
          hosts[host.report.friendly_name + " " + running.reference] += running.count;
      if (const auto provider = host.providers.find(id); provider != host.providers.end())
        hosts[host.report.friendly_name + " " + provider->second.reference] = 1;
    }
    return hosts;
  };
  for (const auto& [id, part] : after.parts) {
    if (part.application != next.name && part.application != kPlatform) continue;
    const auto before = desired().parts.find(id);
    const bool runs = !hosts_of(id).empty();
    if (!runs && (before == desired().parts.end() || part.application == next.name)) {
      if (part.application == kPlatform && before != desired().parts.end()) continue;
      std::string detail = fmt::format("{}, {} instances", part.revision.reference, part.scaling.instances);
      if (part.revision.requests.any())
        detail += fmt::format(", each asks for {}", describe(part.revision.requests));
      lines.push_back({Kind::add, id, std::move(detail)});
      continue;
    }
    if (before == desired().parts.end()) continue;
    std::string detail;
    const auto add = [&](const std::string& text) { detail += (detail.empty() ? "" : "; ") + text; };
    if (before->second.revision.reference != part.revision.reference)
      add(fmt::format("{} instead of {}", part.revision.reference, before->second.revision.reference));
    if (before->second.scaling.load != part.scaling.load)
      add(part.scaling.load ? fmt::format("from {} to {} instances by its calls", part.scaling.load->least,
                                          part.scaling.load->most)
                            : "as many instances whatever its calls");
    if (before->second.scaling.instances != part.scaling.instances)
      add(fmt::format("{} instances instead of {}", part.scaling.instances,
                      before->second.scaling.instances));
    if (before->second.revision.requests != part.revision.requests)
      add(fmt::format("each asks for {} instead of {}", describe(part.revision.requests),
                      describe(before->second.revision.requests)));
    if (before->second.revision.configs != part.revision.configs)
      add(fmt::format("configs {}", fmt::join(part.revision.configs, ", ")));
    if (detail.empty()) continue;
    for (const auto& [host, count] : hosts_of(id)) add(fmt::format("now {} on {}", count, host));
    lines.push_back({Kind::change, id, std::move(detail)});
  }
  for (const auto& [id, part] : desired().parts) {
    if (part.application != next.name || after.parts.contains(id)) continue;
    std::string detail;
    for (const auto& [host, count] : hosts_of(id))
      detail += fmt::format("{}{} on {}", detail.empty() ? "" : "; ", count, host);
    lines.push_back({Kind::remove, id, std::move(detail)});
  }
  for (const auto& [group, wanted] : after.links) {
    for (const WantedLink& one : wanted) {
      if (one.application != next.name) continue;
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
      if (link.application == next.name) lines.push_back({Kind::remove, lattice::describe(link.link), {}});
  }
  for (const auto& [name, config] : after.configs) {
    if (config.application != next.name) continue;
    const auto there = configs_.find(name);
    if (there == configs_.end())
      lines.push_back({Kind::add, "config " + name, {}});
    else if (there->second != config.values)
      lines.push_back({Kind::change, "config " + name, "values differ"});
  }
  for (const auto& [name, config] : desired().configs)
    if (config.application == next.name && !after.configs.contains(name))
      lines.push_back({Kind::remove, "config " + name, {}});
  return lines;
}

}  // namespace wattle::manager
