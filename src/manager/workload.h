// wasmCloud v2's Workload, WorkloadReplicaSet and WorkloadDeployment (runtime.wasmcloud.dev/v1alpha1) as
// applications: each component of the template is one of the application, and each host interface becomes a
// link to the platform's provider that the image table names for it. docs/manifests.md says what becomes of
// each field.
#pragma once

#include "manager/images.h"
#include "manager/manifest.h"
#include "manager/yaml_document.h"

namespace wattle::manager {

// How many calls at once each replica of a component takes, unless its poolSize is more.
inline constexpr uint32_t kCallsPerReplica = 100;

// What could be read; problems say what could not, and what wattle has nothing for.
Application read_workload(const YamlNode& document, const ImageTable& images, Problems& problems);

}  // namespace wattle::manager
