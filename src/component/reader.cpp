#include "component/reader.h"

namespace wattle::component {
namespace {
constexpr uint32_t kMaxNameBytes = 100'000;
}  // namespace

Error error_at(ErrorCode code, uint64_t offset, std::string_view message) {
  return Error(code, fmt::format("{} (at offset {:#x})", message, offset));
}

tl::unexpected<Error> Reader::malformed(std::string_view message) const {
  return failure(error_at(ErrorCode::malformed, offset(), message));
}

tl::unexpected<Error> Reader::bad_leading_byte(uint8_t byte, std::string_view what) const {
  return failure(error_at(ErrorCode::malformed, offset() - 1,
                          fmt::format("invalid leading byte ({:#x}) for {}", byte, what)));
}

Result<uint8_t> Reader::byte() {
  if (at_end()) return malformed("unexpected end-of-file");
  return bytes_[position_++];
}

Result<uint8_t> Reader::peek() const {
  if (at_end()) return malformed("unexpected end-of-file");
  return bytes_[position_];
}

// Core specification 5.2.2: at most ceil(bits / 7) bytes, and the unused bits of the last one are zero.
Result<uint64_t> Reader::unsigned_leb(int bits) {
  const uint64_t start = offset();
  uint64_t value = 0;
  for (int shift = 0; shift < bits; shift += 7) {
    WATTLE_TRY(const uint8_t next, byte());
    const int left = bits - shift;
    if (left < 7 && (next & 0x80) == 0 && (next >> left) != 0)
      return failure(error_at(ErrorCode::malformed, start, "integer too large"));
    value |= static_cast<uint64_t>(next & 0x7f) << shift;
    if ((next & 0x80) == 0) return value;
  }
  return failure(error_at(ErrorCode::malformed, start, "integer representation too long"));
}

Result<int64_t> Reader::signed_leb(int bits) {
  const uint64_t start = offset();
  uint64_t value = 0;
  for (int shift = 0; shift < bits; shift += 7) {
    WATTLE_TRY(const uint8_t next, byte());
    const int left = bits - shift;
    if (left < 7 && (next & 0x80) == 0) {
      // All bits from the sign bit up must agree.
      const uint8_t high = static_cast<uint8_t>((next & 0x7f) >> (left - 1));
      const uint8_t ones = static_cast<uint8_t>(0x7f >> (left - 1));
      if (high != 0 && high != ones)
        return failure(error_at(ErrorCode::malformed, start, "integer too large"));
    }
    value |= static_cast<uint64_t>(next & 0x7f) << shift;
    if ((next & 0x80) == 0) {
      const int used = shift + 7;
      if (used < 64 && (next & 0x40) != 0) value |= ~uint64_t{0} << used;
      return static_cast<int64_t>(value);
    }
  }
  return failure(error_at(ErrorCode::malformed, start, "integer representation too long"));
}

Result<uint32_t> Reader::u32() {
  WATTLE_TRY(const uint64_t value, unsigned_leb(32));
  return static_cast<uint32_t>(value);
}

Result<uint64_t> Reader::u64() {
  return unsigned_leb(64);
}

Result<int64_t> Reader::s33() {
  return signed_leb(33);
}

Result<int64_t> Reader::s64() {
  return signed_leb(64);
}

Result<std::span<const uint8_t>> Reader::bytes(size_t count) {
  if (count > remaining()) return malformed("unexpected end-of-file");
  auto result = bytes_.subspan(position_, count);
  position_ += count;
  return result;
}

Result<void> Reader::skip(size_t count) {
  if (count > remaining()) return malformed("unexpected end-of-file");
  position_ += count;
  return {};
}

Result<std::string_view> Reader::name() {
  const uint64_t start = offset();
  WATTLE_TRY(const uint32_t length, u32());
  if (length > kMaxNameBytes)
    return failure(error_at(ErrorCode::malformed, start, "string size out of bounds"));
  const uint64_t text_start = offset();
  WATTLE_TRY(const auto text, bytes(length));
  if (!is_utf8(text)) return failure(error_at(ErrorCode::malformed, text_start, "malformed UTF-8 encoding"));
  return std::string_view(reinterpret_cast<const char*>(text.data()), text.size());
}

Result<uint32_t> Reader::count(uint32_t limit, std::string_view what) {
  const uint64_t start = offset();
  WATTLE_TRY(const uint32_t value, u32());
  if (value > limit)
    return failure(error_at(ErrorCode::malformed, start,
                            fmt::format("{} size is out of bounds: at most {}", what, limit)));
  return value;
}

Result<Reader> Reader::section(uint32_t size) {
  const uint64_t start = offset();
  WATTLE_TRY(const auto content, bytes(size));
  return Reader(content, start);
}

bool is_utf8(std::span<const uint8_t> bytes) {
  size_t i = 0;
  const auto continues = [&](size_t at) { return at < bytes.size() && (bytes[at] & 0xc0) == 0x80; };
  while (i < bytes.size()) {
    const uint8_t lead = bytes[i];
    if (lead < 0x80) {
      i += 1;
    } else if (lead >= 0xc2 && lead <= 0xdf && continues(i + 1)) {
      i += 2;
    } else if ((lead & 0xf0) == 0xe0 && continues(i + 1) && continues(i + 2)) {
      if (lead == 0xe0 && bytes[i + 1] < 0xa0) return false;  // overlong
      if (lead == 0xed && bytes[i + 1] > 0x9f) return false;  // surrogate
      i += 3;
    } else if (lead >= 0xf0 && lead <= 0xf4 && continues(i + 1) && continues(i + 2) && continues(i + 3)) {
      if (lead == 0xf0 && bytes[i + 1] < 0x90) return false;  // overlong
      if (lead == 0xf4 && bytes[i + 1] > 0x8f) return false;  // above U+10FFFF
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace wattle::component
