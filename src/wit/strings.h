// Strings of the canonical ABI: found in one memory, checked, and stored into another memory or into the
// host, transcoded where the encodings differ.
//
// Clauses: CanonicalABI.md "load_string_from_range", "store_string_into_range" and what it calls. The calls
// of realloc (their number, order and arguments) are the specification's, since a guest can observe them.
//
//   WATTLE_TRY(Text text, text_at(caller.bytes(), caller.string_encoding(), {address, tagged_length}));
//   WATTLE_TRY(StringRange stored, store_text(callee, text));
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wit/memory.h"
#include "wit/transcode.h"

namespace wattle::wit {

// MAX_STRING_BYTE_LENGTH
inline constexpr uint64_t kMaxStringBytes = (uint64_t{1} << 28) - 1;
// utf16_tag: set in a length of latin1+utf16, it says that the units are UTF-16.
inline constexpr uint32_t kUtf16Tag = uint32_t{1} << 31;

// The two numbers that stand for a string in a memory and in flat form.
struct StringRange {
  uint32_t address = 0;
  uint32_t tagged_length = 0;  // code units; in latin1+utf16 possibly with kUtf16Tag
};

enum class CodeUnits : uint8_t { utf8, utf16, latin1 };

// Text somewhere in memory: in bounds, its encoding not checked yet.
struct Text {
  CodeUnits units = CodeUnits::utf8;
  // The option of the memory that it comes from: UTF-16 from a latin1+utf16 memory is stored otherwise than
  // from a utf16 memory.
  StringEncoding declared = StringEncoding::utf8;
  Bytes bytes;
};

// Text of the host.
Text text_of(std::string_view utf8);

// Checks length limit, alignment and bounds. The result points into `memory`: use it before that can move.
Result<Text> text_at(Bytes memory, StringEncoding encoding, StringRange range);

// Text as UTF-8; traps where it is not valid in its encoding.
Result<std::string> to_utf8(const Text& text);

// Allocates in `target` and stores the text in target.string_encoding(); traps where the text is not valid in
// its encoding, or on what reallocate_checked refuses. `text` must not lie in `target`: it is read between
// calls of the target's realloc.
Result<StringRange> store_text(Memory& target, const Text& text);

}  // namespace wattle::wit
