// What is known, and what of it has to be planned anew when something is another.
#include <algorithm>

#include "manager/reconciler.h"

namespace wattle::manager {
namespace {

std::string text_or_empty(const std::optional<StringMap>& map, std::string_view key) {
  if (!map) return {};
  const auto found = map->find(std::string(key));
  return found == map->end() ? std::string() : found->second;
}

// Those that are in one of them alone.
template <class Keys, class Visit>
void visit_differences(const Keys& before, const Keys& now, Visit visit) {
  for (const auto& key : before)
    if (!now.contains(key)) visit(key, false);
  for (const auto& key : now)
    if (!before.contains(key)) visit(key, true);
}

// Calls `changed` for each key whose value is another, once it is in its place.
template <class Map, class Changed>
void take_over(Map& there, Map now, Changed changed) {
  std::vector<typename Map::key_type> keys;
  for (const auto& [key, value] : there)
    if (!now.contains(key)) keys.push_back(key);
  for (const auto& key : keys) there.erase(key);
  for (auto& [key, value] : now) {
    const auto [found, is_new] = there.try_emplace(key);
    if (!is_new && found->second == value) continue;
    found->second = std::move(value);
    keys.push_back(key);
  }
  for (const auto& key : keys) changed(key);
}

}  // namespace

// ---- What is to be planned

void Reconciler::touch_all() {
  for (const auto& [name, known] : applications_) touch(name);
  for (const auto& [name, border] : borders_) touch(name);
  touch(std::string(kStrays));
}

void Reconciler::touch_part(std::string_view id) {
  for (const std::string& name : table_.of_part(id)) touch(name);
  if (const auto noted = noted_parts_.find(id); noted != noted_parts_.end())
    for (const std::string& name : noted->second) touch(name);
  if (exists(id) && !desired().parts.contains(id)) {
    strays_.emplace(id);
    touch(std::string(kStrays));
  } else if (const auto stray = strays_.find(id); stray != strays_.end()) {
    strays_.erase(stray);
    touch(std::string(kStrays));
  }
}

void Reconciler::touch_link(const LinkGroup& group) {
  for (const std::string& name : table_.of_link(group)) touch(name);
  if (const auto noted = noted_links_.find(group); noted != noted_links_.end())
    for (const std::string& name : noted->second) touch(name);
}

void Reconciler::touch_config(std::string_view config) {
  for (const std::string& name : table_.of_config(config)) touch(name);
  if (const auto noted = noted_configs_.find(config); noted != noted_configs_.end())
    for (const std::string& name : noted->second) touch(name);
}

void Reconciler::touch_refused(const HostReport& report) {
  for (const auto& [provider, links] : report.refused)
    for (const lattice::RefusedLink& link : links)
      if (link.source_id.empty())
        touch_part(provider);
      else
        touch_link({link.source_id, link.name, link.wit_namespace, link.wit_package});
}

// ---- Applications

void Reconciler::take_application(ApplicationInput input, TimePoint now) {
  const std::string name = input.name;
  const auto [found, is_new] = applications_.try_emplace(name);
  Known& known = found->second;
  const ApplicationInput& before = known.input;
  const bool is_same_version = !is_new && before.version == input.version && before.stable == input.stable &&
                               before.version_name == input.version_name;
  if (is_same_version && before.note == input.note && before.unreadable == input.unreadable) return;
  // Of what cannot be read nobody knows what it has.
  static const Note kNone;
  set_noted(name, before.unreadable.empty() ? before.note : kNone,
            input.unreadable.empty() ? input.note : kNone);
  if (is_new || !leading_) known.note = input.note;
  if (before.note != input.note) stop_awaiting("note " + name, now);
  known.input = std::move(input);
  if (!is_same_version) {
    stale_.insert(name);
    touch_users(name);
  }
  touch(name);
  touch(std::string(kStrays));
}

void Reconciler::remove_application(const std::string& name) {
  const auto known = applications_.find(name);
  if (known == applications_.end()) return;
  set_noted(name, known->second.input.unreadable.empty() ? known->second.input.note : Note(), {});
  applications_.erase(known);
  stale_.erase(name);
  touch_users(name);
  set_desired({name, nullptr, nullptr});
  told_statuses_.erase(name);
  touch(name);
  touch(std::string(kStrays));
}

void Reconciler::touch_users(const std::string& owner) {
  for (const std::string& user : table_.users_of(owner)) {
    touch(user);
    const auto known = applications_.find(user);
    if (known == applications_.end()) continue;
    // The owner's next version may have other ids.
    const auto& declared = known->second.input.version;
    if (known->second.version != declared || with_shared_ids(declared) != declared) stale_.insert(user);
  }
}

std::shared_ptr<const Application> Reconciler::with_shared_ids(
    const std::shared_ptr<const Application>& version) const {
  if (!version) return version;
  std::vector<const Application*> owners;
  for (const Part& part : version->parts) {
    if (!part.shared) continue;
    const auto owner = applications_.find(part.shared->application);
    if (owner != applications_.end() && owner->second.input.version)
      owners.push_back(owner->second.input.version.get());
  }
  const auto has_another = [&](const Part& part) {
    const std::string* id = shared_id(part, owners);
    return id != nullptr && *id != part.id;
  };
  if (std::none_of(version->parts.begin(), version->parts.end(), has_another)) return version;
  auto copy = std::make_shared<Application>(*version);
  take_shared_ids(*copy, owners);
  return copy;
}

// Others have to know where nobody has noted a key any more, or somebody now.
void Reconciler::set_noted(const std::string& application, const Note& before, const Note& now) {
  const auto set = [&](auto& noted, const auto& key, bool there) {
    auto& names = noted[key];
    const bool any = !names.empty();
    there ? (void)names.insert(application) : (void)names.erase(application);
    const bool any_now = !names.empty();
    if (!any_now) noted.erase(key);
    return any != any_now;
  };
  visit_differences(before.parts, now.parts, [&](const std::string& id, bool there) {
    if (set(noted_parts_, id, there)) touch_part(id);
  });
  visit_differences(before.links, now.links, [&](const LinkGroup& group, bool there) {
    if (set(noted_links_, group, there)) touch_link(group);
  });
  visit_differences(before.configs, now.configs, [&](const std::string& name, bool there) {
    if (set(noted_configs_, name, there)) touch_config(name);
  });
}

// Of revisions that are not wanted any more: whatever is, counts from its beginning.
void Reconciler::forget_counts(const std::string& id) {
  const auto part = desired().parts.find(id);
  for (auto counts = counts_.lower_bound({id, {}}); counts != counts_.end() && counts->first.first == id;) {
    const std::string& reference = counts->first.second;
    const bool wanted = part != desired().parts.end() &&
                        (reference == part->second.revision.reference ||
                         (part->second.former && reference == part->second.former->reference));
    counts = wanted ? std::next(counts) : counts_.erase(counts);
  }
}

void Reconciler::set_desired(const DeployedApplication& application) {
  const Belongings changed = table_.set(application);
  for (const std::string& id : changed.parts) {
    touch_part(id);
    forget_counts(id);
    if (desired().parts.contains(id)) continue;
    followers_.erase(id);
    free_if_gone(id);
    if (const auto outcome = parts_done_.find(id); outcome != parts_done_.end()) {
      displace(outcome->second);
      parts_done_.erase(outcome);
    }
  }
  for (const LinkGroup& group : changed.links) {
    touch_link(group);
    if (!desired().links.contains(group)) links_done_.erase(group);
  }
  for (const std::string& name : changed.configs) {
    touch_config(name);
    if (!desired().configs.contains(name)) configs_done_.erase(name);
  }
}

void Reconciler::refresh_desired(TimePoint now) {
  for (const std::string& name : std::exchange(stale_, {})) {
    Known& known = applications_.find(name)->second;
    begin_rollout(known, now);
    if (!known.input.version && known.input.unreadable.empty()) {
      // Whatever comes next takes over from nothing; of what cannot be read nobody knows.
      known.note.stable.clear();
      known.note.outcome.clear();
      known.note.interfaces.clear();
    }
    known.version = with_shared_ids(known.input.version);
    set_desired({name, known.version, known.rollout ? with_shared_ids(known.input.stable) : nullptr,
                 known.note.interfaces});
    touch(name);
  }
}

// ---- The lattice

void Reconciler::set_links(const LinkGroup& group, std::vector<lattice::Link> links, TimePoint now) {
  const auto found = links_.find(group);
  std::vector<lattice::Link> before;
  if (found != links_.end()) before = std::move(found->second);
  const bool same = before == links;
  const auto count = [&](const std::vector<lattice::Link>& some, int more) {
    for (const lattice::Link& link : some)
      for (const auto* names : {&link.source_config, &link.target_config})
        for (const std::string& name : *names)
          if ((config_links_[name] += more) == 0) {
            config_links_.erase(name);
            touch_config(name);
          }
  };
  if (!same) {
    count(links, 1);
    count(before, -1);
    stop_awaiting(group, now);
    touch_link(group);
  }
  if (links.empty())
    links_.erase(group);
  else
    links_[group] = std::move(links);
}

// ---- Hosts

void Reconciler::set_inventory(ObservedHost& host, const lattice::HostInventory& inventory) {
  decltype(host.components) components;
  for (const auto& component : inventory.components)
    components[component.id].push_back({component.image_ref, component.max_instances,
                                        text_or_empty(component.annotations, kScalerAnnotation),
                                        text_or_empty(component.annotations, kApplicationAnnotation),
                                        component.interfaces});
  decltype(host.providers) providers;
  for (const auto& provider : inventory.providers)
    providers[provider.id] = {provider.image_ref.value_or(""),
                              text_or_empty(provider.annotations, kScalerAnnotation),
                              text_or_empty(provider.annotations, kApplicationAnnotation)};
  if (!host.known) {
    host.known = hosts_stale_ = true;
    wait_until_ = {};
  }
  const auto index = hosts_stale_ ? std::nullopt : find_usable(host.report.id);
  const auto changed = [&](const std::string& id) {
    if (index) index_part(id, *index);
    touch_part(id);
    free_if_gone(id);
  };
  take_over(host.components, std::move(components), changed);
  take_over(host.providers, std::move(providers), changed);
}

// What of this id runs on the host.
void Reconciler::index_part(const std::string& id, uint32_t index) {
  const ObservedHost& host = *usable_[index].second;
  auto& runs = running_[id];
  const auto is_before = [](const RunsOn& one, uint32_t other) { return one.host < other; };
  const auto first = std::lower_bound(runs.begin(), runs.end(), index, is_before);
  const auto last = std::lower_bound(first, runs.end(), index + 1, is_before);
  auto at = runs.erase(first, last);
  if (const auto components = host.components.find(id); components != host.components.end())
    for (const RunningComponent& revision : components->second)
      at = std::next(runs.insert(at, {index, &revision}));
  if (runs.empty()) running_.erase(id);
  auto& providers = providers_on_[id];
  if (const auto provider = host.providers.find(id); provider != host.providers.end())
    providers[index] = &provider->second;
  else
    providers.erase(index);
  if (providers.empty()) providers_on_.erase(id);
}

void Reconciler::index_hosts() {
  hosts_stale_ = false;
  usable_.clear();
  running_.clear();
  providers_on_.clear();
  std::vector<HostView> views;
  for (const auto& [id, host] : hosts_) {
    if (!host.known || host.report.draining) continue;
    const auto index = static_cast<uint32_t>(usable_.size());
    usable_.emplace_back(&id, &host);
    views.push_back({id, host.report.friendly_name, &host.report.labels});
    for (const auto& [component_id, revisions] : host.components)
      for (const RunningComponent& revision : revisions) running_[component_id].push_back({index, &revision});
    for (const auto& [provider_id, provider] : host.providers) providers_on_[provider_id][index] = &provider;
  }
  renumber_given(std::exchange(host_set_, HostSet(std::move(views))));
  for (auto& [id, outcome] : parts_done_) outcome.hosts.clear();
  strays_.clear();
  for (const auto& [id, runs] : running_)
    if (!desired().parts.contains(id)) strays_.insert(id);
  for (const auto& [id, hosts] : providers_on_)
    if (!desired().parts.contains(id)) strays_.insert(id);
  touch_all();
}

}  // namespace wattle::manager
