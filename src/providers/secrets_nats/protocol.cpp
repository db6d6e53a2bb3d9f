#include "providers/secrets_nats/protocol.h"

#include <sodium.h>

#include <boost/json.hpp>

#include "nats/nkey.h"
#include "providers/secrets_provider.h"

namespace wattle::providers::secrets {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::string_view kNotFound = "SecretNotFound";
constexpr size_t kTokenBytesMax = 64 * 1024;

// What strangers sent is never shown: it may be a secret.
Result<object> parse(std::string_view json, std::string_view what) {
  boost::system::error_code problem;
  boost::json::parse_options options;
  options.max_depth = 16;
  auto parsed = boost::json::parse(json, problem, {}, options);
  if (problem || !parsed.is_object()) return failure(ErrorCode::malformed, "{} is no JSON object", what);
  return parsed.as_object();
}

std::string text_at(const object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

Result<std::string> from_base64(std::string_view text) {
  std::string bytes(text.size(), '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
    return failure(ErrorCode::malformed, "a part of the token is no base64");
  bytes.resize(size);
  return bytes;
}

// A list of numbers, as Rust writes bytes.
Result<std::string> read_bytes(const value& list) {
  if (!list.is_array()) return failure(ErrorCode::malformed, "the secret's bytes are no list");
  std::string bytes;
  for (const auto& item : list.as_array()) {
    if (!item.is_int64() || item.as_int64() < 0 || item.as_int64() > 255)
      return failure(ErrorCode::malformed, "the secret's bytes are none");
    bytes += static_cast<char>(item.as_int64());
  }
  return bytes;
}

}  // namespace

std::string subject(std::string_view base, std::string_view backend, std::string_view operation) {
  return fmt::format("{}.v1alpha1.{}.{}", base, backend, operation);
}

std::string write_request(const Request& request) {
  object application{{"policy", request.policy}};
  if (!request.application.empty()) application["name"] = request.application;
  object out{{"key", request.key},
             {"context", object{{"entity_jwt", request.entity_jwt},
                                {"host_jwt", request.host_jwt},
                                {"application", std::move(application)}}}};
  if (!request.field.empty()) out["field"] = request.field;
  if (!request.version.empty()) out["version"] = request.version;
  return boost::json::serialize(out);
}

Result<Request> read_request(std::string_view json) {
  WATTLE_TRY(const object in, parse(json, "the request for a secret"));
  Request request;
  request.key = text_at(in, "key");
  request.field = text_at(in, "field");
  request.version = text_at(in, "version");
  if (request.key.empty()) return failure(ErrorCode::malformed, "the request names no secret");
  const auto* context = in.if_contains("context");
  if (context == nullptr || !context->is_object()) return request;
  request.entity_jwt = text_at(context->as_object(), "entity_jwt");
  request.host_jwt = text_at(context->as_object(), "host_jwt");
  if (const auto* application = context->as_object().if_contains("application");
      application != nullptr && application->is_object()) {
    request.application = text_at(application->as_object(), "name");
    request.policy = text_at(application->as_object(), "policy");
  }
  return request;
}

std::string write_secret(const capability::Secret& secret) {
  object out{{"version", secret.version}};
  if (secret.is_bytes) {
    boost::json::array bytes;
    for (const char c : secret.value) bytes.push_back(static_cast<uint8_t>(c));
    out["binary_secret"] = std::move(bytes);
  } else {
    out["string_secret"] = secret.value;
  }
  return boost::json::serialize(object{{"secret", std::move(out)}});
}

std::string write_error(std::string_view error) {
  return boost::json::serialize(object{{"error", error}});
}

Result<capability::Secret> read_answer(std::string_view json) {
  WATTLE_TRY(const object in, parse(json, "the backend's answer"));
  if (const auto* error = in.if_contains("error"); error != nullptr && !error->is_null()) {
    const std::string text = boost::json::serialize(*error);
    ErrorCode code = ErrorCode::unavailable;
    if (text.find(kNotFound) != std::string::npos) code = ErrorCode::not_found;
    if (text.find("Unauthorized") != std::string::npos || text.find("JWT") != std::string::npos)
      code = ErrorCode::permission_denied;
    return failure(code, "the secrets backend answered {}", text.substr(0, 200));
  }
  const auto* found = in.if_contains("secret");
  if (found == nullptr || !found->is_object())
    return failure(ErrorCode::malformed, "the backend's answer holds neither a secret nor an error");
  const object& fields = found->as_object();
  capability::Secret secret{.version = text_at(fields, "version"), .value = {}};
  if (const auto* text = fields.if_contains("string_secret"); text != nullptr && text->is_string()) {
    secret.value = text->as_string();
    return secret;
  }
  const auto* bytes = fields.if_contains("binary_secret");
  if (bytes == nullptr) return failure(ErrorCode::malformed, "the backend's secret has no value");
  WATTLE_TRY(secret.value, read_bytes(*bytes));
  secret.is_bytes = true;
  return secret;
}

Result<std::string> verified_subject(std::string_view token, int64_t now_seconds) {
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.size() > kTokenBytesMax)
    return failure(ErrorCode::malformed, "there is no token that says who asks");
  WATTLE_TRY(const std::string claims_text, from_base64(token.substr(first + 1, second - first - 1)));
  WATTLE_TRY(const std::string signature, from_base64(token.substr(second + 1)));
  WATTLE_TRY(const object claims, parse(claims_text, "the token"));
  WATTLE_TRY(const bool good, nats::verify(text_at(claims, "iss"), token.substr(0, second), signature));
  if (!good) return failure(ErrorCode::permission_denied, "the token's signature is not its issuer's");
  if (const auto* expires = claims.if_contains("exp");
      expires != nullptr && expires->is_int64() && expires->as_int64() < now_seconds)
    return failure(ErrorCode::permission_denied, "the token has expired");
  std::string subject = text_at(claims, "sub");
  if (subject.empty()) return failure(ErrorCode::malformed, "the token names nobody");
  return subject;
}

}  // namespace wattle::providers::secrets
