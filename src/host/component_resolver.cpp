#include "host/component_resolver.h"

#include <algorithm>

#include "bindings/remote_blobstore.h"
#include "bindings/remote_http.h"
#include "bindings/remote_key_value.h"
#include "bindings/remote_messaging.h"
#include "bindings/remote_postgres.h"
#include "capability/blobstore.h"
#include "capability/key_value.h"
#include "capability/messaging.h"
#include "capability/postgres.h"
#include "capability/secrets.h"
#include "host/data_worker.h"
#include "host/recorded.h"
#include "host/spied_capabilities.h"
#include "telemetry/log.h"

namespace wattle::host {
namespace {

telemetry::LogLevel level_of(bindings::LogLevel level) {
  switch (level) {
    case bindings::LogLevel::trace:
      return telemetry::LogLevel::trace;
    case bindings::LogLevel::debug:
      return telemetry::LogLevel::debug;
    case bindings::LogLevel::info:
      return telemetry::LogLevel::info;
    case bindings::LogLevel::warn:
      return telemetry::LogLevel::warn;
    case bindings::LogLevel::error:
    case bindings::LogLevel::critical:
      return telemetry::LogLevel::error;
  }
  return telemetry::LogLevel::error;
}

// The capability, which says for as long as it is held that a call is under way.
template <class Capability>
std::shared_ptr<Capability> during(LinkGate::Pass pass, std::shared_ptr<Capability> capability) {
  struct Call {
    LinkGate::Pass pass;
    std::shared_ptr<Capability> capability;
  };
  auto call = std::make_shared<Call>(Call{std::move(pass), std::move(capability)});
  Capability* const called = call->capability.get();
  return std::shared_ptr<Capability>(std::move(call), called);
}

}  // namespace

// What is kept open is seen if it was opened while somebody looked.
template <class Capability>
std::shared_ptr<Capability> ComponentResolver::perhaps_seen(const lattice::Link& link,
                                                            std::string_view interface,
                                                            std::shared_ptr<Capability> capability) {
  if (worker_.spy_glass().idle()) return capability;
  return seen({worker_.spy_glass(), link.target, std::string(interface)}, std::move(capability));
}

template <class Capability, class Remote>
Result<bindings::Target<Capability>> ComponentResolver::find(std::string_view interface,
                                                             std::string_view link_name,
                                                             Capability* (capability::Provider::*get)()) {
  auto links = worker_.surroundings().links;
  const auto* entry = links->find(id_, link_name, interface);
  while (entry != nullptr && worker_.gates().find(*entry)->held()) {
    const auto gate = worker_.gates().find(*entry);
    WATTLE_CHECK(gate->wait());
    links = worker_.surroundings().links;
    entry = links->find(id_, link_name, interface);
  }
  if (entry == nullptr) return failure(bindings::missing_link(id_, link_name, interface));
  const lattice::Link& link = entry->link;
  const auto& gate = worker_.gates().find(*entry);
  const auto target = [&](std::shared_ptr<Capability> found) {
    if (gate->records()) found = recorded(std::move(found), gate);
    found = perhaps_seen(link, interface, std::move(found));
    return bindings::Target<Capability>{during(gate->enter(), std::move(found)), link.source_id, link.name,
                                        entry->rules.timeout};
  };
  auto provider = worker_.find_provider(link.target);
  if (provider == nullptr) {
    WATTLE_TRY(auto elsewhere, worker_.remote_target(*entry));
    return target(std::make_shared<Remote>(std::move(elsewhere)));
  }
  Capability* capability = (provider.get()->*get)();
  if (capability == nullptr)
    return failure(Error(ErrorCode::unlinkable,
                         fmt::format("the link \"{}\" of \"{}\" leads to \"{}\" for {}, which that provider "
                                     "does not have",
                                     link.name, id_, link.target, interface))
                       .with_remedy("link it to a provider of that capability: wattle link put"));
  return target(std::shared_ptr<Capability>(std::move(provider), capability));
}

Result<bindings::Target<capability::KeyValue>> ComponentResolver::key_value(std::string_view interface,
                                                                            std::string_view link_name) {
  return find<capability::KeyValue, bindings::RemoteKeyValue>(interface, link_name,
                                                              &capability::Provider::key_value);
}
Result<bindings::Target<capability::Blobstore>> ComponentResolver::blobstore(std::string_view interface,
                                                                             std::string_view link_name) {
  return find<capability::Blobstore, bindings::RemoteBlobstore>(interface, link_name,
                                                                &capability::Provider::blobstore);
}
Result<bindings::Target<capability::Messaging>> ComponentResolver::messaging(std::string_view interface,
                                                                             std::string_view link_name) {
  return find<capability::Messaging, bindings::RemoteMessaging>(interface, link_name,
                                                                &capability::Provider::messaging);
}
Result<bindings::Target<capability::Postgres>> ComponentResolver::postgres(std::string_view interface,
                                                                           std::string_view link_name) {
  return find<capability::Postgres, bindings::RemotePostgres>(interface, link_name,
                                                              &capability::Provider::postgres);
}
Result<bindings::Target<capability::OutgoingHttp>> ComponentResolver::outgoing_http(
    std::string_view interface, std::string_view link_name) {
  return find<capability::OutgoingHttp, bindings::RemoteOutgoingHttp>(interface, link_name,
                                                                      &capability::Provider::outgoing_http);
}
// What a component was given by its configs; for other names, what `beyond` has.
class ComponentResolver::OwnSecrets final : public capability::Secrets {
 public:
  OwnSecrets(const ComponentResolver& resolver, std::shared_ptr<capability::Secrets> beyond)
      : id_(resolver.id_),
        configs_(resolver.config_names_),
        table_(resolver.worker_.surroundings().secrets),
        beyond_(std::move(beyond)) {}

  tl::expected<capability::Secret, capability::SecretsError> get(const capability::Caller& caller,
                                                                 std::string_view key, std::string_view field,
                                                                 std::string_view version) override {
    using capability::SecretsError;
    for (const std::string& config : configs_) {
      const SecretTable::Held* held = table_->find(id_, config);
      if (held == nullptr || (held->reference.name != key && config != key)) continue;
      if (held->secret) return *held->secret;
      return tl::unexpected<SecretsError>({SecretsError::Kind::upstream, held->problem->full_message()});
    }
    if (beyond_ != nullptr) return beyond_->get(caller, key, field, version);
    return tl::unexpected<SecretsError>({SecretsError::Kind::not_found, {}});
  }

 private:
  const std::string id_;
  const std::vector<std::string> configs_;
  const std::shared_ptr<const SecretTable> table_;
  const std::shared_ptr<capability::Secrets> beyond_;
};

// Secrets never cross the bus as wRPC: hosts fetch them from their backends themselves.
Result<bindings::Target<capability::Secrets>> ComponentResolver::secrets() {
  constexpr std::string_view kInterface = "wasmcloud:secrets/store";
  const auto* entry = worker_.surroundings().links->find(id_, "default", kInterface);
  auto provider = entry == nullptr ? nullptr : worker_.find_provider(entry->link.target);
  capability::Secrets* linked = provider == nullptr ? nullptr : provider->secrets();
  const bool has_own = std::any_of(config_names_.begin(), config_names_.end(), lattice::names_secret);
  if (linked == nullptr && !has_own) return failure(bindings::missing_link(id_, "default", kInterface));
  auto beyond =
      linked == nullptr ? nullptr : std::shared_ptr<capability::Secrets>(std::move(provider), linked);
  return bindings::Target<capability::Secrets>{std::make_shared<OwnSecrets>(*this, std::move(beyond)), id_,
                                               entry == nullptr ? "default" : entry->link.name};
}

std::shared_ptr<const bindings::Config> ComponentResolver::config() {
  const auto& configs = worker_.surroundings().configs;
  if (merged_from_ != configs) {
    merged_ = std::make_shared<const bindings::Config>(lattice::merge_configs(*configs, config_names_));
    merged_from_ = configs;
  }
  return merged_;
}

void ComponentResolver::log(bindings::LogLevel level, std::string_view context, std::string_view message) {
  worker_.log().write(level_of(level), message, {{"component", id_}, {"context", context}});
}

}  // namespace wattle::host
