// The provider with real sockets on one worker; components are functions of the test.
#include "providers/http_server/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"
#include "http/test_certificate.h"
#include "telemetry/log.h"

namespace wattle::providers::http_server {
namespace {

using namespace std::chrono_literals;
using capability::ProviderLink;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Config = std::map<std::string, std::string>;

// Each component answers with its name.
class Components final : public capability::ComponentCalls {
 public:
  void handle_http(std::string_view target, http::Exchange& exchange) override {
    if (on_http) return on_http(target, exchange);
    (void)exchange.respond({}, http::as_bytes(target));
  }
  Result<tl::expected<void, std::string>> handle_message(std::string_view,
                                                         const capability::BrokerMessage&) override {
    return failure(ErrorCode::unsupported, "no messages here");
  }
  Result<void> key_was_set(std::string_view, std::string_view, std::string_view, std::string_view) override {
    return failure(ErrorCode::unsupported, "no keys here");
  }
  Result<void> key_was_deleted(std::string_view, std::string_view, std::string_view) override {
    return failure(ErrorCode::unsupported, "no keys here");
  }
  std::function<void(std::string_view, http::Exchange&)> on_http;
};

ProviderLink link_to(const std::string& target, Config config) {
  config.emplace("address", "127.0.0.1:0");
  return {.source_id = "web",
          .target = target,
          .name = "to-" + target,
          .wit_namespace = "wasi",
          .wit_package = "http",
          .interfaces = {"incoming-handler"},
          .config = std::move(config),
          .secrets = {}};
}

struct Place {
  explicit Place(async::Worker& its_worker, http::ClientOptions options = {})
      : worker(its_worker), client(worker, blocking, std::move(options)) {}
  ~Place() { client.close_idle(); }

  std::unique_ptr<capability::Provider> make_provider(Config config = {}) {
    auto made = factory.make({.worker = worker,
                              .blocking = blocking,
                              .log = log,
                              .components = components,
                              .provider_id = "web",
                              .config = std::move(config),
                              .secrets = {}});
    return std::move(*made);
  }
  std::string address() const { return factory.actual_address("127.0.0.1:0"); }
  http::Request request(const std::string& path) const {
    http::Request request;
    request.authority = address();
    request.path_with_query = path;
    return request;
  }
  struct Answer {
    uint16_t status;
    std::string body;
    http::Fields fields;
  };
  Result<Answer> send(const http::Request& request) {
    WATTLE_TRY(auto response, client.send(request, nullptr));
    WATTLE_TRY(auto body, http::read_all(*response.body, 10'000));
    return Answer{response.head.status, std::move(body), std::move(response.head.fields)};
  }
  // Status and body; 0 with the error's text.
  std::pair<int, std::string> get(const std::string& path) {
    auto answer = send(request(path));
    if (!answer) return {0, answer.error().full_message()};
    return {answer->status, answer->body};
  }

  async::Worker& worker;
  async::OffloadPool blocking{1};
  telemetry::Log log{{.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}}};
  Components components;
  HttpServerFactory factory;
  http::Client client;
};

void run_test(const std::function<void(async::Worker&)>& test) {
  async::Worker worker;
  worker.spawn([&] {
    async::Fiber::current().set_deadline(Clock::now() + 60s);
    test(worker);
  });
  worker.run();
}

using Got = std::pair<int, std::string>;

TEST(HttpServerProvider, GivesEachPathItsComponent) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"path", "/shop"}})));
    ASSERT_TRUE(provider->put_link(link_to("blog", {{"path", "/blog"}})));
    EXPECT_EQ(place.get("/shop/1"), Got(200, "shop"));
    EXPECT_EQ(place.get("/blog"), Got(200, "blog"));
    const auto nobody = place.get("/shopping");
    EXPECT_EQ(nobody.first, 404);
    EXPECT_THAT(nobody.second, HasSubstr("/shopping"));
    provider->drain();
  });
}

TEST(HttpServerProvider, ALinkThatLeadsElsewhereKeepsItsPort) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    const auto before = link_to("first", {{"path", "/a"}});
    auto after = before;
    after.target = "second";
    ASSERT_TRUE(provider->put_link(before));
    const std::string address = place.address();
    ASSERT_TRUE(provider->put_link(after));
    provider->delete_link(before);
    EXPECT_EQ(place.get("/a"), Got(200, "second"));
    EXPECT_EQ(place.address(), address);
    provider->drain();
  });
}

TEST(HttpServerProvider, RefusesARouteThatIsTakenByName) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("first", {{"path", "/a"}})));
    const auto refused = provider->put_link(link_to("second", {{"path", "/a"}}));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().full_message(),
                AllOf(HasSubstr("first"), HasSubstr("second"), HasSubstr("/a")));
    EXPECT_EQ(place.get("/a"), Got(200, "first"));
    provider->drain();
  });
}

TEST(HttpServerProvider, NamesAPortThatSomebodyElseHas) {
  run_test([](async::Worker& worker) {
    Place place(worker), other(worker);
    const auto provider = place.make_provider(), late = other.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("first", {})));
    const auto refused = late->put_link(link_to("second", {{"address", place.address()}}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::already_exists);
    EXPECT_THAT(refused.error().full_message(), HasSubstr(place.address()));
    provider->drain();
    late->drain();
  });
}

TEST(HttpServerProvider, ChangesARouteWhileItServes) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("keeper", {{"path", "/keeper"}})));
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"path", "/old"}})));
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"path", "/new"}, {"readonly_mode", "true"}})));
    EXPECT_EQ(place.get("/old").first, 404);
    EXPECT_EQ(place.get("/new"), Got(200, "shop"));
    http::Request post = place.request("/new");
    post.method = "POST";
    EXPECT_EQ(place.send(post)->status, 405);
    // What cannot be leaves it as it was.
    EXPECT_FALSE(provider->put_link(link_to("shop", {{"path", "/keeper"}})));
    EXPECT_EQ(place.get("/new"), Got(200, "shop"));
    provider->delete_link(link_to("shop", {}));
    EXPECT_EQ(place.get("/new").first, 404);
    EXPECT_EQ(place.get("/keeper"), Got(200, "keeper"));
    provider->drain();
  });
}

TEST(HttpServerProvider, GivesAPortBackWithItsLastRoute) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("shop", {})));
    const std::string address = place.address();
    EXPECT_EQ(place.get("/"), Got(200, "shop"));
    place.client.close_idle();
    provider->delete_link(link_to("shop", {}));
    while (!place.address().empty()) ASSERT_TRUE(async::sleep_for(5ms));
    // Another may have it, and so may this provider again.
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"address", address}})));
    http::Request request = place.request("/");
    request.authority = address;
    const auto answer = place.send(request);
    ASSERT_TRUE(answer) << answer.error().full_message();
    EXPECT_EQ(answer->body, "shop");
    provider->drain();
  });
}

TEST(HttpServerProvider, RoutesByTheHeaderThatHasTheHost) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider({{"routing_mode", "host"}, {"header", "X-Forwarded-Host"}});
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"host", "shop.example"}})));
    ASSERT_TRUE(provider->put_link(link_to("blog", {{"host", "blog.example"}})));
    const auto get_for = [&](const std::string& host) {
      http::Request request = place.request("/");
      (void)request.fields.append("x-forwarded-host", host);
      const auto answer = place.send(request);
      return answer ? Got(answer->status, answer->body) : Got(0, answer.error().full_message());
    };
    EXPECT_EQ(get_for("shop.example"), Got(200, "shop"));
    EXPECT_EQ(get_for("Blog.example:443"), Got(200, "blog"));
    EXPECT_EQ(get_for("other.example").first, 404);
    const auto without = place.get("/");
    EXPECT_EQ(without.first, 400);
    EXPECT_THAT(without.second, HasSubstr("x-forwarded-host"));
    provider->drain();
  });
}

TEST(HttpServerProvider, KeepsNoConnectionOfALinkThatDoesNotWantIt) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"path", "/shop"}, {"disable_keepalive", "true"}})));
    ASSERT_TRUE(provider->put_link(link_to("blog", {{"path", "/blog"}})));
    EXPECT_EQ(place.get("/blog"), Got(200, "blog"));
    EXPECT_EQ(place.client.idle_connections(), 1u);
    EXPECT_EQ(place.get("/shop"), Got(200, "shop"));
    EXPECT_EQ(place.client.idle_connections(), 0u);
    provider->drain();
  });
}

TEST(HttpServerProvider, AnswersPreflightsAndMarksWhatAnOriginMayRead) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("shop", {{"cors_allowed_origins", R"(["https://shop.example"])"},
                                                    {"cors_allowed_methods", R"(["GET", "PUT"])"},
                                                    {"cors_exposed_headers", R"(["x-total"])"},
                                                    {"cors_max_age_secs", "60"},
                                                    {"cache_control", "no-store"}})));
    http::Request preflight = place.request("/");
    preflight.method = "OPTIONS";
    (void)preflight.fields.append("origin", "https://shop.example");
    (void)preflight.fields.append("access-control-request-method", "PUT");
    (void)preflight.fields.append("access-control-request-headers", "x-token");
    const auto allowed = place.send(preflight);
    ASSERT_TRUE(allowed) << allowed.error().full_message();
    EXPECT_EQ(allowed->status, 204);
    EXPECT_EQ(allowed->fields.get("access-control-allow-origin"), "https://shop.example");
    EXPECT_EQ(allowed->fields.get("access-control-allow-methods"), "GET, PUT");
    EXPECT_EQ(allowed->fields.get("access-control-allow-headers"), "x-token");
    EXPECT_EQ(allowed->fields.get("access-control-max-age"), "60");

    http::Request request = place.request("/");
    (void)request.fields.append("origin", "https://shop.example");
    const auto answer = place.send(request);
    ASSERT_TRUE(answer) << answer.error().full_message();
    EXPECT_EQ(answer->body, "shop");
    EXPECT_EQ(answer->fields.get("access-control-allow-origin"), "https://shop.example");
    EXPECT_EQ(answer->fields.get("access-control-expose-headers"), "x-total");
    EXPECT_EQ(answer->fields.get("cache-control"), "no-store");
    EXPECT_EQ(answer->fields.get("vary"), "origin");
    provider->drain();
  });
}

TEST(HttpServerProvider, TellsAForeignOriginNothing) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    const auto provider = place.make_provider();
    ASSERT_TRUE(
        provider->put_link(link_to("shop", {{"cors_allowed_origins", R"(["https://shop.example"])"}})));
    http::Request request = place.request("/");
    (void)request.fields.append("origin", "https://evil.example");
    const auto answer = place.send(request);
    ASSERT_TRUE(answer) << answer.error().full_message();
    EXPECT_FALSE(answer->fields.has("access-control-allow-origin"));
    request.method = "OPTIONS";
    (void)request.fields.append("access-control-request-method", "GET");
    const auto preflight = place.send(request);
    ASSERT_TRUE(preflight) << preflight.error().full_message();
    EXPECT_EQ(preflight->status, 204);
    EXPECT_FALSE(preflight->fields.has("access-control-allow-origin"));
    provider->drain();
  });
}

TEST(HttpServerProvider, ServesTlsAndKeepsToOneCertificateForAnAddress) {
  run_test([](async::Worker& worker) {
    http::Certificate certificate, other;
    http::ClientOptions options;
    options.tls.ca_file = certificate.certificate_file();
    Place place(worker, options);
    const auto provider = place.make_provider();
    const Config tls{{"tls_cert_file", certificate.certificate_file()},
                     {"tls_priv_key_file", certificate.key_file()}};
    ASSERT_TRUE(provider->put_link(link_to("shop", tls)));
    http::Request request = place.request("/");
    request.scheme = "https";
    const auto answer = place.send(request);
    ASSERT_TRUE(answer) << answer.error().full_message();
    EXPECT_EQ(answer->body, "shop");
    for (const Config& unlike : {Config{{"path", "/b"}}, Config{{"path", "/b"},
                                                                {"tls_cert_file", other.certificate_file()},
                                                                {"tls_priv_key_file", other.key_file()}}}) {
      const auto refused = provider->put_link(link_to("blog", unlike));
      ASSERT_FALSE(refused);
      EXPECT_THAT(refused.error().full_message(), HasSubstr(certificate.certificate_file()));
    }
    Config beside = tls;
    beside.emplace("path", "/b");
    EXPECT_TRUE(provider->put_link(link_to("blog", beside)));
    provider->drain();
  });
}

TEST(HttpServerProvider, ARequestsTimeoutReachesTheComponent) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    place.components.on_http = [](std::string_view, http::Exchange& exchange) {
      const bool ended = !async::sleep_for(20s);
      (void)exchange.respond({}, http::as_bytes(ended ? "ended" : "went on"));
    };
    const auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("slow", {{"timeout_ms", "50"}})));
    EXPECT_EQ(place.get("/"), Got(200, "ended"));
    provider->drain();
  });
}

TEST(HttpServerProvider, FinishesWhatItTookWhenItDrains) {
  run_test([](async::Worker& worker) {
    Place place(worker);
    async::Signal begun;
    place.components.on_http = [&begun](std::string_view target, http::Exchange& exchange) {
      begun.notify();
      (void)async::sleep_for(50ms);
      (void)exchange.respond({}, http::as_bytes(target));
    };
    auto provider = place.make_provider();
    ASSERT_TRUE(provider->put_link(link_to("shop", {})));
    Got got;
    async::Signal done;
    worker.spawn([&] {
      got = place.get("/");
      done.notify();
    });
    ASSERT_TRUE(begun.wait());
    provider->drain();
    while (got.first == 0) {
      ASSERT_TRUE(done.wait());
    }
    EXPECT_EQ(got, Got(200, "shop"));
  });
}

}  // namespace
}  // namespace wattle::providers::http_server
