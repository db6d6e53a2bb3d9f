#include "nats/error.h"

namespace wattle::nats {
namespace {

constexpr uint32_t kDetailOfNats = 0x4e410000;  // "NA"
constexpr uint16_t kFirstApiError = 10000;

std::optional<uint16_t> number_of(const Error& error, bool of_api) {
  for (const Error* at = &error; at != nullptr; at = at->cause()) {
    const auto number = static_cast<uint16_t>(at->detail() & 0xffff);
    if ((at->detail() & 0xffff0000) == kDetailOfNats && (number >= kFirstApiError) == of_api) return number;
  }
  return std::nullopt;
}

ErrorCode code_of(int status, uint16_t number) {
  switch (number) {
    case api_error::kConsumerNotFound:
    case api_error::kNoMessageFound:
    case api_error::kStreamNotFound:
      return ErrorCode::not_found;
    case 10013:  // consumer name already in use
    case api_error::kStreamNameInUse:
    case 10065:  // subjects overlap with an existing stream
    case 10070:  // wrong last message id
    case api_error::kWrongLastSequence:
    case 10148:  // consumer already exists
    case 10164:  // wrong last sequence, newer servers
      return ErrorCode::already_exists;
    case 10023:  // insufficient resources
    case 10028:  // memory resources exceeded
    case 10047:  // storage resources exceeded
    case 10077:  // the stream's store failed: maximum messages or bytes reached
      return ErrorCode::overloaded;
    default:
      break;
  }
  switch (status) {
    case 400:
    case 409:
      return ErrorCode::invalid_argument;
    case 401:
    case 403:
      return ErrorCode::permission_denied;
    case 404:
      return ErrorCode::not_found;
    case 408:
      return ErrorCode::deadline_exceeded;
    default:
      return ErrorCode::unavailable;
  }
}

}  // namespace

Error nats_error(ErrorCode code, Reason reason, std::string message) {
  return Error(code, std::move(message)).with_detail(kDetailOfNats | static_cast<uint32_t>(reason));
}

std::optional<Reason> reason_of(const Error& error) {
  const auto number = number_of(error, false);
  if (!number || *number == 0) return std::nullopt;
  return static_cast<Reason>(*number);
}

Error api_failure(int status, uint16_t number, std::string description) {
  Error error(code_of(status, number),
              fmt::format("JetStream refused: {} (error {})", description, number != 0 ? number : status));
  if (number < kFirstApiError) return error;
  return std::move(error).with_detail(kDetailOfNats | number);
}

std::optional<uint16_t> api_error_of(const Error& error) {
  return number_of(error, true);
}

}  // namespace wattle::nats
