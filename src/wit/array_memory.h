// A linear memory without a guest: bytes in the host and an allocator that only goes forward. For tests,
// fuzzers and tools that run the canonical ABI on their own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "wit/memory.h"

namespace wattle::wit {

class ArrayMemory final : public Memory {
 public:
  // One call of realloc, as a guest sees it.
  struct Call {
    uint32_t old_address, old_bytes, alignment, new_bytes;
    bool operator==(const Call&) const = default;
  };

  ArrayMemory(StringEncoding encoding, uint32_t limit_bytes)
      : encoding_(encoding), limit_bytes_(limit_bytes) {}

  std::span<uint8_t> bytes() override { return bytes_; }
  StringEncoding string_encoding() const override { return encoding_; }

  // Always moves, so that a stale span shows under the address sanitizer.
  Result<uint32_t> reallocate(uint32_t old_address, uint32_t old_bytes, uint32_t alignment,
                              uint32_t new_bytes) override {
    calls_.push_back({old_address, old_bytes, alignment, new_bytes});
    uint64_t address = (bytes_.size() + alignment - 1) / alignment * alignment;
    if (address + new_bytes > limit_bytes_)
      return failure(ErrorCode::trap, "the memory's limit of {} bytes is reached", limit_bytes_);
    std::vector<uint8_t> grown(address + new_bytes);
    std::copy(bytes_.begin(), bytes_.end(), grown.begin());
    for (uint32_t i = 0; i < std::min(old_bytes, new_bytes); i++)
      grown[address + i] = bytes_[old_address + i];
    bytes_ = std::move(grown);
    return static_cast<uint32_t>(address);
  }

  void set_bytes(std::vector<uint8_t> bytes) { bytes_ = std::move(bytes); }
  const std::vector<Call>& calls() const { return calls_; }

 private:
  StringEncoding encoding_;
  uint32_t limit_bytes_;
  std::vector<uint8_t> bytes_;
  std::vector<Call> calls_;
};

}  // namespace wattle::wit
