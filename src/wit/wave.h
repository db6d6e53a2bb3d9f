// Values as text: WAVE, the WebAssembly Value Encoding, for arguments and results on the command line.
//
//   {name: "Ada", age: 36, tags: [analyst, %none]}      some(1)      ok((1, 'x'))      {read, write}
//
// A type says how the text reads: the same "{a}" can be flags or the start of a record. Everything of the
// encoding is understood: // comments, multi-line strings in triple quotes, fields in any order and left out
// where they are none, option's some and result's ok left out around a payload that is neither option nor
// result, {:} for a record of which nothing is written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "wit/type.h"
#include "wit/value.h"

namespace wattle::wit {

// Deepest nesting of values that is read.
inline constexpr uint32_t kMaxWaveDepth = 200;

// Reads one value of `type`. Refuses, with the column, what was found and what was expected, text that is not
// such a value; refuses handles, which have no text.
Result<Value> parse_wave(const TypeRef& type, std::string_view text);

// Writes `value`, which is of `type`: in one line, with some and ok written out and all fields named, so that
// parse_wave gives the value back. A handle shows as "<handle 7>", a part that is not of its type as "<not a
// u8>"; neither can be read back.
std::string to_wave(const TypeRef& type, const Value& value);
// The same, to be looked at: of a longer text about bytes_max bytes, without the work of writing the rest.
std::string to_short_wave(const TypeRef& type, const Value& value, size_t bytes_max);

// Whether the encoding reserves the word, so that a case of that name is written with %.
bool is_wave_keyword(std::string_view label);
// The name of a case: of a variant or enumeration as declared; none, some, ok, err.
std::string_view case_label(const Type& type, uint32_t index);
// The type of a case's payload; null: none. `index` is a case of the type.
TypeRef case_type(const Type& type, uint32_t index);
// How many cases a variant, enumeration, option or result has.
size_t case_count(const Type& type);

}  // namespace wattle::wit
