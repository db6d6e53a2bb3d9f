// The fields of wasmCloud v2's Workloads: Workload, WorkloadReplicaSet, WorkloadDeployment. Internal to
// src/manager.
#pragma once

#include "manager/fields.h"
#include "manager/workload.h"

namespace wattle::manager::workload {

inline constexpr std::string_view kApiVersion = "runtime.wasmcloud.dev/v1alpha1";

struct Reference {
  Text name{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Reference& self) {
  fields.required({.name = "name", .text = "What it is called in the lattice", .form = &kConfigName},
                  self.name);
}

struct ConfigLayer {
  TextMap config{};
  std::vector<Reference> config_from{};
  std::vector<Reference> secret_from{};
  Place place{};
};
template <class Visitor, class Layer>
void list_layer(Visitor& fields, Layer& self) {
  fields.optional({.name = "config", .text = "Values; they go before those of configFrom and secretFrom"},
                  self.config);
  fields.optional({.name = "configFrom", .text = "Configs of the lattice; later ones go before earlier ones"},
                  self.config_from);
  fields.optional(
      {.name = "secretFrom", .text = "Secrets: NAME is the lattice's config SECRET_NAME, which refers to it"},
      self.secret_from);
}
template <class Visitor>
void list_fields(Visitor& fields, ConfigLayer& self) {
  list_layer(fields, self);
}

struct VolumeMount {
  Text name{};
  Text mount_path{};
  Flag read_only{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, VolumeMount& self) {
  fields.required({.name = "name", .text = "Which of spec.volumes"}, self.name);
  fields.required({.name = "mountPath", .text = "Where the component finds it"}, self.mount_path);
  fields.optional({.name = "readOnly", .text = "Whether it may only be read"}, self.read_only);
}

struct LocalResources {
  std::vector<VolumeMount> volume_mounts{};
  std::optional<ConfigLayer> environment{};
  TextMap config{};
  Texts allowed_hosts{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, LocalResources& self) {
  fields.optional({.name = "volumeMounts", .text = "Refused: components on hosts have no files"},
                  self.volume_mounts);
  fields.optional(
      {.name = "environment", .text = "Refused: components on hosts have no environment; write config"},
      self.environment);
  fields.optional({.name = "config", .text = "Values that the component reads through wasi:config"},
                  self.config);
  fields.optional({.name = "allowedHosts",
                   .text = "Where the component may send HTTP requests; nowhere unless it is said",
                   .form = &kAllowedHost},
                  self.allowed_hosts);
}

struct Component {
  Text name{};
  Text image{};
  std::optional<Reference> image_pull_secret{};
  Text image_pull_policy{};
  std::optional<Number> pool_size{};
  std::optional<Number> max_invocations{};
  std::optional<Number> max_concurrency{};
  std::optional<LocalResources> local_resources{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Component& self) {
  fields.required({.name = "name", .text = "What it is called in this manifest"}, self.name);
  fields.required({.name = "image", .text = "What runs: an OCI reference, or a file beside the manifest"},
                  self.image);
  fields.optional({.name = "imagePullSecret", .text = "Not used: registries' credentials are the lattice's"},
                  self.image_pull_secret);
  fields.optional({.name = "imagePullPolicy",
                   .text = "Not used: an image is fetched once for each digest",
                   .one_of = "Always|IfNotPresent|Never"},
                  self.image_pull_policy);
  fields.optional({.name = "poolSize",
                   .text = "Instances for each replica, where that is more than 100",
                   .most = kInstancesMax},
                  self.pool_size);
  fields.optional({.name = "maxInvocations", .text = "Not used: every call runs in a pristine instance"},
                  self.max_invocations);
  fields.optional({.name = "maxConcurrency", .text = "Not used: an instance has one call at a time"},
                  self.max_concurrency);
  fields.optional({.name = "localResources", .text = "What it is given"}, self.local_resources);
}

struct HostInterface {
  Text name{};
  Text wit_namespace{};
  Text wit_package{};
  Text version{};
  Texts interfaces{};
  TextMap config{};
  std::vector<Reference> config_from{};
  std::vector<Reference> secret_from{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, HostInterface& self) {
  fields.optional(
      {.name = "name", .text = "The link's name, where there are several of one package", .form = &kDnsLabel},
      self.name);
  fields.required({.name = "namespace", .text = "\"wasi\"", .form = &kWitName}, self.wit_namespace);
  fields.required({.name = "package", .text = "\"keyvalue\"", .form = &kWitName}, self.wit_package);
  fields.optional({.name = "version", .text = "Of the package"}, self.version);
  fields.required({.name = "interfaces",
                   .text = "Which interfaces: \"store\", \"atomics\"",
                   .form = &kWitName,
                   .least = 1},
                  self.interfaces);
  list_layer(fields, self);
}

struct Nothing {
  Place place{};
};
template <class Visitor>
void list_fields(Visitor&, Nothing&) {}

struct HostPath {
  Text path{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, HostPath& self) {
  fields.required({.name = "path", .text = "On the host"}, self.path);
}

struct Volume {
  Text name{};
  std::optional<Nothing> ephemeral{};
  std::optional<HostPath> host_path{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Volume& self) {
  fields.required({.name = "name", .text = "What mounts call it", .form = &kDnsLabel}, self.name);
  fields.optional({.name = "ephemeral", .text = "A folder that goes with the workload"}, self.ephemeral);
  fields.optional({.name = "hostPath", .text = "A folder of the host"}, self.host_path);
}

struct Service {
  Text image{};
  std::optional<Number> max_restarts{};
  std::optional<LocalResources> local_resources{};
  std::optional<Reference> image_pull_secret{};
  Text image_pull_policy{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Service& self) {
  fields.required({.name = "image", .text = "What runs"}, self.image);
  fields.optional({.name = "maxRestarts", .text = "How often it is started again"}, self.max_restarts);
  fields.optional({.name = "localResources", .text = "What it is given"}, self.local_resources);
  fields.optional({.name = "imagePullSecret", .text = "Credentials of the registry"}, self.image_pull_secret);
  fields.optional(
      {.name = "imagePullPolicy", .text = "When it is fetched", .one_of = "Always|IfNotPresent|Never"},
      self.image_pull_policy);
}

struct Kubernetes {
  std::optional<Reference> service{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Kubernetes& self) {
  fields.optional({.name = "service", .text = "A Service of Kubernetes"}, self.service);
}

struct Spec {
  TextMap host_selector{};
  Text host_id{};
  Text environment{};
  std::vector<Component> components{};
  std::vector<HostInterface> host_interfaces{};
  std::optional<Service> service{};
  std::vector<Volume> volumes{};
  std::optional<Kubernetes> kubernetes{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Spec& self) {
  fields.optional({.name = "hostSelector", .text = "Labels that a host must have"}, self.host_selector);
  fields.optional({.name = "hostId", .text = "Only on this host"}, self.host_id);
  fields.optional({.name = "environment", .text = "Only on hosts with this label \"environment\""},
                  self.environment);
  fields.required({.name = "components", .text = "What runs, on the same hosts", .least = 1},
                  self.components);
  fields.optional({.name = "hostInterfaces", .text = "What the components are linked to"},
                  self.host_interfaces);
  fields.optional({.name = "service", .text = "Refused: wattle runs no services"}, self.service);
  fields.optional(
      {.name = "volumes", .text = "Refused where they are mounted: components on hosts have no files"},
      self.volumes);
  fields.optional({.name = "kubernetes", .text = "Not used: there is no Kubernetes here"}, self.kubernetes);
}

// What kubectl prints of any object is known, and means nothing here.
template <class Visitor>
void list_bookkeeping(Visitor& fields) {
  for (const std::string_view name :
       {"generateName", "uid", "resourceVersion", "generation", "selfLink", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "ownerReferences", "finalizers"})
    fields.left_out({.name = name, .text = "Kubernetes' own; not used"});
}

struct Metadata {
  Text name{};
  Text name_space{};
  TextMap annotations{};
  TextMap labels{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Metadata& self) {
  fields.required({.name = "name", .text = "The application's name, one in a lattice", .form = &kDnsLabel},
                  self.name);
  fields.optional({.name = "namespace", .text = "Kubernetes' own; a lattice has none"}, self.name_space);
  fields.optional(
      {.name = "annotations",
       .text = "\"version\", \"description\", \"wattle/handler\" (which component takes requests and "
               "messages, where there are several), and your own"},
      self.annotations);
  fields.optional({.name = "labels", .text = "Your own, to find applications by"}, self.labels);
  list_bookkeeping(fields);
}

struct Template {
  TextMap annotations{};
  TextMap labels{};
  Spec spec{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Template& self) {
  fields.optional({.name = "annotations", .text = "As those of the metadata"}, self.annotations);
  fields.optional({.name = "labels", .text = "As those of the metadata"}, self.labels);
  fields.required({.name = "spec", .text = "Each replica"}, self.spec);
}

struct Artifact {
  Text name{};
  Reference artifact_from{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, Artifact& self) {
  fields.required({.name = "name", .text = "What components call it"}, self.name);
  fields.required({.name = "artifactFrom", .text = "Which Artifact of Kubernetes"}, self.artifact_from);
}

struct ReplicaSetSpec {
  std::optional<Number> replicas{};
  Template replica{};
  Place place{};
};
template <class Visitor, class Self>
void list_replicas(Visitor& fields, Self& self) {
  fields.optional(
      {.name = "replicas", .text = "On how many hosts at most; 1", .most = kInstancesMax / kCallsPerReplica},
      self.replicas);
  fields.required({.name = "template", .text = "What each replica is"}, self.replica);
}
template <class Visitor>
void list_fields(Visitor& fields, ReplicaSetSpec& self) {
  list_replicas(fields, self);
}

struct DeploymentSpec {
  std::optional<Number> replicas{};
  Template replica{};
  Text deploy_policy{};
  std::vector<Artifact> artifacts{};
  std::optional<Kubernetes> kubernetes{};
  Place place{};
};
template <class Visitor>
void list_fields(Visitor& fields, DeploymentSpec& self) {
  list_replicas(fields, self);
  fields.optional({.name = "deployPolicy",
                   .text = "How a new version takes over; RollingUpdate unless it is said",
                   .one_of = "RollingUpdate|Recreate"},
                  self.deploy_policy);
  fields.optional({.name = "artifacts", .text = "Refused: write the image where it is used"}, self.artifacts);
  fields.optional({.name = "kubernetes", .text = "Not used: there is no Kubernetes here"}, self.kubernetes);
}

template <class SpecType>
struct Document {
  Text api_version{};
  Text kind{};
  Metadata metadata{};
  SpecType spec{};
  Place place{};
};

template <class Visitor, class SpecType>
void list_document(Visitor& fields, Document<SpecType>& self, std::string_view kind) {
  fields.required({.name = "apiVersion", .text = "The format", .one_of = kApiVersion}, self.api_version);
  fields.required({.name = "kind", .text = "What is declared", .one_of = kind}, self.kind);
  fields.required({.name = "metadata", .text = "Who it is"}, self.metadata);
  fields.required({.name = "spec", .text = "What runs"}, self.spec);
  fields.left_out({.name = "status", .text = "Kubernetes' own; not used"});
}

using Workload = Document<Spec>;
using ReplicaSet = Document<ReplicaSetSpec>;
using Deployment = Document<DeploymentSpec>;

template <class Visitor>
void list_fields(Visitor& fields, Workload& self) {
  list_document(fields, self, "Workload");
}
template <class Visitor>
void list_fields(Visitor& fields, ReplicaSet& self) {
  list_document(fields, self, "WorkloadReplicaSet");
}
template <class Visitor>
void list_fields(Visitor& fields, Deployment& self) {
  list_document(fields, self, "WorkloadDeployment");
}

}  // namespace wattle::manager::workload
