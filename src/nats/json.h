// Reading JSON that servers sent: a field that is missing or has another type is its default. Internal to
// src/nats.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::nats::json {

using Object = boost::json::object;
using Array = boost::json::array;

// Refused (malformed): what is no JSON object, with `what` as its name.
Result<Object> parse_object(std::string_view text, std::string_view what);

// Null when there is no such object.
const Object* object_at(const Object& object, std::string_view name);
std::string string_at(const Object& object, std::string_view name);
bool bool_at(const Object& object, std::string_view name);
int64_t int_at(const Object& object, std::string_view name, int64_t otherwise = 0);
uint64_t uint_at(const Object& object, std::string_view name);
std::vector<std::string> strings_at(const Object& object, std::string_view name);

// RFC 3339, as Go writes it, in nanoseconds since 1970; 0 for what is none.
int64_t parse_time(std::string_view text);

}  // namespace wattle::nats::json
