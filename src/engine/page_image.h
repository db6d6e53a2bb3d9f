// A linear memory that goes back to how it was, at the cost of the pages that were written to.
//
// The memory's non-zero pages are in a memfd, which is mapped privately over the memory: what a guest writes
// is a copy of its own. Pages that calls write to again and again (the hot ones) stay, and are copied back; a
// copy costs 30 to 80 ns, where the page fault of a fresh one costs 2 us. Any other write must fault first,
// so the thread's count of page faults tells whether there was one, and only then the kernel is asked where.
//
// For this to hold only the thread that resets a memory may write to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/page_scan.h"

namespace wattle::engine {

// The bytes of one memory at one time, for any number of mappings.
class PageImage {
 public:
  // Copies `bytes` bytes (whole pages) at `base`.
  static Result<std::shared_ptr<const PageImage>> take(uint8_t* base, size_t bytes);
  ~PageImage();
  PageImage(const PageImage&) = delete;
  PageImage& operator=(const PageImage&) = delete;

  size_t bytes() const { return bytes_; }
  size_t filled_pages() const { return filled_pages_; }
  const uint8_t* page(size_t index) const;
  // Puts this over the memory at `base`; its contents are replaced. False: the kernel refused.
  bool map_over(uint8_t* base) const;

 private:
  PageImage() = default;
  int file_ = -1;
  uint8_t* source_ = nullptr;
  size_t bytes_ = 0;
  size_t filled_pages_ = 0;
  std::vector<bool> filled_;
};

// One memory under the care of an image.
class PristineMemory {
 public:
  // The memory at `base` as it is now. With `like` (an image of an equal memory elsewhere), pages that are
  // equal are shared with it and the few that are not are kept apart; too many: an image of its own.
  static Result<PristineMemory> take(uint8_t* base, size_t bytes, std::shared_ptr<const PageImage> like);

  const std::shared_ptr<const PageImage>& image() const { return image_; }
  size_t hot_pages() const { return hot_.size(); }

  // Copies the hot pages back: all there is to do when nothing else was written.
  void restore_hot();
  // Finds and restores everything else that was written since the last time, and learns.
  void restore_strays();
  // From time to time: gives up hot pages that are not written to any more. Instead of restore_hot.
  void restore_hot_and_forget();

 private:
  using Page = std::array<uint8_t, kPageBytes>;
  struct HotPage {
    uint32_t index;
    uint32_t patience;       // forgotten when `unchanged` reaches this
    uint32_t unchanged = 0;  // times in a row that forgetting found it as it should be
  };
  PristineMemory() = default;
  const uint8_t* source(uint32_t page) const;
  void restore(uint32_t page);
  void drop(size_t first, size_t last);
  bool should_be_hot(uint32_t page);
  void make_hot(uint32_t page);

  uint8_t* base_ = nullptr;
  size_t bytes_ = 0;
  std::shared_ptr<const PageImage> image_;
  std::unordered_map<uint32_t, std::unique_ptr<Page>> own_pages_;  // those that differ from the image
  std::vector<HotPage> hot_;
  std::vector<bool> is_hot_;
  std::unordered_map<uint32_t, uint32_t> forgotten_;  // patience with pages that were hot once
  std::unordered_map<uint32_t, uint32_t> stray_counts_;
  uint32_t stray_rounds_ = 0;
  uint32_t rounds_learnt_ = 0;
};

}  // namespace wattle::engine
