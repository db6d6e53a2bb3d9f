#include "host/images.h"

#include <fstream>

namespace wattle::host {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kStore = "wattle://";
// Of a host that has kept an image, to have put it back.
constexpr Duration kGiveBackTime = std::chrono::seconds(5);
constexpr size_t kGiveBackFibers = 4;

std::string store_name(std::string_view lattice) {
  return fmt::format("WATTLE_IMAGES_{}", lattice);
}

// Where a host asks the others for an image.
std::string missing_subject(std::string_view lattice) {
  return fmt::format("wattle.{}.images", lattice);
}

Result<bool> contains(lattice::Objects& store, std::string_view digest) {
  const auto found = store.get(digest, 0);
  if (found || found.error().code() == ErrorCode::memory_exceeded) return true;
  if (found.error().code() == ErrorCode::not_found) return false;
  return failure(found.error());
}

Image image_of(const std::string& bytes) {
  return {std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end()), digest_of(bytes)};
}

}  // namespace

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
    WATTLE_TRY(const std::string bytes, read_store(std::string(reference.substr(kStore.size()))));
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

Result<std::string> Images::read_store(const std::string& digest) {
  if (auto kept = async::offload(blocking_, [&] { return cache_.find(digest); });
      kept && kept->size() <= options_.bytes_max)
    return *std::move(kept);
  auto bytes = fetch_from_store(digest);
  if (!bytes && bytes.error().code() == ErrorCode::not_found && ask_hosts_for(digest))
    bytes = fetch_from_store(digest);
  if (!bytes) {
    const bool missing = bytes.error().code() == ErrorCode::not_found;
    return failure(
        bytes.error()
            .with_context(fmt::format("the image {}{} cannot be fetched", kStore, digest))
            .with_remedy(missing ? "neither the lattice's store nor any host has it: put it again with "
                                   "\"wattle app put FILE\" or \"wattle start component FILE\""
                                 : bytes.error().remedy()));
  }
  async::offload(blocking_, [&] { cache_.keep(digest, *bytes); });
  return bytes;
}

Result<std::string> Images::fetch_from_store(const std::string& digest) {
  WATTLE_TRY(const auto store, bus_.objects(store_name(options_.lattice)));
  WATTLE_TRY(std::string bytes, store->get(digest, options_.bytes_max));
  if (digest_of(bytes) != digest)
    return failure(ErrorCode::malformed, "what is stored as {}{} has the digest {}", kStore, digest,
                   digest_of(bytes));
  return bytes;
}

bool Images::ask_hosts_for(const std::string& digest) {
  const auto answer =
      bus_.request(missing_subject(options_.lattice), digest, {.headers = nullptr, .timeout = kGiveBackTime});
  return answer.has_value();
}

Result<std::unique_ptr<lattice::BusSubscription>> Images::give_back() {
  lattice::SubscribeOptions options;
  options.fibers_max = kGiveBackFibers;
  return bus_.subscribe(
      missing_subject(options_.lattice), std::move(options), [this](const lattice::Message& message) {
        const async::DeadlineScope deadline(Clock::now() + kGiveBackTime);
        const auto kept = async::offload(blocking_, [&] { return cache_.find(message.payload); });
        if (kept && publish(*kept)) (void)bus_.publish(message.reply, "");
      });
}

Result<std::string> Images::publish(std::string_view bytes) {
  WATTLE_TRY(const auto store, bus_.objects(store_name(options_.lattice)));
  const std::string digest = digest_of(bytes);
  WATTLE_TRY(const bool there, contains(*store, digest));
  if (!there) WATTLE_CHECK(store->put(digest, bytes));
  return image_reference_of(bytes);
}

Result<bool> Images::is_published(std::string_view bytes) {
  WATTLE_TRY(const auto store, bus_.objects(store_name(options_.lattice)));
  return contains(*store, digest_of(bytes));
}

std::string image_reference_of(std::string_view bytes) {
  return std::string(kStore) + digest_of(bytes);
}

}  // namespace wattle::host
