#include "providers/http_server/settings.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "http/fields.h"

namespace wattle::providers::http_server {
namespace {

constexpr std::string_view kDefaultAddress = "0.0.0.0:8000";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

Error wrong(std::string_view key, std::string_view value, std::string_view expected) {
  return Error(ErrorCode::invalid_argument, fmt::format("config \"{}\" is \"{}\"", key, value))
      .with_remedy(fmt::format("it must be {}", expected));
}

// A value of config_json as the text that the flat form has.
std::string text_of(const boost::json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

// The fields of a group come as "group_field", after which the same field outside of it replaces it.
void add_fields(Config& out, const std::string& prefix, const boost::json::object& fields) {
  for (const auto& [name, value] : fields)
    if (value.is_object()) add_fields(out, prefix + lower(name) + "_", value.get_object());
  for (const auto& [name, value] : fields)
    if (!value.is_object() && !value.is_null()) out.insert_or_assign(prefix + lower(name), text_of(value));
}

Result<void> add_json(Config& out, std::string_view key, std::string_view text) {
  boost::system::error_code error;
  const auto json = boost::json::parse(text, error);
  if (error || !json.is_object()) return failure(wrong(key, text, "a JSON object of this link's settings"));
  add_fields(out, "", json.get_object());
  return {};
}

Result<std::string> decode_base64(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  std::string out(padded.size() / 4 * 3, '\0');
  const int bytes =
      EVP_DecodeBlock(reinterpret_cast<uint8_t*>(out.data()), reinterpret_cast<const uint8_t*>(padded.data()),
                      static_cast<int>(padded.size()));
  if (bytes < 0) return failure(wrong("config_b64", text, "base64 of a JSON object"));
  // Padding decodes to zero bytes, which JSON has nowhere.
  out.resize(out.find_last_not_of('\0') + 1);
  return out;
}

// Keys in lower case, what config_json and config_b64 hold among them; single keys go before those.
Result<Config> flatten(const Config& config) {
  Config out;
  for (const auto& [key, value] : config) {
    const std::string name = lower(key);
    if (name == "config_json") WATTLE_CHECK(add_json(out, name, value));
    if (name == "config_b64") {
      WATTLE_TRY(const std::string json, decode_base64(value));
      WATTLE_CHECK(add_json(out, name, json));
    }
  }
  for (const auto& [key, value] : config) out.insert_or_assign(lower(key), value);
  return out;
}

std::string_view find(const Config& config, std::string_view key) {
  const auto found = config.find(std::string(key));
  return found == config.end() ? std::string_view() : std::string_view(found->second);
}

template <class Number>
Result<std::optional<Number>> number(const Config& config, std::string_view key, Number most) {
  const std::string_view text = find(config, key);
  if (text.empty()) return std::optional<Number>();
  Number value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value > most)
    return failure(wrong(key, text, fmt::format("a number from 0 to {}", most)));
  return std::optional<Number>(value);
}

Result<bool> flag(const Config& config, std::string_view key) {
  const std::string_view text = find(config, key);
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  return failure(wrong(key, text, "true or false"));
}

Result<std::vector<std::string>> texts(const Config& config, std::string_view key) {
  const std::string_view text = find(config, key);
  std::vector<std::string> out;
  if (text.empty()) return out;
  boost::system::error_code error;
  const auto json = boost::json::parse(text, error);
  if (error || !json.is_array()) return failure(wrong(key, text, R"(a JSON array of texts, ["a","b"])"));
  for (const auto& item : json.get_array()) {
    if (!item.is_string() || !http::is_field_value(std::string_view(item.get_string())))
      return failure(wrong(key, text, "a JSON array of texts that can stand in a header"));
    out.emplace_back(item.get_string());
  }
  return out;
}

Result<std::string> address_of(const Config& provider, const Config& link) {
  if (const auto address = find(link, "address"); !address.empty()) return std::string(address);
  WATTLE_TRY(const auto port, number<uint32_t>(link, "port", 65535));
  if (port) return fmt::format("0.0.0.0:{}", *port);
  for (const auto key : {"address", "default_address"})
    if (const auto address = find(provider, key); !address.empty()) return std::string(address);
  return std::string(kDefaultAddress);
}

Result<std::string> path_of(const Config& link) {
  std::string path(find(link, "path"));
  if (path.empty()) return path;
  if (path.front() != '/' || path.find_first_of("?# ") != std::string::npos)
    return failure(wrong("path", path, "a path that begins with \"/\", without query"));
  while (path.ends_with('/')) path.pop_back();
  return path;
}

Result<std::optional<Cors>> cors_of(const Config& link) {
  const bool wanted = std::any_of(link.begin(), link.end(),
                                  [](const auto& entry) { return entry.first.starts_with("cors_"); });
  if (!wanted) return std::optional<Cors>();
  Cors cors;
  WATTLE_TRY(cors.allowed_origins, texts(link, "cors_allowed_origins"));
  WATTLE_TRY(cors.allowed_methods, texts(link, "cors_allowed_methods"));
  WATTLE_TRY(cors.allowed_headers, texts(link, "cors_allowed_headers"));
  WATTLE_TRY(cors.exposed_headers, texts(link, "cors_exposed_headers"));
  WATTLE_TRY(const auto age, number<uint32_t>(link, "cors_max_age_secs", 86400 * 365));
  if (age) cors.max_age_seconds = *age;
  return std::optional<Cors>(std::move(cors));
}

Result<void> check_mode(const Config& provider, const Settings& settings) {
  const std::string mode = lower(find(provider, "routing_mode"));
  if (mode.empty() || mode == "address") return {};
  if (mode == "path" && !settings.path.empty()) return {};
  if (mode == "host" && !settings.host.empty()) return {};
  if (mode != "path" && mode != "host") return failure(wrong("routing_mode", mode, "address, path or host"));
  return failure(Error(ErrorCode::invalid_argument,
                       fmt::format("the provider routes by {0}, and the link names no {0}", mode))
                     .with_remedy(fmt::format("put \"{}\" into the link's source config", mode)));
}

Result<std::string> host_field_of(const Config& provider) {
  std::string field = lower(find(provider, "header"));
  if (lower(find(provider, "routing_mode")) != "host" || field == "host") field.clear();
  if (!field.empty() && !http::is_token(field))
    return failure(wrong("header", field, "the name of a header"));
  return field;
}

}  // namespace

std::string host_name(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    authority = authority.substr(0, colon);
  return lower(authority);
}

Result<Settings> parse_settings(const Config& provider_config, const Config& link_config) {
  WATTLE_TRY(const Config provider, flatten(provider_config));
  WATTLE_TRY(Config link, flatten(link_config));
  Settings settings;
  WATTLE_TRY(settings.address, address_of(provider, link));
  settings.host = host_name(find(link, "host"));
  WATTLE_TRY(settings.path, path_of(link));
  WATTLE_CHECK(check_mode(provider, settings));
  WATTLE_TRY(settings.host_field, host_field_of(provider));
  link.insert(provider.begin(), provider.end());  // of what it does not say itself
  WATTLE_TRY(const auto timeout, number<uint64_t>(link, "timeout_ms", uint64_t{86'400'000}));
  if (timeout) settings.timeout = std::chrono::milliseconds(*timeout);
  WATTLE_TRY(settings.read_only, flag(link, "readonly_mode"));
  WATTLE_TRY(const bool no_keep_alive, flag(link, "disable_keepalive"));
  settings.keep_alive = !no_keep_alive;
  settings.cache_control = find(link, "cache_control");
  if (!http::is_field_value(settings.cache_control))
    return failure(wrong("cache_control", settings.cache_control, "a text that can stand in a header"));
  settings.tls_certificate_file = find(link, "tls_cert_file");
  settings.tls_key_file = find(link, "tls_priv_key_file");
  if (settings.tls_certificate_file.empty() != settings.tls_key_file.empty())
    return failure(Error(ErrorCode::invalid_argument, "tls_cert_file and tls_priv_key_file belong together")
                       .with_remedy("give the certificate chain and its key, both as PEM files"));
  WATTLE_TRY(settings.cors, cors_of(link));
  WATTLE_TRY(settings.max_connections, number<uint64_t>(provider, "max_connections", UINT32_MAX));
  WATTLE_TRY(settings.max_body_bytes, number<uint64_t>(provider, "max_body_bytes", UINT64_MAX));
  return settings;
}

}  // namespace wattle::providers::http_server
