// The components of a Workload find each other by what they import and export, which hosts tell of what runs
// (siblings.h).
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

using Revisions = KnownInterfaces::mapped_type;  // of one component

bool is_wanted(const WantedPart& part, const std::string& reference) {
  return reference == part.revision.reference || (part.former && reference == part.former->reference);
}

bool is_known(const WantedPart& part, const Revisions& revisions) {
  return revisions.contains(part.revision.reference) &&
         (!part.former || revisions.contains(part.former->reference));
}

}  // namespace

// The Workload's components; none where it has but one.
std::vector<const WantedPart*> Reconciler::siblings_of(std::string_view application) const {
  std::vector<const WantedPart*> siblings;
  for (const std::string& id : table_.of(application).parts) {
    const auto part = desired().parts.find(id);
    if (part != desired().parts.end() && part->second.together == application)
      siblings.push_back(&part->second);
  }
  if (siblings.size() < 2) siblings.clear();
  return siblings;
}

// What earlier revisions are known for holds until all that are wanted are known.
bool Reconciler::learn_interfaces(Known& known) const {
  if (!known.input.unreadable.empty()) return false;
  KnownInterfaces all;
  for (const WantedPart* part : siblings_of(known.input.name)) {
    Revisions revisions;
    if (const auto before = known.note.interfaces.find(part->id); before != known.note.interfaces.end())
      revisions = before->second;
    if (const auto running = running_.find(part->id); running != running_.end())
      for (const RunsOn& one : running->second)
        if (is_wanted(*part, one.component->reference))
          merge(revisions[one.component->reference], one.component->interfaces);
    if (is_known(*part, revisions))
      std::erase_if(revisions, [&](const auto& revision) { return !is_wanted(*part, revision.first); });
    if (!revisions.empty()) all.emplace(part->id, std::move(revisions));
  }
  if (all == known.note.interfaces) return false;
  known.note.interfaces = std::move(all);
  return true;
}

bool Reconciler::is_forming(const Known& known) const {
  const auto siblings = siblings_of(known.input.name);
  if (siblings.empty()) return false;
  if (stale_.contains(known.input.name)) return true;
  const auto is_sibling = [&](std::string_view id) {
    return std::any_of(siblings.begin(), siblings.end(),
                       [&](const WantedPart* part) { return part->id == id; });
  };
  for (const WantedPart* part : siblings) {
    const auto revisions = known.note.interfaces.find(part->id);
    if (revisions == known.note.interfaces.end() || !is_known(*part, revisions->second)) return true;
  }
  for (const LinkGroup& group : table_.of(known.input.name).links) {
    if (!is_sibling(group.source_id)) continue;
    for (const WantedLink& wanted : desired().links.find(group)->second)
      if (is_sibling(wanted.link.target) && !is_in_force(group, wanted.link)) return true;
  }
  return false;
}

}  // namespace wattle::manager
