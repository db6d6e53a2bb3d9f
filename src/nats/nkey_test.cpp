#include "nats/nkey.h"

#include <gtest/gtest.h>

#include "nats/credentials.h"

namespace wattle::nats {
namespace {

// The pair of NATS's own documentation.
constexpr std::string_view kSeed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
constexpr std::string_view kPublic = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

std::string text_of(const std::array<uint8_t, 64>& signature) {
  return {reinterpret_cast<const char*>(signature.data()), signature.size()};
}

TEST(KeyPair, ReadsADocumentedSeed) {
  const auto pair = KeyPair::from_seed(kSeed);
  ASSERT_TRUE(pair) << pair.error().message();
  EXPECT_EQ(pair->public_key(), kPublic);
  EXPECT_EQ(pair->seed(), kSeed);
  EXPECT_EQ(pair->kind(), KeyKind::user);
}

TEST(KeyPair, EachKindHasItsLetter) {
  const std::pair<KeyKind, char> letters[] = {
      {KeyKind::account, 'A'},   {KeyKind::cluster, 'C'}, {KeyKind::module, 'M'},  {KeyKind::server, 'N'},
      {KeyKind::operator_, 'O'}, {KeyKind::user, 'U'},    {KeyKind::provider, 'V'}};
  for (const auto& [kind, letter] : letters) {
    const KeyPair pair = KeyPair::generate(kind);
    EXPECT_EQ(pair.public_key()[0], letter);
    EXPECT_EQ(pair.seed()[0], 'S');
    EXPECT_EQ(pair.seed()[1], letter);
    EXPECT_EQ(kind_of_public_key(pair.public_key()).value(), kind);
    EXPECT_EQ(KeyPair::from_seed(pair.seed()).value().public_key(), pair.public_key());
  }
}

TEST(KeyPair, VerifiesItsOwnSignatureOnly) {
  const KeyPair pair = KeyPair::generate(KeyKind::user);
  const std::string signature = text_of(pair.sign("nonce"));
  EXPECT_TRUE(verify(pair.public_key(), "nonce", signature).value());
  EXPECT_FALSE(verify(pair.public_key(), "other", signature).value());
  EXPECT_FALSE(verify(kPublic, "nonce", signature).value());
  EXPECT_FALSE(verify(pair.public_key(), "nonce", "short").value());
}

TEST(KeyPair, RefusesWhatIsNoSeed) {
  std::string changed(kSeed);
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  for (std::string_view text : {std::string_view(""), std::string_view("SU"), kPublic,
                                std::string_view("hello!"), std::string_view(changed), kSeed.substr(1)}) {
    const auto pair = KeyPair::from_seed(text);
    ASSERT_FALSE(pair);
    EXPECT_EQ(pair.error().code(), ErrorCode::malformed);
    EXPECT_TRUE(text.size() < 20 || pair.error().full_message().find(text) == std::string::npos);
  }
  EXPECT_EQ(KeyPair::from_seed(CurveKeyPair::generate().seed()).error().code(), ErrorCode::invalid_argument);
}

TEST(CurveKeyPair, SealsForOneReader) {
  const auto writer = CurveKeyPair::generate();
  const auto reader = CurveKeyPair::generate();
  const auto other = CurveKeyPair::generate();
  EXPECT_EQ(writer.public_key()[0], 'X');
  EXPECT_TRUE(writer.seed().starts_with("SX"));
  auto sealed = writer.seal("a secret", reader.public_key()).value();
  EXPECT_TRUE(sealed.starts_with("xkv1"));
  EXPECT_EQ(CurveKeyPair::from_seed(reader.seed()).value().open(sealed, writer.public_key()).value(),
            "a secret");
  EXPECT_EQ(other.open(sealed, writer.public_key()).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(reader.open(sealed, other.public_key()).error().code(), ErrorCode::permission_denied);
  sealed.back() = static_cast<char>(sealed.back() ^ 1);
  EXPECT_EQ(reader.open(sealed, writer.public_key()).error().code(), ErrorCode::permission_denied);
  EXPECT_EQ(reader.open("xkv1", writer.public_key()).error().code(), ErrorCode::malformed);
  EXPECT_EQ(writer.seal("a secret", kPublic).error().code(), ErrorCode::invalid_argument);
}

TEST(Credentials, ReadsJwtAndSeed) {
  const std::string text =
      "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n\n"
      "************************* IMPORTANT *************************\n\n"
      "-----BEGIN USER NKEY SEED-----\r\n" +
      std::string(kSeed) + "\r\n------END USER NKEY SEED------\r\n";
  const auto credentials = parse_credentials(text);
  ASSERT_TRUE(credentials) << credentials.error().message();
  EXPECT_EQ(credentials->jwt, "eyJ0.eyJq.c2ln");
  EXPECT_EQ(credentials->key.public_key(), kPublic);
  EXPECT_EQ(parse_seed_file(text).value().public_key(), kPublic);
  EXPECT_EQ(parse_seed_file(" " + std::string(kSeed) + "\n").value().public_key(), kPublic);
}

TEST(Credentials, RefusesWhatLacksAPart) {
  EXPECT_EQ(parse_credentials("").error().code(), ErrorCode::malformed);
  EXPECT_EQ(parse_credentials("-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n")
                .error()
                .code(),
            ErrorCode::malformed);
  bool others = false;
  EXPECT_EQ(read_secret_file("/nonexistent/user.creds", others).error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace wattle::nats
