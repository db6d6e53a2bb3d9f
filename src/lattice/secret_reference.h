// Where a secret is kept: what wasmCloud v1 puts into configs whose names begin with "SECRET_". The lattice
// knows references only; each host fetches the values that what it runs was given.
//
//   SECRET_db-password: {"name":"password","type":"secret.wasmcloud.dev/v1alpha1","backend":"nats",
//                        "key":"db-password","version":"3","policy":"{}"}
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "lattice/control_types.h"

namespace wattle::lattice {

struct SecretReference {
  std::string name{};  // under which who is given it sees it
  std::string backend{};
  std::string key{};      // the backend's name of it
  std::string field{};    // empty: the whole
  std::string version{};  // empty: the latest
  std::string policy = "{}";

  bool operator==(const SecretReference&) const = default;
};

// Whether a config of this name is a reference, and no configuration for anybody.
bool names_secret(std::string_view config);
// The config of the secret that people call `name`.
std::string secret_config(std::string_view name);

// `config`: its name, for messages and as the secret's name where the values give none. Refused (malformed):
// another type, no backend, no key.
Result<SecretReference> parse_secret_reference(std::string_view config, const StringMap& values);
StringMap to_map(const SecretReference& reference);

}  // namespace wattle::lattice
