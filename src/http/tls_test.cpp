#include "http/tls.h"

#include <sys/stat.h>

#include <fstream>

#include "http/client.h"
#include "http/test_certificate.h"
#include "http/test_support.h"

namespace wattle::http {
namespace {

using namespace std::chrono_literals;

ServerOptions with_tls(const Certificate& certificate) {
  ServerOptions options;
  options.tls = TlsServerContext::load(certificate.files()).value();
  return options;
}

void echo(Exchange& exchange) {
  EXPECT_TRUE(exchange.secure());
  EXPECT_EQ(exchange.request().scheme, "https");
  (void)exchange.respond_streaming(Response{}, exchange.body());
}

void with_client(const ClientOptions& options, const std::function<void(Client&)>& test) {
  async::Worker worker;
  async::OffloadPool pool(1);
  worker.spawn([&] {
    Client client(worker, pool, options);
    test(client);
  });
  worker.run();
}

Request request_to(const std::string& host, uint16_t port) {
  Request request;
  request.method = "POST";
  request.scheme = "https";
  request.authority = host + ":" + std::to_string(port);
  return request;
}

TEST(Tls, CarriesBothProtocolsByAlpn) {
  Certificate certificate;
  TestServer server(echo, with_tls(certificate));
  for (bool http2 : {true, false}) {
    ClientOptions options;
    options.tls.ca_file = certificate.certificate_file();
    options.tls.offer_http2 = http2;
    with_client(options, [&](Client& client) {
      const std::string text(2'000'000, 't');
      for (const char* host : {"localhost", "127.0.0.1"}) {
        for (int i = 0; i < 2; ++i) {
          auto response = client.send(request_to(host, server.port()), body_of(as_bytes(text)));
          ASSERT_TRUE(response) << response.error().full_message();
          EXPECT_EQ(response->protocol, http2 ? Protocol::http_2 : Protocol::http_1_1);
          EXPECT_TRUE(read_all(*response->body, 3'000'000).value() == text);
        }
      }
      EXPECT_EQ(server.connections(), 2u);
    });
    EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
  }
}

TEST(Tls, AClientDoesNotTrustWhatItCannotVerify) {
  Certificate certificate("DNS:other.example");
  TestServer server(echo, with_tls(certificate));
  const auto reason = [&](const ClientOptions& options) {
    std::optional<ErrorCase> seen;
    with_client(options, [&](Client& client) {
      auto response = client.send(request_to("localhost", server.port()), nullptr);
      ASSERT_FALSE(response);
      seen = case_of(response.error());
    });
    return seen;
  };
  EXPECT_EQ(reason({}), ErrorCase::tls_certificate_error) << "unknown issuer";
  ClientOptions options;
  options.tls.ca_file = certificate.certificate_file();
  EXPECT_EQ(reason(options), ErrorCase::tls_certificate_error) << "another host's";
  options.tls.ca_file = "/nowhere/ca.pem";
  EXPECT_EQ(reason(options), ErrorCase::configuration_error);
}

TEST(Tls, AClientThatTrustsOthersNowUsesNoOldConnection) {
  Certificate certificate, other;
  for (const bool http2 : {true, false}) {
    TestServer server(echo, with_tls(certificate));
    ClientOptions options;
    options.tls.ca_file = certificate.certificate_file();
    options.tls.offer_http2 = http2;
    with_client(options, [&](Client& client) {
      ASSERT_TRUE(client.send(request_to("localhost", server.port()), nullptr));
      TlsClientOptions tls = options.tls;
      tls.ca_file = other.certificate_file();
      ASSERT_TRUE(client.set_tls(tls));
      auto response = client.send(request_to("localhost", server.port()), nullptr);
      ASSERT_FALSE(response);
      EXPECT_EQ(case_of(response.error()), ErrorCase::tls_certificate_error);
      tls.ca_file = "/nowhere/ca.pem";
      EXPECT_FALSE(client.set_tls(tls));
    });
  }
}

TEST(Tls, APeerThatSpeaksNoTlsIsAnError) {
  TestServer plain([](Exchange& exchange) { (void)exchange.respond(Response{}, {}); });
  with_client({}, [&](Client& client) {
    auto response = client.send(request_to("localhost", plain.port()), nullptr);
    ASSERT_FALSE(response);
    EXPECT_EQ(case_of(response.error()), ErrorCase::tls_protocol_error);
  });
  Certificate certificate;
  TestServer secure(echo, with_tls(certificate));
  RawClient client(secure.port(), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  client.read_to_end();
  EXPECT_TRUE(eventually([&] { return secure.connections() == 0; }));
}

TEST(Tls, AHandshakeThatDoesNotComeEndsTheConnection) {
  Certificate certificate;
  ServerOptions options = with_tls(certificate);
  options.header_timeout = 200ms;
  TestServer server(echo, options);
  RawClient client(server.port());
  EXPECT_TRUE(client.ended());
}

TEST(Tls, NamesTheFileThatIsWrong) {
  Certificate one, other;
  const auto refusal = [](const TlsServerFiles& files) {
    auto loaded = TlsServerContext::load(files);
    return loaded ? Error(ErrorCode::internal, "accepted") : loaded.error();
  };
  EXPECT_EQ(refusal({"/nowhere/c.pem", one.key_file()}).code(), ErrorCode::not_found);
  EXPECT_NE(refusal({one.certificate_file(), "/nowhere/k.pem"}).message().find("/nowhere/k.pem"),
            std::string::npos);
  const Error swapped = refusal({one.key_file(), one.certificate_file()});
  EXPECT_NE(swapped.message().find(one.key_file()), std::string::npos) << swapped.message();
  const Error mismatch = refusal({one.certificate_file(), other.key_file()});
  EXPECT_NE(mismatch.message().find("does not belong"), std::string::npos) << mismatch.message();
  EXPECT_FALSE(mismatch.remedy().empty());
}

}  // namespace
}  // namespace wattle::http
