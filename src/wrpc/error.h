// What a failed remote call tells beyond an ErrorCode: whether the callee had begun it, so that a caller may
// ask another host; and how errors cross the wire between two wattle hosts, with their causes.
//
//   auto reply = client.invoke(call);
//   if (!reply && wrpc::certainly_not_begun(reply.error())) ...   // ask elsewhere, within the deadline
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::wrpc {

enum class Reason : uint16_t {
  not_begun = 1,    // nobody listens, not connected, or refused (draining, overloaded) by the callee
  maybe_begun = 2,  // anything may have happened at the callee
  refused = 3,      // at the callee: the call is refused before it began
  truncated = 4,    // malformed: the bytes end within a value
  closed = 5,       // unavailable: this end was closed
};

Error wrpc_error(ErrorCode code, Reason reason, std::string message);

// The reason of an error or of its nearest cause that has one: nothing begins for other errors.
bool has_reason(const Error& error, Reason reason);

// Whether the call was certainly not begun by any callee. Only true of what Client::invoke returned, also
// with context around it.
bool certainly_not_begun(const Error& error);

// For a server's handler: this call was not begun, another host may do it.
Error refused(Error error);

// A failed call on the wire: the code's name in a header, this as payload:
// {"message","host","remedy","refused":true,"cause":{"code","message",...}}; what is empty is left out.
std::string error_to_json(const Error& error, std::string_view host);
// The error that a peer sent. Never fails: what cannot be read is said in the message. At most 16 causes and
// 16 KiB of each text.
Error error_from_json(std::string_view code, std::string_view json);

}  // namespace wattle::wrpc
