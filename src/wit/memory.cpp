#include "wit/memory.h"

namespace wattle::wit {
namespace {

// Traps between components and traps at the host's boundary are worded differently by other runtimes, and the
// conformance scripts know both; one message says both.
Error not_aligned(std::string_view subject) {
  return Error(ErrorCode::trap, fmt::format("{} not aligned (wasm trap: unaligned pointer)", subject));
}

}  // namespace

Result<uint32_t> reallocate_checked(Memory& memory, uint32_t old_address, uint32_t old_bytes,
                                    uint32_t alignment, uint64_t new_bytes, std::string_view what) {
  if (new_bytes > UINT32_MAX)
    return failure(ErrorCode::trap, "a {} of {} bytes does not fit into a 32-bit memory", what, new_bytes);
  WATTLE_TRY(uint32_t address,
             memory.reallocate(old_address, old_bytes, alignment, static_cast<uint32_t>(new_bytes)));
  if (address % alignment != 0) return failure(not_aligned("realloc return: result"));
  if (address + new_bytes > memory.bytes().size())
    return failure(ErrorCode::trap,
                   "realloc return: beyond end of memory (wasm trap: {} content out-of-bounds)", what);
  return address;
}

Result<uint32_t> allocate_checked(Memory& memory, uint32_t alignment, uint64_t bytes, std::string_view what) {
  return reallocate_checked(memory, 0, 0, alignment, bytes, what);
}

Result<void> check_range(uint64_t memory_bytes, uint32_t address, uint64_t bytes, uint32_t alignment,
                         std::string_view what) {
  if (address % alignment != 0) return failure(not_aligned(fmt::format("{} pointer", what)));
  if (address + bytes > memory_bytes)
    return failure(
        ErrorCode::trap,
        "{} pointer/length out of bounds of memory (wasm trap: {} content out-of-bounds): {} bytes at {} "
        "in a memory of {}",
        what, what, bytes, address, memory_bytes);
  return {};
}

}  // namespace wattle::wit
