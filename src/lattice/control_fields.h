// The fields of the control protocol's JSON. Internal to src/lattice.
#pragma once

#include "lattice/control_types.h"
#include "lattice/json_fields.h"

namespace wattle::lattice {

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Host&) {
  fields.optional("rpc_host", self.rpc_host);
  fields.optional("ctl_host", self.ctl_host);
  fields.optional("friendly_name", self.friendly_name);
  fields.required("id", self.id);
  fields.optional("js_domain", self.js_domain);
  fields.optional("labels", self.labels);
  fields.optional("lattice", self.lattice);
  fields.optional("uptime_human", self.uptime_human);
  fields.optional("uptime_seconds", self.uptime_seconds);
  fields.optional("version", self.version);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ComponentInterfaces&) {
  fields.unless_default("imports", self.imports);
  fields.unless_default("exports", self.exports);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ComponentDescription&) {
  fields.required("id", self.id);
  fields.optional("image_ref", self.image_ref);
  fields.optional("name", self.name);
  fields.optional("annotations", self.annotations);
  fields.optional("revision", self.revision);
  fields.optional("max_instances", self.max_instances);
  fields.optional("limits", self.limits);
  fields.optional("digest", self.digest);
  fields.optional("idle_after_ms", self.idle_after_ms);
  fields.unless_default("parked", self.parked);
  fields.unless_default("interfaces", self.interfaces);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProviderDescription&) {
  fields.required("id", self.id);
  fields.optional("image_ref", self.image_ref);
  fields.optional("name", self.name);
  fields.optional("revision", self.revision);
  fields.optional("annotations", self.annotations);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const HostInventory&) {
  fields.required("components", self.components);
  fields.required("providers", self.providers);
  fields.optional("host_id", self.host_id);
  fields.optional("friendly_name", self.friendly_name);
  fields.optional("labels", self.labels);
  fields.optional("version", self.version);
  fields.optional("uptime_human", self.uptime_human);
  fields.optional("uptime_seconds", self.uptime_seconds);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const StopHost&) {
  fields.optional("host_id", self.host_id);
  fields.optional("timeout", self.timeout_ms);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const Label&) {
  fields.required("key", self.key);
  fields.required("value", self.value);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LabelKey&) {
  fields.required("key", self.key);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ComponentAuction&) {
  fields.required("component_ref", self.component_ref);
  fields.required("component_id", self.component_id);
  fields.optional("constraints", self.constraints);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ComponentAuctionAck&) {
  fields.required("component_ref", self.component_ref);
  fields.required("component_id", self.component_id);
  fields.required("host_id", self.host_id);
  fields.optional("constraints", self.constraints);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ScaleComponent&) {
  fields.optional("component_ref", self.component_ref);
  fields.required("component_id", self.component_id);
  fields.optional("annotations", self.annotations);
  fields.alias("max_instances", self.count);
  fields.optional("count", self.count);
  fields.optional("component_limits", self.component_limits);
  fields.optional("host_id", self.host_id);
  fields.optional("config", self.config);
  fields.optional("allow_update", self.allow_update);
  fields.unless_default("beside", self.beside);
  fields.optional("idle_after_ms", self.idle_after_ms);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const PutWeights&) {
  fields.required("component_id", self.component_id);
  fields.required("weights", self.weights);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const UpdateComponent&) {
  fields.required("component_id", self.component_id);
  fields.optional("annotations", self.annotations);
  fields.optional("host_id", self.host_id);
  fields.required("new_component_ref", self.new_component_ref);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProviderAuction&) {
  fields.required("provider_ref", self.provider_ref);
  fields.required("provider_id", self.provider_id);
  fields.optional("constraints", self.constraints);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProviderAuctionAck&) {
  fields.required("host_id", self.host_id);
  fields.required("provider_ref", self.provider_ref);
  fields.required("provider_id", self.provider_id);
  fields.optional("constraints", self.constraints);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const StartProvider&) {
  fields.required("provider_id", self.provider_id);
  fields.required("provider_ref", self.provider_ref);
  fields.optional("host_id", self.host_id);
  fields.optional("config", self.config);
  fields.optional("annotations", self.annotations);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const StopProvider&) {
  fields.optional("host_id", self.host_id);
  fields.alias("provider_ref", self.provider_id);
  fields.optional("provider_id", self.provider_id);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const LinkKey&) {
  fields.required("source_id", self.source_id);
  fields.optional("name", self.name);
  fields.required("wit_namespace", self.wit_namespace);
  fields.required("wit_package", self.wit_package);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const RegistryCredential&) {
  fields.optional("username", self.username);
  fields.optional("password", self.password);
  fields.optional("token", self.token);
  fields.optional("registryType", self.registry_type);
}

}  // namespace wattle::lattice
