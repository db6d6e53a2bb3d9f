// What people are told.
#include <algorithm>

#include "manager/reconcile_objects.h"
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
  add_border(status, known.input.name);
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

// Only while there is something to tell: until it is in force, nobody is kept out.
void Reconciler::add_border(ApplicationStatus& status, const std::string& application) const {
  const Work* work = find_work(border_object(application));
  const bool failed = work != nullptr && !work->error.empty();
  if (!failed && borders_.contains(application)) return;
  ObjectStatus border;
  border.id = fingerprint(border_object(application));
  border.kind = "BorderScaler";
  border.name = "border";
  border.status =
      failed ? Status{StatusKind::failed, work->error} : Status{StatusKind::reconciling, "is being put"};
  status.objects.push_back(std::move(border));
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

}  // namespace wattle::manager
