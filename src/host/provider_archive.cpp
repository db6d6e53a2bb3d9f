#include "host/provider_archive.h"

#include <sodium.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "host/identity.h"

namespace wattle::host {
namespace {

constexpr size_t kBlockBytes = 512;  // of a tar
constexpr size_t kEntriesMax = 1000;
constexpr std::string_view kToken = "claims.jwt";
constexpr std::string_view kProgramEnd = ".bin";

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

bool is_tar(std::string_view bytes) {
  return bytes.size() >= kBlockBytes && bytes.substr(257, 5) == "ustar";
}

tl::unexpected<Error> damaged(std::string_view how) {
  return failure(Error(ErrorCode::malformed, fmt::format("the provider's archive is damaged: {}", how))
                     .with_remedy("fetch or build it anew"));
}

tl::unexpected<Error> too_large(size_t bytes_max) {
  return failure(ErrorCode::memory_exceeded, "the provider's archive unpacks to more than {} bytes",
                 bytes_max);
}

Result<std::string> unzip(std::string_view bytes, size_t bytes_max) {
  z_stream stream{};
  if (::inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)  // a gzip alone
    return failure(ErrorCode::memory_exceeded, "there is no memory to unpack the provider's archive");
  std::string unpacked;
  std::vector<char> block(256 * 1024);
  int state = Z_OK;
  while (state == Z_OK && unpacked.size() <= bytes_max) {
    if (stream.avail_in == 0 && !bytes.empty()) {
      const size_t count = std::min<size_t>(bytes.size(), 1 << 20);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // which it only reads
      stream.avail_in = static_cast<uInt>(count);
      bytes.remove_prefix(count);
    }
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    state = ::inflate(&stream, Z_NO_FLUSH);
    unpacked.append(block.data(), block.size() - stream.avail_out);
  }
  ::inflateEnd(&stream);
  if (unpacked.size() > bytes_max) return too_large(bytes_max);
  if (state == Z_BUF_ERROR) return damaged("its gzip ends early");
  if (state != Z_STREAM_END) return damaged("its gzip does not unpack");
  return unpacked;
}

// A number of a tar's header: octal digits, ended by a space or a zero. Nothing for any other.
std::optional<uint64_t> octal(std::string_view field) {
  while (field.starts_with(' ')) field.remove_prefix(1);
  uint64_t number = 0;
  size_t digits = 0;
  for (const char digit : field) {
    if (digit == '\0' || digit == ' ') break;
    if (digit < '0' || digit > '7' || ++digits > 12) return {};
    number = number * 8 + static_cast<uint64_t>(digit - '0');
  }
  return digits == 0 ? std::nullopt : std::optional(number);
}

// The sum of the header's bytes, with its own field as spaces.
bool sum_holds(std::string_view header) {
  uint64_t sum = 0;
  for (size_t at = 0; at < kBlockBytes; ++at)
    sum += at >= 148 && at < 156 ? uint64_t{' '} : static_cast<unsigned char>(header[at]);
  return octal(header.substr(148, 8)) == sum;
}

std::string_view name_of(std::string_view header) {
  std::string_view name = header.substr(0, 100);
  name = name.substr(0, name.find('\0'));
  while (name.starts_with("./")) name.remove_prefix(2);
  return name;
}

// The files by their names; what is no plain file (folders, names that are too long) is passed over.
Result<std::map<std::string_view, std::string_view>> files_of(std::string_view tar) {
  std::map<std::string_view, std::string_view> files;
  for (size_t entries = 0; !tar.empty(); ++entries) {
    if (entries >= kEntriesMax) return damaged(fmt::format("it has more than {} entries", kEntriesMax));
    if (tar.size() < kBlockBytes) return damaged("its tar ends within a header");
    const std::string_view header = tar.substr(0, kBlockBytes);
    if (header.find_first_not_of('\0') == std::string_view::npos) break;  // the end
    if (!sum_holds(header)) return damaged("the sum of a tar's header does not hold");
    const auto bytes = octal(header.substr(124, 12));
    tar.remove_prefix(kBlockBytes);
    if (!bytes || *bytes > tar.size()) return damaged("a file of its tar ends early");
    const std::string_view contents = tar.substr(0, *bytes);
    const char kind = header[156];
    if ((kind == '0' || kind == '\0') && !files.emplace(name_of(header), contents).second)
      return damaged(fmt::format("it holds {} twice", name_of(header)));
    tar.remove_prefix(std::min<size_t>(tar.size(), (*bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes));
  }
  return files;
}

std::string upper_hash(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02X}", byte);
  return text;
}

tl::unexpected<Error> no_program(const std::map<std::string_view, std::string_view>& files,
                                 std::string_view target) {
  std::string others;
  for (const auto& [name, contents] : files)
    if (name.ends_with(kProgramEnd))
      others +=
          fmt::format("{}{}", others.empty() ? "" : ", ", name.substr(0, name.size() - kProgramEnd.size()));
  return failure(
      Error(ErrorCode::unsupported,
            fmt::format("the provider's archive has no program for {}; it has {}", target,
                        others.empty() ? std::string_view("none") : std::string_view(others)))
          .with_remedy(
              "start it on a host of an architecture that it has, or add this one with wash par insert"));
}

}  // namespace

bool is_provider_archive(std::string_view bytes) {
  return is_gzip(bytes) || is_tar(bytes);
}

Result<ArchivedProvider> read_provider_archive(std::string_view bytes, const ArchiveOptions& options) {
  std::string unpacked;
  if (is_gzip(bytes)) {
    WATTLE_TRY(unpacked, unzip(bytes, options.bytes_max));
    bytes = unpacked;
  }
  if (bytes.size() > options.bytes_max) return too_large(options.bytes_max);
  if (!is_tar(bytes)) return damaged("what it holds is no tar");
  WATTLE_TRY(const auto files, files_of(bytes));
  const auto token = files.find(kToken);
  if (token == files.end())
    return failure(Error(ErrorCode::malformed, "the archive is no provider's: it holds no claims.jwt")
                       .with_remedy("make one with wash par create"));
  auto claims = parse_provider_token(token->second, options.now_s);
  if (!claims)
    return failure(Error(claims.error().code(), "the provider's archive is refused", claims.error())
                       .with_remedy("have it signed anew, with wash par create"));
  const auto program = files.find(options.target + std::string(kProgramEnd));
  if (program == files.end()) return no_program(files, options.target);
  const auto hash = claims->target_hashes.find(options.target);
  if (hash == claims->target_hashes.end() || hash->second != upper_hash(program->second))
    return failure(Error(ErrorCode::permission_denied,
                         fmt::format("the provider's archive is refused: its token was made for another "
                                     "program for {} than it holds",
                                     options.target))
                       .with_remedy("fetch it anew, or have it signed anew, with wash par create"));
  return ArchivedProvider{std::string(program->second), std::move(claims->shown)};
}

std::string own_target() {
  const lattice::StringMap labels = core_labels();
  return fmt::format("{}-{}", labels.at("hostcore.arch"), labels.at("hostcore.os"));
}

}  // namespace wattle::host
