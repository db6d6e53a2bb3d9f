#include "host/claims.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "host/identity.h"
#include "nats/nkey.h"

namespace wattle::host {
namespace {

std::string base64_url(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();
  return text;
}

const nats::KeyPair& issuer() {
  static const nats::KeyPair pair = nats::KeyPair::generate(nats::KeyKind::account);
  return pair;
}

// A token as wash signs them.
std::string token(std::string_view more = "", std::string_view hash = "") {
  const std::string body = base64_url(R"({"typ":"jwt","alg":"Ed25519"})") + "." +
                           base64_url(fmt::format(R"({{"jti":"x","iat":1,"iss":"{}","sub":"MKEY"{},"wascap":)"
                                                  R"({{"name":"Shop","hash":"{}","tags":["a","b"],"rev":3,)"
                                                  R"("ver":"1.2.0","call_alias":"shop","prov":false}},)"
                                                  R"("wascap_revision":3}})",
                                                  issuer().public_key(), more, hash));
  const auto signature = issuer().sign(body);
  return body + "." + base64_url({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

std::vector<uint8_t> binary_with(std::string_view section_name, std::string_view content) {
  std::string bytes("\0asm\x0d\0\1\0", 8);
  std::string section(1, static_cast<char>(section_name.size()));
  section += section_name;
  section += content;
  bytes += '\0';
  // A length of two bytes at least.
  bytes += static_cast<char>(0x80 | (section.size() & 0x7F));
  bytes += static_cast<char>(section.size() >> 7);
  bytes += section;
  return {bytes.begin(), bytes.end()};
}

TEST(Claims, AreReadFromTheCustomSection) {
  for (const char* name : {"wasmcloud_jwt", "jwt"}) {
    const auto claims = read_claims(binary_with(name, token()));
    ASSERT_TRUE(claims) << claims.error().full_message();
    ASSERT_TRUE(*claims);
    EXPECT_EQ((*claims)->subject, "MKEY");
    EXPECT_EQ((*claims)->issuer, issuer().public_key());
    EXPECT_EQ((*claims)->name, "Shop");
    EXPECT_EQ((*claims)->revision, 3);
    EXPECT_EQ((*claims)->expires_human, "never");
    EXPECT_EQ(lattice::describe(**claims).at("tags"), "a,b");
  }
}

TEST(Claims, AreNotInBinariesThatNobodySigned) {
  EXPECT_FALSE(*read_claims(binary_with("name", "x")));
  EXPECT_FALSE(*read_claims({}));
  const std::vector<uint8_t> cut{0, 'a', 's', 'm', 1, 0, 0, 0, 0, 200};
  EXPECT_FALSE(*read_claims(cut));
}

TEST(Claims, ThatDoNotHoldAreRefused) {
  const auto code = [](std::string_view text, int64_t now_s, std::string_view hash = "") {
    const auto parsed = parse_token(text, now_s, hash);
    return parsed ? ErrorCode::internal : parsed.error().code();
  };
  EXPECT_EQ(code(token(R"(,"exp":100)"), 99), ErrorCode::internal);
  EXPECT_EQ(code(token(R"(,"exp":100)"), 100), ErrorCode::permission_denied);
  EXPECT_EQ(code(token(R"(,"nbf":100)"), 99), ErrorCode::permission_denied);
  EXPECT_EQ(code(token("", "AA"), 0, "AA"), ErrorCode::internal);
  EXPECT_EQ(code(token("", "AA"), 0, "BB"), ErrorCode::permission_denied);
  std::string forged = token();
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(code(forged, 0), ErrorCode::permission_denied);
  EXPECT_EQ(code("a.b", 0), ErrorCode::malformed);
  EXPECT_EQ(code("a.b.c", 0), ErrorCode::malformed);
  EXPECT_EQ(code("", 0), ErrorCode::malformed);
}

TEST(Claims, HashesEverythingButTheToken) {
  std::vector<uint8_t> plain = binary_with("name", "x");
  std::array<unsigned char, 32> hash;
  crypto_hash_sha256(hash.data(), plain.data(), plain.size());
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02X}", byte);
  const std::vector<uint8_t> section = binary_with("jwt", token("", text));
  std::vector<uint8_t> all = plain;
  all.insert(all.end(), section.begin() + 8, section.end());
  const auto claims = read_claims(all);
  EXPECT_TRUE(claims) << claims.error().full_message();
  all.insert(all.end(), plain.begin() + 8, plain.end());
  EXPECT_FALSE(read_claims(all));
}

TEST(Claims, AHostSignsForItself) {
  const auto key = nats::KeyPair::generate(nats::KeyKind::server);
  const auto claims = parse_token(host_token(key), 0, "");
  ASSERT_TRUE(claims) << claims.error().message();
  EXPECT_EQ(claims->subject, key.public_key());
  EXPECT_EQ(claims->issuer, key.public_key());
  EXPECT_EQ(claims->name, friendly_name(key.public_key()));
}

}  // namespace
}  // namespace wattle::host
