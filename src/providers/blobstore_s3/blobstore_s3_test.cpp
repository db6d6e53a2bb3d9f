#include "providers/blobstore_s3/blobstore_s3.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "providers/blobstore_contract.h"
#include "providers/blobstore_s3/client.h"
#include "providers/blobstore_s3/store.h"
#include "providers/blobstore_s3/xml.h"
#include "providers/test_servers.h"

namespace wattle::providers {
namespace {

struct S3Backend {
  static constexpr bool kHasServer = true;
  std::unique_ptr<capability::ProviderFactory> factory() { return blobstore_s3_factory(); }
  std::map<std::string, std::string> link_config() { return server.settings(); }
  void pause() { server.pause(); }
  void resume() { server.resume(); }
  void stop() { server.stop(); }
  void start() { server.start(); }

  S3Server server;
};
INSTANTIATE_TYPED_TEST_SUITE_P(S3, BlobstoreContract, S3Backend);

// The examples of "Authenticating Requests: Using the Authorization Header" in Amazon's documentation. s3rver
// does not look at signatures.
class S3Signature : public testing::Test {
 protected:
  static std::string signature(s3::ToSign request, std::string_view payload = "") {
    request.payload_sha256 = s3::sha256_hex(payload);
    request.headers["host"] = "examplebucket.s3.amazonaws.com";
    request.headers["x-amz-content-sha256"] = request.payload_sha256;
    request.headers["x-amz-date"] = "20130524T000000Z";
    const s3::Credentials credentials{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                      .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                      .session_token = {}};
    return s3::authorization(request, credentials, "us-east-1", "20130524T000000Z");
  }
};

TEST_F(S3Signature, OfARange) {
  EXPECT_EQ(signature({.method = "GET",
                       .path = "/test.txt",
                       .query = {},
                       .headers = {{"range", "bytes=0-9"}},
                       .payload_sha256 = {}}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3Signature, OfAnObject) {
  EXPECT_THAT(signature({.method = "PUT",
                         .path = "/" + s3::encode("test$file.text", true),
                         .query = {},
                         .headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                         .payload_sha256 = {}},
                        "Welcome to Amazon S3."),
              testing::EndsWith("=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST_F(S3Signature, OfAList) {
  EXPECT_THAT(signature({.method = "GET",
                         .path = "/",
                         .query = {{"prefix", "J"}, {"max-keys", "2"}},
                         .headers = {},
                         .payload_sha256 = {}}),
              testing::EndsWith("=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST_F(S3Signature, EncodesPathsAndQueries) {
  EXPECT_EQ(s3::encode("a b/\xc3\xa4~", true), "a%20b/%C3%A4~");
  EXPECT_EQ(s3::encode("a/b"), "a%2Fb");
  EXPECT_EQ(s3::canonical_query({{"uploads", ""}, {"a", "1/2"}}), "a=1%2F2&uploads=");
}

TEST(S3Xml, FindsElements) {
  const std::string xml = "<R a='1'><Key>a&amp;b&#x20;&#65;</Key><KeyCount>2</KeyCount><Key/><Key>c";
  EXPECT_EQ(s3::elements(xml, "Key").size(), 2u);
  EXPECT_EQ(s3::element_text(xml, "Key"), "a&b A");
  EXPECT_EQ(s3::element_text(xml, "None"), std::nullopt);
  EXPECT_EQ(s3::plain_text("&unknown; & &#xzz;"), "&unknown; & &#xzz;");
  EXPECT_EQ(s3::plain_text(s3::xml_text("<a&b>")), "<a&b>");
}

TEST(S3Dates, AreRead) {
  EXPECT_EQ(s3::seconds_of_http_date("Wed, 21 Oct 2015 07:28:00 GMT"), 1445412480u);
  EXPECT_EQ(s3::seconds_of_iso_date("2015-10-21T07:28:00.000Z"), 1445412480u);
  EXPECT_EQ(s3::seconds_of_http_date("soon"), 0u);
}

TEST(BlobstoreS3, SettingsInOneObject) {
  const Settings::Map plain = {
      {"config_b64", "eyJhY2Nlc3Nfa2V5X2lkIjoiYSIsInNlY3JldF9hY2Nlc3Nfa2V5IjoicyIsInJlZ2lvbiI6ImV1In0="}};
  const auto settings = [](const Settings::Map& config) -> Result<s3::ClientSettings> {
    WATTLE_TRY(const Settings::Map unfolded, s3::unfold_settings(config));
    return s3::read_client_settings(Settings({&unfolded}));
  };
  auto read = settings(plain);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->credentials.secret_access_key, "s");
  EXPECT_EQ(read->authority, "s3.eu.amazonaws.com");
  for (const Settings::Map& wrong : std::vector<Settings::Map>{
           {},
           {{"config_b64", "marker!"}},
           {{"config_json", "[\"marker\"]"}},
           {{"access_key_id", "a"}, {"secret_access_key", "marker"}, {"endpoint", "ftp://x"}}}) {
    auto refused = settings(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().full_message().find("marker"), std::string::npos);
  }
}

TEST(BlobstoreS3, EverySettingMayStandInTheObject) {
  const Settings::Map config = {
      {"config_json", R"({"max_attempts": 7, "region": "inside", "bucket_region": null, "timeout_ms": 5,
                          "aliases": {"Pictures": "bucket-1"}})"},
      {"REGION", "outside"},
      {"alias_logs", "bucket-2"}};
  const auto unfolded = s3::unfold_settings(config);
  ASSERT_TRUE(unfolded) << unfolded.error().message();
  const Settings settings({&*unfolded});
  EXPECT_EQ(settings.text("max_attempts"), "7");
  EXPECT_EQ(settings.text("timeout_ms"), "5");
  EXPECT_EQ(settings.text("region"), "outside");
  EXPECT_FALSE(settings.has("bucket_region"));
  EXPECT_EQ(unfolded->at("alias_Pictures"), "bucket-1");
  EXPECT_EQ(unfolded->at("alias_logs"), "bucket-2");
}

TEST(BlobstoreS3, AttemptsInTheObjectAreBounded) {
  const auto attempts = [](const std::string& most) -> Result<uint64_t> {
    const Settings::Map config = {{"access_key_id", "a"},
                                  {"secret_access_key", "s"},
                                  {"config_json", "{\"max_attempts\": " + most + "}"}};
    WATTLE_TRY(const Settings::Map unfolded, s3::unfold_settings(config));
    WATTLE_TRY(const s3::ClientSettings read, s3::read_client_settings(Settings({&unfolded})));
    return read.attempts_max;
  };
  EXPECT_EQ(attempts("7").value(), 7u);
  EXPECT_FALSE(attempts("0"));
}

TEST(BlobstoreS3, RefusesToAssumeARole) {
  const Settings::Map config = {{"config_json", R"({"sts_config": {"role": "arn:aws:iam::1:role/a"}})"}};
  const auto refused = s3::unfold_settings(config);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("sts_config"));
  EXPECT_THAT(refused.error().remedy(), testing::HasSubstr("session_token"));
  const Settings::Map without = {{"config_json", R"({"sts_config": null})"}};
  EXPECT_TRUE(s3::unfold_settings(without));
}

TEST(BlobstoreS3, RefusesAliasesOfNothing) {
  for (const char* aliases : {"[]", R"({"a": 1})", R"({"a": ""})"}) {
    const Settings::Map config = {{"config_json", fmt::format(R"({{"aliases": {}}})", aliases)}};
    const auto refused = s3::unfold_settings(config);
    ASSERT_FALSE(refused) << aliases;
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("aliases"));
  }
}

TEST(BlobstoreS3, AnAliasInTheObjectStandsForItsBucket) {
  S3Server server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = blobstore_s3_factory()->make(place.context());
    auto link = link_to_provider(server.settings());
    link.secrets["config_json"] = R"({"aliases": {"pictures": "bucket-1"}})";
    ASSERT_TRUE((*provider)->put_link(link));
    auto& store = *(*provider)->blobstore();
    const capability::Caller caller{"shop", "default"};
    BLOB_DONE(store.create_container(caller, "pictures"));
    for (const char* name : {"pictures", "alias_pictures", "bucket-1"}) {
      BLOB_OR_FAIL(exists, store.container_exists(caller, name));
      EXPECT_TRUE(exists) << name;
    }
  });
}

TEST(BlobstoreS3, StrangersAreDeniedAndTheirSecretsNotShown) {
  S3Server server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = blobstore_s3_factory()->make(place.context());
    auto link = link_to_provider(server.settings());
    link.config.erase("secret_access_key");
    link.config["access_key_id"] = "stranger";
    link.secrets["secret_access_key"] = "marker";
    ASSERT_TRUE((*provider)->put_link(link));
    auto made = (*provider)->blobstore()->create_container({"shop", "default"}, "bucket");
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().find("403"), std::string::npos) << made.error();
    EXPECT_EQ(made.error().find("marker"), std::string::npos) << made.error();
  });
}

}  // namespace
}  // namespace wattle::providers
