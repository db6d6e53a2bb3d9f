// Where components come from: the bytes behind an image reference.
//
//   file:///srv/shop.wasm          a file of this host, where that is allowed
//   wattle://sha256:0123...        what somebody put into the lattice's own store of images
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/offload.h"
#include "base/result.h"
#include "lattice/bus.h"

namespace wattle::host {

struct Image {
  std::shared_ptr<const std::vector<uint8_t>> bytes;
  std::string digest;  // "sha256:..."
};

struct ImageOptions {
  std::string lattice = std::string("default");
  bool allow_file_load = false;
  size_t bytes_max = size_t{50} << 20;
};

class Images {
 public:
  // Both outlive it.
  Images(lattice::Bus& bus, async::OffloadPool& blocking, ImageOptions options)
      : bus_(bus), blocking_(blocking), options_(std::move(options)) {}

  // Within the fiber's deadline. Refused: invalid_argument (no reference that is known), permission_denied
  // (files, where they are not allowed), not_found, io, memory_exceeded (too large), malformed (bytes that
  // are not what the digest says), unavailable.
  Result<Image> fetch(std::string_view reference);
  // Puts an image where every host of the lattice finds it, and returns its reference.
  Result<std::string> publish(std::string_view bytes);

 private:
  Result<std::string> read_file(const std::string& path);
  Result<std::string> read_store(std::string_view digest);

  lattice::Bus& bus_;
  async::OffloadPool& blocking_;
  ImageOptions options_;
};

// "sha256:" and 64 digits.
std::string digest_of(std::string_view bytes);

}  // namespace wattle::host
