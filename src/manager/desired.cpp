#include "manager/desired.h"

#include <algorithm>

#include "lattice/secret_reference.h"

namespace wattle::manager {
namespace {

constexpr std::string_view kSpreadByAnnotation = "wattle/spread-by";

std::string_view text_or(const StringMap& map, std::string_view key, std::string_view otherwise) {
  const auto found = map.find(std::string(key));
  return found == map.end() ? otherwise : std::string_view(found->second);
}

WantedRevision revision_of(const Part& part) {
  WantedRevision revision;
  revision.reference = part.reference;
  for (const Config& config : part.configs) revision.configs.push_back(config.name);
  for (const Secret& secret : part.secrets) revision.configs.push_back(secret.name);
  revision.scaler =
      fingerprint(fmt::format("{}\n{}\n{}", revision.reference, fmt::join(revision.configs, "\n"), part.id));
  return revision;
}

StringMap reference_of(const Application& application, const Secret& secret) {
  lattice::SecretReference reference;
  reference.name = secret.declared;
  reference.key = secret.key;
  reference.field = secret.field.value_or("");
  reference.version = secret.version.value_or("");
  for (const Policy& policy : application.policies)
    if (policy.name == secret.policy) reference.backend = text_or(policy.properties, "backend", "");
  return lattice::to_map(reference);
}

class Collector {
 public:
  explicit Collector(Desired& desired) : desired_(desired) {}

  // `former`: what is there already stays as it is, and what is only here stays beside it.
  void add(const Application& application, bool former) {
    for (const Part& part : application.parts) {
      if (part.kind == PartKind::component && !part.scaling && !part.shared) continue;
      if (!part.shared) add(application, part, former);
      add_configs(application, part.configs, part.secrets);
    }
    for (const Link& link : application.links) {
      if (find_part(application, link.source) == nullptr || find_part(application, link.target) == nullptr)
        continue;
      add_configs(application, link.source_configs, link.source_secrets);
      add_configs(application, link.target_configs, link.target_secrets);
      add(application, lattice_link(application, link));
    }
  }

 private:
  void add(const Application& application, const Part& part, bool former) {
    WantedPart wanted;
    wanted.application = part.platform ? std::string(kPlatform) : application.name;
    wanted.name = part.name;
    wanted.id = part.id;
    wanted.kind = part.kind;
    wanted.revision = revision_of(part);
    wanted.scaling = part.scaling.value_or(Scaling{});
    wanted.failure_domain = text_or(application.annotations, kSpreadByAnnotation, kDefaultFailureDomain);
    if (application.together && part.kind == PartKind::component) wanted.together = application.name;
    const auto [there, is_new] = desired_.parts.try_emplace(part.id, wanted);
    if (is_new || part.platform) return;
    if (there->second.application != application.name) {
      desired_.conflicts[application.name] =
          fmt::format("the id {} is that of a part of {}", in_quotes(part.id), there->second.application);
      return;
    }
    if (former && part.kind == PartKind::component &&
        wanted.revision.reference != there->second.revision.reference)
      there->second.former = wanted.revision;
  }

  void add(const Application& application, const lattice::Link& link) {
    auto& group = desired_.links[group_of(link)];
    const bool taken = std::any_of(group.begin(), group.end(), [&](const WantedLink& other) {
      return other.link.target == link.target ||
             std::any_of(link.interfaces.begin(), link.interfaces.end(), [&](const std::string& interface) {
               const auto& others = other.link.interfaces;
               return std::find(others.begin(), others.end(), interface) != others.end();
             });
    });
    if (!taken) group.push_back({application.name, link});
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
  Desired desired;
  Collector collector(desired);
  for (const DeployedApplication& application : applications)
    if (application.version) collector.add(*application.version, false);
  for (const DeployedApplication& application : applications)
    if (application.version && application.former) collector.add(*application.former, true);
  return desired;
}

Belongings belongings_of(const Application& application) {
  Desired desired;
  Collector(desired).add(application, false);
  Belongings belongings;
  for (const auto& [id, part] : desired.parts) belongings.parts.insert(id);
  for (const auto& [group, links] : desired.links) belongings.links.insert(group);
  for (const auto& [name, config] : desired.configs) belongings.configs.insert(name);
  return belongings;
}

std::string fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

}  // namespace wattle::manager
