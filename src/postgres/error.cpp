#include "postgres/error.h"

namespace wattle::postgres {
namespace {

constexpr uint32_t kFolder = 0x50510000;  // the upper half of the details of this folder

ErrorCode code_of(std::string_view state) {
  if (state == "42501" || state.starts_with("28")) return ErrorCode::permission_denied;
  if (state == "23505" || state == "42P07" || state == "42710") return ErrorCode::already_exists;
  if (state == "57014") return ErrorCode::cancelled;
  if (state == "08P01") return ErrorCode::invalid;  // the wrong number of parameters
  if (state.starts_with("08") || state.starts_with("57")) return ErrorCode::unavailable;
  if (state.starts_with("53")) return ErrorCode::overloaded;
  return ErrorCode::invalid;
}

}  // namespace

Error server_error(std::string_view state, std::string message) {
  if (state.size() != 5) return {ErrorCode::unavailable, std::move(message)};
  const auto detail = kFolder | static_cast<uint32_t>(static_cast<uint8_t>(state[0])) << 8 |
                      static_cast<uint32_t>(static_cast<uint8_t>(state[1]));
  return Error(code_of(state), fmt::format("{} (SQLSTATE {})", message, state)).with_detail(detail);
}

std::optional<std::string> state_class_of(const Error& error) {
  for (const Error* at = &error; at != nullptr; at = at->cause()) {
    if ((at->detail() & 0xffff0000) != kFolder) continue;
    return std::string{static_cast<char>(at->detail() >> 8 & 0xff), static_cast<char>(at->detail() & 0xff)};
  }
  return std::nullopt;
}

}  // namespace wattle::postgres
