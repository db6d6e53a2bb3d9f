// What can go wrong on NATS beyond an ErrorCode, for callers that must tell cases apart. A reason, or
// JetStream's own error number, travels inside wattle::Error (its detail).
//
//   auto reply = client.request("billing.charge", order);
//   if (!reply && nats::reason_of(reply.error()) == nats::Reason::no_responders) ...
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace wattle::nats {

enum class Reason : uint16_t {
  no_responders = 1,    // unavailable: nobody subscribes to the subject of a request
  connection_lost = 2,  // unavailable: the request was sent, then the connection broke; it may have been done
  not_connected = 3,    // deadline_exceeded or unavailable: cut off, and the request was never sent
  payload_too_large = 4,  // invalid_argument: above the server's max_payload
  closed = 5,             // unavailable: the client, or the subscription, has ended
  end_of_fetch = 6,       // not_found: a pull request ended without a message
  server_error = 7,       // what the server said with -ERR
  damaged = 8,            // malformed: an object whose digest or size is not what its description says
};

Error nats_error(ErrorCode code, Reason reason, std::string message);

// The reason of an error or of its nearest cause that has one.
std::optional<Reason> reason_of(const Error& error);

// JetStream's error numbers that this folder itself decides on (nats-server, server/errors.json).
namespace api_error {
inline constexpr uint16_t kConsumerNotFound = 10014;
inline constexpr uint16_t kNoMessageFound = 10037;
inline constexpr uint16_t kStreamNameInUse = 10058;
inline constexpr uint16_t kStreamNotFound = 10059;
inline constexpr uint16_t kWrongLastSequence = 10071;
}  // namespace api_error

// An error that JetStream's API answered: `status` as in HTTP, `number` its err_code.
Error api_failure(int status, uint16_t number, std::string description);

// The err_code of an error or of its nearest cause that JetStream's API answered.
std::optional<uint16_t> api_error_of(const Error& error);

}  // namespace wattle::nats
