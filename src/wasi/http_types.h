// The values of wasi:http/types: methods, schemes and error codes, and what they are in src/http.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "http/error.h"
#include "wasi/io.h"

namespace wattle::wasi {

// get, head, post, put, delete, connect, options, trace, patch, other
using HttpMethod =
    std::variant<std::monostate, std::monostate, std::monostate, std::monostate, std::monostate,
                 std::monostate, std::monostate, std::monostate, std::monostate, std::string>;
HttpMethod method_of(std::string_view text);
// Nothing for a name that is no token.
std::optional<std::string> method_text(const HttpMethod& method);

// HTTP, HTTPS, other
using HttpScheme = std::variant<std::monostate, std::monostate, std::string>;
HttpScheme scheme_of(std::string_view text);
// Nothing for a name that is no URI scheme (RFC 3986 section 3.1).
std::optional<std::string> scheme_text(const HttpScheme& scheme);

struct DnsErrorPayload {
  static constexpr size_t kFieldCount = 2;
  std::optional<std::string> rcode;
  std::optional<uint16_t> info_code;
};
struct TlsAlertReceivedPayload {
  static constexpr size_t kFieldCount = 2;
  std::optional<uint8_t> alert_id;
  std::optional<std::string> alert_message;
};
struct FieldSizePayload {
  static constexpr size_t kFieldCount = 2;
  std::optional<std::string> field_name;
  std::optional<uint32_t> field_size;
};

// error-code: the cases of http::ErrorCase, in the same order, with payloads.
using HttpErrorCode = std::variant<std::monostate,                   // DNS-timeout
                                   DnsErrorPayload,                  // DNS-error
                                   std::monostate,                   // destination-not-found
                                   std::monostate,                   // destination-unavailable
                                   std::monostate,                   // destination-IP-prohibited
                                   std::monostate,                   // destination-IP-unroutable
                                   std::monostate,                   // connection-refused
                                   std::monostate,                   // connection-terminated
                                   std::monostate,                   // connection-timeout
                                   std::monostate,                   // connection-read-timeout
                                   std::monostate,                   // connection-write-timeout
                                   std::monostate,                   // connection-limit-reached
                                   std::monostate,                   // TLS-protocol-error
                                   std::monostate,                   // TLS-certificate-error
                                   TlsAlertReceivedPayload,          // TLS-alert-received
                                   std::monostate,                   // HTTP-request-denied
                                   std::monostate,                   // HTTP-request-length-required
                                   std::optional<uint64_t>,          // HTTP-request-body-size
                                   std::monostate,                   // HTTP-request-method-invalid
                                   std::monostate,                   // HTTP-request-URI-invalid
                                   std::monostate,                   // HTTP-request-URI-too-long
                                   std::optional<uint32_t>,          // HTTP-request-header-section-size
                                   std::optional<FieldSizePayload>,  // HTTP-request-header-size
                                   std::optional<uint32_t>,          // HTTP-request-trailer-section-size
                                   FieldSizePayload,                 // HTTP-request-trailer-size
                                   std::monostate,                   // HTTP-response-incomplete
                                   std::optional<uint32_t>,          // HTTP-response-header-section-size
                                   FieldSizePayload,                 // HTTP-response-header-size
                                   std::optional<uint64_t>,          // HTTP-response-body-size
                                   std::optional<uint32_t>,          // HTTP-response-trailer-section-size
                                   FieldSizePayload,                 // HTTP-response-trailer-size
                                   std::optional<std::string>,       // HTTP-response-transfer-coding
                                   std::optional<std::string>,       // HTTP-response-content-coding
                                   std::monostate,                   // HTTP-response-timeout
                                   std::monostate,                   // HTTP-upgrade-failed
                                   std::monostate,                   // HTTP-protocol-error
                                   std::monostate,                   // loop-detected
                                   std::monostate,                   // configuration-error
                                   std::optional<std::string>>;      // internal-error
static_assert(std::variant_size_v<HttpErrorCode> == static_cast<size_t>(http::ErrorCase::internal_error) + 1);

// The case with empty payloads.
HttpErrorCode error_code_of(http::ErrorCase reason);
// What a guest learns of a failure: its case, or internal-error with the message.
HttpErrorCode error_code_of(const Error& error);
inline http::ErrorCase case_of(const HttpErrorCode& code) {
  return static_cast<http::ErrorCase>(code.index());
}
// The status with which a server answers when a handler failed with this code.
uint16_t status_of(http::ErrorCase reason);

}  // namespace wattle::wasi
