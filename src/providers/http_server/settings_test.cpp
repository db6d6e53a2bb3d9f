#include "providers/http_server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::providers::http_server {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(HttpServerSettings, HaveDefaults) {
  const auto settings = parse_settings({}, {});
  ASSERT_TRUE(settings) << settings.error().full_message();
  EXPECT_EQ(settings->address, "0.0.0.0:8000");
  EXPECT_EQ(settings->host, "");
  EXPECT_EQ(settings->path, "");
  EXPECT_EQ(settings->timeout, 30s);
  EXPECT_FALSE(settings->cors);
}

TEST(HttpServerSettings, OfALinkGoBeforeTheProviders) {
  const Config provider{{"default_address", "127.0.0.1:80"}};
  EXPECT_EQ(parse_settings(provider, {})->address, "127.0.0.1:80");
  EXPECT_EQ(parse_settings(provider, {{"address", "127.0.0.1:81"}})->address, "127.0.0.1:81");
  EXPECT_EQ(parse_settings(provider, {{"port", "82"}})->address, "0.0.0.0:82");
}

TEST(HttpServerSettings, AreReadInAnyCaseAndForm) {
  const auto settings =
      parse_settings({}, {{"Host", "Example.ORG"},
                          {"config_json", R"({"path": "/api/", "timeout_ms": 1500, "readonly_mode": true,
                               "cors_allowed_origins": ["https://a.example"], "address": "127.0.0.1:1"})"},
                          {"address", "127.0.0.1:2"}});
  ASSERT_TRUE(settings) << settings.error().full_message();
  EXPECT_EQ(settings->host, "example.org");
  EXPECT_EQ(settings->path, "/api");
  EXPECT_EQ(settings->timeout, 1500ms);
  EXPECT_TRUE(settings->read_only);
  EXPECT_EQ(settings->address, "127.0.0.1:2");
  ASSERT_TRUE(settings->cors);
  EXPECT_THAT(settings->cors->allowed_origins, ElementsAre("https://a.example"));
  // {"address":"127.0.0.1:3"}
  EXPECT_EQ(parse_settings({}, {{"config_b64", "eyJhZGRyZXNzIjoiMTI3LjAuMC4xOjMifQ=="}})->address,
            "127.0.0.1:3");
}

TEST(HttpServerSettings, SayWhatIsWrong) {
  const std::vector<std::pair<Config, std::string>> wrong{
      {{{"path", "api"}}, "path"},
      {{{"path", "/a?b"}}, "path"},
      {{{"port", "65536"}}, "port"},
      {{{"port", "-1"}}, "port"},
      {{{"timeout_ms", "soon"}}, "timeout_ms"},
      {{{"readonly_mode", "yes"}}, "readonly_mode"},
      {{{"cache_control", "a\r\nb: c"}}, "cache_control"},
      {{{"cors_allowed_origins", "https://a.example"}}, "cors_allowed_origins"},
      {{{"cors_allowed_methods", R"(["GET\n"])"}}, "cors_allowed_methods"},
      {{{"config_json", "["}}, "config_json"},
      {{{"config_b64", "?"}}, "config_b64"},
      {{{"tls_cert_file", "a.pem"}}, "tls_priv_key_file"},
  };
  for (const auto& [config, key] : wrong) {
    const auto settings = parse_settings({}, config);
    ASSERT_FALSE(settings) << key;
    EXPECT_EQ(settings.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(settings.error().full_message(), HasSubstr(key));
  }
}

TEST(HttpServerSettings, NameWhatTheProviderRoutesBy) {
  EXPECT_TRUE(parse_settings({{"routing_mode", "path"}}, {{"path", "/a"}}));
  const auto settings = parse_settings({{"routing_mode", "host"}}, {{"path", "/a"}});
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().full_message(), AllOf(HasSubstr("host"), HasSubstr("names no")));
  EXPECT_FALSE(parse_settings({{"routing_mode", "weather"}}, {}));
}

}  // namespace
}  // namespace wattle::providers::http_server
