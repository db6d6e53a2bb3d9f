#include "http/client.h"

#include "http/test_support.h"

namespace wattle::http {
namespace {

using namespace std::chrono_literals;

// Runs `test` on a fiber with a client.
void with_client(const std::function<void(Client&)>& test, ClientOptions options = {}) {
  async::Worker worker;
  async::OffloadPool pool(1);
  worker.spawn([&] {
    Client client(worker, pool, options);
    test(client);
  });
  worker.run();
}

// A server that accepts `scripts.size()` connections, one after the other, and treats each as its script
// says.
class ScriptedServer {
 public:
  using Script = std::function<void(RawClient&)>;
  explicit ScriptedServer(std::vector<Script> scripts)
      : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), bytes), 0);
    EXPECT_EQ(::listen(descriptor_, 16), 0);
    ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &bytes);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const auto& script : scripts) {
        RawClient peer(RawClient::Accepted{::accept(descriptor_, nullptr, nullptr)});
        script(peer);
      }
    });
  }
  ~ScriptedServer() {
    thread_.join();
    ::close(descriptor_);
  }
  uint16_t port() const { return port_; }

 private:
  int descriptor_;
  uint16_t port_ = 0;
  std::thread thread_;
};

ScriptedServer::Script answer(std::string text) {
  return [text = std::move(text)](RawClient& peer) {
    peer.read_until("\r\n\r\n");
    peer.send(text);
  };
}

Request request_to(uint16_t port, std::string method = "GET", std::string path = "/") {
  Request request;
  request.method = std::move(method);
  request.authority = "127.0.0.1:" + std::to_string(port);
  request.path_with_query = std::move(path);
  return request;
}

void echo(Exchange& exchange) {
  (void)exchange.respond_streaming(Response{}, exchange.body());
}

// What a request to a server that sends `text` fails with.
std::optional<ErrorCase> failure_of(const std::string& text, RequestOptions options = {}) {
  ScriptedServer server({answer(text)});
  std::optional<ErrorCase> reason;
  with_client([&](Client& client) {
    auto response = client.send(request_to(server.port()), nullptr, options);
    if (!response) {
      reason = case_of(response.error());
      return;
    }
    auto body = read_all(*response->body, 1000);
    if (!body) reason = case_of(body.error());
  });
  return reason;
}

TEST(Client, SendsAndReceivesHeadsAndBodies) {
  TestServer server([](Exchange& exchange) {
    Request& request = exchange.request();
    Response response;
    response.status = 201;
    ASSERT_TRUE(response.fields.append("x-seen", request.method + " " + request.path_with_query + " " +
                                                     std::string(request.fields.get("x-a").value_or(""))));
    auto text = read_all(*exchange.body(), 1000);
    (void)exchange.respond(response, as_bytes(text.value_or("?")));
  });
  with_client([&](Client& client) {
    Request request = request_to(server.port(), "POST", "/p?q");
    ASSERT_TRUE(request.fields.append("x-a", "1"));
    ASSERT_TRUE(request.fields.append("transfer-encoding", "gzip"));
    auto response = client.send(request, body_of(as_bytes("ping")));
    ASSERT_TRUE(response) << response.error().full_message();
    EXPECT_EQ(response->head.status, 201);
    EXPECT_EQ(response->head.fields.get("x-seen"), "POST /p?q 1");
    EXPECT_EQ(read_all(*response->body, 100).value(), "ping");
  });
}

TEST(Client, UsesAConnectionAgainOnceTheBodyIsRead) {
  TestServer server([](Exchange& exchange) { (void)exchange.respond(Response{}, as_bytes("x")); });
  with_client([&](Client& client) {
    for (int i = 0; i < 5; ++i) {
      auto response = client.send(request_to(server.port()), nullptr);
      ASSERT_TRUE(response);
      EXPECT_EQ(read_all(*response->body, 10).value(), "x");
      EXPECT_EQ(client.idle_connections(), 1u);
    }
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST(Client, StreamsBothWaysWithTrailers) {
  TestServer server([](Exchange& exchange) {
    auto in = exchange.body();
    auto out = exchange.respond_streaming(Response{}).value();
    std::array<uint8_t, 100> buffer;
    while (auto count = in->pipe.read_some(buffer)) {
      if (*count == 0) break;
      ASSERT_TRUE(out->pipe.write_all(std::span(buffer).first(*count)));
    }
    out->trailers = in->trailers;
    out->pipe.close();
  });
  with_client([&](Client& client) {
    BodyEnds ends = make_body();
    auto response = client.send(request_to(server.port(), "POST"), ends.reader);
    ASSERT_TRUE(response) << response.error().full_message();
    for (const char* word : {"one", "two"}) {
      ASSERT_TRUE(ends.writer->pipe.write_all(as_bytes(word)));
      std::array<uint8_t, 10> buffer;
      EXPECT_EQ(response->body->pipe.read_some(buffer).value(), 3u);
    }
    ends.writer->trailers.emplace();
    ASSERT_TRUE(ends.writer->trailers->append("x-sum", "7"));
    ends.writer->pipe.close();
    EXPECT_EQ(read_all(*response->body, 10).value(), "");
    ASSERT_TRUE(response->body->trailers);
    EXPECT_EQ(response->body->trailers->get("x-sum"), "7");
  });
}

TEST(Client, EchoesTenMegabytes) {
  TestServer server(echo);
  with_client([&](Client& client) {
    BodyEnds ends = make_body();
    const std::string text(10 * 1024 * 1024, 't');
    async::Fiber::current().worker().spawn([&text, writer = std::move(ends.writer)] {
      EXPECT_TRUE(writer->pipe.write_all(as_bytes(text)));
      writer->pipe.close();
    });
    auto response = client.send(request_to(server.port(), "POST"), std::move(ends.reader));
    ASSERT_TRUE(response);
    EXPECT_TRUE(read_all(*response->body, 20'000'000).value() == text);
    EXPECT_EQ(client.idle_connections(), 1u);
  });
}

TEST(Client, ADroppedBodyEndsTheConnection) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(Response{}).value();
    while (body->pipe.write_all(as_bytes("more"))) {
    }
  });
  with_client([&](Client& client) {
    ASSERT_TRUE(client.send(request_to(server.port()), nullptr));
    while (server.connections() > 0) ASSERT_TRUE(async::sleep_for(1ms));
    EXPECT_EQ(client.idle_connections(), 0u);
  });
}

TEST(Client, RepeatsASafeRequestWhoseReusedConnectionWasDead) {
  ScriptedServer server({[](RawClient& peer) {
                           peer.read_until("\r\n\r\n");
                           peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                           peer.read_until("\r\n\r\n");
                         },
                         answer("HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n")});
  with_client([&](Client& client) {
    ASSERT_TRUE(client.send(request_to(server.port()), nullptr));
    auto second = client.send(request_to(server.port()), nullptr);
    ASSERT_TRUE(second) << second.error().full_message();
    EXPECT_EQ(second->head.status, 202);
  });
}

TEST(Client, SkipsInterimResponses) {
  ScriptedServer server(
      {answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\na: b\r\n\r\n"
              "HTTP/1.1 204 None\r\n\r\n")});
  with_client([&](Client& client) {
    auto response = client.send(request_to(server.port()), nullptr);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->head.status, 204);
    EXPECT_TRUE(response->head.fields.empty());
  });
}

TEST(Client, ReadsABodyThatEndsWithTheConnection) {
  ScriptedServer server({answer("HTTP/1.0 200 OK\r\n\r\nto the end")});
  with_client([&](Client& client) {
    auto response = client.send(request_to(server.port()), nullptr);
    ASSERT_TRUE(response);
    EXPECT_EQ(read_all(*response->body, 100).value(), "to the end");
  });
}

TEST(Client, TellsFailuresApart) {
  EXPECT_EQ(failure_of(""), ErrorCase::connection_terminated);
  EXPECT_EQ(failure_of("HTTP/1.1 2"), ErrorCase::http_response_incomplete);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
            ErrorCase::http_response_incomplete);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"),
            ErrorCase::http_protocol_error);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
            ErrorCase::http_response_transfer_coding);
  EXPECT_EQ(failure_of("SSH-2.0-x\r\n\r\n"), ErrorCase::http_protocol_error);
  EXPECT_EQ(failure_of("HTTP/1.1 200 OK\r\na: " + std::string(40'000, 'a') + "\r\n\r\n"),
            ErrorCase::http_response_header_section_size);
  EXPECT_EQ(failure_of("HTTP/1.1 101 Switch\r\n\r\n"), ErrorCase::http_upgrade_failed);
}

TEST(Client, KeepsItsTimeouts) {
  RequestOptions options;
  options.first_byte_timeout = options.between_bytes_timeout = 150ms;
  const auto stalls_after = [&](const std::string& text) {
    std::promise<void> over;
    auto is_over = over.get_future().share();
    ScriptedServer server({[&, is_over](RawClient& peer) {
      peer.read_until("\r\n\r\n");
      peer.send(text);
      is_over.wait();
    }});
    std::optional<ErrorCase> reason;
    with_client([&](Client& client) {
      auto response = client.send(request_to(server.port()), nullptr, options);
      if (!response) {
        reason = case_of(response.error());
      } else if (auto body = read_all(*response->body, 100); !body) {
        reason = case_of(body.error());
      }
      over.set_value();
    });
    return reason;
  };
  EXPECT_EQ(stalls_after(""), ErrorCase::http_response_timeout);
  EXPECT_EQ(stalls_after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
            ErrorCase::connection_read_timeout);
}

TEST(Client, NamesWhyItCannotConnect) {
  with_client([&](Client& client) {
    const auto reason = [&](Request request) {
      auto response = client.send(request, nullptr);
      EXPECT_FALSE(response);
      return case_of(response.error());
    };
    // A port that was free a moment ago.
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    ASSERT_EQ(::bind(probe, reinterpret_cast<sockaddr*>(&address), bytes), 0);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &bytes);
    EXPECT_EQ(reason(request_to(ntohs(address.sin_port))), ErrorCase::connection_refused);
    ::close(probe);

    Request request;
    request.authority = "no-such-host.invalid";
    const auto lookup = reason(request);
    EXPECT_TRUE(lookup == ErrorCase::dns_error || lookup == ErrorCase::dns_timeout);
    for (const char* bad : {"", "a b", "h:0", "h:99999", "u@h", "[::1"}) {
      request.authority = bad;
      EXPECT_EQ(reason(request), ErrorCase::http_request_uri_invalid) << bad;
    }
    request.authority = "h";
    request.scheme = "gopher";
    EXPECT_EQ(reason(request), ErrorCase::http_request_uri_invalid);
    request = request_to(1);
    request.method = "BAD METHOD";
    EXPECT_EQ(reason(request), ErrorCase::http_request_method_invalid);
    request = request_to(1, "GET", "no-slash");
    EXPECT_EQ(reason(request), ErrorCase::http_request_uri_invalid);
    request = request_to(1, "GET", "/a\r\nb: c");
    EXPECT_EQ(reason(request), ErrorCase::http_request_uri_invalid);
  });
}

TEST(Client, LooksNamesUp) {
  TestServer server(
      [](Exchange& exchange) { (void)exchange.respond(Response{}, as_bytes(exchange.request().authority)); });
  with_client([&](Client& client) {
    Request request = request_to(server.port());
    request.authority = "localhost:" + std::to_string(server.port());
    auto response = client.send(request, nullptr);
    ASSERT_TRUE(response) << response.error().full_message();
    EXPECT_EQ(read_all(*response->body, 100).value(), request.authority);
  });
}

TEST(Client, AsksBeforeItConnects) {
  TestServer server([](Exchange& exchange) { (void)exchange.respond(Response{}, {}); });
  with_client([&](Client& client) {
    RequestOptions options;
    std::string asked;
    bool allowed = true;
    options.allow = [&](const Endpoint& endpoint) -> Result<void> {
      asked = endpoint.scheme + " " + endpoint.host + " " + endpoint.address.address().to_string();
      if (!allowed) return failure(ErrorCode::permission_denied, "not on the list");
      return {};
    };
    ASSERT_TRUE(client.send(request_to(server.port()), nullptr, options));
    EXPECT_EQ(asked, "http 127.0.0.1 127.0.0.1");
    allowed = false;
    auto refused = client.send(request_to(server.port()), nullptr, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(case_of(refused.error()), ErrorCase::destination_ip_prohibited);
    EXPECT_NE(refused.error().full_message().find("not on the list"), std::string::npos);
  });
}

TEST(Client, ACancelledFiberGivesItsConnectionUp) {
  std::promise<void> begun;
  TestServer server([&](Exchange&) {
    begun.set_value();
    (void)async::sleep_for(1h);
  });
  with_client([&](Client& client) {
    async::Worker& worker = async::Fiber::current().worker();
    bool ended = false;
    auto fiber = worker.spawn([&] {
      auto response = client.send(request_to(server.port()), nullptr);
      EXPECT_EQ(response.error().code(), ErrorCode::cancelled);
      ended = true;
    });
    auto has_begun = begun.get_future();
    while (has_begun.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    fiber->cancel();
    while (!ended) ASSERT_TRUE(async::sleep_for(1ms));
    while (server.connections() > 0) ASSERT_TRUE(async::sleep_for(1ms));
  });
}

TEST(Client, ProxiesABodyWithoutTouchingIt) {
  TestServer origin(echo);
  async::Worker worker;
  async::OffloadPool pool(1);
  std::optional<Client> upstream;
  upstream.emplace(worker, pool, ClientOptions{});
  Server proxy(worker, {}, [&](Exchange& exchange) {
    Request request = request_to(origin.port(), "POST");
    auto response = upstream->send(request, exchange.body());
    ASSERT_TRUE(response);
    EXPECT_TRUE(exchange.respond_streaming(response->head, response->body));
  });
  ASSERT_TRUE(proxy.listen("127.0.0.1:0"));
  worker.spawn([&] {
    {
      Client client(worker, pool, {});
      const std::string text(2'000'000, 'p');
      auto response = client.send(request_to(proxy.local_endpoint().port(), "POST"), body_of(as_bytes(text)));
      ASSERT_TRUE(response);
      EXPECT_TRUE(read_all(*response->body, 3'000'000).value() == text);
    }
    proxy.drain(1s);
    upstream.reset();
  });
  worker.run();
}

}  // namespace
}  // namespace wattle::http
