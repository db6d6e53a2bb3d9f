#include "lattice/provider_host_data.h"

#include <sodium.h>

#include "lattice/json_fields.h"

namespace wattle::lattice {
namespace {

using boost::json::object;

// {"kind":"String","value":"..."}; faults do not quote what they read.
Result<SecretText> read_secret(const boost::json::value& from) {
  const auto fault = [] {
    return failure(ErrorCode::malformed,
                   "a secret must be {{\"kind\":\"String\",\"value\":text}} or "
                   "{{\"kind\":\"Bytes\",\"value\":[numbers]}}");
  };
  const object* around = from.if_object();
  const boost::json::value* kind = around == nullptr ? nullptr : around->if_contains("kind");
  const boost::json::value* value = around == nullptr ? nullptr : around->if_contains("value");
  if (kind == nullptr || value == nullptr || !kind->is_string()) return fault();
  if (kind->get_string() == "String" && value->is_string())
    return SecretText(std::string(value->get_string().data(), value->get_string().size()));
  if (kind->get_string() != "Bytes" || !value->is_array()) return fault();
  std::vector<uint8_t> bytes;
  for (const boost::json::value& item : value->get_array()) {
    boost::system::error_code problem;
    const auto byte = item.is_number() ? item.to_number<uint8_t>(problem) : uint8_t{0};
    if (!item.is_number() || problem) return fault();
    bytes.push_back(byte);
  }
  return SecretText(std::move(bytes));
}

object write_secret(const SecretText& secret) {
  if (const auto* text = std::get_if<std::string>(&secret))
    return {{"kind", "String"}, {"value", valid_utf8(*text)}};
  boost::json::array bytes;
  for (const uint8_t byte : std::get<std::vector<uint8_t>>(secret)) bytes.emplace_back(byte);
  return {{"kind", "Bytes"}, {"value", std::move(bytes)}};
}

Result<SecretMap> read_secrets(const object& from) {
  SecretMap secrets;
  for (const auto& [name, value] : from) {
    WATTLE_TRY(SecretText secret, read_secret(value));
    secrets.emplace(std::string(name), std::move(secret));
  }
  return secrets;
}

object write_secrets(const SecretMap& secrets) {
  object written;
  for (const auto& [name, secret] : secrets) written.emplace(valid_utf8(name), write_secret(secret));
  return written;
}

}  // namespace

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProviderLinkDefinition&) {
  fields.required("source_id", self.source_id);
  fields.required("target", self.target);
  fields.optional("name", self.name);
  fields.required("wit_namespace", self.wit_namespace);
  fields.required("wit_package", self.wit_package);
  fields.required("interfaces", self.interfaces);
  fields.optional("source_config", self.source_config);
  fields.optional("target_config", self.target_config);
  fields.optional("source_secrets", self.source_secrets);
  fields.optional("target_secrets", self.target_secrets);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const HostData&) {
  fields.required("host_id", self.host_id);
  fields.required("lattice_rpc_prefix", self.lattice_rpc_prefix);
  fields.optional("link_name", self.link_name);
  fields.optional("lattice_rpc_user_jwt", self.lattice_rpc_user_jwt);
  fields.optional("lattice_rpc_user_seed", self.lattice_rpc_user_seed);
  fields.required("lattice_rpc_url", self.lattice_rpc_url);
  fields.required("provider_key", self.provider_key);
  fields.optional("instance_id", self.instance_id);
  fields.optional("link_definitions", self.link_definitions);
  fields.optional("cluster_issuers", self.cluster_issuers);
  fields.optional("config", self.config);
  fields.optional("host_xkey_public_key", self.host_xkey_public_key);
  fields.optional("provider_xkey_private_key", self.provider_xkey_private_key);
  fields.optional("default_rpc_timeout_ms", self.default_rpc_timeout_ms);
  fields.optional("structured_logging", self.structured_logging);
  fields.optional("log_level", self.log_level);
}

template <class Fields, class Self>
void list_fields(Fields& fields, Self& self, const ProviderHealth&) {
  fields.required("healthy", self.healthy);
  fields.optional("message", self.message);
}

Result<HostData> parse_host_data(std::string_view json) {
  constexpr std::string_view kWhat = "the host's data";
  WATTLE_TRY(const object around, parse_object(json, kWhat));
  WATTLE_TRY(HostData data, read_object<HostData>(around, kWhat));
  if (const auto* secrets = around.if_contains("secrets"); secrets != nullptr && !secrets->is_null()) {
    if (!secrets->is_object()) return failure(ErrorCode::malformed, "{}: \"secrets\" must be a map", kWhat);
    WATTLE_TRY(data.secrets, read_secrets(secrets->get_object()));
  }
  return data;
}

std::string to_json(const HostData& data) {
  object around = write_object(data);
  around.emplace("env_values", boost::json::array());
  around.emplace("secrets", write_secrets(data.secrets));
  around.emplace("otel_config", object());
  return boost::json::serialize(around);
}

Result<ProviderLinkDefinition> parse_provider_link(std::string_view json) {
  return read_json<ProviderLinkDefinition>(json, "the link");
}

std::string to_json(const ProviderLinkDefinition& link) {
  return write_json(link);
}

Result<SecretMap> parse_secrets(std::string_view json) {
  WATTLE_TRY(const object around, parse_object(json, "the secrets"));
  return read_secrets(around);
}

std::string to_json(const SecretMap& secrets) {
  return boost::json::serialize(write_secrets(secrets));
}

std::string to_line(const HostData& data) {
  const std::string json = to_json(data);
  std::string line(sodium_base64_encoded_len(json.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(line.data(), line.size(), reinterpret_cast<const unsigned char*>(json.data()),
                    json.size(), sodium_base64_VARIANT_ORIGINAL);
  line.pop_back();  // the terminator that it writes too
  return line + "\r\n";
}

Result<HostData> parse_line(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kDocumentBytesMax * 4 / 3 + 4)
    return failure(ErrorCode::malformed, "the host's line has {} bytes, which is too long", line.size());
  std::string json(line.size() / 4 * 3 + 3, '\0');
  size_t bytes = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(json.data()), json.size(), line.data(), line.size(),
                        nullptr, &bytes, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return failure(ErrorCode::malformed, "the host's line is not base64");
  json.resize(bytes);
  return parse_host_data(json);
}

Result<ProviderHealth> parse_provider_health(std::string_view json) {
  return read_json<ProviderHealth>(json, "the provider's answer");
}

std::string to_json(const ProviderHealth& health) {
  return write_json(health);
}

}  // namespace wattle::lattice
