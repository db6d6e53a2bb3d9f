// JSON schema of manifests, for editors: what they complete, explain and underline while one is written. It
// is made from the very definitions that manifests are read by (fields.h), so that it cannot say anything
// else.
//
//   # yaml-language-server: $schema=wattle.schema.json
#pragma once

#include <string>

namespace wattle::manager {

// JSON text, draft 2020-12, of every kind of manifest.
std::string manifest_schema();

}  // namespace wattle::manager
