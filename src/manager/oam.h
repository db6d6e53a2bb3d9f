// OAM manifests: `apiVersion: core.oam.dev/v1beta1`, `kind: Application`, as wadm accepts them.
#pragma once

#include "manager/manifest.h"
#include "manager/yaml_document.h"

namespace wattle::manager {

// What could be read; problems say what could not. Fields that wadm deprecated are read with a warning.
Application read_oam(const YamlNode& document, Problems& problems);

}  // namespace wattle::manager
