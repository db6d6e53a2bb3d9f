// A guest's linear memory as the canonical ABI uses it: bytes, an allocator inside the guest, and the
// encoding of strings in it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

namespace wattle::wit {

// The string-encoding option of canon lift and canon lower.
enum class StringEncoding : uint8_t { utf8, utf16, latin1_utf16 };

// What of the canonical options a copy into or out of a memory needs. Implemented by the runtime (a memory of
// an engine instance) and by tests.
class Memory {
 public:
  virtual ~Memory() = default;

  // All bytes, as of now. Growing the memory, so every reallocate(), makes the span stale.
  virtual std::span<uint8_t> bytes() = 0;

  // Calls the guest's realloc option. Only what the guest returned: reallocate_checked() checks it. Fails if
  // the guest traps, or if there is no such option.
  virtual Result<uint32_t> reallocate(uint32_t old_address, uint32_t old_bytes, uint32_t alignment,
                                      uint32_t new_bytes) = 0;

  virtual StringEncoding string_encoding() const = 0;
};

// reallocate(), with the result checked: aligned, and within the memory as it is afterwards (CanonicalABI.md
// "Storing": trap_if after every realloc). `what` is "list" or "string", for the message. `new_bytes` of 4
// GiB or more traps without asking the guest.
Result<uint32_t> reallocate_checked(Memory& memory, uint32_t old_address, uint32_t old_bytes,
                                    uint32_t alignment, uint64_t new_bytes, std::string_view what);
Result<uint32_t> allocate_checked(Memory& memory, uint32_t alignment, uint64_t bytes, std::string_view what);

// Refuses a range that is not aligned or not inside a memory of `memory_bytes`: `what` is "list", "string" or
// "value". Clause: load_list_from_range, load_string_from_range, lift_flat_values.
Result<void> check_range(uint64_t memory_bytes, uint32_t address, uint64_t bytes, uint32_t alignment,
                         std::string_view what);

}  // namespace wattle::wit
