// The fields of OAM manifests, as wadm reads them. Internal to src/manager.
#pragma once

#include "manager/fields.h"
#include "manager/manifest.h"

namespace wattle::manager::oam {

struct ConfigItem {
  Text name{};
  std::optional<TextMap> properties{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, ConfigItem& self) {
  fields.required({.name = "name", .text = "What the config is called", .form = &kConfigName}, self.name);
  fields.optional({.name = "properties",
                   .text = "Its values; without them, a config of this name is in the lattice already"},
                  self.properties);
}

struct SecretSource {
  Text policy{};
  Text key{};
  Text field{};
  Text version{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, SecretSource& self) {
  fields.required({.name = "policy", .text = "The policy that says which backend has the secret"},
                  self.policy);
  fields.required({.name = "key", .text = "The secret's key there"}, self.key);
  fields.optional({.name = "field", .text = "One field of a secret that has several"}, self.field);
  fields.optional({.name = "version", .text = "Which version of it; the newest unless it is said"},
                  self.version);
}

struct SecretItem {
  Text name{};
  SecretSource properties{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, SecretItem& self) {
  fields.required({.name = "name", .text = "By which name it is asked for", .form = &kConfigName}, self.name);
  fields.required({.name = "properties", .text = "Where the secret is"}, self.properties);
}

struct SharedReference {
  Text name{};
  Text component{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, SharedReference& self) {
  fields.required({.name = "name", .text = "The application that shares it", .form = &kApplicationName},
                  self.name);
  fields.required({.name = "component", .text = "Its name in that application's manifest"}, self.component);
}

struct ResourceRequests {
  std::optional<Quantity> memory{};
  std::optional<Quantity> cpu{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, ResourceRequests& self) {
  fields.optional({.name = "memory", .text = "Of an instance, as 64Mi", .form = &kMemory}, self.memory);
  fields.optional({.name = "cpu", .text = "CPUs of an instance, as 100m or 0.1", .form = &kCpus}, self.cpu);
}

struct ResourceLimits {
  std::optional<Quantity> memory{};
  Text time{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, ResourceLimits& self) {
  fields.optional(
      {.name = "memory", .text = "Of an instance, as 64Mi; its call traps beyond it", .form = &kMemory},
      self.memory);
  fields.optional({.name = "time", .text = "For each call, as 2s; it is ended beyond it", .form = &kDuration},
                  self.time);
}

struct Resources {
  ResourceRequests requests{};
  std::optional<ResourceLimits> limits{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Resources& self) {
  fields.optional(
      {.name = "requests", .text = "What an instance needs: it goes only where a host has so much left"},
      self.requests);
  fields.optional({.name = "limits", .text = "What an instance of a component gets at most"}, self.limits);
}

struct ComponentProperties {
  Text image{};
  std::optional<SharedReference> application{};
  Text id{};
  std::vector<ConfigItem> config{};
  std::vector<SecretItem> secrets{};
  std::optional<Resources> resources{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, ComponentProperties& self) {
  fields.exactly_one("image", "application");
  fields.optional(
      filled({.name = "image",
              .text = "What runs: an OCI reference, builtin://NAME, or a file beside the manifest"}),
      self.image);
  fields.optional({.name = "application", .text = "What runs is another application's, which shares it"},
                  self.application);
  fields.optional({.name = "id",
                   .text = "Its id in the lattice; APPLICATION-NAME unless it is said",
                   .form = &kConfigName},
                  self.id);
  fields.optional({.name = "config", .text = "Configs that it gets; later ones go before earlier ones"},
                  self.config);
  fields.optional({.name = "secrets", .text = "Secrets that it gets"}, self.secrets);
  fields.optional({.name = "resources", .text = "What each instance needs of its host"}, self.resources);
}

struct LinkEnd {
  std::vector<ConfigItem> config{};
  std::vector<SecretItem> secrets{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, LinkEnd& self) {
  fields.optional({.name = "config", .text = "Configs that this end of the link gets"}, self.config);
  fields.optional({.name = "secrets", .text = "Secrets that this end of the link gets"}, self.secrets);
}

struct LinkTarget {
  Text name{};
  std::vector<ConfigItem> config{};
  std::vector<SecretItem> secrets{};
  Place place{};
  Text& text_alone() { return name; }  // deprecated, and read
};
template <class Visitor>
void list_fields(Visitor& fields, LinkTarget& self) {
  fields.required({.name = "name", .text = "The component of this manifest that the link leads to"},
                  self.name);
  fields.optional({.name = "config", .text = "Configs that the target gets for this link"}, self.config);
  fields.optional({.name = "secrets", .text = "Secrets that the target gets for this link"}, self.secrets);
}

struct LinkProperties {
  Text name{};
  LinkTarget target{};
  std::optional<LinkEnd> source{};
  Text wit_namespace{};
  Text wit_package{};
  Texts interfaces{};
  std::optional<std::vector<ConfigItem>> source_config{};
  std::optional<std::vector<ConfigItem>> target_config{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, LinkProperties& self) {
  fields.required({.name = "target", .text = "Where the link leads"}, self.target);
  fields.required({.name = "namespace", .text = "Of the interfaces: \"wasi\"", .form = &kWitName},
                  self.wit_namespace);
  fields.required({.name = "package", .text = "Of the interfaces: \"keyvalue\"", .form = &kWitName},
                  self.wit_package);
  fields.required({.name = "interfaces",
                   .text = "Which interfaces: \"store\", \"atomics\"",
                   .form = &kWitName,
                   .least = 1},
                  self.interfaces);
  fields.optional({.name = "source", .text = "What the source gets for this link"}, self.source);
  fields.optional(
      {.name = "name", .text = "Tells links of one interface apart; \"default\" unless it is said"},
      self.name);
  fields.optional({.name = "source_config", .text = "write source.config", .deprecated = true},
                  self.source_config);
  fields.optional({.name = "target_config", .text = "write target.config", .deprecated = true},
                  self.target_config);
}

struct Spread {
  Text name{};
  TextMap requirements{};
  std::optional<Number> weight{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Spread& self) {
  fields.required({.name = "name", .text = "What this spread is called"}, self.name);
  fields.optional({.name = "requirements", .text = "Labels that a host must have"}, self.requirements);
  fields.optional({.name = "weight", .text = "Its share of the instances, beside the others' weights; 100"},
                  self.weight);
}

struct LoadScaler {
  std::optional<Number> min{};
  Number max{};
  Text target{};
  Text idle_after{};
  Text down_after{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, LoadScaler& self) {
  fields.required({.name = "max", .text = "How many instances at most", .least = 1, .most = kInstancesMax},
                  self.max);
  fields.optional(
      {.name = "min",
       .text = "How many at least; 0, which it is unless it is said, parks it while nobody calls it",
       .most = kInstancesMax},
      self.min);
  fields.optional(
      {.name = "target", .text = "How many of the instances shall have a call; 70%", .form = &kPercent},
      self.target);
  fields.optional({.name = "idle-after",
                   .text = "Without a call for so long it is parked, where min is 0; 5m",
                   .form = &kDuration},
                  self.idle_after);
  fields.optional({.name = "down-after",
                   .text = "There are fewer instances when no moment of so long has needed more; 1m",
                   .form = &kDuration},
                  self.down_after);
}

struct ScalerProperties {
  Number instances{};
  std::optional<LoadScaler> scaling{};
  std::vector<Spread> spread{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, ScalerProperties& self) {
  const Field instances{.name = "instances",
                        .text = "How many: in all (spreadscaler), or on each host (daemonscaler)",
                        .most = kInstancesMax};
  fields.required_or(instances, "replicas", self.instances);
  fields.alias({.name = "replicas", .text = "write \"instances\"", .most = kInstancesMax, .deprecated = true},
               self.instances);
  fields.optional({.name = "spread", .text = "Which hosts; any of them unless it is said"}, self.spread);
  fields.optional(
      {.name = "scaling",
       .text = "That the number follows the calls (spreadscaler); \"instances\" is the first one then"},
      self.scaling);
}

struct Trait {
  Text type{};
  std::optional<LinkProperties> link{};
  std::optional<ScalerProperties> scaler{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Trait& self) {
  fields.tagged(
      {.name = "type", .text = "What kind of trait", .one_of = "spreadscaler|daemonscaler|link"}, self.type,
      {.name = "properties", .text = "What the trait says"},
      Case<LinkProperties>{"link", "A link from this component", self.link},
      Case<ScalerProperties>{"spreadscaler|daemonscaler", "Where and how often it runs", self.scaler});
}

struct Component {
  Text name{};
  Text type{};
  ComponentProperties properties{};
  std::vector<Trait> traits{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Component& self) {
  fields.required({.name = "name", .text = "What it is called in this manifest"}, self.name);
  fields.required({.name = "type",
                   .text = "A WebAssembly component, or the provider of a capability",
                   .one_of = "component|capability|actor"},
                  self.type);
  fields.required({.name = "properties", .text = "What it is, and what it gets"}, self.properties);
  fields.optional({.name = "traits", .text = "Where it runs, and what it is linked to"}, self.traits);
}

struct PolicyItem {
  Text name{};
  Text type{};
  TextMap properties{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, PolicyItem& self) {
  fields.required({.name = "name", .text = "What secrets call it"}, self.name);
  fields.required({.name = "type", .text = "policy.secret.wasmcloud.dev/v1alpha1 for secrets"}, self.type);
  fields.required({.name = "properties", .text = "For secrets: \"backend\", and what that backend asks for"},
                  self.properties);
}

struct Metadata {
  Text name{};
  TextMap annotations{};
  TextMap labels{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Metadata& self) {
  fields.required(
      {.name = "name", .text = "The application's name, one in a lattice", .form = &kApplicationName},
      self.name);
  fields.optional({.name = "annotations",
                   .text = "\"version\", \"description\", \"experimental.wasmcloud.dev/shared\", "
                           "\"wattle/shared-with\", and your own"},
                  self.annotations);
  fields.optional({.name = "labels", .text = "Your own, to find applications by"}, self.labels);
}

struct Specification {
  std::vector<Component> components{};
  std::vector<PolicyItem> policies{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Specification& self) {
  fields.required(
      {.name = "components", .text = "The components and providers of the application", .least = 1},
      self.components);
  fields.optional({.name = "policies", .text = "What its secrets refer to"}, self.policies);
}

inline constexpr std::string_view kApiVersion = "core.oam.dev/v1beta1";

struct Manifest {
  Text api_version{};
  Text kind{};
  Metadata metadata{};
  Specification spec{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Manifest& self) {
  fields.required({.name = "apiVersion", .text = "The format", .one_of = kApiVersion}, self.api_version);
  fields.required({.name = "kind", .text = "What is declared", .one_of = "Application"}, self.kind);
  fields.required({.name = "metadata", .text = "Who it is"}, self.metadata);
  fields.required({.name = "spec", .text = "What runs"}, self.spec);
}

}  // namespace wattle::manager::oam
