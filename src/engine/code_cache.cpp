#include "engine/code_cache.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace wattle::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "wattle code 1\n";
constexpr size_t kDigestBytes = 32;
constexpr size_t kFactsBytes = 1;
constexpr size_t kHeaderBytes = kMagic.size() + kDigestBytes + kFactsBytes;
constexpr std::string_view kSuffix = ".code";
// More than any module's code; a larger file is not ours.
constexpr uint64_t kMostEntryBytes = uint64_t{1} << 30;

using Digest = std::array<uint8_t, kDigestBytes>;

Digest sha256(std::initializer_list<std::span<const uint8_t>> parts) {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Digest digest{};
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  for (auto part : parts) EVP_DigestUpdate(context.get(), part.data(), part.size());
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::optional<std::vector<uint8_t>> read_file(const std::string& path) {
  File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.get() < 0 || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (bytes < kHeaderBytes || bytes > kMostEntryBytes) return std::nullopt;
  std::vector<uint8_t> content(bytes);
  for (size_t done = 0; done < content.size();) {
    ssize_t got = ::read(file.get(), content.data() + done, content.size() - done);
    if (got <= 0) return std::nullopt;
    done += static_cast<size_t>(got);
  }
  return content;
}

bool write_all(int file, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t wrote = ::write(file, bytes.data(), bytes.size());
    if (wrote <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return true;
}

Error cannot_write(const std::string& path, int error) {
  return Error(ErrorCode::io, fmt::format("cannot keep compiled code in {}: {}", path, std::strerror(error)))
      .with_remedy("make the cache directory writable, or choose another one");
}

}  // namespace

CodeCache::CodeCache(std::string directory, uint64_t most_bytes)
    : directory_(std::move(directory)), most_bytes_(most_bytes) {}

std::string CodeCache::key_of(std::span<const uint8_t> module, std::string_view build) {
  std::string key;
  // The build's length keeps it apart from the module's bytes.
  const auto length = static_cast<uint64_t>(build.size());
  std::array<uint8_t, sizeof length> encoded;
  std::memcpy(encoded.data(), &length, sizeof length);
  for (uint8_t byte : sha256({encoded, bytes_of(build), module})) key += fmt::format("{:02x}", byte);
  return key;
}

std::string CodeCache::path_of(const std::string& key) const {
  return directory_ + "/" + key + std::string(kSuffix);
}

std::optional<CachedModule> CodeCache::load(const std::string& key) const {
  if (!enabled()) return std::nullopt;
  const std::string path = path_of(key);
  auto content = read_file(path);
  if (!content) return std::nullopt;
  std::span<const uint8_t> bytes(*content);
  if (!std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) return std::nullopt;
  auto digest = bytes.subspan(kMagic.size(), kDigestBytes);
  auto rest = bytes.subspan(kMagic.size() + kDigestBytes);
  // The key is part of the digest: an entry under another module's name is foreign.
  auto expected = sha256({bytes_of(key), rest});
  if (!std::equal(expected.begin(), expected.end(), digest.begin())) return std::nullopt;
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now: evicted last
  CachedModule module;
  module.facts.resettable = rest[0] == 1;
  module.code.assign(rest.begin() + kFactsBytes, rest.end());
  return module;
}

Result<void> CodeCache::store(const std::string& key, const CachedFacts& facts,
                              std::span<const uint8_t> code) const {
  if (!enabled()) return {};
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error) return failure(cannot_write(directory_, error.value()));
  evict(kHeaderBytes + code.size());
  const uint8_t encoded_facts[kFactsBytes] = {facts.resettable ? uint8_t{1} : uint8_t{0}};
  const Digest digest = sha256({bytes_of(key), encoded_facts, code});
  std::string temporary = directory_ + "/writing-XXXXXX";
  File file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return failure(cannot_write(directory_, errno));
  const bool written = write_all(file.get(), bytes_of(kMagic)) && write_all(file.get(), digest) &&
                       write_all(file.get(), encoded_facts) && write_all(file.get(), code);
  if (!written || ::rename(temporary.c_str(), path_of(key).c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    return failure(cannot_write(path_of(key), reason));
  }
  return {};
}

// Other processes may do the same at the same time: whatever is gone already is fine.
void CodeCache::evict(uint64_t coming_bytes) const {
  struct Entry {
    fs::file_time_type used;
    uint64_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  uint64_t total = coming_bytes;
  std::error_code error;
  constexpr auto kForgotten = std::chrono::hours(1);
  for (fs::directory_iterator at(directory_, error), end; !error && at != end; at.increment(error)) {
    std::error_code of_entry;
    Entry entry{at->last_write_time(of_entry), at->file_size(of_entry), at->path()};
    if (of_entry) continue;
    if (entry.path.extension() == kSuffix) {
      total += entry.bytes;
      entries.push_back(std::move(entry));
    } else if (entry.path.filename().string().starts_with("writing-") &&
               fs::file_time_type::clock::now() - entry.used > kForgotten) {
      fs::remove(entry.path, of_entry);  // left by a process that died
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= most_bytes_) return;
    fs::remove(entry.path, error);
    total -= entry.bytes;
  }
}

}  // namespace wattle::engine
