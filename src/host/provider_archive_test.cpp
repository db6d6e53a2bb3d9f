#include "host/provider_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>
#include <zlib.h>

#include "nats/nkey.h"

namespace wattle::host {
namespace {

using testing::HasSubstr;

constexpr std::string_view kProgram = "#!/bin/true";

std::string base64_url(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();
  return text;
}

std::string hash_of(std::string_view bytes) {
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02X}", byte);
  return text;
}

// As wash signs providers.
std::string token(std::string_view hash, std::string_view more = "") {
  static const auto issuer = nats::KeyPair::generate(nats::KeyKind::account);
  const std::string body =
      base64_url(R"({"typ":"jwt","alg":"Ed25519"})") + "." +
      base64_url(fmt::format(R"({{"jti":"x","iat":1,"iss":"{}","sub":"VKEY"{},"wascap":{{"name":"Outbox",)"
                             R"("vendor":"somebody","rev":2,"ver":"0.2.0","target_hashes":)"
                             R"({{"x86_64-linux":"{}"}}}},"wascap_revision":3}})",
                             issuer.public_key(), more, hash));
  const auto signature = issuer.sign(body);
  return body + "." + base64_url({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

struct File {
  std::string name;
  std::string contents;
  char kind = '0';
};

std::string tar(const std::vector<File>& files) {
  std::string archive;
  for (const auto& [name, contents, kind] : files) {
    std::string header(512, '\0');
    const auto put = [&](size_t at, std::string_view text) { header.replace(at, text.size(), text); };
    put(0, name);
    put(100, "0000755");
    put(124, fmt::format("{:011o}", contents.size()));
    put(148, "        ");
    header[156] = kind;
    put(257, "ustar");
    unsigned sum = 0;
    for (const char byte : header) sum += static_cast<unsigned char>(byte);
    put(148, fmt::format("{:06o}", sum));
    header[154] = '\0';
    archive += header + contents;
    archive.resize((archive.size() + 511) / 512 * 512);
  }
  return archive + std::string(1024, '\0');
}

std::string zipped(std::string_view bytes) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

std::vector<File> files() {
  return {{"claims.jwt", token(hash_of(kProgram))},
          {"world.wasm", std::string(700, 'w')},
          {"aarch64-linux.bin", "other"},
          {"x86_64-linux.bin", std::string(kProgram)}};
}

Result<ArchivedProvider> read(std::string_view bytes, std::string target = "x86_64-linux",
                              int64_t now_s = 1000, size_t bytes_max = 1 << 20) {
  return read_provider_archive(bytes, {.target = std::move(target), .now_s = now_s, .bytes_max = bytes_max});
}

// Every refusal says what to do.
void refused(const Result<ArchivedProvider>& result, ErrorCode code, std::string_view says) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), code);
  EXPECT_THAT(result.error().full_message(), HasSubstr(says));
  EXPECT_NE(result.error().remedy(), "");
}

TEST(ProviderArchive, HoldsAProgramForEachArchitecture) {
  for (const std::string& bytes : {tar(files()), zipped(tar(files()))}) {
    EXPECT_TRUE(is_provider_archive(bytes));
    const auto provider = read(bytes);
    ASSERT_TRUE(provider) << provider.error().full_message();
    EXPECT_EQ(provider->program, kProgram);
    EXPECT_EQ(provider->claims.name, "Outbox");
    EXPECT_EQ(provider->claims.subject, "VKEY");
    EXPECT_EQ(provider->claims.revision, 2);
  }
}

TEST(ProviderArchive, NamesMayBeginInTheFolder) {
  auto all = files();
  for (File& file : all) file.name = "./" + file.name;
  all.insert(all.begin(), {"./", "", '5'});
  EXPECT_TRUE(read(tar(all)));
}

TEST(ProviderArchive, ProgramsAndComponentsAreNone) {
  for (const std::string_view bytes : {std::string_view("\x7f"
                                                        "ELF"),
                                       std::string_view("#!/bin/sh\n"), std::string_view()})
    EXPECT_FALSE(is_provider_archive(bytes));
}

TEST(ProviderArchive, SaysWhichArchitecturesThereAre) {
  refused(read(tar(files()), "riscv64-linux"), ErrorCode::unsupported,
          "no program for riscv64-linux; it has aarch64-linux, x86_64-linux");
}

TEST(ProviderArchive, AProgramThatTheTokenDoesNotNameIsRefused) {
  auto all = files();
  all[3].contents += "changed";
  refused(read(tar(all)), ErrorCode::permission_denied, "another program for x86_64-linux");
  refused(read(tar(files()), "aarch64-linux"), ErrorCode::permission_denied, "another program");
}

TEST(ProviderArchive, ATokenThatDoesNotHoldIsRefused) {
  auto all = files();
  all[0].contents[all[0].contents.size() / 2] ^= 1;
  const auto changed = read(tar(all));
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().remedy(), "");
  all[0].contents = token(hash_of(kProgram), R"(,"exp":500)");
  refused(read(tar(all)), ErrorCode::permission_denied, "has expired");
  all[0].contents = token(hash_of(kProgram), R"(,"nbf":5000)");
  refused(read(tar(all)), ErrorCode::permission_denied, "not valid before");
}

TEST(ProviderArchive, ForeignAndDamagedOnesAreRefused) {
  refused(read(tar({{"readme.txt", "hello"}})), ErrorCode::malformed, "no claims.jwt");
  refused(read(zipped("no tar at all")), ErrorCode::malformed, "no tar");
  refused(read("\x1f\x8bgarbage"), ErrorCode::malformed, "gzip");
  const std::string zip = zipped(tar(files()));
  refused(read(std::string_view(zip).substr(0, zip.size() / 2)), ErrorCode::malformed, "ends early");
  auto twice = files();
  twice.push_back(twice.back());
  refused(read(tar(twice)), ErrorCode::malformed, "twice");
  std::string flipped = tar(files());
  flipped[0] ^= 1;
  refused(read(flipped), ErrorCode::malformed, "sum");
}

TEST(ProviderArchive, EveryShortenedOneIsRefused) {
  const std::string whole = tar(files());
  const size_t needed = whole.size() - 1024 - 512 + kProgram.size();
  for (size_t bytes = 0; bytes < needed; bytes += 37) EXPECT_FALSE(read(whole.substr(0, bytes))) << bytes;
}

TEST(ProviderArchive, UnpacksNoMoreThanItMay) {
  const std::string bomb = zipped(std::string(8 << 20, '\0'));
  EXPECT_LT(bomb.size(), size_t{16} << 10);
  EXPECT_EQ(read(bomb).error().code(), ErrorCode::memory_exceeded);
  EXPECT_EQ(read(tar(files()), "x86_64-linux", 1000, 100).error().code(), ErrorCode::memory_exceeded);
}

}  // namespace
}  // namespace wattle::host
