// HTTP/2 between our client and our server, and our server against hand-made frames.
#include "http/client.h"

#include <algorithm>

#include "http/test_support.h"

namespace wattle::http {
namespace {

using namespace std::chrono_literals;

void with_client(const std::function<void(Client&)>& test, ClientOptions options = {}) {
  async::Worker worker;
  async::OffloadPool pool(1);
  worker.spawn([&] {
    Client client(worker, pool, options);
    test(client);
  });
  worker.run();
}

const RequestOptions kHttp2 = [] {
  RequestOptions options;
  options.http2_prior_knowledge = true;
  return options;
}();

Request request_to(uint16_t port, std::string method = "GET", std::string path = "/") {
  Request request;
  request.method = std::move(method);
  request.authority = "127.0.0.1:" + std::to_string(port);
  request.path_with_query = std::move(path);
  return request;
}

void hello(Exchange& exchange) {
  (void)exchange.respond(Response{}, as_bytes("hello"));
}
void echo(Exchange& exchange) {
  (void)exchange.respond_streaming(Response{}, exchange.body());
}

TEST(Http2, CarriesHeadsAndBodies) {
  TestServer server([](Exchange& exchange) {
    EXPECT_EQ(exchange.protocol(), Protocol::http_2);
    Response response;
    response.status = 201;
    const Request& request = exchange.request();
    ASSERT_TRUE(response.fields.append("X-Seen", request.method + " " + request.scheme + " " +
                                                     request.path_with_query + " " +
                                                     std::string(request.fields.get("x-a").value_or(""))));
    EXPECT_EQ(exchange.has_body(), request.method == "POST");
    auto text = read_all(*exchange.body(), 1000);
    (void)exchange.respond(response, as_bytes(text.value_or("?")));
  });
  with_client([&](Client& client) {
    Request request = request_to(server.port(), "POST", "/p?q");
    ASSERT_TRUE(request.fields.append("X-A", "1"));
    ASSERT_TRUE(request.fields.append("connection", "x-a"));
    auto response = client.send(request, body_of(as_bytes("ping")), kHttp2);
    ASSERT_TRUE(response) << response.error().full_message();
    EXPECT_EQ(response->protocol, Protocol::http_2);
    EXPECT_EQ(response->head.status, 201);
    EXPECT_EQ(response->head.fields.get("x-seen"), "POST http /p?q 1");
    EXPECT_TRUE(response->head.fields.has("date"));
    EXPECT_EQ(read_all(*response->body, 100).value(), "ping");
    auto empty = client.send(request_to(server.port()), nullptr, kHttp2);
    ASSERT_TRUE(empty);
    EXPECT_EQ(read_all(*empty->body, 100).value(), "");
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST(Http2, RunsRequestsOfAConnectionSideBySide) {
  std::atomic<int> running{0};
  TestServer server([&](Exchange& exchange) {
    ++running;
    while (running < 20)
      if (!async::sleep_for(1ms)) return;
    hello(exchange);
  });
  with_client([&](Client& client) {
    async::Worker& worker = async::Fiber::current().worker();
    int done = 0;
    // The first makes the connection that the others share.
    for (int i = 0; i < 20; ++i) {
      worker.spawn([&] {
        auto response = client.send(request_to(server.port()), nullptr, kHttp2);
        ASSERT_TRUE(response) << response.error().full_message();
        EXPECT_EQ(read_all(*response->body, 10).value(), "hello");
        ++done;
      });
      while (i == 0 && running == 0) ASSERT_TRUE(async::sleep_for(1ms));
    }
    while (done < 20) ASSERT_TRUE(async::sleep_for(1ms));
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST(Http2, EchoesTenMegabytesHoldingBackBothSides) {
  std::atomic<size_t> most{0};
  TestServer server([&](Exchange& exchange) {
    auto in = exchange.body();
    auto out = exchange.respond_streaming(Response{}).value();
    std::array<uint8_t, 5000> buffer;
    for (;;) {
      most = std::max(most.load(), in->pipe.buffered());
      auto count = in->pipe.read_some(buffer);
      ASSERT_TRUE(count);
      if (*count == 0) break;
      ASSERT_TRUE(out->pipe.write_all(std::span(buffer).first(*count)));
    }
    out->trailers = in->trailers;
    out->pipe.close();
  });
  with_client([&](Client& client) {
    BodyEnds ends = make_body();
    std::string text(10 * 1024 * 1024, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31 + (i >> 12));
    async::Fiber::current().worker().spawn([&text, writer = std::move(ends.writer)] {
      EXPECT_TRUE(writer->pipe.write_all(as_bytes(text)));
      writer->trailers.emplace();
      EXPECT_TRUE(writer->trailers->append("x-sum", "7"));
      writer->pipe.close();
    });
    auto response = client.send(request_to(server.port(), "POST"), std::move(ends.reader), kHttp2);
    ASSERT_TRUE(response) << response.error().full_message();
    EXPECT_TRUE(read_all(*response->body, 20'000'000).value() == text);
    ASSERT_TRUE(response->body->trailers);
    EXPECT_EQ(response->body->trailers->get("x-sum"), "7");
  });
  EXPECT_LE(most, 64u * 1024);
}

TEST(Http2, AnUnreadBodyDoesNotHoldUpOtherStreams) {
  std::promise<void> over;
  auto is_over = over.get_future().share();
  TestServer server([&](Exchange& exchange) {
    if (exchange.request().path_with_query == "/echo") return echo(exchange);
    auto body = exchange.body();
    while (is_over.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    hello(exchange);
  });
  with_client([&](Client& client) {
    async::Worker& worker = async::Fiber::current().worker();
    int stuck_done = 0;
    for (int i = 0; i < 40; ++i)
      worker.spawn([&] {
        (void)client.send(request_to(server.port(), "POST"), body_of(as_bytes(std::string(200'000, 's'))),
                          kHttp2);
        ++stuck_done;
      });
    ASSERT_TRUE(async::sleep_for(20ms));
    const std::string text(300'000, 'e');
    auto response = client.send(request_to(server.port(), "POST", "/echo"), body_of(as_bytes(text)), kHttp2);
    ASSERT_TRUE(response);
    EXPECT_TRUE(read_all(*response->body, 400'000).value() == text);
    over.set_value();
    while (stuck_done < 40) ASSERT_TRUE(async::sleep_for(1ms));
  });
}

TEST(Http2, HeadHasALengthButNoBody) {
  TestServer server([](Exchange& exchange) {
    if (exchange.request().path_with_query == "/known") return hello(exchange);
    auto body = exchange.respond_streaming(Response{}).value();
    EXPECT_TRUE(body->pipe.write_all(as_bytes(std::string(500'000, 'x'))));
    body->pipe.close();
  });
  with_client([&](Client& client) {
    auto known = client.send(request_to(server.port(), "HEAD", "/known"), nullptr, kHttp2);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->head.fields.get("content-length"), "5");
    EXPECT_EQ(read_all(*known->body, 10).value(), "");
    auto streamed = client.send(request_to(server.port(), "HEAD"), nullptr, kHttp2);
    ASSERT_TRUE(streamed);
    EXPECT_EQ(read_all(*streamed->body, 10).value(), "");
  });
}

TEST(Http2, ALargeKnownBodyArrivesWhole) {
  const std::string text(3'000'000, 'b');
  TestServer server([&](Exchange& exchange) { EXPECT_TRUE(exchange.respond(Response{}, as_bytes(text))); });
  with_client([&](Client& client) {
    auto response = client.send(request_to(server.port()), nullptr, kHttp2);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->head.fields.get("content-length"), "3000000");
    EXPECT_TRUE(read_all(*response->body, 4'000'000).value() == text);
  });
}

TEST(Http2, ADroppedResponseResetsItsStreamOnly) {
  std::promise<void> ended;
  TestServer server([&](Exchange& exchange) {
    if (exchange.request().path_with_query == "/hello") return hello(exchange);
    auto body = exchange.respond_streaming(Response{}).value();
    while (body->pipe.write_all(as_bytes("more"))) {
    }
    EXPECT_TRUE(exchange.disconnected());
    ended.set_value();
  });
  with_client([&](Client& client) {
    ASSERT_TRUE(client.send(request_to(server.port()), nullptr, kHttp2));
    auto has_ended = ended.get_future();
    while (has_ended.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    auto next = client.send(request_to(server.port(), "GET", "/hello"), nullptr, kHttp2);
    ASSERT_TRUE(next);
    EXPECT_EQ(read_all(*next->body, 10).value(), "hello");
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST(Http2, ACancelledRequestCancelsItsHandler) {
  std::promise<void> begun;
  std::promise<ErrorCode> ended;
  TestServer server([&](Exchange&) {
    begun.set_value();
    ended.set_value(async::sleep_for(1h).error().code());
  });
  with_client([&](Client& client) {
    auto fiber = async::Fiber::current().worker().spawn(
        [&] { EXPECT_FALSE(client.send(request_to(server.port()), nullptr, kHttp2)); });
    auto has_begun = begun.get_future();
    while (has_begun.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    fiber->cancel();
    auto has_ended = ended.get_future();
    while (has_ended.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    EXPECT_EQ(has_ended.get(), ErrorCode::cancelled);
  });
}

TEST(Http2, ABrokenBodyIsAnErrorNotAnEnd) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(Response{}).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("half")));
  });
  with_client([&](Client& client) {
    auto response = client.send(request_to(server.port()), nullptr, kHttp2);
    EXPECT_FALSE(response && read_all(*response->body, 100));
  });
}

TEST(Http2, DrainEndsWhatIsInFlightAndRefusesTheRest) {
  std::promise<void> begun, go_on;
  auto gone_on = go_on.get_future().share();
  TestServer server([&](Exchange& exchange) {
    begun.set_value();
    while (gone_on.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    hello(exchange);
  });
  with_client([&](Client& client) {
    bool done = false;
    async::Fiber::current().worker().spawn([&] {
      auto response = client.send(request_to(server.port()), nullptr, kHttp2);
      ASSERT_TRUE(response) << response.error().full_message();
      EXPECT_EQ(read_all(*response->body, 10).value(), "hello");
      done = true;
    });
    auto has_begun = begun.get_future();
    while (has_begun.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    server.begin_drain(1h);
    ASSERT_TRUE(async::sleep_for(20ms));
    go_on.set_value();
    while (!done) ASSERT_TRUE(async::sleep_for(1ms));
    EXPECT_FALSE(client.send(request_to(server.port()), nullptr, kHttp2));
  });
  server.stop(1h);
}

TEST(Http2, KeepsItsLimits) {
  ServerOptions options;
  options.head.bytes = 2000;
  options.max_body_bytes = 1000;
  TestServer server(echo, options);
  with_client([&](Client& client) {
    Request request = request_to(server.port());
    ASSERT_TRUE(request.fields.append("x", std::string(3000, 'x')));
    auto large_head = client.send(request, nullptr, kHttp2);
    ASSERT_TRUE(large_head) << large_head.error().full_message();
    EXPECT_EQ(large_head->head.status, 431);
    auto large_body =
        client.send(request_to(server.port(), "POST"), body_of(as_bytes(std::string(2000, 'x'))), kHttp2);
    ASSERT_TRUE(large_body);
    EXPECT_EQ(large_body->head.status, 413);
  });
}

// Hand-made frames (RFC 9113 section 4.1).
std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  for (int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}
const std::string kOpening = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "");
constexpr std::string_view kGetHead("\x82\x86\x84\x41\x01h", 6);  // GET http / with authority "h"
constexpr std::string_view kEnhanceYourCalm("\x00\x00\x00\x0b", 4);

// Whether the server's last words are GOAWAY with this code.
bool goes_away(RawClient& client, std::string_view code) {
  const std::string text = client.read_to_end();
  const size_t at = text.rfind(std::string("\x07\x00\x00\x00\x00\x00", 6));
  return at != std::string::npos && text.substr(at + 10, 4) == code;
}

TEST(Http2, EndsAConnectionThatFloods) {
  TestServer server([](Exchange&) { (void)async::sleep_for(1h); });
  const auto flood = [&](const std::string& unit, int count) {
    RawClient client(server.port(), kOpening);
    std::string all;
    for (int i = 0; i < count; ++i) all += unit;
    client.send(all);
    client.shut_down_sending();
    return goes_away(client, kEnhanceYourCalm);
  };
  EXPECT_TRUE(flood(frame(6, 0, 0, "12345678"), 3000)) << "PING";
  EXPECT_TRUE(flood(frame(4, 0, 0, ""), 3000)) << "SETTINGS";
  EXPECT_TRUE(flood(frame(2, 0, 1, std::string("\0\0\0\0\x10", 5)), 3000)) << "PRIORITY";

  RawClient rapid(server.port(), kOpening);
  std::string resets;
  for (uint32_t id = 1; id < 4000; id += 2)
    resets += frame(1, 5, id, kGetHead) + frame(3, 0, id, std::string("\0\0\0\x08", 4));
  rapid.send(resets);
  rapid.shut_down_sending();
  EXPECT_TRUE(goes_away(rapid, kEnhanceYourCalm)) << "rapid reset";
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(Http2, EndsAConnectionWithEndlessContinuations) {
  TestServer server(hello);
  RawClient client(server.port(), kOpening + frame(1, 1, 1, kGetHead));
  std::string continuations;
  for (int i = 0; i < 200; ++i) continuations += frame(9, 0, 1, std::string("\x40\x01x\x01y", 5));
  client.send(continuations);
  client.read_to_end();
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(Http2, RefusesWhatIsNoRequest) {
  std::atomic<int> handled{0};
  TestServer server([&](Exchange& exchange) {
    ++handled;
    hello(exchange);
  });
  RawClient bad_frames(server.port(), kOpening + frame(0, 0, 1, "data before headers"));
  EXPECT_FALSE(bad_frames.read_to_end().empty());
  RawClient no_path(server.port(), kOpening + frame(1, 5, 1, std::string("\x82\x86\x41\x01h", 5)) +
                                       frame(7, 0, 0, std::string(8, '\0')));
  no_path.shut_down_sending();
  no_path.read_to_end();
  RawClient not_quite(server.port(), "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  EXPECT_TRUE(not_quite.read_to_end().starts_with("HTTP/1.1 505"));
  EXPECT_EQ(handled, 0);
}

TEST(Http2, AnswersOnStreamsInAnyOrder) {
  TestServer server(hello);
  RawClient client(server.port(), kOpening + frame(1, 5, 1, kGetHead) + frame(1, 5, 3, kGetHead));
  EXPECT_NE(client.read_until("hello").find("\x03"), std::string::npos);
  EXPECT_FALSE(client.read_until("hello").empty());
}

}  // namespace
}  // namespace wattle::http
