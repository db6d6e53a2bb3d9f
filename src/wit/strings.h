// Strings of the canonical ABI: the encodings that a component can choose for its memory.
#pragma once

#include <cstdint>

namespace wattle::wit {

// The string-encoding option of canon lift and canon lower.
enum class StringEncoding : uint8_t { utf8, utf16, latin1_utf16 };

}  // namespace wattle::wit
