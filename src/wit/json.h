// Values as JSON text, for "-o json". One way only: what a program reads.
//
//   records are objects, tuples and lists arrays, flags arrays of labels, none is null, some(x) is x (and
//   {"some": x} where x is itself an option), cases without payload are strings, cases with payload {"case":
//   payload}, results
//   {"ok": x} and {"err": x}. Numbers keep every digit; NaN and infinities are the strings "nan", "inf",
//   "-inf".
#pragma once

#include <string>

#include "wit/type.h"
#include "wit/value.h"

namespace wattle::wit {

// `value` is of `type`; a part that is not shows as the string "<not a u8>".
std::string to_json(const TypeRef& type, const Value& value);

}  // namespace wattle::wit
