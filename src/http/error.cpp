#include "http/error.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace wattle::http {
namespace {

constexpr uint32_t kDetailOfHttp = 0x48540000;  // "HT"

struct Row {
  std::string_view name;
  ErrorCode code;
};

constexpr std::array<Row, 39> kRows{{
    {"DNS-timeout", ErrorCode::deadline_exceeded},
    {"DNS-error", ErrorCode::unavailable},
    {"destination-not-found", ErrorCode::not_found},
    {"destination-unavailable", ErrorCode::unavailable},
    {"destination-IP-prohibited", ErrorCode::permission_denied},
    {"destination-IP-unroutable", ErrorCode::unavailable},
    {"connection-refused", ErrorCode::unavailable},
    {"connection-terminated", ErrorCode::unavailable},
    {"connection-timeout", ErrorCode::deadline_exceeded},
    {"connection-read-timeout", ErrorCode::deadline_exceeded},
    {"connection-write-timeout", ErrorCode::deadline_exceeded},
    {"connection-limit-reached", ErrorCode::overloaded},
    {"TLS-protocol-error", ErrorCode::unavailable},
    {"TLS-certificate-error", ErrorCode::permission_denied},
    {"TLS-alert-received", ErrorCode::unavailable},
    {"HTTP-request-denied", ErrorCode::permission_denied},
    {"HTTP-request-length-required", ErrorCode::invalid},
    {"HTTP-request-body-size", ErrorCode::invalid},
    {"HTTP-request-method-invalid", ErrorCode::invalid},
    {"HTTP-request-URI-invalid", ErrorCode::invalid},
    {"HTTP-request-URI-too-long", ErrorCode::invalid},
    {"HTTP-request-header-section-size", ErrorCode::invalid},
    {"HTTP-request-header-size", ErrorCode::invalid},
    {"HTTP-request-trailer-section-size", ErrorCode::invalid},
    {"HTTP-request-trailer-size", ErrorCode::invalid},
    {"HTTP-response-incomplete", ErrorCode::unavailable},
    {"HTTP-response-header-section-size", ErrorCode::malformed},
    {"HTTP-response-header-size", ErrorCode::malformed},
    {"HTTP-response-body-size", ErrorCode::malformed},
    {"HTTP-response-trailer-section-size", ErrorCode::malformed},
    {"HTTP-response-trailer-size", ErrorCode::malformed},
    {"HTTP-response-transfer-coding", ErrorCode::malformed},
    {"HTTP-response-content-coding", ErrorCode::malformed},
    {"HTTP-response-timeout", ErrorCode::deadline_exceeded},
    {"HTTP-upgrade-failed", ErrorCode::unavailable},
    {"HTTP-protocol-error", ErrorCode::malformed},
    {"loop-detected", ErrorCode::unavailable},
    {"configuration-error", ErrorCode::invalid_argument},
    {"internal-error", ErrorCode::internal},
}};
static_assert(static_cast<size_t>(ErrorCase::internal_error) + 1 == kRows.size());

const Row& row(ErrorCase reason) {
  return kRows[static_cast<size_t>(reason)];
}

ErrorCase case_of_errno(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
      return ErrorCase::connection_refused;
    case ETIMEDOUT:
      return ErrorCase::connection_timeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
      return ErrorCase::destination_ip_unroutable;
    case EACCES:
    case EPERM:
      return ErrorCase::destination_ip_prohibited;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return ErrorCase::connection_limit_reached;
    default:
      return ErrorCase::connection_terminated;
  }
}

}  // namespace

std::string_view to_string(ErrorCase reason) {
  return row(reason).name;
}

Error http_error(ErrorCase reason, std::string message) {
  return Error(row(reason).code, std::move(message))
      .with_detail(kDetailOfHttp | static_cast<uint32_t>(reason));
}

Error http_error(ErrorCase reason, std::string message, Error cause) {
  return Error(row(reason).code, std::move(message), std::move(cause))
      .with_detail(kDetailOfHttp | static_cast<uint32_t>(reason));
}

std::optional<ErrorCase> case_of(const Error& error) {
  for (const Error* at = &error; at != nullptr; at = at->cause()) {
    const uint32_t number = at->detail() & 0xffff;
    if ((at->detail() & 0xffff0000) == kDetailOfHttp && number < kRows.size())
      return static_cast<ErrorCase>(number);
  }
  return std::nullopt;
}

Error connection_error(int error_number, std::string_view doing) {
  return http_error(case_of_errno(error_number), fmt::format("{}: {}", doing, std::strerror(error_number)));
}

}  // namespace wattle::http
