// A link: the only way from one component or provider to another. Its JSON is wasmCloud's (control protocol
// v1).
//
//   {"source_id":"shop-api","target":"shop-kv","name":"default","wit_namespace":"wasi",
//    "wit_package":"keyvalue","interfaces":["store"],"source_config":[],"target_config":["redis-url"]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wattle::lattice {

struct Link {
  std::string source_id{};
  std::string target{};
  std::string name = "default";
  std::string wit_namespace{};
  std::string wit_package{};
  std::vector<std::string> interfaces{};     // without package and version: "store"
  std::vector<std::string> source_config{};  // names of configs
  std::vector<std::string> target_config{};

  bool operator==(const Link&) const = default;
};

// "wasi:keyvalue/store@0.2.0" in parts; version may be empty. Refused: invalid_argument.
struct InterfaceParts {
  std::string_view wit_namespace, wit_package, interface, version;
};
Result<InterfaceParts> split_interface(std::string_view interface);

// Refused (invalid_argument): an empty or overlong field, a name that cannot be part of a subject, no
// interface, a config twice.
Result<void> check(const Link& link);

Result<Link> parse_link(std::string_view json);
std::string to_json(const Link& link);

}  // namespace wattle::lattice
