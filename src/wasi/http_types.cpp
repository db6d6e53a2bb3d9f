#include "wasi/http_types.h"

#include <algorithm>
#include <array>

#include "http/fields.h"

namespace wattle::wasi {

namespace {

constexpr std::array<std::string_view, 9> kMethods{"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                                   "CONNECT", "OPTIONS", "TRACE", "PATCH"};

// The variant whose alternative `index` is value-initialised.
template <class Variant, size_t... I>
Variant emplace_index(size_t index, std::index_sequence<I...>) {
  using Make = Variant (*)();
  static constexpr Make kMake[] = {+[] { return Variant(std::in_place_index<I>); }...};
  return kMake[index]();
}
template <class Variant>
Variant emplace_index(size_t index) {
  return emplace_index<Variant>(index, std::make_index_sequence<std::variant_size_v<Variant>>{});
}

bool is_scheme(std::string_view text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && letter(text.front()) && std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

HttpMethod method_of(std::string_view text) {
  for (size_t index = 0; index < kMethods.size(); ++index)
    if (text == kMethods[index]) return emplace_index<HttpMethod>(index);
  return HttpMethod(std::in_place_index<9>, text);
}

std::optional<std::string> method_text(const HttpMethod& method) {
  if (method.index() < kMethods.size()) return std::string(kMethods[method.index()]);
  const std::string& text = std::get<9>(method);
  if (!http::is_token(text)) return std::nullopt;
  return text;
}

HttpScheme scheme_of(std::string_view text) {
  if (http::same_name(text, "http")) return HttpScheme(std::in_place_index<0>);
  if (http::same_name(text, "https")) return HttpScheme(std::in_place_index<1>);
  return HttpScheme(std::in_place_index<2>, text);
}

std::optional<std::string> scheme_text(const HttpScheme& scheme) {
  if (scheme.index() == 0) return "http";
  if (scheme.index() == 1) return "https";
  const std::string& text = std::get<2>(scheme);
  if (!is_scheme(text)) return std::nullopt;
  return text;
}

HttpErrorCode error_code_of(http::ErrorCase reason) {
  return emplace_index<HttpErrorCode>(static_cast<size_t>(reason));
}

HttpErrorCode error_code_of(const Error& error) {
  const auto reason = http::case_of(error).value_or(http::ErrorCase::internal_error);
  HttpErrorCode code = error_code_of(reason);
  if (reason == http::ErrorCase::internal_error)
    std::get<static_cast<size_t>(http::ErrorCase::internal_error)>(code) = error.full_message();
  return code;
}

uint16_t status_of(http::ErrorCase reason) {
  using enum http::ErrorCase;
  switch (reason) {
    case http_request_denied:
      return 403;
    case http_request_length_required:
      return 411;
    case http_request_body_size:
      return 413;
    case http_request_method_invalid:
      return 405;
    case http_request_uri_invalid:
      return 400;
    case http_request_uri_too_long:
      return 414;
    case http_request_header_section_size:
    case http_request_header_size:
    case http_request_trailer_section_size:
    case http_request_trailer_size:
      return 431;
    case dns_timeout:
    case connection_timeout:
    case connection_read_timeout:
    case connection_write_timeout:
    case http_response_timeout:
      return 504;
    case connection_limit_reached:
      return 503;
    case loop_detected:
      return 508;
    case configuration_error:
    case internal_error:
      return 500;
    default:
      return 502;
  }
}

}  // namespace wattle::wasi
