#include "manager/desired.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/parse.h"
#include "lattice/secret_reference.h"

namespace wattle::manager {
namespace {

std::string_view text_or(const StringMap& map, std::string_view key, std::string_view otherwise) {
  const auto found = map.find(std::string(key));
  return found == map.end() ? otherwise : std::string_view(found->second);
}

StringMap limits_of(const Limits& limits) {
  StringMap out;
  if (limits.memory != 0) out.emplace("max_memory_limit", fmt::to_string(limits.memory));
  if (limits.time != Duration::zero())
    out.emplace("max_execution_time",
                fmt::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limits.time).count()));
  return out;
}

WantedRevision revision_of(const Part& part) {
  WantedRevision revision;
  revision.reference = part.reference;
  revision.limits = limits_of(part.limits);
  for (const Config& config : part.configs) revision.configs.push_back(config.name);
  for (const Secret& secret : part.secrets) revision.configs.push_back(secret.name);
  if (part.scaling && part.scaling->load && part.scaling->load->least == 0)
    revision.idle_after = part.scaling->load->idle_after;
  std::string all = fmt::format("{}\n{}\n{}", revision.reference, fmt::join(revision.configs, "\n"), part.id);
  if (revision.idle_after > Duration::zero()) all += "\n" + format_duration(revision.idle_after);
  for (const auto& [name, value] : revision.limits) all += fmt::format("\n{}={}", name, value);
  revision.scaler = fingerprint(all);
  revision.requests = part.requests;
  return revision;
}

// What a backend is told of a policy, as wadm writes it: all but its own name.
std::string policy_json(const StringMap& properties) {
  boost::json::object others;
  for (const auto& [name, value] : properties)
    if (name != "backend") others[name] = value;
  if (others.empty()) return "{}";
  return boost::json::serialize(boost::json::object{{"type", "properties.secret.wasmcloud.dev/v1alpha1"},
                                                    {"properties", std::move(others)}});
}

StringMap reference_of(const Application& application, const Secret& secret) {
  lattice::SecretReference reference;
  reference.name = secret.declared;
  reference.key = secret.key;
  reference.field = secret.field.value_or("");
  reference.version = secret.version.value_or("");
  for (const Policy& policy : application.policies)
    if (policy.name == secret.policy) {
      reference.backend = text_or(policy.properties, "backend", "");
      reference.policy = policy_json(policy.properties);
    }
  return lattice::to_map(reference);
}

// What is there already stays; `former`: only the revision that it takes over from is added to it. False: it
// is another application's.
bool add_part(std::optional<WantedPart>& there, const WantedPart& part, bool former) {
  if (!there) {
    there = part;
    return true;
  }
  if (part.application == kPlatform) return true;
  if (there->application != part.application) return false;
  if (former && part.kind == PartKind::component && part.revision.reference != there->revision.reference)
    there->former = part.revision;
  return true;
}

void add_link(std::vector<WantedLink>& group, const WantedLink& wanted) {
  const auto& interfaces = wanted.link.interfaces;
  const bool taken = std::any_of(group.begin(), group.end(), [&](const WantedLink& other) {
    const auto& others = other.link.interfaces;
    return other.link.target == wanted.link.target ||
           std::any_of(interfaces.begin(), interfaces.end(), [&](const std::string& interface) {
             return std::find(others.begin(), others.end(), interface) != others.end();
           });
  });
  if (!taken) group.push_back(wanted);
}

// What one version wants.
class Collector {
 public:
  explicit Collector(Desired& desired) : desired_(desired) {}

  void add(const Application& application) {
    for (const Part& part : application.parts) {
      if (part.kind == PartKind::component && !part.scaling && !part.shared) continue;
      if (!part.shared) add(application, part);
      add_configs(application, part.configs, part.secrets);
    }
    for (const Link& link : application.links) {
      if (find_part(application, link.source) == nullptr || find_part(application, link.target) == nullptr)
        continue;
      add_configs(application, link.source_configs, link.source_secrets);
      add_configs(application, link.target_configs, link.target_secrets);
      add(application.name, lattice_link(application, link));
    }
  }
  void add(const std::string& application, const SiblingLink& one) { add(application, one.link, one.remark); }

 private:
  void add(const Application& application, const Part& part) {
    WantedPart wanted;
    wanted.application = part.platform ? std::string(kPlatform) : application.name;
    wanted.name = part.name;
    wanted.id = part.id;
    wanted.kind = part.kind;
    wanted.revision = revision_of(part);
    wanted.scaling = part.scaling.value_or(Scaling{});
    wanted.failure_domain = text_or(application.annotations, kSpreadByAnnotation, kDefaultFailureDomain);
    if (application.together && part.kind == PartKind::component) wanted.together = application.name;
    desired_.parts.try_emplace(part.id, std::move(wanted));
  }

  void add(const std::string& application, const lattice::Link& link, const std::string& remark = {}) {
    add_link(desired_.links[group_of(link)],
             {application, link, fingerprint(lattice::to_json(link)), lattice::describe(link), remark});
  }

  void add_configs(const Application& application, const std::vector<Config>& configs,
                   const std::vector<Secret>& secrets) {
    for (const Config& config : configs)
      if (config.values)
        desired_.configs.try_emplace(config.name, WantedConfig{application.name, *config.values});
    for (const Secret& secret : secrets)
      desired_.configs.try_emplace(secret.name,
                                   WantedConfig{application.name, reference_of(application, secret)});
  }

  Desired& desired_;
};

}  // namespace

LinkGroup group_of(const lattice::Link& link) {
  return {link.source_id, link.name, link.wit_namespace, link.wit_package};
}

Desired desired_of(const std::vector<DeployedApplication>& applications) {
  DesiredTable table;
  for (const DeployedApplication& application : applications) table.set(application);
  return table.desired();
}

// ---- One by one

namespace {

template <class Map, class Keys>
void enter_all(Map& map, const Keys& keys, const std::string& name) {
  for (const auto& key : keys) map[key].insert(name);
}

template <class Map, class Keys>
void leave_all(Map& map, const Keys& keys, const std::string& name) {
  for (const auto& key : keys) {
    const auto found = map.find(key);
    if (found == map.end()) continue;
    found->second.erase(name);
    if (found->second.empty()) map.erase(found);
  }
}

// Puts what was merged in its place; nothing: it is not wanted. True: it is another.
template <class Map, class Value>
bool put_merged(Map& map, const typename Map::key_type& key, std::optional<Value> merged) {
  const auto there = map.find(key);
  if (!merged) return there != map.end() && map.erase(key) != 0;
  if (there != map.end() && there->second == *merged) return false;
  map.insert_or_assign(key, *std::move(merged));
  return true;
}

// Calls `merge` for every key of both; returns those that it says are another, and those only in `before`.
template <class Keys, class Merge>
Keys merge_all(const Keys& before, const Keys& now, Merge merge) {
  Keys changed;
  for (const auto& key : now)
    if (merge(key)) changed.insert(key);
  for (const auto& key : before) {
    if (now.contains(key)) continue;
    merge(key);
    changed.insert(key);
  }
  return changed;
}

}  // namespace

DesiredTable::Entry DesiredTable::entry_of(const DeployedApplication& application) {
  Entry entry;
  if (!application.version) return entry;
  std::vector<const Application*> versions{application.version.get()};
  Collector fresh(entry.fresh);
  fresh.add(*application.version);
  if (application.former) {
    versions.push_back(application.former.get());
    Collector(entry.former).add(*application.former);
  }
  // Of both versions at once: theirs for one package to one component are one link.
  for (const SiblingLink& one : sibling_links(versions, application.interfaces))
    fresh.add(application.name, one);
  for (const Desired* desired : {&entry.fresh, &entry.former}) {
    for (const auto& [id, part] : desired->parts) {
      entry.belongings.parts.insert(id);
      entry.configs.insert(part.revision.configs.begin(), part.revision.configs.end());
    }
    for (const auto& [group, links] : desired->links) {
      entry.belongings.links.insert(group);
      for (const WantedLink& wanted : links)
        for (const auto* names : {&wanted.link.source_config, &wanted.link.target_config})
          entry.configs.insert(names->begin(), names->end());
    }
    for (const auto& [name, config] : desired->configs) {
      entry.belongings.configs.insert(name);
      entry.configs.insert(name);
    }
  }
  for (const auto& version : {application.version, application.former})
    if (version)
      for (const Part& part : version->parts)
        if (part.shared) entry.owners.insert(part.shared->application);
  return entry;
}

void DesiredTable::enter(const std::string& name, const Entry& entry) {
  enter_all(by_part_, entry.belongings.parts, name);
  enter_all(by_link_, entry.belongings.links, name);
  enter_all(by_config_, entry.configs, name);
  enter_all(by_owner_, entry.owners, name);
}

void DesiredTable::leave(const std::string& name, const Entry& entry) {
  leave_all(by_part_, entry.belongings.parts, name);
  leave_all(by_link_, entry.belongings.links, name);
  leave_all(by_config_, entry.configs, name);
  leave_all(by_owner_, entry.owners, name);
}

Belongings DesiredTable::set(const DeployedApplication& application) {
  const std::string& name = application.name;
  Entry before;
  if (const auto there = entries_.find(name); there != entries_.end()) {
    before = std::move(there->second);
    entries_.erase(there);
    leave(name, before);
    for (const std::string& id : before.belongings.parts) desired_.conflicts.erase({name, id});
  }
  const Belongings* now = &of(name);
  if (application.version) {
    const Entry& entry = entries_.emplace(name, entry_of(application)).first->second;
    enter(name, entry);
    now = &entry.belongings;
  }
  return {
      merge_all(before.belongings.parts, now->parts, [&](const auto& id) { return merge_part(id); }),
      merge_all(before.belongings.links, now->links, [&](const auto& group) { return merge_links(group); }),
      merge_all(before.belongings.configs, now->configs,
                [&](const auto& config) { return merge_config(config); })};
}

const Belongings& DesiredTable::of(std::string_view application) const {
  static const Belongings kNone;
  const auto found = entries_.find(application);
  return found == entries_.end() ? kNone : found->second.belongings;
}

template <class Visit>
void DesiredTable::visit(const Names& names, Visit visit) const {
  for (const bool former : {false, true}) {
    for (const std::string& name : names) {
      const Entry& entry = entries_.find(name)->second;
      visit(name, former ? entry.former : entry.fresh, former);
    }
  }
}

bool DesiredTable::merge_part(const std::string& id) {
  std::optional<WantedPart> merged;
  for (const std::string& name : of_part(id)) desired_.conflicts.erase({name, id});
  visit(of_part(id), [&](const std::string& name, const Desired& own, bool former) {
    const auto part = own.parts.find(id);
    if (part == own.parts.end()) return;
    if (!add_part(merged, part->second, former))
      desired_.conflicts[{name, id}] =
          fmt::format("the id {} is that of a part of {}", in_quotes(id), merged->application);
  });
  return put_merged(desired_.parts, id, std::move(merged));
}

bool DesiredTable::merge_links(const LinkGroup& group) {
  std::optional<std::vector<WantedLink>> merged;
  visit(of_link(group), [&](const std::string&, const Desired& own, bool) {
    const auto links = own.links.find(group);
    if (links == own.links.end()) return;
    if (!merged) merged.emplace();
    for (const WantedLink& link : links->second) add_link(*merged, link);
  });
  return put_merged(desired_.links, group, std::move(merged));
}

bool DesiredTable::merge_config(const std::string& name) {
  std::optional<WantedConfig> merged;
  visit(of_config(name), [&](const std::string&, const Desired& own, bool) {
    const auto config = own.configs.find(name);
    if (config != own.configs.end() && !merged) merged = config->second;
  });
  return put_merged(desired_.configs, name, std::move(merged));
}

uint64_t hash_of(std::string_view text, uint64_t basis) {
  for (const char c : text) basis = (basis ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return basis;
}

std::string fingerprint(std::string_view text) {
  return fmt::format("{:016x}", hash_of(text));
}

}  // namespace wattle::manager
