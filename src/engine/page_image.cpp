#include "engine/page_image.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace wattle::engine {
namespace {

// At most 1 MiB of private pages that stay with every instance.
constexpr size_t kMostHotPages = 256;
// In the first rounds every page that is written becomes hot, later those in more than 3 % of the rounds.
constexpr uint32_t kEagerRounds = 16;
constexpr uint32_t kWindowRounds = 128;
constexpr uint32_t kHotCount = 4;
// A hot page found unchanged this often in a row is hot no more. Each time that it comes back it needs twice
// as often: a page fault and the search for it cost as much as some hundred copies.
constexpr uint32_t kForgetAfter = 8;
constexpr uint32_t kForgetAfterMax = 1024;
// More pages than this that differ from another store's image: make an image instead.
constexpr size_t kMostOwnPages = 256;
constexpr size_t kMostRanges = 4096;

alignas(kPageBytes) constexpr std::array<uint8_t, kPageBytes> kZeroPage{};

bool is_zero(const uint8_t* page) {
  return std::memcmp(page, kZeroPage.data(), kPageBytes) == 0;
}

Error image_failed(std::string_view what) {
  return Error(ErrorCode::io,
               fmt::format("cannot keep an image of a guest's memory: {}: {}", what, std::strerror(errno)))
      .with_remedy("check the limits on open files and memory of the process");
}

// Calls `page(index)` for every page that may be other than zero.
template <class Page>
void each_touched_page(uint8_t* base, size_t bytes, Page page) {
  size_t done = 0;
  auto range = [&](size_t first, size_t last) {
    for (size_t at = first; at < last; at += kPageBytes) page(at / kPageBytes);
    done = last;
  };
  if (scan_written_pages(base, bytes, kMostRanges, range)) return;
  for (size_t at = done; at < bytes; at += kPageBytes) page(at / kPageBytes);
}

}  // namespace

Result<std::shared_ptr<const PageImage>> PageImage::take(uint8_t* base, size_t bytes) {
  std::shared_ptr<PageImage> image(new PageImage);
  image->bytes_ = bytes;
  image->filled_.resize(bytes / kPageBytes);
  image->file_ = memfd_create("wattle-image", MFD_CLOEXEC);
  if (image->file_ < 0) return failure(image_failed("memfd_create"));
  if (ftruncate(image->file_, static_cast<off_t>(bytes)) != 0) return failure(image_failed("ftruncate"));
  if (bytes == 0) return image;
  void* source = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, image->file_, 0);
  if (source == MAP_FAILED) return failure(image_failed("mmap"));
  image->source_ = static_cast<uint8_t*>(source);
  bool written = true;
  each_touched_page(base, bytes, [&](size_t page) {
    const uint8_t* content = base + page * kPageBytes;
    if (!written || is_zero(content)) return;
    written = pwrite(image->file_, content, kPageBytes, static_cast<off_t>(page * kPageBytes)) ==
              static_cast<ssize_t>(kPageBytes);
    image->filled_[page] = true;
    ++image->filled_pages_;
  });
  if (!written) return failure(image_failed("pwrite"));
  return image;
}

PageImage::~PageImage() {
  if (source_ != nullptr) munmap(source_, bytes_);
  if (file_ >= 0) close(file_);
}

const uint8_t* PageImage::page(size_t index) const {
  return filled_[index] ? source_ + index * kPageBytes : kZeroPage.data();
}

bool PageImage::map_over(uint8_t* base) const {
  if (bytes_ == 0) return true;
  return mmap(base, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file_, 0) == base;
}

Result<PristineMemory> PristineMemory::take(uint8_t* base, size_t bytes,
                                            std::shared_ptr<const PageImage> like) {
  PristineMemory memory;
  memory.base_ = base;
  memory.bytes_ = bytes;
  memory.is_hot_.resize(bytes / kPageBytes);
  if (like != nullptr && like->bytes() == bytes) {
    for (size_t page = 0; page < bytes / kPageBytes && memory.own_pages_.size() <= kMostOwnPages; ++page) {
      const uint8_t* content = base + page * kPageBytes;
      if (std::memcmp(content, like->page(page), kPageBytes) == 0) continue;
      auto copy = std::make_unique<Page>();
      std::memcpy(copy->data(), content, kPageBytes);
      memory.own_pages_.emplace(static_cast<uint32_t>(page), std::move(copy));
    }
    if (memory.own_pages_.size() <= kMostOwnPages) memory.image_ = std::move(like);
  }
  if (memory.image_ == nullptr) {
    memory.own_pages_.clear();
    WATTLE_TRY(memory.image_, PageImage::take(base, bytes));
  }
  if (!memory.image_->map_over(base)) return failure(image_failed("mmap over a guest's memory"));
  for (const auto& [page, copy] : memory.own_pages_) {
    memory.make_hot(page);
    memory.restore(page);
  }
  return memory;
}

const uint8_t* PristineMemory::source(uint32_t page) const {
  if (!own_pages_.empty()) {
    if (auto own = own_pages_.find(page); own != own_pages_.end()) return own->second->data();
  }
  return image_->page(page);
}

void PristineMemory::restore(uint32_t page) {
  std::memcpy(base_ + size_t{page} * kPageBytes, source(page), kPageBytes);
}

void PristineMemory::make_hot(uint32_t page) {
  is_hot_[page] = true;
  const auto known = forgotten_.find(page);
  hot_.push_back({.index = page, .patience = known == forgotten_.end() ? kForgetAfter : known->second});
}

void PristineMemory::restore_hot() {
  for (const HotPage& page : hot_) restore(page.index);
}

void PristineMemory::restore_hot_and_forget() {
  size_t kept = 0;
  for (HotPage page : hot_) {
    uint8_t* content = base_ + size_t{page.index} * kPageBytes;
    const uint8_t* original = source(page.index);
    page.unchanged = std::memcmp(content, original, kPageBytes) == 0 ? page.unchanged + 1 : 0;
    if (page.unchanged >= page.patience && !own_pages_.contains(page.index)) {
      is_hot_[page.index] = false;
      forgotten_[page.index] = std::min(2 * page.patience, kForgetAfterMax);
      madvise(content, kPageBytes, MADV_DONTNEED);
      continue;
    }
    if (page.unchanged == 0) std::memcpy(content, original, kPageBytes);
    hot_[kept++] = page;
  }
  hot_.resize(kept);
}

bool PristineMemory::should_be_hot(uint32_t page) {
  if (hot_.size() >= kMostHotPages) return false;
  if (rounds_learnt_ < kEagerRounds || forgotten_.contains(page)) return true;
  return ++stray_counts_[page] >= kHotCount;
}

// Back to the image's own page; precondition: no page of the range is hot.
void PristineMemory::drop(size_t first, size_t last) {
  if (first < last) madvise(base_ + first, last - first, MADV_DONTNEED);
}

void PristineMemory::restore_strays() {
  size_t drop_from = 0, drop_to = 0;
  auto range = [&](size_t first, size_t last) {
    for (size_t at = first; at < last; at += kPageBytes) {
      const auto page = static_cast<uint32_t>(at / kPageBytes);
      if (is_hot_[page]) continue;
      if (should_be_hot(page)) {
        make_hot(page);
        restore(page);
        continue;
      }
      if (at != drop_to) {
        drop(drop_from, drop_to);
        drop_from = at;
      }
      drop_to = at + kPageBytes;
    }
  };
  const bool known = scan_written_pages(base_, bytes_, kMostRanges, range);
  drop(drop_from, drop_to);
  if (!known) {
    madvise(base_, bytes_, MADV_DONTNEED);
    restore_hot();
  }
  ++rounds_learnt_;
  if (++stray_rounds_ >= kWindowRounds) {
    stray_rounds_ = 0;
    stray_counts_.clear();
  }
}

}  // namespace wattle::engine
