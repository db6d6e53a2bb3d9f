// What an image does when it is started and called, read from its reference:
// "registry.sim/shop-api:7-fine".
#pragma once

#include <string_view>

#include "base/time.h"

namespace wattle::simulation {

enum class ImageKind : uint8_t {
  fine,
  never,  // never starts
  later,  // does not start before a moment that its tag says: "later-95", 95 s after the beginning
  tenth,  // fails every tenth call
  thousandth,
};
struct ImageManner {
  ImageKind kind = ImageKind::fine;
  TimePoint starts_from{};
  uint32_t fails_every = 0;  // calls; 0: none
};
ImageManner manner_of(std::string_view reference);

}  // namespace wattle::simulation
