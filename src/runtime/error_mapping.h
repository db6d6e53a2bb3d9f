// A failure of a call as the error value that the called function declares, so that whoever called learns of
// it without a trap: for calls through links, local and remote alike.
//
//   result<_, string>                        the message
//   result<_, variant> with cases of texts   `other`, `upstream`, `unexpected`, `internal-error`, `io`: the
//                                            first of these that the variant has; else its first case of a
//                                            text
//   wasi:http's error-code                   the case for the kind of failure, internal-error with the
//   message
//
// A text is string, or option<string>. Everything else has no room for a message: the call traps.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "wit/type.h"
#include "wit/value.h"

namespace wattle::runtime {

// "message: cause; what to do about it": what a component is told.
std::string error_text(const Error& error);

// `error` as a value of `result`, the result type of a function (null: it has none). Nothing: the type has no
// room for it.
std::optional<wit::Value> error_value(const wit::TypeRef& result, const Error& error);

}  // namespace wattle::runtime
