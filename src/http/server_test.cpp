#include "http/server.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "http/test_support.h"

namespace wattle::http {
namespace {

using namespace std::chrono_literals;
using testing::Test;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

Response text_response(uint16_t status = 200) {
  Response response;
  response.status = status;
  EXPECT_TRUE(response.fields.append("content-type", "text/plain"));
  return response;
}

void hello(Exchange& exchange) {
  (void)exchange.respond(text_response(), as_bytes("hello"));
}

void echo(Exchange& exchange) {
  (void)exchange.respond_streaming(text_response(), exchange.body());
}

bool starts_with(const std::string& text, std::string_view start) {
  return text.starts_with(start);
}
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Server, AnswersSeveralRequestsOfAConnection) {
  TestServer server(hello);
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    const std::string response = client.read_response();
    EXPECT_TRUE(starts_with(response, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: ")) << response;
    EXPECT_TRUE(response.ends_with("content-length: 5\r\n\r\nhello")) << response;
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server([](Exchange& exchange) {
    if (exchange.request().path_with_query == "/0") (void)async::sleep_for(20ms);
    (void)exchange.respond(text_response(), as_bytes(exchange.request().path_with_query));
  });
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
  RawClient client(server.port(), requests);
  for (int i = 0; i < 200; ++i)
    ASSERT_TRUE(client.read_response().ends_with("\r\n\r\n/" + std::to_string(i)));
}

TEST(Server, ReadsARequestThatComesByteByByte) {
  TestServer server(echo);
  RawClient client(server.port());
  for (char c : std::string(
           "\r\nPOST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) {
    client.send(std::string_view(&c, 1));
    std::this_thread::yield();
  }
  const std::string response = client.read_until("abc");
  EXPECT_TRUE(starts_with(response, "HTTP/1.1 200 OK")) << response;
}

TEST(Server, SendsTrailersAfterChunks) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(text_response()).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("data")));
    body->trailers.emplace();
    ASSERT_TRUE(body->trailers->append("x-sum", "42"));
    ASSERT_TRUE(body->trailers->append("content-length", "9"));
    body->pipe.close();
  });
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(client.read_until("0\r\nx-sum: 42\r\n\r\n").ends_with("4\r\ndata\r\n0\r\nx-sum: 42\r\n\r\n"));
}

TEST(Server, AWholeStreamedBodyGoesOutWithItsLength) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(text_response()).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("data")));
    body->pipe.close();
  });
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(client.read_response().ends_with("content-length: 4\r\n\r\ndata"));
}

TEST(Server, StreamsWhileTheHandlerRuns) {
  std::promise<void> go_on;
  auto gone_on = go_on.get_future().share();
  TestServer server([&](Exchange& exchange) {
    auto body = exchange.respond_streaming(text_response()).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("first")));
    while (gone_on.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    ASSERT_TRUE(body->pipe.write_all(as_bytes("second")));
    body->pipe.close();
  });
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(contains(client.read_until("first"), "transfer-encoding: chunked"));
  go_on.set_value();
  EXPECT_TRUE(contains(client.read_until("0\r\n\r\n"), "second"));
}

TEST(Server, HeadAndBodilessStatusesHaveNoBody) {
  TestServer server([](Exchange& exchange) {
    const auto status = static_cast<uint16_t>(std::stoi(exchange.request().path_with_query.substr(1)));
    (void)exchange.respond(text_response(status), status == 200 ? as_bytes("hello") : as_bytes(""));
  });
  RawClient client(server.port());
  client.send("HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.read_until("\r\n\r\n").ends_with("content-length: 5\r\n\r\n"));
  for (const char* status : {"204", "304"}) {
    client.send(std::string("GET /") + status + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string head = client.read_until("\r\n\r\n");
    EXPECT_TRUE(starts_with(head, std::string("HTTP/1.1 ") + status));
    EXPECT_FALSE(contains(head, "content-length") || contains(head, "chunked")) << head;
  }
}

TEST(Server, SpeaksHttp10) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(text_response()).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("one")));
    exchange.request().path_with_query == "/wait" ? (void)async::sleep_for(10ms) : (void)0;
    body->pipe.close();
  });
  RawClient kept(server.port(), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(contains(kept.read_response(), "connection: keep-alive"));
  RawClient unknown_length(server.port(), "GET /wait HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string response = unknown_length.read_to_end();
  EXPECT_TRUE(contains(response, "connection: close") && response.ends_with("\r\n\r\none")) << response;
}

TEST(Server, EndsAConnectionWhereTheHandlerAsksForIt) {
  TestServer server([](Exchange& exchange) {
    exchange.end_connection();
    exchange.request().path_with_query == "/echo" ? echo(exchange) : hello(exchange);
  });
  for (const char* path : {"/", "/echo"}) {
    RawClient client(server.port(), std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n" + kGet);
    const std::string response = client.read_to_end();  // to the first request alone
    EXPECT_TRUE(contains(response, "connection: close")) << response;
    EXPECT_EQ(response.rfind("HTTP/1.1 200"), 0u) << response;
  }
}

TEST(Server, TellsAClientToContinueWhenTheHandlerReads) {
  TestServer server([](Exchange& exchange) {
    if (exchange.request().path_with_query == "/read") return echo(exchange);
    hello(exchange);
  });
  const std::string rest = " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  RawClient reading(server.port(), "POST /read" + rest);
  EXPECT_EQ(reading.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  reading.send("abc");
  EXPECT_TRUE(reading.read_response().ends_with("abc"));
  RawClient refused(server.port(), "POST /" + rest);
  const std::string response = refused.read_to_end();
  EXPECT_TRUE(starts_with(response, "HTTP/1.1 200") && contains(response, "connection: close")) << response;
}

TEST(Server, SendsInterimResponses) {
  TestServer server([](Exchange& exchange) {
    Response hints = text_response(103);
    ASSERT_TRUE(exchange.inform(hints));
    EXPECT_FALSE(exchange.inform(text_response(101)));
    hello(exchange);
    EXPECT_EQ(exchange.respond(text_response()).error().code(), ErrorCode::internal);
  });
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(starts_with(client.read_until("\r\n\r\n"), "HTTP/1.1 103 Early Hints"));
  EXPECT_TRUE(starts_with(client.read_response(), "HTTP/1.1 200"));
}

TEST(Server, RefusesSmugglingAndClosesTheConnection) {
  TestServer server(hello);
  const std::string kSmuggling =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  RawClient client(server.port(), kSmuggling + kGet + kGet);
  const std::string response = client.read_to_end();
  EXPECT_TRUE(starts_with(response, "HTTP/1.1 400 Bad Request") && contains(response, "connection: close"))
      << response;
  EXPECT_FALSE(contains(response, "hello"));
}

TEST(Server, ABadChunkEndsTheRequestAndTheConnection) {
  std::promise<std::optional<ErrorCase>> seen;
  TestServer server([&](Exchange& exchange) {
    auto text = read_all(*exchange.body(), 100);
    seen.set_value(text ? std::nullopt : case_of(text.error()));
    hello(exchange);
  });
  RawClient client(server.port(),
                   "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n" + kGet);
  EXPECT_EQ(seen.get_future().get(), ErrorCase::http_protocol_error);
  EXPECT_TRUE(contains(client.read_to_end(), "connection: close"));
}

TEST(Server, EchoesTenMegabytesHoldingBackBothSides) {
  size_t most = 0;
  TestServer server([&](Exchange& exchange) {
    auto in = exchange.body();
    auto out = exchange.respond_streaming(text_response()).value();
    std::array<uint8_t, 5000> buffer;
    for (;;) {
      most = std::max(most, in->pipe.buffered());
      auto count = in->pipe.read_some(buffer);
      ASSERT_TRUE(count);
      if (*count == 0) break;
      ASSERT_TRUE(out->pipe.write_all(std::span(buffer).first(*count)));
    }
    out->pipe.close();
  });
  std::string body(10 * 1024 * 1024, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + (i >> 12));
  RawClient client(server.port());
  std::thread writer([&] {
    client.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n");
    client.send(body);
  });
  client.read_until("\r\n\r\n");
  std::string decoded;
  for (;;) {
    const size_t size = std::stoul(client.read_until("\r\n"), nullptr, 16);
    decoded += client.read_exactly(size);
    client.read_exactly(2);
    if (size == 0) break;
  }
  writer.join();
  EXPECT_TRUE(decoded == body);
  EXPECT_LE(most, 64u * 1024);
}

TEST(Server, AKnownLargeBodyArrivesWhole) {
  const std::string body(3 * 1024 * 1024, 'b');
  TestServer server(
      [&](Exchange& exchange) { EXPECT_TRUE(exchange.respond(text_response(), as_bytes(body))); });
  RawClient client(server.port(), kGet);
  std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(client.read_response().ends_with(body));
}

TEST(Server, ABodyShorterOrLongerThanDeclaredCutsTheConnection) {
  TestServer server([](Exchange& exchange) {
    Response response = text_response();
    ASSERT_TRUE(response.fields.append("content-length", "5"));
    auto body = exchange.respond_streaming(response).value();
    (void)body->pipe.write_all(as_bytes(exchange.request().path_with_query));
    body->pipe.close();
  });
  RawClient shorter(server.port(), "GET /ab HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(shorter.read_to_end().ends_with("/ab\r\n"));
  RawClient longer(server.port(), "GET /abcdef HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(contains(longer.read_to_end(), "/abcde"));
  RawClient exact(server.port(), "GET /abcd HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(exact.read_response().ends_with("/abcd"));
}

TEST(Server, AHandlerWithoutResponseGivesAnError) {
  TestServer server([](Exchange&) {});
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(starts_with(client.read_response(), "HTTP/1.1 500"));
}

TEST(Server, ADroppedBodyWriterCutsTheResponse) {
  TestServer server([](Exchange& exchange) {
    auto body = exchange.respond_streaming(text_response()).value();
    ASSERT_TRUE(body->pipe.write_all(as_bytes("half")));
  });
  RawClient client(server.port(), kGet);
  EXPECT_FALSE(contains(client.read_to_end(), "0\r\n\r\n"));
}

TEST(Server, AnUnreadBodyIsReadAwayOrTheConnectionCloses) {
  TestServer server(hello);
  RawClient small(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + kGet);
  EXPECT_TRUE(small.read_response().ends_with("hello"));
  EXPECT_TRUE(small.read_response().ends_with("hello"));
  RawClient large(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n");
  std::thread writer([&] { large.send(std::string(3'000'000, 'x')); });
  EXPECT_TRUE(large.read_response().ends_with("hello"));
  EXPECT_TRUE(large.ended());
  writer.join();
}

TEST(Server, AClientThatLeavesCancelsItsHandlerAnywhere) {
  std::promise<Error> ended;
  TestServer server([&](Exchange& exchange) {
    auto slept = async::sleep_for(1h);
    EXPECT_TRUE(exchange.disconnected());
    ended.set_value(slept.error());
  });
  {
    RawClient client(server.port(), kGet);
    ASSERT_TRUE(eventually([&] { return server.connections() == 1; }));
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(ended.get_future().get().code(), ErrorCode::cancelled);
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
}

TEST(Server, AClientThatLeavesInsideABodyNobodyReadsIsMissedToo) {
  std::promise<void> begun;
  std::promise<ErrorCode> ended;
  TestServer server([&](Exchange&) {
    begun.set_value();
    ended.set_value(async::sleep_for(1h).error().code());
  });
  RawClient client(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc");
  begun.get_future().wait();
  client.close();
  EXPECT_EQ(ended.get_future().get(), ErrorCode::cancelled);
}

TEST(Server, AClientThatLeavesEndsItsBodies) {
  std::promise<bool> reading, writing;
  TestServer server([&](Exchange& exchange) {
    if (exchange.request().method == "POST") {
      auto text = read_all(*exchange.body(), 1000);
      reading.set_value(!text && case_of(text.error()) == ErrorCase::connection_terminated);
      return;
    }
    auto body = exchange.respond_streaming(text_response()).value();
    const std::string piece(10'000, 'p');
    while (body->pipe.write_all(as_bytes(piece))) {
    }
    writing.set_value(true);
  });
  RawClient(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc").close();
  EXPECT_TRUE(reading.get_future().get());
  RawClient(server.port(), kGet).read_exactly(100'000);
  EXPECT_TRUE(writing.get_future().get());
}

TEST(Server, KeepsItsLimits) {
  ServerOptions options;
  options.head.bytes = 1000;
  options.max_body_bytes = 10;
  TestServer server(echo, options);
  const auto status = [&](const std::string& request) {
    return RawClient(server.port(), request).read_until("\r\n").substr(0, 12);
  };
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(2000, 'a')), "HTTP/1.1 431");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"), "HTTP/1.1 413");
  RawClient chunked(
      server.port(),
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n");
  EXPECT_FALSE(contains(chunked.read_to_end(), "0\r\n\r\n"));
}

TEST(Server, GivesUpOnSlowClients) {
  ServerOptions options;
  options.header_timeout = options.idle_timeout = options.body_timeout = 200ms;
  TestServer server(echo, options);
  RawClient silent(server.port());
  EXPECT_TRUE(silent.ended());
  RawClient slow_head(server.port(), "GET / HTTP/1.1\r\nHo");
  EXPECT_TRUE(starts_with(slow_head.read_to_end(), "HTTP/1.1 408"));
  RawClient idle(server.port(), kGet);
  idle.read_response();
  EXPECT_TRUE(idle.ended());
  RawClient slow_body(server.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30\r\n\r\nabc");
  EXPECT_FALSE(slow_body.read_to_end().empty());
}

TEST(Server, GivesUpOnAClientThatReadsNothing) {
  ServerOptions options;
  options.write_timeout = 200ms;
  std::promise<bool> ended;
  TestServer server(
      [&](Exchange& exchange) {
        const std::string large(50'000'000, 'l');
        ended.set_value(!exchange.respond(text_response(), as_bytes(large)));
      },
      options);
  RawClient client(server.port(), kGet);
  EXPECT_TRUE(ended.get_future().get());
}

// The sweep may look at a new connection when its first response is begun and not a byte of it has left yet.
TEST(Server, ASweepBeforeTheFirstByteCutsNothing) {
  ServerOptions options;
  options.write_timeout = 100ms;
  std::atomic<int> blocking = 0;
  TestServer server(
      [&](Exchange& exchange) {
        if (exchange.request().path_with_query == "/block") {
          ++blocking;
          std::this_thread::sleep_for(150ms);  // the worker's thread: a sweep is due
          (void)exchange.respond(text_response());
          return;
        }
        auto body = exchange.respond_streaming(text_response());
        ASSERT_TRUE(body);
        (void)async::sleep_for(1ms);
        (void)(*body)->pipe.try_write(as_bytes("hello"));
        (*body)->pipe.close();
      },
      options);
  constexpr int kRounds = 6;
  for (int round = 1; round <= kRounds; ++round) {
    RawClient client(server.port());
    EXPECT_TRUE(eventually([&] { return server.connections() >= 1; }));
    RawClient blocker(server.port(), "GET /block HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(eventually([&] { return blocking == round; }));
    client.send(kGet);
    EXPECT_TRUE(contains(client.read_until("0\r\n\r\n"), "hello")) << round;
    blocker.read_response();
  }
}

TEST(Server, AtItsLimitOfConnectionsTheLongestIdleGoes) {
  ServerOptions options;
  options.max_connections = 2;
  TestServer server(hello, options);
  RawClient first(server.port(), kGet);
  first.read_response();
  RawClient second(server.port(), kGet);
  second.read_response();
  RawClient third(server.port(), kGet);
  EXPECT_TRUE(third.read_response().ends_with("hello"));
  EXPECT_TRUE(first.ended());
}

TEST(Server, DrainsWhatIsInFlightAndClosesTheRest) {
  std::promise<void> begun, go_on;
  auto gone_on = go_on.get_future().share();
  TestServer server([&](Exchange& exchange) {
    if (exchange.request().path_with_query == "/slow") {
      begun.set_value();
      while (gone_on.wait_for(0s) != std::future_status::ready) ASSERT_TRUE(async::sleep_for(1ms));
    }
    hello(exchange);
  });
  RawClient idle(server.port(), kGet);
  idle.read_response();
  RawClient busy(server.port(), "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  begun.get_future().wait();
  server.begin_drain(1h);
  EXPECT_TRUE(idle.ended());
  go_on.set_value();
  const std::string response = busy.read_to_end();
  EXPECT_TRUE(contains(response, "connection: close") && response.ends_with("hello")) << response;
  server.stop(1h);
}

TEST(Server, CancelsWhatDoesNotEndInTime) {
  std::promise<void> begun, ended;
  TestServer server([&](Exchange&) {
    begun.set_value();
    EXPECT_FALSE(async::sleep_for(1h));
    ended.set_value();
  });
  RawClient client(server.port(), kGet);
  begun.get_future().wait();
  server.stop(50ms);
  EXPECT_EQ(ended.get_future().wait_for(0s), std::future_status::ready);
}

TEST(Server, AnOccupiedPortIsNamedWithItsRemedy) {
  TestServer server(hello);
  async::Worker worker;
  Server second(worker, {}, hello);
  const std::string address = "127.0.0.1:" + std::to_string(server.port());
  auto listened = second.listen(address);
  ASSERT_FALSE(listened);
  EXPECT_EQ(listened.error().code(), ErrorCode::already_exists);
  EXPECT_TRUE(contains(listened.error().message(), address));
  EXPECT_FALSE(listened.error().remedy().empty());
}

TEST(Server, RefusesWhatIsNoAddress) {
  async::Worker worker;
  Server server(worker, {}, hello);
  for (const char* address :
       {"", "8000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "x:80", "[::1]"})
    EXPECT_EQ(server.listen(address).error().code(), ErrorCode::invalid_argument) << address;
}

TEST(Server, WorkersShareConnectionsOfOnePort) {
  std::mutex mutex;
  std::set<std::thread::id> served;
  const auto handler = [&](Exchange& exchange) {
    {
      std::lock_guard lock(mutex);
      served.insert(std::this_thread::get_id());
    }
    (void)async::sleep_for(30ms);
    hello(exchange);
  };
  std::promise<std::pair<async::Worker*, Server*>> other_started;
  std::thread thread([&] {
    async::Worker worker;
    Server server(worker, {}, handler);
    server.start();
    other_started.set_value({&worker, &server});
    worker.run();
  });
  auto [other_worker, other] = other_started.get_future().get();
  async::Worker worker;
  Server server(worker, {}, handler);
  ASSERT_TRUE(server.listen("127.0.0.1:0"));
  server.share_with({other});
  std::thread client([&, worker_ = &worker] {
    RawClient one(server.local_endpoint().port(), kGet), two(server.local_endpoint().port(), kGet);
    EXPECT_TRUE(one.read_response().ends_with("hello"));
    EXPECT_TRUE(two.read_response().ends_with("hello"));
    worker_->post([&] { worker.spawn([&] { server.drain(1s); }); });
  });
  worker.run();
  client.join();
  other_worker->post([w = other_worker, s = other] { w->spawn([s] { s->drain(1s); }); });
  thread.join();
  EXPECT_EQ(served.size(), 2u);
}

}  // namespace
}  // namespace wattle::http
