#include "providers/blobstore_s3/client.h"

#include <sodium.h>

#include <boost/json.hpp>
#include <ctime>

#include "providers/blobstore_s3/xml.h"

namespace wattle::providers::s3 {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBodyBytesMax = 16 * 1024 * 1024;
constexpr size_t kErrorBytesMax = 64 * 1024;
constexpr Duration kFirstPause = 100ms;

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &parts);
  return text;
}

ErrorCode code_of(uint16_t status) {
  if (status == 404) return ErrorCode::not_found;
  if (status == 401 || status == 403) return ErrorCode::permission_denied;
  if (status == 409) return ErrorCode::already_exists;
  if (status >= 500 || status == 429) return ErrorCode::unavailable;
  return ErrorCode::invalid;
}

Error refusal(uint16_t status, std::string_view body) {
  const std::string code = element_text(body, "Code").value_or("");
  const std::string message = element_text(body, "Message").value_or("");
  return {code_of(status), fmt::format("the service answered {}{}{}{}{}", status, code.empty() ? "" : " ",
                                       code, message.empty() ? "" : ": ", message)};
}

Result<std::string> from_base64(const std::string& text) {
  std::string bytes(text.size(), '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), " \r\n", &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return failure(ErrorCode::invalid_argument, "the setting \"config_b64\" is no base64");
  bytes.resize(size);
  return bytes;
}

constexpr std::string_view kAlias = "alias_";

// The object in config_json or config_b64; empty where there is none.
Result<boost::json::object> nested_object(const Settings& settings) {
  std::string json = settings.text("config_json");
  if (const auto encoded = settings.find("config_b64")) {
    WATTLE_TRY(json, from_base64(*encoded));
  }
  if (json.empty()) return boost::json::object();
  boost::system::error_code problem;
  auto value = boost::json::parse(json, problem);
  if (problem || !value.is_object())
    return failure(ErrorCode::invalid_argument,
                   "the setting \"config_json\" or \"config_b64\" holds no JSON object");
  return std::move(value.as_object());
}

Result<void> add_aliases(Settings::Map& map, const boost::json::value& aliases) {
  if (!aliases.is_object())
    return failure(ErrorCode::invalid_argument, "the setting \"aliases\" is no JSON object");
  for (const auto& [name, bucket] : aliases.as_object()) {
    if (!bucket.is_string() || bucket.as_string().empty())
      return failure(ErrorCode::invalid_argument, "the setting \"aliases\" names no bucket for \"{}\"",
                     std::string_view(name));
    map[fmt::format("{}{}", kAlias, std::string_view(name))] = bucket.as_string();
  }
  return {};
}

}  // namespace

Result<Settings::Map> unfold_settings(const Settings::Map& config) {
  WATTLE_TRY(const boost::json::object nested, nested_object(Settings({&config})));
  Settings::Map map;
  for (const auto& [key, field] : nested) {
    if (field.is_null()) continue;
    if (key == "sts_config")
      return failure(Error(ErrorCode::invalid_argument,
                           "the setting \"sts_config\" asks to assume a role, which wattle does not do")
                         .with_remedy("leave it out, and set access_key_id, secret_access_key and "
                                      "session_token of who may use the buckets, such as the role's own"));
    if (key == "aliases") WATTLE_CHECK(add_aliases(map, field));
    if (field.is_string()) map[lower_case(key)] = field.as_string();
    if (field.is_int64()) map[lower_case(key)] = std::to_string(field.as_int64());
  }
  for (const auto& [key, value] : config) map[key.starts_with(kAlias) ? key : lower_case(key)] = value;
  return map;
}

Result<ClientSettings> read_client_settings(const Settings& settings) {
  ClientSettings read;
  read.credentials = {.access_key_id = settings.text("access_key_id"),
                      .secret_access_key = settings.text("secret_access_key"),
                      .session_token = settings.text("session_token")};
  if (read.credentials.access_key_id.empty() || read.credentials.secret_access_key.empty())
    return failure(Error(ErrorCode::invalid_argument, "there are no credentials for S3")
                       .with_remedy("set access_key_id and secret_access_key, best as secrets"));
  read.region = settings.text("region", "us-east-1");
  read.bucket_region = settings.text("bucket_region", read.region);
  read.ca_file = settings.text("tls_ca_file");
  WATTLE_TRY(read.attempts_max, settings.number("max_attempts", 3, 1, 20));
  std::string endpoint = settings.text("endpoint", fmt::format("https://s3.{}.amazonaws.com", read.region));
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const size_t colon = endpoint.find("://");
  read.scheme = endpoint.substr(0, colon);
  if (colon == std::string::npos || (read.scheme != "http" && read.scheme != "https") ||
      endpoint.find('/', colon + 3) != std::string::npos)
    return failure(ErrorCode::invalid_argument,
                   "the setting \"endpoint\" is not http://HOST:PORT or https://HOST:PORT");
  read.authority = endpoint.substr(colon + 3);
  return read;
}

Client::Client(async::Worker& worker, async::OffloadPool& blocking, ClientSettings settings)
    : settings_(std::move(settings)), http_(worker, blocking, [&] {
        http::ClientOptions options;
        options.body_buffer_bytes = 256 * 1024;
        options.tls.ca_file = settings_.ca_file;
        options.tls.offer_http2 = false;
        return options;
      }()) {}

http::Request Client::signed_request(const Call& call) const {
  http::Request request;
  request.method = call.method;
  request.scheme = settings_.scheme;
  request.authority = settings_.authority;
  ToSign to_sign{.method = call.method,
                 .path = "/",
                 .query = call.query,
                 .headers = call.headers,
                 .payload_sha256 = sha256_hex(call.payload)};
  if (!call.bucket.empty()) to_sign.path += encode(call.bucket);
  if (!call.key.empty()) to_sign.path += "/" + encode(call.key, true);
  const std::string time = time_now();
  to_sign.headers["host"] = settings_.authority;
  to_sign.headers["x-amz-content-sha256"] = to_sign.payload_sha256;
  to_sign.headers["x-amz-date"] = time;
  if (!settings_.credentials.session_token.empty())
    to_sign.headers["x-amz-security-token"] = settings_.credentials.session_token;
  request.path_with_query = to_sign.path;
  if (!call.query.empty()) request.path_with_query += "?" + canonical_query(call.query);
  for (const auto& [name, value] : to_sign.headers)
    if (name != "host") (void)request.fields.append(name, value);
  (void)request.fields.append("authorization",
                              authorization(to_sign, settings_.credentials, settings_.region, time));
  return request;
}

Result<Answer> Client::attempt(const Call& call) {
  const http::Request request = signed_request(call);
  const bool has_payload = !call.payload.empty() || call.method == "PUT" || call.method == "POST";
  http::RequestOptions options;
  options.connect_timeout = 3s;
  WATTLE_TRY(
      auto response,
      http_.send(request, has_payload ? http::body_of(http::as_bytes(call.payload)) : nullptr, options));
  if ((response.head.status >= 200 && response.head.status < 300) || response.head.status == 416)
    return Answer{response.head.status, std::move(response.head.fields), std::move(response.body)};
  auto body = http::read_all(*response.body, kErrorBytesMax);
  return failure(refusal(response.head.status, body ? *body : std::string()));
}

Result<Answer> Client::open(const Call& call) {
  Duration pause = kFirstPause;
  for (uint64_t attempts = 1;; ++attempts) {
    auto answer = attempt(call);
    if (answer) {
      problem_.reset();
      return answer;
    }
    const Error& error = answer.error();
    const auto& fiber = async::Fiber::current();
    if (Clock::now() >= fiber.deadline())
      return failure(Error(ErrorCode::deadline_exceeded,
                           fmt::format("{} has not answered within the deadline", settings_.authority),
                           error));
    const bool network = error.code() == ErrorCode::unavailable || http::case_of(error).has_value();
    if (network) problem_ = error;
    if (!network || attempts == settings_.attempts_max || fiber.cancellation()) return answer;
    WATTLE_CHECK(async::sleep_for(pause));
    pause *= 2;
  }
}

Result<std::string> Client::send(const Call& call) {
  WATTLE_TRY(const Answer answer, open(call));
  return http::read_all(*answer.body, kBodyBytesMax);
}

}  // namespace wattle::providers::s3
