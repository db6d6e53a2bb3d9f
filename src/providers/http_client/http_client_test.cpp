#include "providers/http_client/http_client.h"

#include <gtest/gtest.h>

#include "capability/outgoing_http.h"
#include "http/client.h"
#include "http/error.h"
#include "http/test_support.h"
#include "providers/provider_test.h"

namespace wattle::providers {
namespace {

class HttpClientTest : public ::testing::Test {
 protected:
  using Config = std::map<std::string, std::string>;

  // Runs `test(provider)` on a fiber.
  void with_provider(const Config& config, const std::function<void(capability::Provider&)>& test) {
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      auto provider = http_client_factory()->make(place.context(config)).value();
      test(*provider);
    });
  }
  // The response's status and body, or the failure's case.
  std::string get(capability::Provider& provider, const std::string& host,
                  const capability::Caller& caller = {"shop", "default"}) {
    http::Request request;
    request.method = "GET";
    request.scheme = "http";
    request.authority = host + ":" + std::to_string(server_.port());
    request.path_with_query = "/";
    auto response = provider.outgoing_http()->send(caller, request, nullptr, {});
    if (!response) {
      const auto reason = http::case_of(response.error());
      return reason ? std::string(to_string(*reason)) : response.error().full_message();
    }
    return std::to_string(response->head.status) + " " + http::read_all(*response->body, 1000).value();
  }

 private:
  http::TestServer server_{
      [](http::Exchange& exchange) { (void)exchange.respond({}, http::as_bytes("hello")); }};
};

TEST_F(HttpClientTest, SendsAlongALink) {
  with_provider({}, [&](capability::Provider& provider) {
    ASSERT_TRUE(provider.put_link(link_to_provider({})));
    EXPECT_EQ(get(provider, "127.0.0.1"), "200 hello");
    EXPECT_EQ(get(provider, "127.0.0.1"), "200 hello");
  });
}

TEST_F(HttpClientTest, DeniesWhoHasNoLink) {
  with_provider({}, [&](capability::Provider& provider) {
    EXPECT_EQ(get(provider, "127.0.0.1"), "HTTP-request-denied");
    ASSERT_TRUE(provider.put_link(link_to_provider({})));
    EXPECT_EQ(get(provider, "127.0.0.1", {"other", "default"}), "HTTP-request-denied");
    EXPECT_EQ(get(provider, "127.0.0.1", {"shop", "other"}), "HTTP-request-denied");
    provider.delete_link(link_to_provider({}));
    EXPECT_EQ(get(provider, "127.0.0.1"), "HTTP-request-denied");
  });
}

TEST_F(HttpClientTest, DeniesOtherHosts) {
  with_provider({}, [&](capability::Provider& provider) {
    ASSERT_TRUE(provider.put_link(link_to_provider({{"allowed_hosts", "example.com, 127.0.0.0/30"}})));
    EXPECT_EQ(get(provider, "127.0.0.1"), "200 hello");
    EXPECT_EQ(get(provider, "127.0.0.4"), "destination-IP-prohibited");
    ASSERT_TRUE(provider.put_link(link_to_provider({{"allowed_hosts", ""}})));
    EXPECT_EQ(get(provider, "127.0.0.1"), "destination-IP-prohibited");
  });
}

TEST_F(HttpClientTest, TheProvidersHostsAreTheDefault) {
  with_provider({{"allowed_hosts", "127.0.0.1"}}, [&](capability::Provider& provider) {
    ASSERT_TRUE(provider.put_link(link_to_provider({})));
    EXPECT_EQ(get(provider, "127.0.0.1"), "200 hello");
    ASSERT_TRUE(provider.update_config({{"allowed_hosts", "127.0.0.2"}}));
    EXPECT_EQ(get(provider, "127.0.0.1"), "destination-IP-prohibited");
    EXPECT_FALSE(provider.update_config({{"allowed_hosts", "no host"}}));
    EXPECT_EQ(get(provider, "127.0.0.1"), "destination-IP-prohibited");
  });
}

TEST_F(HttpClientTest, RefusesHostsThatAreNone) {
  with_provider({}, [&](capability::Provider& provider) {
    const auto put = provider.put_link(link_to_provider({{"allowed_hosts", "127.0.0.1,no host"}}));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code(), ErrorCode::invalid_argument);
    EXPECT_NE(put.error().full_message().find("no host"), std::string::npos) << put.error().full_message();
    EXPECT_EQ(get(provider, "127.0.0.1"), "HTTP-request-denied");
  });
}

}  // namespace
}  // namespace wattle::providers
