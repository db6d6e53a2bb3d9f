// What can go wrong with HTTP, told apart as finely as wasi:http's error-code does, so that src/wasi maps the
// cases one to one. A case travels inside wattle::Error (its detail), through results and pipes alike.
//
//   if (auto reason = http::case_of(error); reason == http::ErrorCase::connection_refused) ...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::http {

// The cases of wasi:http/types@0.2 error-code, in its order.
enum class ErrorCase : uint8_t {
  dns_timeout,
  dns_error,
  destination_not_found,
  destination_unavailable,
  destination_ip_prohibited,
  destination_ip_unroutable,
  connection_refused,
  connection_terminated,
  connection_timeout,
  connection_read_timeout,
  connection_write_timeout,
  connection_limit_reached,
  tls_protocol_error,
  tls_certificate_error,
  tls_alert_received,
  http_request_denied,
  http_request_length_required,
  http_request_body_size,
  http_request_method_invalid,
  http_request_uri_invalid,
  http_request_uri_too_long,
  http_request_header_section_size,
  http_request_header_size,
  http_request_trailer_section_size,
  http_request_trailer_size,
  http_response_incomplete,
  http_response_header_section_size,
  http_response_header_size,
  http_response_body_size,
  http_response_trailer_section_size,
  http_response_trailer_size,
  http_response_transfer_coding,
  http_response_content_coding,
  http_response_timeout,
  http_upgrade_failed,
  http_protocol_error,
  loop_detected,
  configuration_error,
  internal_error,
};

// The name in wasi:http: "connection-refused".
std::string_view to_string(ErrorCase reason);

// An error of this case, with the ErrorCode that fits it.
Error http_error(ErrorCase reason, std::string message);
Error http_error(ErrorCase reason, std::string message, Error cause);

// The case of an error or of its nearest cause that has one; nothing if it is not HTTP's.
std::optional<ErrorCase> case_of(const Error& error);

// What the operating system's errno says of a connection that broke while in use, or could not be made.
Error connection_error(int error_number, std::string_view doing);

}  // namespace wattle::http
