// Reads a WebAssembly binary, bounded: past the end, or at a malformed number, every later read gives zero
// and ok() is false. So a decoder checks once per construct, not once per byte.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace wattle::engine {

class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return position_ >= bytes_.size(); }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  void fail() {
    ok_ = false;
    position_ = bytes_.size();
  }

  uint8_t byte() {
    if (at_end()) {
      fail();
      return 0;
    }
    return bytes_[position_++];
  }
  uint32_t u32() {
    const uint64_t value = leb(5);
    if (value > UINT32_MAX) fail();
    return static_cast<uint32_t>(value);
  }
  uint64_t u64() { return leb(10); }
  // Signed numbers are only ever skipped or compared by their low bits here.
  uint64_t s33() { return leb(5); }
  uint64_t s64() { return leb(10); }
  void skip(size_t count) { (void)take(count); }
  std::span<const uint8_t> take(size_t count) {
    if (count > remaining()) {
      fail();
      return {};
    }
    auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  std::string_view name() {
    auto taken = take(u32());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  uint64_t leb(int most_bytes) {
    uint64_t value = 0;
    for (int index = 0; index < most_bytes; ++index) {
      uint8_t next = byte();
      value |= static_cast<uint64_t>(next & 0x7f) << (7 * index);
      if ((next & 0x80) == 0) return value;
    }
    fail();
    return 0;
  }

  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace wattle::engine
