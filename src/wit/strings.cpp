#include "wit/strings.h"

#include <cstring>

namespace wattle::wit {
namespace {

constexpr std::string_view kWhat = "string";

// A string under construction: one allocation in the target, known by address and size, since the bytes move.
class Target {
 public:
  explicit Target(Memory& memory) : memory_(memory) {}

  Result<void> resize(uint32_t alignment, uint64_t bytes) {
    WATTLE_TRY(address_, reallocate_checked(memory_, address_, bytes_, alignment, bytes, kWhat));
    bytes_ = static_cast<uint32_t>(bytes);
    return {};
  }
  // Only where that makes it smaller.
  Result<void> shrink(uint32_t alignment, uint64_t bytes) {
    if (bytes < bytes_) return resize(alignment, bytes);
    return {};
  }

  WritableBytes span() { return memory_.bytes().subspan(address_, bytes_); }
  uint32_t address() const { return address_; }
  StringRange with_length(uint64_t units) const { return {address_, static_cast<uint32_t>(units)}; }

 private:
  Memory& memory_;
  uint32_t address_ = 0;
  uint32_t bytes_ = 0;
};

void copy(Bytes source, WritableBytes target) {
  if (!source.empty()) std::memcpy(target.data(), source.data(), source.size());
}

// store_string_copy
Result<StringRange> store_same(Target target, Bytes source, uint32_t unit_bytes, uint32_t alignment) {
  WATTLE_CHECK(target.resize(alignment, source.size()));
  copy(source, target.span());
  return target.with_length(source.size() / unit_bytes);
}

// store_string_copy, inflating
Result<StringRange> store_latin1_as_utf16(Target target, Bytes source) {
  WATTLE_CHECK(target.resize(2, 2 * source.size()));
  latin1_to_utf16(source, target.span());
  return target.with_length(source.size());
}

// store_string_to_utf8 from UTF-16
Result<StringRange> store_utf16_as_utf8(Target target, Bytes source) {
  size_t units = source.size() / 2;
  WATTLE_CHECK(target.resize(1, units));
  size_t ascii = ascii_prefix_units(source);
  utf16_to_latin1(source.first(2 * ascii), target.span());
  if (ascii == units) return target.with_length(units);
  WATTLE_CHECK(target.resize(1, 3 * uint64_t{units}));
  WATTLE_TRY(size_t rest, utf16_to_utf8(source.subspan(2 * ascii), target.span().subspan(ascii)));
  WATTLE_CHECK(target.shrink(1, ascii + rest));
  return target.with_length(ascii + rest);
}

// store_string_to_utf8 from Latin-1
Result<StringRange> store_latin1_as_utf8(Target target, Bytes source) {
  WATTLE_CHECK(target.resize(1, source.size()));
  size_t ascii = ascii_prefix_bytes(source);
  copy(source.first(ascii), target.span());
  if (ascii == source.size()) return target.with_length(ascii);
  WATTLE_CHECK(target.resize(1, 2 * uint64_t{source.size()}));
  size_t rest = latin1_to_utf8(source.subspan(ascii), target.span().subspan(ascii));
  WATTLE_CHECK(target.shrink(1, ascii + rest));
  return target.with_length(ascii + rest);
}

// store_utf8_to_utf16
Result<StringRange> store_utf8_as_utf16(Target target, Bytes source) {
  WATTLE_CHECK(target.resize(2, 2 * uint64_t{source.size()}));
  WATTLE_TRY(size_t bytes, utf8_to_utf16(source, target.span()));
  WATTLE_CHECK(target.shrink(2, bytes));
  return target.with_length(bytes / 2);
}

// Spreads `units` Latin-1 bytes at the start of `text` over two bytes each, in place, from the end.
void inflate(WritableBytes text, size_t units) {
  for (size_t i = units; i-- > 0;) {
    text[2 * i] = text[i];
    text[2 * i + 1] = 0;
  }
}

// store_string_to_latin1_or_utf16
Result<StringRange> store_as_latin1_or_utf16(Target target, Bytes source, bool is_utf8) {
  uint64_t units = is_utf8 ? source.size() : source.size() / 2;
  WATTLE_CHECK(target.resize(2, units));
  Progress narrow =
      is_utf8 ? utf8_to_latin1_prefix(source, target.span()) : utf16_to_latin1_prefix(source, target.span());
  if (narrow.read_bytes == source.size()) {
    WATTLE_CHECK(target.shrink(2, narrow.written_bytes));
    return target.with_length(narrow.written_bytes);
  }
  WATTLE_CHECK(target.resize(2, 2 * units));
  inflate(target.span(), narrow.written_bytes);
  Bytes rest = source.subspan(narrow.read_bytes);
  size_t bytes = 2 * narrow.written_bytes;
  if (is_utf8) {
    WATTLE_TRY(size_t more, utf8_to_utf16(rest, target.span().subspan(bytes)));
    bytes += more;
  } else {
    WATTLE_CHECK(validate_utf16(rest));
    copy(rest, target.span().subspan(bytes));
    bytes += rest.size();
  }
  WATTLE_CHECK(target.shrink(2, bytes));
  return target.with_length(bytes / 2 | kUtf16Tag);
}

// store_probably_utf16_to_latin1_or_utf16
Result<StringRange> store_probably_utf16(Target target, Bytes source) {
  WATTLE_CHECK(target.resize(2, source.size()));
  copy(source, target.span());
  if (!utf16_fits_latin1(source)) return target.with_length(source.size() / 2 | kUtf16Tag);
  utf16_to_latin1(source, target.span());
  WATTLE_CHECK(target.resize(1, source.size() / 2));
  return target.with_length(source.size() / 2);
}

Result<StringRange> store_utf8(Memory& target, Bytes source) {
  switch (target.string_encoding()) {
    case StringEncoding::utf8:
      WATTLE_CHECK(validate_utf8(source));
      return store_same(Target(target), source, 1, 1);
    case StringEncoding::utf16:
      return store_utf8_as_utf16(Target(target), source);
    case StringEncoding::latin1_utf16:
      return store_as_latin1_or_utf16(Target(target), source, true);
  }
  return failure(ErrorCode::internal, "no such string encoding");
}

Result<StringRange> store_utf16(Memory& target, const Text& text) {
  switch (target.string_encoding()) {
    case StringEncoding::utf8:
      return store_utf16_as_utf8(Target(target), text.bytes);
    case StringEncoding::utf16:
      WATTLE_CHECK(validate_utf16(text.bytes));
      return store_same(Target(target), text.bytes, 2, 2);
    case StringEncoding::latin1_utf16:
      if (text.declared != StringEncoding::latin1_utf16)
        return store_as_latin1_or_utf16(Target(target), text.bytes, false);
      WATTLE_CHECK(validate_utf16(text.bytes));
      return store_probably_utf16(Target(target), text.bytes);
  }
  return failure(ErrorCode::internal, "no such string encoding");
}

Result<StringRange> store_latin1(Memory& target, Bytes source) {
  switch (target.string_encoding()) {
    case StringEncoding::utf8:
      return store_latin1_as_utf8(Target(target), source);
    case StringEncoding::utf16:
      return store_latin1_as_utf16(Target(target), source);
    case StringEncoding::latin1_utf16:
      return store_same(Target(target), source, 1, 2);
  }
  return failure(ErrorCode::internal, "no such string encoding");
}

}  // namespace

Text text_of(std::string_view utf8) {
  return {
      CodeUnits::utf8, StringEncoding::utf8, {reinterpret_cast<const uint8_t*>(utf8.data()), utf8.size()}};
}

Result<Text> text_at(Bytes memory, StringEncoding encoding, StringRange range) {
  CodeUnits units = CodeUnits::utf8;
  uint64_t length = range.tagged_length;
  if (encoding == StringEncoding::utf16) units = CodeUnits::utf16;
  if (encoding == StringEncoding::latin1_utf16) {
    units = length & kUtf16Tag ? CodeUnits::utf16 : CodeUnits::latin1;
    length &= ~kUtf16Tag;
  }
  uint64_t bytes = units == CodeUnits::utf16 ? 2 * length : length;
  uint32_t alignment = encoding == StringEncoding::utf8 ? 1 : 2;
  WATTLE_CHECK(check_range(memory.size(), range.address, bytes, alignment, kWhat));
  if (bytes > kMaxStringBytes)
    return failure(ErrorCode::trap, "string of {} bytes is longer than the limit of {}", bytes,
                   kMaxStringBytes);
  return Text{units, encoding, memory.subspan(range.address, bytes)};
}

Result<std::string> to_utf8(const Text& text) {
  if (text.units == CodeUnits::utf8) {
    WATTLE_CHECK(validate_utf8(text.bytes));
    return std::string(reinterpret_cast<const char*>(text.bytes.data()), text.bytes.size());
  }
  std::string utf8(text.units == CodeUnits::latin1 ? 2 * text.bytes.size() : text.bytes.size() / 2 * 3, '\0');
  WritableBytes target{reinterpret_cast<uint8_t*>(utf8.data()), utf8.size()};
  size_t bytes = 0;
  if (text.units == CodeUnits::latin1) {
    bytes = latin1_to_utf8(text.bytes, target);
  } else {
    WATTLE_TRY(bytes, utf16_to_utf8(text.bytes, target));
  }
  utf8.resize(bytes);
  return utf8;
}

Result<StringRange> store_text(Memory& target, const Text& text) {
  switch (text.units) {
    case CodeUnits::utf8:
      return store_utf8(target, text.bytes);
    case CodeUnits::utf16:
      return store_utf16(target, text);
    case CodeUnits::latin1:
      return store_latin1(target, text.bytes);
  }
  return failure(ErrorCode::internal, "no such encoding");
}

}  // namespace wattle::wit
