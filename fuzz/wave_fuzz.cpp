// Text to value: parse_wave takes any text for any type, and what it accepts is written back and read again
// as the same value.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "wit/random.h"
#include "wit/wave.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The first byte says how many of the following ones choose the type; the rest is the text.
  if (size < 1) return 0;
  const size_t type_bytes = std::min<size_t>(data[0], size - 1);
  wattle::wit::Random random(std::span(data + 1, type_bytes));
  const wattle::wit::TypeRef type = random.type();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1 + type_bytes, size - 1 - type_bytes);

  const auto value = wattle::wit::parse_wave(type, text);
  if (!value) return 0;
  const std::string written = wattle::wit::to_wave(type, *value);
  const auto again = wattle::wit::parse_wave(type, written);
  if (!again || wattle::wit::to_wave(type, *again) != written) std::abort();
  return 0;
}
