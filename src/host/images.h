// Where components come from: the bytes behind an image reference.
//
//   file:///srv/shop.wasm          a file of this host, where that is allowed
//   wattle://sha256:0123...        what somebody put into the lattice's own store of images
//
// What came out of that store is kept in a folder of this host. JetStream is never the only copy: what its
// store has lost, a host that has kept it puts back, when another one misses it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/offload.h"
#include "base/result.h"
#include "host/image_cache.h"
#include "lattice/bus.h"

namespace wattle::host {

struct Image {
  std::shared_ptr<const std::vector<uint8_t>> bytes;
  std::string digest;  // "sha256:..."
};

inline constexpr size_t kProgramBytesMax = size_t{256} << 20;  // of a provider or its archive

struct ImageOptions {
  std::string lattice = std::string("default");
  bool allow_file_load = false;
  size_t bytes_max = size_t{50} << 20;
  std::string cache_folder{};  // empty: nothing is kept
};

class Images {
 public:
  // Both outlive it.
  Images(lattice::Bus& bus, async::OffloadPool& blocking, ImageOptions options)
      : bus_(bus), blocking_(blocking), options_(std::move(options)), cache_(options_.cache_folder) {}

  // Within the fiber's deadline. Refused: invalid_argument (no reference that is known), permission_denied
  // (files, where they are not allowed), not_found, io, memory_exceeded (too large), malformed (bytes that
  // are not what the digest says), unavailable.
  Result<Image> fetch(std::string_view reference);
  // Puts an image where every host of the lattice finds it, unless it is there, and returns its reference.
  Result<std::string> publish(std::string_view bytes);
  // Whether publish() would find it there.
  Result<bool> is_published(std::string_view bytes);

  // Puts back into the store what other hosts miss there and this one has kept, as long as the subscription
  // lives. Refused as Bus::subscribe is.
  Result<std::unique_ptr<lattice::BusSubscription>> give_back();

 private:
  Result<std::string> read_file(const std::string& path);
  Result<std::string> read_store(const std::string& digest);
  Result<std::string> fetch_from_store(const std::string& digest);
  // Whether some host says that it has put it back.
  bool ask_hosts_for(const std::string& digest);

  lattice::Bus& bus_;
  async::OffloadPool& blocking_;
  ImageOptions options_;
  ImageCache cache_;
};

// "wattle://" and the digest: what publish() returns.
std::string image_reference_of(std::string_view bytes);

}  // namespace wattle::host
