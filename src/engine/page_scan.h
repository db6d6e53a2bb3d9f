// Which pages of a private mapping have been written to, by asking the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace wattle::engine {

inline constexpr size_t kPageBytes = 4096;

// Page faults of this thread so far, and whose they are: equal values with nothing written by other threads
// in between mean that no page was touched for the first time. 0.2 us.
struct FaultCount {
  const void* thread = nullptr;
  long faults = -1;
  bool operator==(const FaultCount&) const = default;
};
FaultCount count_faults();

// Calls `range(first, last)` (bytes from `base`, whole pages, ascending) for the pages that this process has
// copied or made itself, so all pages that differ from the mapped file. False: the kernel does not tell, or
// there were more than `most_ranges` ranges; what was called until then is right, but not all.
bool scan_written_pages(uint8_t* base, size_t bytes, size_t most_ranges,
                        const std::function<void(size_t first, size_t last)>& range);

// How the kernel is asked: the PAGEMAP_SCAN ioctl (since 6.7), reading /proc/self/pagemap, or not at all
// (where /proc is missing). Only tests force a way.
enum class PageScanWay { best, pagemap, none };
void force_page_scan(PageScanWay way);

}  // namespace wattle::engine
