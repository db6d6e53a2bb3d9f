// What a host tells a provider's process: one line on its standard input when it starts, and links over the
// bus afterwards. wasmCloud v1's provider start protocol, so that its providers run unchanged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "lattice/control_types.h"

namespace wattle::lattice {

// A link with its configs resolved; secrets are sealed for the reader's xkey (a JSON map, see seal_secrets).
struct ProviderLinkDefinition {
  std::string source_id{};
  std::string target{};
  std::string name = "default";
  std::string wit_namespace{};
  std::string wit_package{};
  std::vector<std::string> interfaces{};
  StringMap source_config{};
  StringMap target_config{};
  std::optional<std::vector<uint8_t>> source_secrets{};
  std::optional<std::vector<uint8_t>> target_secrets{};
  bool operator==(const ProviderLinkDefinition&) const = default;
};

// Text or bytes, in JSON {"kind":"String","value":"..."} or {"kind":"Bytes","value":[1,2]}. Must not be
// copied into logs, errors or anything that is shown.
using SecretText = std::variant<std::string, std::vector<uint8_t>>;
using SecretMap = std::map<std::string, SecretText>;

struct HostData {
  std::string host_id{};
  std::string lattice_rpc_prefix{};  // the lattice
  std::string link_name = "default";
  std::string lattice_rpc_user_jwt{};
  std::string lattice_rpc_user_seed{};
  std::string lattice_rpc_url{};
  std::string provider_key{};  // the provider's id
  std::string instance_id{};
  std::vector<ProviderLinkDefinition> link_definitions{};
  std::vector<std::string> cluster_issuers{};
  StringMap config{};
  SecretMap secrets{};
  std::string host_xkey_public_key{};
  std::string provider_xkey_private_key{};
  std::optional<uint64_t> default_rpc_timeout_ms{};
  bool structured_logging = false;
  std::optional<std::string> log_level{};
};

Result<HostData> parse_host_data(std::string_view json);
std::string to_json(const HostData& data);
Result<ProviderLinkDefinition> parse_provider_link(std::string_view json);
std::string to_json(const ProviderLinkDefinition& link);
// The plain text that is sealed into source_secrets and target_secrets.
Result<SecretMap> parse_secrets(std::string_view json);
std::string to_json(const SecretMap& secrets);

// The line of standard input: base64 of the JSON, ended by "\r\n".
std::string to_line(const HostData& data);
// With or without its end. Refused: malformed.
Result<HostData> parse_line(std::string_view line);

// The answer to a provider's health request.
struct ProviderHealth {
  bool healthy = false;
  std::optional<std::string> message{};
};
Result<ProviderHealth> parse_provider_health(std::string_view json);
std::string to_json(const ProviderHealth& health);

}  // namespace wattle::lattice
