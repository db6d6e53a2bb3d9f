#include "images.h"

#include <charconv>

#include "world.h"

namespace wattle::simulation {

ImageManner manner_of(std::string_view reference) {
  ImageManner manner;
  const auto has = [&](std::string_view text) { return reference.find(text) != std::string_view::npos; };
  if (has("-never")) {
    manner.kind = ImageKind::never;
  } else if (const size_t at = reference.find("-later-"); at != std::string_view::npos) {
    manner.kind = ImageKind::later;
    int64_t moment = 0;
    const std::string_view digits = reference.substr(at + 7);
    std::from_chars(digits.data(), digits.data() + digits.size(), moment);
    manner.starts_from = World::kBeginning + seconds(moment);
  } else if (has("-tenth")) {
    manner.kind = ImageKind::tenth;
    manner.fails_every = 10;
  } else if (has("-thousandth")) {
    manner.kind = ImageKind::thousandth;
    manner.fails_every = 1000;
  }
  return manner;
}

}  // namespace wattle::simulation
