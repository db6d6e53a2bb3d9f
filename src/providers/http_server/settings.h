// What a link's configuration says about an HTTP route: wasmCloud's keys of its http-server provider, in any
// case.
//
//   address            where to listen, "0.0.0.0:8000"; or port alone, on every address
//   host               only requests to this host name, whatever their port
//   path               only requests below this path: "/api" serves /api and /api/x, not /apix
//   timeout_ms         of a request
//   readonly_mode      "true": GET and HEAD only
//   cache_control      for responses that say nothing of it
//   disable_keepalive  "true": an HTTP/1 connection ends with the link's response
//   tls_cert_file, tls_priv_key_file
//   cors_allowed_origins, cors_allowed_methods, cors_allowed_headers, cors_exposed_headers (JSON arrays of
//   texts), cors_max_age_secs
//   config_json, config_b64   all of these as one JSON object, as text or in base64; {"tls": {"cert_file":
//   x}} there is tls_cert_file
//
// All but port, host and path may also be the provider's: they hold for those of its links that do not say
// otherwise. The provider's alone are:
//
//   default_address    of links without one
//   routing_mode       address, path or host. wattle routes by whatever a link names: this only decides what
//                      a link must name
//   header             the field of a request that has its host name, where routing_mode is host; "host"
//   max_connections    of each worker and address
//   max_body_bytes
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace wattle::providers::http_server {

using Config = std::map<std::string, std::string>;

struct Cors {
  std::vector<std::string> allowed_origins;  // empty: any
  std::vector<std::string> allowed_methods;  // empty: what the client asks for
  std::vector<std::string> allowed_headers;  // empty: what the client asks for
  std::vector<std::string> exposed_headers;
  uint32_t max_age_seconds = 300;
};

struct Settings {
  std::string address;  // "HOST:PORT"
  std::string host;     // as host_name() has it; empty: any
  std::string path;     // begins with "/" and does not end with it; empty: any
  Duration timeout = std::chrono::seconds(30);
  bool read_only = false;
  bool keep_alive = true;
  std::string cache_control;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::optional<Cors> cors;
  // Of the provider.
  std::string host_field;  // of requests, with the host name; empty: their authority
  std::optional<uint64_t> max_connections;
  std::optional<uint64_t> max_body_bytes;
};

// "Example.org:8000" as "example.org"; "[::1]:80" as "[::1]".
std::string host_name(std::string_view authority);

// Refused: invalid_argument, naming the key, its value and what was expected.
Result<Settings> parse_settings(const Config& provider, const Config& link);

}  // namespace wattle::providers::http_server
