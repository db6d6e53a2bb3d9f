// What parts ask of their hosts: each host's book of what it has been given, and who waits for room.
//
// A part has been given what its last plan placed, and never less than what runs of it or is on its way. So
// whoever is planned first finds the room of all others taken, and what is freed wakes those whom room
// limits.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

bool asks(const WantedPart& part) {
  return part.revision.requests.any() || (part.former && part.former->requests.any());
}

}  // namespace

void Reconciler::add_given(const std::string& id, const Requests& requests, const Instances& instances) {
  if (!requests.any()) return;
  for (const auto& [host, count] : instances) {
    const Usage more = usage_of(requests, count);
    if (more == Usage()) continue;
    Usage& given = given_[id][host];
    given = given + more;
    host_set_->capacity(host).take(more);
  }
}

void Reconciler::add_given(const std::string& id, const Requests& requests, const Placement& placement,
                           const Instances& there) {
  if (!requests.any()) return;
  if (placement.limited) limited_.insert(id);
  Instances instances = there;
  for (const auto& [host, count] : placement.instances) instances[host] = std::max(instances[host], count);
  add_given(id, requests, instances);
}

void Reconciler::remove_given(const std::string& id, const Requests& requests, const Instances& instances) {
  const auto part = given_.find(id);
  if (part == given_.end() || !requests.any()) return;
  for (const auto& [host, count] : instances) {
    const auto given = part->second.find(host);
    if (given == part->second.end()) continue;
    const Usage less = least_of(given->second, usage_of(requests, count));
    given->second = given->second - less;
    host_set_->capacity(host).give_back(less);
  }
}

Reconciler::Given Reconciler::take_given(const std::string& id) {
  const auto found = given_.find(id);
  if (found == given_.end()) return {};
  const Given given = std::move(found->second);
  given_.erase(found);
  for (const auto& [host, usage] : given) host_set_->capacity(host).give_back(usage);
  return given;
}

// What runs of it, and what is on its way; of revisions that no version wants any more as much as of the one
// that is wanted. What nobody has started for an application counts for nothing.
void Reconciler::give_running(const WantedPart& part) {
  if (!asks(part)) return;
  const Requests& requests = part.revision.requests;
  if (part.kind == PartKind::provider) {
    if (!is_foreign(part.id)) add_given(part.id, requests, present_of(part));
    return;
  }
  add_given(part.id, requests, present_or_commanded(part.id, part.revision.reference));
  if (part.former)
    add_given(part.id, part.former->requests, present_or_commanded(part.id, part.former->reference));
  if (is_foreign(part.id)) return;
  for (const Leftover& one : leftovers_of(part)) add_given(part.id, requests, {{one.host, one.count}});
}

// Of an application that is about to be planned, before any is: with what it was given before, what runs.
void Reconciler::hold_running(const std::string& application) {
  for (const std::string& id : table_.of(application).parts) {
    const auto part = desired().parts.find(id);
    if (part == desired().parts.end() || !asks(part->second)) continue;
    const Given before = take_given(id);
    give_running(part->second);
    Given& now = given_[id];
    for (const auto& [host, usage] : before) {
      Usage& given = now[host];
      const Usage most = most_of(given, usage);
      host_set_->capacity(host).take(most - given);
      given = most;
    }
  }
}

// Somebody has less than before on some host.
void Reconciler::wake_limited(const Given& before, const Given& now) {
  const bool is_less = std::any_of(before.begin(), before.end(), [&](const auto& one) {
    const auto there = now.find(one.first);
    const Usage left = there == now.end() ? Usage() : there->second;
    return most_of(one.second, left) != left;
  });
  if (!is_less) return;
  for (const std::string& id : limited_) touch_part(id);
}

// Nothing wants it, and nothing of it is there any more.
void Reconciler::free_if_gone(const std::string& id) {
  if (desired().parts.contains(id)) return;
  limited_.erase(id);
  if (exists(id) || !given_.contains(id)) return;
  wake_limited(take_given(id), {});
}

// The hosts have other numbers than before, and empty books.
void Reconciler::renumber_given(const std::optional<HostSet>& before) {
  for (auto& [id, given] : given_) {
    Given now;
    for (const auto& [host, usage] : given) {
      const auto index = find_usable((*before)[host].id);
      if (!index) continue;
      now[*index] = usage;
      host_set_->capacity(*index).take(usage);
    }
    given = std::move(now);
  }
  std::vector<std::string> ids;
  for (const auto& [id, given] : given_) ids.push_back(id);
  for (const std::string& id : ids) free_if_gone(id);
}

}  // namespace wattle::manager
