// What PostgreSQL's errors come to: an ErrorCode that a program decides on, and the class of their SQLSTATE.
//
//   unavailable         the connection broke (08, 57), or there is none
//   overloaded          the server is full (53)
//   permission_denied   who we are (28), or what we may do (42501)
//   already_exists      a row or thing that must be unique (23505, 42P07)
//   invalid             everything else that a statement can do wrong
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::postgres {

// `state`: five characters; empty if there is none. `message`: the server's, without credentials.
Error server_error(std::string_view state, std::string message);

// "42" of "42P01": of an error, or of its nearest cause that has one.
std::optional<std::string> state_class_of(const Error& error);

}  // namespace wattle::postgres
