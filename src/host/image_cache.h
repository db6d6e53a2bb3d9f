// A folder that keeps images by their digest, so that a host that starts again needs no bus for them, and can
// give back what the bus has lost. Several hosts may use one folder.
//
//   const ImageCache cache("/var/lib/wattle/images");
//   if (auto bytes = cache.find("sha256:0123...")) use(*bytes);
//   cache.keep("sha256:0123...", bytes);
//
// Every function blocks: run it in async::offload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wattle::host {

class ImageCache {
 public:
  // `folder` empty: keeps nothing.
  explicit ImageCache(std::string folder, uint64_t bytes_max = uint64_t{2} << 30)
      : folder_(std::move(folder)), bytes_max_(bytes_max) {}

  // Nothing: it is not there. What is damaged is removed.
  std::optional<std::string> find(std::string_view digest) const;
  // What was used least lately goes, when all have more than `bytes_max`. A failure costs no more than the
  // next fetch.
  void keep(std::string_view digest, std::string_view bytes) const;

 private:
  // Empty: it cannot be kept.
  std::string path_of(std::string_view digest) const;
  void make_room() const;

  std::string folder_;
  uint64_t bytes_max_;
};

// "sha256:" and 64 digits.
std::string digest_of(std::string_view bytes);

}  // namespace wattle::host
