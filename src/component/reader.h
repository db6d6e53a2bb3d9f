// Reads a WebAssembly binary front to back: every read is checked against the end, every error names the
// offset in the whole file.
//
// Clauses: core specification 5.2 (values): LEB128 integers and names; component-model Binary.md reuses them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wattle::component {

// "MESSAGE (at offset 0x54)"
Error error_at(ErrorCode code, uint64_t offset, std::string_view message);

class Reader {
 public:
  // `base`: offset of bytes[0] in the file, for messages.
  explicit Reader(std::span<const uint8_t> bytes, uint64_t base = 0) : bytes_(bytes), base_(base) {}

  bool at_end() const { return position_ == bytes_.size(); }
  size_t remaining() const { return bytes_.size() - position_; }
  uint64_t offset() const { return base_ + position_; }  // in the file

  Result<uint8_t> byte();
  Result<uint8_t> peek() const;
  Result<uint32_t> u32();
  Result<uint64_t> u64();
  Result<int64_t> s33();
  Result<int64_t> s64();
  Result<std::span<const uint8_t>> bytes(size_t count);
  Result<void> skip(size_t count);
  // A length and that many bytes of UTF-8. The view lives as long as the bytes.
  Result<std::string_view> name();
  // A length that counts items of at least one byte each; refused above `limit`.
  Result<uint32_t> count(uint32_t limit, std::string_view what);
  // The next `size` bytes as a reader of their own.
  Result<Reader> section(uint32_t size);

  // malformed: "invalid leading byte (0x5) for WHAT"
  tl::unexpected<Error> bad_leading_byte(uint8_t byte, std::string_view what) const;
  tl::unexpected<Error> malformed(std::string_view message) const;

 private:
  Result<uint64_t> unsigned_leb(int bits);
  Result<int64_t> signed_leb(int bits);

  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  uint64_t base_ = 0;
};

bool is_utf8(std::span<const uint8_t> bytes);

}  // namespace wattle::component
