// Values as the JavaScript that jco's components take and give (ECMAScript embedding of the component model).
#pragma once

#include <string>

#include "wit/type.h"
#include "wit/value.h"

namespace wattle::differential {

// An expression that makes the value: "[1n, undefined]". A handle is made by "own" or "borrow" of its number.
std::string to_javascript(const wit::TypeRef& type, const wit::Value& value);

// "is-XML" -> "isXml"
std::string camel_case(std::string_view label);

}  // namespace wattle::differential
