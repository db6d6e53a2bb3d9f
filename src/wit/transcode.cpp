#include "wit/transcode.h"

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace wattle::wit {
namespace {

constexpr size_t kBlockUnits = 16;

#if defined(__SSE2__)
__m128i load(const uint8_t* source) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
}

void store(uint8_t* target, __m128i value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(target), value);
}

bool is_ascii_block(const uint8_t* source) {
  return _mm_movemask_epi8(load(source)) == 0;
}

bool is_ascii_block_utf16(const uint8_t* source) {
  __m128i high_bits = _mm_and_si128(_mm_or_si128(load(source), load(source + 16)),
                                    _mm_set1_epi16(static_cast<int16_t>(0xff80)));
  return _mm_movemask_epi8(_mm_cmpeq_epi16(high_bits, _mm_setzero_si128())) == 0xffff;
}

void widen_block(const uint8_t* source, uint8_t* target) {
  __m128i block = load(source);
  store(target, _mm_unpacklo_epi8(block, _mm_setzero_si128()));
  store(target + 16, _mm_unpackhi_epi8(block, _mm_setzero_si128()));
}

// Units below U+100 only.
void narrow_block(const uint8_t* source, uint8_t* target) {
  store(target, _mm_packus_epi16(load(source), load(source + 16)));
}
#else
uint64_t word(const uint8_t* source) {
  uint64_t value;
  std::memcpy(&value, source, sizeof value);
  return value;
}

bool is_ascii_block(const uint8_t* source) {
  return ((word(source) | word(source + 8)) & 0x8080808080808080) == 0;
}

bool is_ascii_block_utf16(const uint8_t* source) {
  return ((word(source) | word(source + 8) | word(source + 16) | word(source + 24)) & 0xff80ff80ff80ff80) ==
         0;
}

void widen_block(const uint8_t* source, uint8_t* target) {
  for (size_t i = 0; i < kBlockUnits; i++) {
    target[2 * i] = source[i];
    target[2 * i + 1] = 0;
  }
}

void narrow_block(const uint8_t* source, uint8_t* target) {
  for (size_t i = 0; i < kBlockUnits; i++) target[i] = source[2 * i];
}
#endif

uint32_t unit_at(const uint8_t* source) {
  return static_cast<uint32_t>(source[0]) | static_cast<uint32_t>(source[1]) << 8;
}

void put_unit(uint8_t* target, uint32_t unit) {
  target[0] = static_cast<uint8_t>(unit);
  target[1] = static_cast<uint8_t>(unit >> 8);
}

struct Decoded {
  char32_t character = 0;
  size_t length = 0;  // bytes; 0: invalid
};

bool is_between(uint8_t byte, uint8_t low, uint8_t high) {
  return byte >= low && byte <= high;
}

// What may follow a lead byte: the whole sequence's length and the second byte's range, which excludes
// overlong forms, surrogates and values past U+10FFFF (Unicode, table 3-7).
struct Lead {
  size_t length;  // bytes; 0: not a lead byte
  uint8_t second_low = 0x80;
  uint8_t second_high = 0xbf;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1};
  if (is_between(byte, 0xc2, 0xdf)) return {2};
  if (byte == 0xe0) return {3, 0xa0};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (is_between(byte, 0xe1, 0xef)) return {3};
  if (byte == 0xf0) return {4, 0x90};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  if (is_between(byte, 0xf1, 0xf3)) return {4};
  return {0};
}

// One character of UTF-8; `left` is at least 1.
Decoded decode_utf8(const uint8_t* source, size_t left) {
  if (source[0] < 0x80) return {source[0], 1};
  Lead lead = lead_of(source[0]);
  if (lead.length == 0 || lead.length > left || !is_between(source[1], lead.second_low, lead.second_high))
    return {};
  char32_t character = source[0] & (0x7fu >> lead.length);
  for (size_t i = 1; i < lead.length; i++) {
    if ((source[i] & 0xc0) != 0x80) return {};
    character = character << 6 | (source[i] & 0x3fu);
  }
  return {character, lead.length};
}

// Whether the rest is a good beginning of a character, and nothing more.
bool is_incomplete_utf8(Bytes rest) {
  Lead lead = lead_of(rest[0]);
  if (lead.length <= rest.size()) return false;
  if (rest.size() > 1 && !is_between(rest[1], lead.second_low, lead.second_high)) return false;
  return rest.size() < 3 || (rest[2] & 0xc0) == 0x80;
}

Error utf8_error(Bytes source, size_t position) {
  bool incomplete = is_incomplete_utf8(source.subspan(position));
  return Error(ErrorCode::trap,
               fmt::format("{} at byte {}", incomplete ? "incomplete utf-8 byte sequence" : "invalid utf-8",
                           position));
}

// One character of UTF-16; `left_bytes` is at least 2. Length in bytes.
Decoded decode_utf16(const uint8_t* source, size_t left_bytes) {
  uint32_t unit = unit_at(source);
  if (unit < 0xd800 || unit > 0xdfff) return {unit, 2};
  if (unit > 0xdbff || left_bytes < 4) return {};
  uint32_t low = unit_at(source + 2);
  if (low < 0xdc00 || low > 0xdfff) return {};
  return {0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 4};
}

Error utf16_error(Bytes source, size_t position) {
  if (source.size() - position < 2)
    return Error(ErrorCode::trap, fmt::format("invalid utf-16: half a code unit at byte {}", position));
  return Error(ErrorCode::trap, fmt::format("invalid utf-16: unpaired surrogate {:x} at code unit {}",
                                            unit_at(source.data() + position), position / 2));
}

size_t encode_utf8(char32_t character, uint8_t* target) {
  if (character < 0x80) {
    target[0] = static_cast<uint8_t>(character);
    return 1;
  }
  size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--) {
    target[i] = static_cast<uint8_t>(0x80 | (character & 0x3f));
    character >>= 6;
  }
  target[0] = static_cast<uint8_t>((0xf00u >> length) | character);
  return length;
}

size_t encode_utf16(char32_t character, uint8_t* target) {
  if (character < 0x10000) {
    put_unit(target, character);
    return 2;
  }
  character -= 0x10000;
  put_unit(target, 0xd800 + (character >> 10));
  put_unit(target + 2, 0xdc00 + (character & 0x3ff));
  return 4;
}

}  // namespace

size_t ascii_prefix_bytes(Bytes source) {
  size_t i = 0;
  while (source.size() - i >= kBlockUnits && is_ascii_block(source.data() + i)) i += kBlockUnits;
  while (i < source.size() && source[i] < 0x80) i++;
  return i;
}

size_t ascii_prefix_units(Bytes source) {
  size_t units = source.size() / 2;
  size_t i = 0;
  while (units - i >= kBlockUnits && is_ascii_block_utf16(source.data() + 2 * i)) i += kBlockUnits;
  while (i < units && unit_at(source.data() + 2 * i) < 0x80) i++;
  return i;
}

Result<void> validate_utf8(Bytes source) {
  size_t i = 0;
  while (i < source.size()) {
    i += ascii_prefix_bytes(source.subspan(i));
    while (i < source.size() && source[i] >= 0x80) {
      size_t length = decode_utf8(source.data() + i, source.size() - i).length;
      if (length == 0) return failure(utf8_error(source, i));
      i += length;
    }
  }
  return {};
}

Result<void> validate_utf16(Bytes source) {
  size_t i = 0;
  while (source.size() - i >= 2) {
    size_t length = decode_utf16(source.data() + i, source.size() - i).length;
    if (length == 0) return failure(utf16_error(source, i));
    i += length;
    if (source.size() - i >= 2) i += 2 * ascii_prefix_units(source.subspan(i));
  }
  if (i < source.size()) return failure(utf16_error(source, i));
  return {};
}

Result<size_t> utf8_to_utf16(Bytes source, WritableBytes target) {
  uint8_t* out = target.data();
  size_t i = 0;
  while (i < source.size()) {
    while (source.size() - i >= kBlockUnits && is_ascii_block(source.data() + i)) {
      widen_block(source.data() + i, out);
      i += kBlockUnits;
      out += 2 * kBlockUnits;
    }
    if (i == source.size()) break;
    Decoded decoded = decode_utf8(source.data() + i, source.size() - i);
    if (decoded.length == 0) return failure(utf8_error(source, i));
    i += decoded.length;
    out += encode_utf16(decoded.character, out);
  }
  return static_cast<size_t>(out - target.data());
}

Result<size_t> utf16_to_utf8(Bytes source, WritableBytes target) {
  uint8_t* out = target.data();
  size_t i = 0;
  while (source.size() - i >= 2) {
    while (source.size() - i >= 2 * kBlockUnits && is_ascii_block_utf16(source.data() + i)) {
      narrow_block(source.data() + i, out);
      i += 2 * kBlockUnits;
      out += kBlockUnits;
    }
    if (source.size() - i < 2) break;
    Decoded decoded = decode_utf16(source.data() + i, source.size() - i);
    if (decoded.length == 0) return failure(utf16_error(source, i));
    i += decoded.length;
    out += encode_utf8(decoded.character, out);
  }
  if (i < source.size()) return failure(utf16_error(source, i));
  return static_cast<size_t>(out - target.data());
}

size_t latin1_to_utf8(Bytes source, WritableBytes target) {
  uint8_t* out = target.data();
  size_t i = 0;
  while (i < source.size()) {
    size_t ascii = ascii_prefix_bytes(source.subspan(i));
    if (ascii > 0) std::memcpy(out, source.data() + i, ascii);
    i += ascii;
    out += ascii;
    while (i < source.size() && source[i] >= 0x80) out += encode_utf8(source[i++], out);
  }
  return static_cast<size_t>(out - target.data());
}

size_t latin1_to_utf16(Bytes source, WritableBytes target) {
  size_t i = 0;
  for (; source.size() - i >= kBlockUnits; i += kBlockUnits)
    widen_block(source.data() + i, target.data() + 2 * i);
  for (; i < source.size(); i++) put_unit(target.data() + 2 * i, source[i]);
  return 2 * source.size();
}

bool utf16_fits_latin1(Bytes source) {
  size_t i = 0;
  for (; source.size() - i >= 8; i += 8) {
    uint64_t four_units;
    std::memcpy(&four_units, source.data() + i, sizeof four_units);
    if ((four_units & 0xff00ff00ff00ff00) != 0) return false;
  }
  for (; i + 1 < source.size(); i += 2)
    if (source[i + 1] != 0) return false;
  return true;
}

size_t utf16_to_latin1(Bytes source, WritableBytes target) {
  size_t units = source.size() / 2;
  size_t i = 0;
  for (; units - i >= kBlockUnits; i += kBlockUnits) narrow_block(source.data() + 2 * i, target.data() + i);
  for (; i < units; i++) target[i] = source[2 * i];
  return units;
}

Progress utf8_to_latin1_prefix(Bytes source, WritableBytes target) {
  Progress progress;
  while (progress.read_bytes < source.size()) {
    Bytes rest = source.subspan(progress.read_bytes);
    size_t ascii = ascii_prefix_bytes(rest);
    if (ascii > 0) std::memcpy(target.data() + progress.written_bytes, rest.data(), ascii);
    progress.read_bytes += ascii;
    progress.written_bytes += ascii;
    while (progress.read_bytes < source.size() && source[progress.read_bytes] >= 0x80) {
      size_t at = progress.read_bytes;
      Decoded decoded = decode_utf8(source.data() + at, source.size() - at);
      if (decoded.length == 0 || decoded.character > 0xff) return progress;
      target[progress.written_bytes++] = static_cast<uint8_t>(decoded.character);
      progress.read_bytes += decoded.length;
    }
  }
  return progress;
}

Progress utf16_to_latin1_prefix(Bytes source, WritableBytes target) {
  Progress progress;
  while (source.size() - progress.read_bytes >= 2) {
    const uint8_t* at = source.data() + progress.read_bytes;
    if (source.size() - progress.read_bytes >= 2 * kBlockUnits && is_ascii_block_utf16(at)) {
      narrow_block(at, target.data() + progress.written_bytes);
      progress.read_bytes += 2 * kBlockUnits;
      progress.written_bytes += kBlockUnits;
      continue;
    }
    if (unit_at(at) > 0xff) return progress;
    target[progress.written_bytes++] = at[0];
    progress.read_bytes += 2;
  }
  return progress;
}

void append_utf8(std::string& text, char32_t character) {
  uint8_t bytes[4];
  size_t length = encode_utf8(character, bytes);
  text.append(reinterpret_cast<const char*>(bytes), length);
}

char32_t next_utf8(std::string_view text, size_t& position) {
  Decoded decoded =
      decode_utf8(reinterpret_cast<const uint8_t*>(text.data()) + position, text.size() - position);
  position += decoded.length == 0 ? 1 : decoded.length;
  return decoded.length == 0 ? U'\xfffd' : decoded.character;
}

bool is_scalar_value(uint32_t value) {
  return value < 0xd800 || (value > 0xdfff && value < 0x110000);
}

}  // namespace wattle::wit
