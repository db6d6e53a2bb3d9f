// wasmCloud's secrets protocol, v1alpha1: what is asked and answered, as JSON that is sealed on its way.
//
//   {base}.v1alpha1.{backend}.server_xkey   -> the backend's public xkey, as text
//   {base}.v1alpha1.{backend}.get           header WasmCloud-Host-Xkey: who can open the answer; body: a
//   request,
//                                           sealed for the backend
//                                        -> header Server-Response-Xkey: whose seal it is; body: an answer,
//                                        sealed;
//                                           without that header: {"error": ...}, in clear
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "capability/secrets.h"

namespace wattle::providers::secrets {

inline constexpr std::string_view kHostXkey = "WasmCloud-Host-Xkey";
inline constexpr std::string_view kResponseXkey = "Server-Response-Xkey";

struct Request {
  std::string key;
  std::string field;    // empty: none
  std::string version;  // empty: the latest
  std::string entity_jwt;
  std::string host_jwt;
  std::string application;  // its name; empty: none
  std::string policy;
};

std::string subject(std::string_view base, std::string_view backend, std::string_view operation);

std::string write_request(const Request& request);
// Refused: malformed.
Result<Request> read_request(std::string_view json);

// {"secret": {"version", "string_secret"?, "binary_secret"?}}
std::string write_secret(const capability::Secret& secret);
// {"error": ...} is a failure: not_found or permission_denied, where it says so, else unavailable. Refused:
// malformed.
Result<capability::Secret> read_answer(std::string_view json);
std::string write_error(std::string_view error);

// The public key that a token (JWT, EdDSA) was made out to, after checking that its issuer signed it and that
// it has not expired. Refused: malformed, permission_denied.
Result<std::string> verified_subject(std::string_view token, int64_t now_seconds);

}  // namespace wattle::providers::secrets
