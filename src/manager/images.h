// Which of wattle's own providers runs in place of wasmCloud's images, and which one serves an interface that
// a Workload asks its host for. `wattle app images` prints wattle's own table, and with --of-manager the one
// in force, as the YAML that --images reads.
//
//   images:
//     ghcr.io/wasmcloud/http-server: builtin://http-server
//   interfaces:
//     wasi:keyvalue: builtin://keyvalue-nats
//     wasi:keyvalue#redis: builtin://keyvalue-redis     where the config has "backend: redis"
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "manager/manifest.h"

namespace wattle::manager {

struct ImageTable {
  std::map<std::string, std::string, std::less<>> images{};  // by image, without version and digest
  std::map<std::string, std::string, std::less<>> interfaces{};
};

ImageTable default_images();
// A whole table: what it does not hold is not replaced.
ImageTable read_images(std::string_view yaml, Problems& problems);
std::string to_yaml(const ImageTable& table);

// "ghcr.io/wasmcloud/http-server" of "oci://ghcr.io/wasmcloud/http-server:0.28.0@sha256:...".
std::string_view without_version(std::string_view image);
// What hosts start for `image`: itself, where the table has nothing.
std::string reference_of(const ImageTable& table, std::string_view image);
// Of one interface, the more exact entry first; empty: none.
std::string_view provider_of(const ImageTable& table, std::string_view wit_namespace,
                             std::string_view wit_package, std::string_view interface,
                             std::string_view backend);

// Gives every part its reference.
void resolve_images(Application& application, const ImageTable& table);

}  // namespace wattle::manager
