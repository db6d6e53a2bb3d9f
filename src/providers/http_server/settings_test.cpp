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

TEST(HttpServerSettings, OfTheProviderHoldForLinksThatSayNothingElse) {
  const Config provider{{"routing_mode", "path"},
                        {"Timeout_MS", "1500"},
                        {"readonly_mode", "true"},
                        {"cors_max_age_secs", "60"},
                        {"address", "127.0.0.1:80"}};
  const auto settings = parse_settings(provider, {{"path", "/a"}, {"readonly_mode", "false"}});
  ASSERT_TRUE(settings) << settings.error().full_message();
  EXPECT_EQ(settings->timeout, 1500ms);
  EXPECT_FALSE(settings->read_only);
  EXPECT_EQ(settings->cors.value_or(Cors()).max_age_seconds, 60u);
  EXPECT_EQ(settings->address, "127.0.0.1:80");
}

TEST(HttpServerSettings, NameTheFieldWithTheHost) {
  const auto field = [](const std::string& mode, const std::string& header) {
    return parse_settings({{"routing_mode", mode}, {"header", header}}, {{"host", "a"}})->host_field;
  };
  EXPECT_EQ(field("host", "X-Forwarded-Host"), "x-forwarded-host");
  EXPECT_EQ(field("host", "Host"), "");
  EXPECT_EQ(field("host", ""), "");
  EXPECT_EQ(field("address", "X-Forwarded-Host"), "");
}

TEST(HttpServerSettings, LeaveOutAHostsPort) {
  EXPECT_EQ(parse_settings({}, {{"host", "Example.org:8000"}})->host, "example.org");
}

TEST(HttpServerSettings, KeepConnectionsUnlessTheyMustNot) {
  EXPECT_TRUE(parse_settings({}, {})->keep_alive);
  EXPECT_TRUE(parse_settings({}, {{"disable_keepalive", "false"}})->keep_alive);
  EXPECT_FALSE(parse_settings({}, {{"disable_keepalive", "true"}})->keep_alive);
  EXPECT_FALSE(parse_settings({}, {{"config_json", R"({"disable_keepalive": true})"}})->keep_alive);
}

TEST(HttpServerSettings, MayComeInGroups) {
  const auto settings =
      parse_settings({}, {{"config_json", R"({"tls": {"cert_file": "c", "priv_key_file": "k"},
                     "cors": {"allowed_origins": ["https://a.example"], "max_age_secs": 60},
                     "cors_max_age_secs": 70, "cache_control": null})"}});
  ASSERT_TRUE(settings) << settings.error().full_message();
  EXPECT_EQ(settings->tls_certificate_file, "c");
  EXPECT_EQ(settings->tls_key_file, "k");
  ASSERT_TRUE(settings->cors);
  EXPECT_THAT(settings->cors->allowed_origins, ElementsAre("https://a.example"));
  EXPECT_EQ(settings->cors->max_age_seconds, 70u);
  EXPECT_EQ(settings->cache_control, "");
}

TEST(HttpServerSettings, SayWhatIsWrong) {
  const std::vector<std::pair<Config, std::string>> wrong{
      {{{"path", "api"}}, "path"},
      {{{"path", "/a?b"}}, "path"},
      {{{"port", "65536"}}, "port"},
      {{{"port", "-1"}}, "port"},
      {{{"timeout_ms", "soon"}}, "timeout_ms"},
      {{{"readonly_mode", "yes"}}, "readonly_mode"},
      {{{"disable_keepalive", "yes"}}, "disable_keepalive"},
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
  EXPECT_FALSE(parse_settings({{"routing_mode", "host"}, {"header", "x host"}}, {{"host", "a"}}));
}

}  // namespace
}  // namespace wattle::providers::http_server
