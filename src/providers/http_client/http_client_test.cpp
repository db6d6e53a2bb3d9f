#include "providers/http_client/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capability/outgoing_http.h"
#include "http/client.h"
#include "http/error.h"
#include "http/test_certificate.h"
#include "http/test_support.h"
#include "providers/provider_test.h"

namespace wattle::providers {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

using Config = std::map<std::string, std::string>;

class HttpClientTest : public ::testing::Test {
 protected:
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

// Two servers: the system's roots vouch for one, a file for the other.
class HttpClientTlsTest : public ::testing::Test {
 protected:
  static http::ServerOptions with_tls(const http::Certificate& certificate) {
    http::ServerOptions options;
    options.tls = http::TlsServerContext::load(certificate.files()).value();
    return options;
  }
  static void hello(http::Exchange& exchange) { (void)exchange.respond({}, http::as_bytes("hello")); }
  static Result<std::unique_ptr<capability::Provider>> make(TestPlace& place, const Config& config) {
    return http_client_factory()->make(place.context(config));
  }
  static bool trusts(capability::Provider& provider, const http::TestServer& server) {
    http::Request request;
    request.scheme = "https";
    request.authority = "localhost:" + std::to_string(server.port());
    const auto response = provider.outgoing_http()->send({"shop", "default"}, request, nullptr, {});
    if (!response) {
      EXPECT_EQ(http::case_of(response.error()), http::ErrorCase::tls_certificate_error)
          << response.error().full_message();
    }
    return response.has_value();
  }
  // "system, file": which of the servers a provider with `config` trusts.
  std::string trusted(const Config& config) {
    std::string names;
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      auto provider = make(place, config);
      ASSERT_TRUE(provider) << provider.error().full_message();
      ASSERT_TRUE((*provider)->put_link(link_to_provider({})));
      if (trusts(**provider, system_server_)) names += "system ";
      if (trusts(**provider, file_server_)) names += "file ";
    });
    return names;
  }
  // What it is refused for.
  static std::string refusal(const Config& config) {
    std::string text;
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      const auto provider = make(place, config);
      ASSERT_FALSE(provider);
      text = provider.error().full_message();
    });
    return text;
  }

  struct SystemRoots {
    explicit SystemRoots(const std::string& file) { ::setenv("SSL_CERT_FILE", file.c_str(), 1); }
    ~SystemRoots() { ::unsetenv("SSL_CERT_FILE"); }
  };
  http::Certificate system_, file_;
  SystemRoots system_roots_{system_.certificate_file()};
  http::TestServer system_server_{hello, with_tls(system_)};
  http::TestServer file_server_{hello, with_tls(file_)};
};

TEST_F(HttpClientTlsTest, TrustsTheSystemsRoots) {
  EXPECT_EQ(trusted({}), "system ");
  EXPECT_EQ(trusted({{"load_native_certs", "false"}}), "system ");
  EXPECT_EQ(trusted({{"load_webpki_certs", "false"}}), "system ");
}

TEST_F(HttpClientTlsTest, TrustsAFilesRootsBesideThem) {
  EXPECT_EQ(trusted({{"ssl_certs_file", file_.certificate_file()}}), "system file ");
}

TEST_F(HttpClientTlsTest, TrustsAFilesRootsAlone) {
  EXPECT_EQ(trusted({{"load_native_certs", "false"},
                     {"load_webpki_certs", "false"},
                     {"ssl_certs_file", file_.certificate_file()}}),
            "file ");
}

TEST_F(HttpClientTlsTest, RefusesToTrustNobody) {
  run_test([](async::Worker& worker) {
    TestPlace place(worker);
    const auto provider = make(place, {{"load_native_certs", "false"}, {"load_webpki_certs", "FALSE"}});
    ASSERT_FALSE(provider);
    EXPECT_EQ(provider.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(provider.error().message(), HasSubstr("load_native_certs"));
    EXPECT_THAT(provider.error().remedy(), HasSubstr("ssl_certs_file"));
  });
}

TEST_F(HttpClientTlsTest, RefusesAFileWithoutCertificates) {
  const nats::TestFolder folder;
  const std::string empty = folder.write("empty.pem", ""),
                    other = folder.write("other.pem", "no certificate\n");
  for (const std::string& file : {std::string("/nowhere/roots.pem"), empty, other, file_.key_file()}) {
    EXPECT_THAT(refusal({{"ssl_certs_file", file}}), AllOf(HasSubstr("ssl_certs_file"), HasSubstr(file)));
  }
}

TEST_F(HttpClientTlsTest, ANewConfigChangesWhomItTrusts) {
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto provider = make(place, {});
    ASSERT_TRUE((*provider)->put_link(link_to_provider({})));
    EXPECT_TRUE(trusts(**provider, system_server_));
    Config config{{"load_native_certs", "false"},
                  {"load_webpki_certs", "false"},
                  {"ssl_certs_file", file_.certificate_file()}};
    ASSERT_TRUE((*provider)->update_config(config));
    EXPECT_FALSE(trusts(**provider, system_server_));
    EXPECT_TRUE(trusts(**provider, file_server_));
    config.erase("ssl_certs_file");
    EXPECT_FALSE((*provider)->update_config(config));
    EXPECT_TRUE(trusts(**provider, file_server_));
  });
}

}  // namespace
}  // namespace wattle::providers
