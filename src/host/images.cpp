#include "host/images.h"

#include <sodium.h>

#include <array>
#include <fstream>

namespace wattle::host {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kStore = "wattle://";

std::string store_name(std::string_view lattice) {
  return fmt::format("WATTLE_IMAGES_{}", lattice);
}

Image image_of(const std::string& bytes) {
  return {std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end()), digest_of(bytes)};
}

}  // namespace

std::string digest_of(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string digest = "sha256:";
  for (const unsigned char byte : hash) digest += fmt::format("{:02x}", byte);
  return digest;
}

Result<Image> Images::fetch(std::string_view reference) {
  if (reference.starts_with(kFile)) {
    if (!options_.allow_file_load)
      return failure(Error(ErrorCode::permission_denied,
                           fmt::format("this host does not load files, and the image is {}", reference))
                         .with_remedy("start the host with --allow-file-load"));
    WATTLE_TRY(const std::string bytes, read_file(std::string(reference.substr(kFile.size()))));
    return image_of(bytes);
  }
  if (reference.starts_with(kStore)) {
    WATTLE_TRY(const std::string bytes, read_store(reference.substr(kStore.size())));
    return image_of(bytes);
  }
  return failure(ErrorCode::invalid_argument,
                 "\"{}\" is no image that this host can load: file:///PATH and wattle://sha256:DIGEST are",
                 reference);
}

Result<std::string> Images::read_file(const std::string& path) {
  return async::offload(blocking_, [&]() -> Result<std::string> {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) return failure(ErrorCode::not_found, "the image {} cannot be opened", path);
    const auto size = file.tellg();
    if (size < 0) return failure(ErrorCode::io, "the image {} cannot be read", path);
    if (static_cast<size_t>(size) > options_.bytes_max)
      return failure(ErrorCode::memory_exceeded, "the image {} has {} bytes, and at most {} are loaded", path,
                     static_cast<size_t>(size), options_.bytes_max);
    std::string bytes(static_cast<size_t>(size), '\0');
    file.seekg(0);
    if (!file.read(bytes.data(), size)) return failure(ErrorCode::io, "the image {} cannot be read", path);
    return bytes;
  });
}

Result<std::string> Images::read_store(std::string_view digest) {
  WATTLE_TRY(const auto store, bus_.objects(store_name(options_.lattice)));
  auto bytes = store->get(digest, options_.bytes_max);
  if (!bytes)
    return failure(
        bytes.error().with_context(fmt::format("the image {}{} cannot be fetched", kStore, digest)));
  if (digest_of(*bytes) != digest)
    return failure(ErrorCode::malformed, "what is stored as {}{} has the digest {}", kStore, digest,
                   digest_of(*bytes));
  return bytes;
}

Result<std::string> Images::publish(std::string_view bytes) {
  const std::string digest = digest_of(bytes);
  WATTLE_TRY(const auto store, bus_.objects(store_name(options_.lattice)));
  WATTLE_CHECK(store->put(digest, bytes));
  return fmt::format("{}{}", kStore, digest);
}

}  // namespace wattle::host
