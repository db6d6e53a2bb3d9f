// Text from one encoding to another, on bytes: what the canonical ABI's string algorithms (strings.h) are
// made of.
//
// Sources come from guests: they are checked while they are read, and an error says what is wrong at which
// byte. UTF-16 is little-endian, as everywhere in WebAssembly memories. Runs of ASCII take the vector path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace wattle::wit {

using Bytes = std::span<const uint8_t>;
using WritableBytes = std::span<uint8_t>;

// Length in bytes of the longest start that is ASCII, at `units` bytes a code unit (1 or 2).
size_t ascii_prefix_bytes(Bytes utf8_or_latin1);
size_t ascii_prefix_units(Bytes utf16);

// A trap "invalid utf-8 at byte 5", "incomplete utf-8 byte sequence at byte 7", "invalid utf-16: unpaired
// surrogate d800 at code unit 3".
Result<void> validate_utf8(Bytes source);
Result<void> validate_utf16(Bytes source);

// Whole-text conversions. `target` has room for the worst case, which each line names; returns the bytes
// written.
Result<size_t> utf8_to_utf16(Bytes source, WritableBytes target);  // 2 * source bytes
Result<size_t> utf16_to_utf8(Bytes source, WritableBytes target);  // 3 * source units
size_t latin1_to_utf8(Bytes source, WritableBytes target);         // 2 * source bytes
size_t latin1_to_utf16(Bytes source, WritableBytes target);        // 2 * source bytes
bool utf16_fits_latin1(Bytes source);
size_t utf16_to_latin1(Bytes source, WritableBytes target);  // source units, all below U+100

// As far as the source stays below U+100: how much was read, and how many bytes were written. A source that
// is invalid further on is not looked at there.
struct Progress {
  size_t read_bytes = 0;
  size_t written_bytes = 0;
};
Progress utf8_to_latin1_prefix(Bytes source, WritableBytes target);   // room for source bytes
Progress utf16_to_latin1_prefix(Bytes source, WritableBytes target);  // room for source units

// Appends one Unicode scalar value.
void append_utf8(std::string& text, char32_t character);
// Reads one scalar value at `position` and moves it on; text must be valid UTF-8 and position below its size.
char32_t next_utf8(std::string_view text, size_t& position);
bool is_scalar_value(uint32_t value);

}  // namespace wattle::wit
