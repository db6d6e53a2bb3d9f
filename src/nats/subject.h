// Subjects: words with dots between them. A pattern may hold "*" for one word and end with ">" for one or
// more.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::nats {

// Longer ones are refused here, because the server ends a connection whose lines exceed its limit of 4 KiB.
inline constexpr size_t kSubjectBytesMax = 1900;

// What a message can be sent to. Refused (invalid_argument): empty words, spaces, control characters,
// wildcards.
Result<void> check_subject(std::string_view subject);
// What can be subscribed to: wildcards are allowed where they mean something.
Result<void> check_pattern(std::string_view pattern);
// Precondition: both are valid.
bool matches(std::string_view pattern, std::string_view subject);

// 22 characters that nobody else has: for inboxes and objects. Not a secret, but not to be guessed either.
std::string unique_name();

}  // namespace wattle::nats
