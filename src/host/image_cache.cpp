#include "host/image_cache.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <vector>

namespace wattle::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kDigits = 64;
// Of a file that is being written: one that is older was left by somebody who ended meanwhile.
constexpr auto kWriteTimeMax = std::chrono::hours(1);

bool is_digest(std::string_view digest) {
  return digest.starts_with(kPrefix) && digest.size() == kPrefix.size() + kDigits &&
         digest.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

struct Kept {
  fs::path path;
  fs::file_time_type used;
  uint64_t size;
};

std::vector<Kept> list(const std::string& folder) {
  std::vector<Kept> files;
  std::error_code problem;
  for (fs::directory_iterator each(folder, problem), end; !problem && each != end; each.increment(problem)) {
    std::error_code gone;
    Kept kept{each->path(), each->last_write_time(gone), each->file_size(gone)};
    if (!gone) files.push_back(std::move(kept));
  }
  return files;
}

}  // namespace

std::string digest_of(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string digest(kPrefix);
  for (const unsigned char byte : hash) digest += fmt::format("{:02x}", byte);
  return digest;
}

std::string ImageCache::path_of(std::string_view digest) const {
  if (folder_.empty() || !is_digest(digest)) return {};
  return fmt::format("{}/{}", folder_, digest.substr(kPrefix.size()));
}

std::optional<std::string> ImageCache::find(std::string_view digest) const {
  const std::string path = path_of(digest);
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::error_code ignored;
  if (digest_of(bytes) != digest) {
    fs::remove(path, ignored);
    return {};
  }
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);  // when it was used
  return bytes;
}

void ImageCache::keep(std::string_view digest, std::string_view bytes) const {
  const std::string path = path_of(digest);
  std::error_code problem;
  if (path.empty() || bytes.size() > bytes_max_ || fs::exists(path, problem)) return;
  fs::create_directories(folder_, problem);
  static std::atomic<uint64_t> count{0};
  const std::string being_written = fmt::format("{}.{}.{}", path, ::getpid(), ++count);
  {
    std::ofstream file(being_written, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) {
      fs::remove(being_written, problem);
      return;
    }
  }
  fs::rename(being_written, path, problem);
  if (problem) fs::remove(being_written, problem);
  make_room();
}

void ImageCache::make_room() const {
  auto files = list(folder_);
  const auto now = fs::file_time_type::clock::now();
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const Kept& kept : files) bytes += kept.size;
  std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  for (const Kept& kept : files) {
    const bool is_left_over = kept.path.has_extension() && kept.used + kWriteTimeMax < now;
    if (bytes <= bytes_max_ && !is_left_over) continue;
    if (fs::remove(kept.path, ignored)) bytes -= kept.size;
  }
}

}  // namespace wattle::host
