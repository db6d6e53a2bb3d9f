#include "lattice/state_buckets.h"

#include <charconv>

#include "lattice/json_fields.h"
#include "lattice/link_fields.h"

namespace wattle::lattice {

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ComponentRecord&) {
  fields.optional("url", self.url);
  fields.optional("links", self.links);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObservedHost::Provider&) {
  fields.required("provider_id", self.provider_id);
  fields.optional("provider_ref", self.provider_ref);
  fields.optional("annotations", self.annotations);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObservedHost&) {
  fields.required("id", self.id);
  fields.optional("friendly_name", self.friendly_name);
  fields.optional("components", self.components);
  fields.optional("labels", self.labels);
  fields.optional("providers", self.providers);
  fields.optional("uptime_seconds", self.uptime_seconds);
  fields.optional("version", self.version);
  fields.optional("last_seen", self.last_seen);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObservedComponent::Instances&) {
  fields.optional("annotations", self.annotations);
  fields.required("count", self.count);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObservedComponent&) {
  fields.required("id", self.id);
  fields.optional("name", self.name);
  fields.optional("issuer", self.issuer);
  fields.optional("reference", self.reference);
  fields.optional("instances", self.instances);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ObservedProvider&) {
  fields.required("id", self.id);
  fields.optional("name", self.name);
  fields.optional("issuer", self.issuer);
  fields.optional("reference", self.reference);
  fields.optional("hosts", self.hosts);
}

namespace {

// A map at the top of a value, read as the field it would be.
template <class Map>
Result<Map> parse_map(std::string_view json, std::string_view what) {
  WATTLE_TRY(boost::json::object entries, parse_object(json, what));
  boost::json::object around;
  around.emplace(what, std::move(entries));
  Map map;
  FieldReader reader(around, "");
  reader.required(what, map);
  WATTLE_CHECK(reader.done());
  return map;
}

template <class Map>
std::string write_map(const Map& map) {
  FieldWriter writer;
  writer.required("", map);
  return boost::json::serialize(writer.take().at(""));
}

}  // namespace

std::string lattice_data_bucket(std::string_view lattice) {
  return fmt::format("LATTICEDATA_{}", lattice);
}

std::string config_data_bucket(std::string_view lattice) {
  return fmt::format("CONFIGDATA_{}", lattice);
}

std::string component_key(std::string_view id) {
  return fmt::format("COMPONENT_{}", id);
}

std::string claims_key(std::string_view subject) {
  return fmt::format("CLAIMS_{}", subject);
}

std::string observed_hosts_key(std::string_view lattice) {
  return fmt::format("host_{}", lattice);
}

std::string observed_components_key(std::string_view lattice) {
  return fmt::format("component_{}", lattice);
}

std::string observed_providers_key(std::string_view lattice) {
  return fmt::format("provider_{}", lattice);
}

void ObservedState::add(const HostInventory& inventory, std::string_view last_seen) {
  ObservedHost& host = hosts[inventory.host_id];
  host = {.id = inventory.host_id,
          .friendly_name = inventory.friendly_name,
          .components = {},
          .labels = inventory.labels,
          .providers = {},
          .uptime_seconds = inventory.uptime_seconds,
          .version = inventory.version,
          .last_seen = std::string(last_seen)};
  for (const ComponentDescription& component : inventory.components) {
    host.components[component.id] += component.max_instances;
    ObservedComponent& observed = components[component.id];
    observed.id = component.id;
    observed.name = component.name.value_or(component.id);
    observed.reference = component.image_ref;
    observed.instances[inventory.host_id].push_back(
        {.annotations = component.annotations.value_or(StringMap{}), .count = component.max_instances});
  }
  for (const ProviderDescription& provider : inventory.providers) {
    host.providers.push_back({.provider_id = provider.id,
                              .provider_ref = provider.image_ref.value_or(""),
                              .annotations = provider.annotations.value_or(StringMap{})});
    ObservedProvider& observed = providers[provider.id];
    observed.id = provider.id;
    observed.name = provider.name.value_or(provider.id);
    observed.reference = provider.image_ref.value_or("");
    observed.hosts[inventory.host_id] = "Running";
  }
}

Result<ComponentRecord> parse_component_record(std::string_view json) {
  return read_json<ComponentRecord>(json, "the component's record");
}

std::string to_json(const ComponentRecord& record) {
  return write_json(record);
}

// v1 writes the revision as text.
Result<ComponentClaims> parse_claims(std::string_view json) {
  constexpr std::string_view kWhat = "the component's claims";
  WATTLE_TRY(const boost::json::object object, parse_object(json, kWhat));
  ComponentClaims claims;
  std::string revision;
  FieldReader fields(object, "");
  fields.optional("call_alias", claims.call_alias);
  fields.required("issuer", claims.issuer);
  fields.optional("name", claims.name);
  fields.optional("revision", revision);
  fields.required("subject", claims.subject);
  fields.optional("tags", claims.tags);
  fields.optional("version", claims.version);
  if (auto read = fields.done(); !read)
    return failure(ErrorCode::malformed, "{}: {}", kWhat, read.error().message());
  const auto [end, problem] =
      std::from_chars(revision.data(), revision.data() + revision.size(), claims.revision);
  if (!revision.empty() && (problem != std::errc() || end != revision.data() + revision.size()))
    return failure(ErrorCode::malformed, "{}: \"revision\" must be a number", kWhat);
  return claims;
}

std::string to_json(const ComponentClaims& claims) {
  FieldWriter fields;
  fields.optional("call_alias", claims.call_alias);
  fields.required("issuer", claims.issuer);
  fields.optional("name", claims.name);
  fields.optional("revision", std::to_string(claims.revision));
  fields.required("subject", claims.subject);
  fields.optional("tags", claims.tags);
  fields.optional("version", claims.version);
  return boost::json::serialize(fields.take());
}

Result<ObservedHosts> parse_observed_hosts(std::string_view json) {
  return parse_map<ObservedHosts>(json, "hosts");
}

std::string to_json(const ObservedHosts& hosts) {
  return write_map(hosts);
}

Result<ObservedComponents> parse_observed_components(std::string_view json) {
  return parse_map<ObservedComponents>(json, "components");
}

std::string to_json(const ObservedComponents& components) {
  return write_map(components);
}

Result<ObservedProviders> parse_observed_providers(std::string_view json) {
  return parse_map<ObservedProviders>(json, "providers");
}

std::string to_json(const ObservedProviders& providers) {
  return write_map(providers);
}

}  // namespace wattle::lattice
