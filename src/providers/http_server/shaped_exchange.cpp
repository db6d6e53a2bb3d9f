#include "providers/http_server/shaped_exchange.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace wattle::providers::http_server {
namespace {

// The origin to name in the answer; empty: not allowed, or not asked for.
std::string allowed_origin(const http::Request& request, const Cors& cors) {
  const auto origin = request.fields.get("origin");
  if (!origin) return {};
  if (cors.allowed_origins.empty()) return std::string(*origin);
  for (const auto& allowed : cors.allowed_origins)
    if (allowed == "*" || allowed == *origin) return std::string(*origin);
  return {};
}

// What is listed, or else what the client asks for.
std::string listed(const std::vector<std::string>& names, std::optional<std::string_view> asked) {
  return names.empty() ? std::string(asked.value_or("")) : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

bool answer_preflight(http::Exchange& exchange, const Cors& cors) {
  const http::Request& request = exchange.request();
  const auto method = request.fields.get("access-control-request-method");
  if (request.method != "OPTIONS" || !method || !request.fields.has("origin")) return false;
  http::Response response;
  response.status = 204;
  (void)response.fields.append("vary", "origin");
  if (const std::string origin = allowed_origin(request, cors); !origin.empty()) {
    (void)response.fields.append("access-control-allow-origin", origin);
    (void)response.fields.append("access-control-allow-methods", listed(cors.allowed_methods, method));
    const std::string headers =
        listed(cors.allowed_headers, request.fields.get("access-control-request-headers"));
    if (!headers.empty()) (void)response.fields.append("access-control-allow-headers", headers);
    (void)response.fields.append("access-control-max-age", std::to_string(cors.max_age_seconds));
  }
  (void)exchange.respond(response);
  return true;
}

ShapedExchange::ShapedExchange(http::Exchange& inner, const Settings& settings)
    : inner_(inner), settings_(settings) {
  if (settings.cors) origin_ = allowed_origin(inner.request(), *settings.cors);
}

http::Response ShapedExchange::shaped(const http::Response& response) const {
  http::Response out = response;
  if (!settings_.cache_control.empty() && !out.fields.has("cache-control"))
    (void)out.fields.append("cache-control", settings_.cache_control);
  if (settings_.cors) (void)out.fields.append("vary", "origin");
  if (!origin_.empty()) {
    (void)out.fields.set("access-control-allow-origin", origin_);
    const auto& exposed = settings_.cors->exposed_headers;
    if (!exposed.empty())
      (void)out.fields.append("access-control-expose-headers", fmt::format("{}", fmt::join(exposed, ", ")));
  }
  return out;
}

}  // namespace wattle::providers::http_server
