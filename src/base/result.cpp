#include "base/result.h"

namespace wattle {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid-argument";
    case ErrorCode::malformed:
      return "malformed";
    case ErrorCode::invalid:
      return "invalid";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::unlinkable:
      return "unlinkable";
    case ErrorCode::not_found:
      return "not-found";
    case ErrorCode::already_exists:
      return "already-exists";
    case ErrorCode::permission_denied:
      return "permission-denied";
    case ErrorCode::trap:
      return "trap";
    case ErrorCode::exit:
      return "exit";
    case ErrorCode::deadline_exceeded:
      return "deadline-exceeded";
    case ErrorCode::cpu_time_exceeded:
      return "cpu-time-exceeded";
    case ErrorCode::memory_exceeded:
      return "memory-exceeded";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::io:
      return "io";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

std::string Error::full_message() const {
  std::string text = message_;
  for (const Error* error = cause(); error != nullptr; error = error->cause()) {
    text += ": ";
    text += error->message();
  }
  return text;
}

}  // namespace wattle
