#include "engine/page_scan.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

namespace wattle::engine {
namespace {

// The interface of linux/fs.h since 6.7, which Debian 12's headers do not have yet.
struct PageRegion {
  uint64_t start, end, categories;
};
struct PageScanArgument {
  uint64_t size, flags, start, end, walk_end, vector, vector_length, most_pages, category_inverted,
      category_mask, category_any_of, return_mask;
};
constexpr unsigned long kPageScan = _IOWR('f', 16, PageScanArgument);
constexpr uint64_t kPageIsFile = 1 << 2;
constexpr uint64_t kPageIsPresent = 1 << 3;
constexpr uint64_t kPageIsSwapped = 1 << 4;

std::atomic<PageScanWay> forced_way{PageScanWay::best};

int pagemap() {
  static const int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return file;
}

}  // namespace

FaultCount count_faults() {
  thread_local char thread;
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return {&thread, usage.ru_minflt + usage.ru_majflt};
}

namespace {

using RangeFunction = std::function<void(size_t, size_t)>;

bool scan_by_ioctl(uint8_t* base, size_t bytes, size_t most_ranges, const RangeFunction& range) {
  std::array<PageRegion, 256> regions;
  const auto start = reinterpret_cast<uint64_t>(base);
  PageScanArgument argument{};
  argument.size = sizeof argument;
  argument.start = start;
  argument.end = start + bytes;
  argument.vector = reinterpret_cast<uint64_t>(regions.data());
  argument.vector_length = regions.size();
  argument.category_inverted = kPageIsFile;
  argument.category_mask = kPageIsFile;
  argument.category_any_of = kPageIsPresent | kPageIsSwapped;
  argument.return_mask = kPageIsFile;
  size_t seen = 0;
  while (argument.start < argument.end) {
    int count = ioctl(pagemap(), kPageScan, &argument);
    if (count < 0) return false;
    for (int index = 0; index < count; ++index) {
      range(regions[index].start - start, regions[index].end - start);
    }
    seen += static_cast<size_t>(count);
    if (seen > most_ranges) return false;
    if (argument.walk_end <= argument.start) return true;
    argument.start = argument.walk_end;
  }
  return true;
}

// Older kernels: one word for every page, whether it is there or not.
bool scan_by_pagemap(uint8_t* base, size_t bytes, const RangeFunction& range) {
  constexpr uint64_t kThere = uint64_t{3} << 62;  // present or swapped
  constexpr uint64_t kFile = uint64_t{1} << 61;
  std::array<uint64_t, 1024> words;
  const size_t pages = bytes / kPageBytes;
  const uint64_t first = reinterpret_cast<uint64_t>(base) / kPageBytes;
  for (size_t page = 0; page < pages; page += words.size()) {
    const size_t count = std::min(words.size(), pages - page);
    const auto wanted = static_cast<ssize_t>(count * sizeof(uint64_t));
    const auto offset = static_cast<off_t>((first + page) * sizeof(uint64_t));
    if (pread(pagemap(), words.data(), static_cast<size_t>(wanted), offset) != wanted) return false;
    for (size_t index = 0; index < count; ++index) {
      if ((words[index] & kThere) == 0 || (words[index] & kFile) != 0) continue;
      range((page + index) * kPageBytes, (page + index + 1) * kPageBytes);
    }
  }
  return true;
}

}  // namespace

bool scan_written_pages(uint8_t* base, size_t bytes, size_t most_ranges, const RangeFunction& range) {
  static std::atomic<bool> has_ioctl{true};
  const PageScanWay way = forced_way.load(std::memory_order_relaxed);
  if (way == PageScanWay::none) return false;
  if (way == PageScanWay::best && has_ioctl.load(std::memory_order_relaxed)) {
    errno = 0;
    if (scan_by_ioctl(base, bytes, most_ranges, range)) return true;
    if (errno == 0) return false;  // too many ranges
    has_ioctl = false;
  }
  return scan_by_pagemap(base, bytes, range);
}

void force_page_scan(PageScanWay way) {
  forced_way = way;
}

}  // namespace wattle::engine
