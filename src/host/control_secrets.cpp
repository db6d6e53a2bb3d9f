// Which secrets a host's components and providers were given, and that they have them.
#include "host/control.h"
#include "telemetry/log.h"

namespace wattle::host {

void HostControl::tell_secrets(std::shared_ptr<const SecretTable> secrets) {
  (void)with_data([&]() -> Result<void> {
    take_refused(parts_.data.set_secrets(secrets));
    return {};
  });
}

WantedSecrets HostControl::wanted_secrets() const {
  WantedSecrets wanted = starting_secrets_;
  const auto add = [&](const std::string& entity, const std::vector<std::string>& configs,
                       const std::string& token) {
    for (const std::string& config : configs)
      if (lattice::names_secret(config)) wanted.emplace(SecretKey{entity, config}, token);
  };
  for (const auto& [id, revisions] : components_)
    for (auto component = revisions.rbegin(); component != revisions.rend(); ++component)
      add(id, component->spec.config, component->token);
  for (const auto& [id, provider] : providers_) add(id, provider.config, "");
  const auto links = parts_.state.links();
  for (const auto& entry : links->entries()) {
    const lattice::Link& link = entry.link;
    if (providers_.contains(link.source_id)) add(link.source_id, link.source_config, "");
    if (providers_.contains(link.target)) add(link.target, link.target_config, "");
  }
  return wanted;
}

Result<void> HostControl::fetch_secrets(const std::string& id, const std::vector<std::string>& configs,
                                        const std::string& token) {
  if (parts_.secrets == nullptr) return {};
  for (const std::string& config : configs)
    if (lattice::names_secret(config)) starting_secrets_.insert_or_assign(SecretKey{id, config}, token);
  return parts_.secrets->wait_for(id, configs);
}

}  // namespace wattle::host
