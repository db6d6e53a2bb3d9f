// HTTP handlers built with real toolchains, served as `wattle serve` does, asked over real sockets.
#include <gmock/gmock.h>

#include "http_guest.h"

namespace wattle::wasi {
namespace {

using testing::HasSubstr;

// A guest that is interrupted in the middle of its answer, on a slow machine, has it sent in pieces.
TEST_F(HttpGuest, AnswersInOneWriteWithItsLength) {
  constexpr int kTriesMax = 200;
  serve("hello-http-c", [&] {
    int whole = 0;
    for (int tries = 0; whole < 3 && tries < kTriesMax; ++tries) {
      auto answer = get("/");
      EXPECT_EQ(answer.status, 200);
      EXPECT_THAT(answer.body, HasSubstr("ello"));
      const auto length = answer.fields.get("content-length");
      if (!length) continue;
      EXPECT_EQ(*length, std::to_string(answer.body.size()));
      whole += 1;
    }
    EXPECT_EQ(whole, 3);
    EXPECT_LE(pool_->counts().created, 2u);
  });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(HttpGuest, EchoesALargeBodyAsItComes) {
  serve("echo-http-c", [&] {
    std::string text;
    for (int count = 0; count < 300'000; ++count) text += std::to_string(count) + ",";
    auto ends = http::make_body();
    async::Fiber::current().worker().spawn([&text, writer = std::move(ends.writer)] {
      EXPECT_TRUE(writer->pipe.write_all(http::as_bytes(text)));
      writer->pipe.close();
    });
    auto answer = ask(request("/", "POST"), std::move(ends.reader));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, text);
  });
  EXPECT_TRUE(failures_.empty());
}

// The guest answers while it still reads: the client sends the second half only after it got the first back.
TEST_F(HttpGuest, StreamsBothWaysAtOnce) {
  serve("echo-http-c", [&] {
    auto ends = http::make_body();
    EXPECT_EQ(ends.writer->pipe.try_write(http::as_bytes("first")), 5u);
    auto response = client_->send(request("/", "POST"), std::move(ends.reader));
    ASSERT_TRUE(response) << response.error().full_message();
    std::array<uint8_t, 100> bytes;
    EXPECT_EQ(response->body->pipe.read_some(bytes).value(), 5u);
    EXPECT_TRUE(ends.writer->pipe.write_all(http::as_bytes("second")));
    ends.writer->pipe.close();
    EXPECT_EQ(http::read_all(*response->body, 100).value(), "second");
  });
}

TEST_F(HttpGuest, HandsTrailersThrough) {
  serve("echo-http-c", [&] {
    for (bool http2 : {false, true}) {
      http::RequestOptions options;
      options.http2_prior_knowledge = http2;
      auto ends = http::make_body();
      EXPECT_EQ(ends.writer->pipe.try_write(http::as_bytes("body")), 4u);
      ends.writer->trailers.emplace();
      EXPECT_TRUE(ends.writer->trailers->append("x-sum", "42"));
      ends.writer->pipe.close();
      auto answer = ask(request("/", "POST"), std::move(ends.reader), options);
      EXPECT_EQ(answer.body, "body");
      ASSERT_TRUE(answer.trailers);
      EXPECT_EQ(answer.trailers->get("x-sum"), "42");
    }
  });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(HttpGuest, AnswersHttp2) {
  serve("echo-http-c", [&] {
    http::RequestOptions options;
    options.http2_prior_knowledge = true;
    const std::string text(1'000'000, '2');
    auto answer = ask(request("/", "POST"), http::body_of(http::as_bytes(text)), options);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, text);
  });
}

TEST_F(HttpGuest, StopsWhenTheClientGoes) {
  serve("echo-http-c", [&] {
    auto ends = http::make_body();
    EXPECT_EQ(ends.writer->pipe.try_write(http::as_bytes("first")), 5u);
    {
      auto response = client_->send(request("/", "POST"), std::move(ends.reader));
      ASSERT_TRUE(response);
    }
    while (pool_->counts().busy > 0) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
  });
}

TEST_F(HttpGuest, FetchesWhatItMay) {
  serve("client-http-c", [&] {
    http::Server upstream(async::Fiber::current().worker(), {}, [&](http::Exchange& exchange) {
      http::Response response;
      response.status = 201;
      EXPECT_TRUE(response.fields.append("content-type", "text/upstream"));
      (void)exchange.respond(response,
                             http::as_bytes("from upstream: " + exchange.request().path_with_query));
    });
    ASSERT_TRUE(upstream.listen("127.0.0.1:0"));
    const std::string peer = "127.0.0.1:" + std::to_string(upstream.local_endpoint().port());
    auto wanted = request("/");
    EXPECT_TRUE(wanted.fields.append("wattle-authority", peer));
    EXPECT_TRUE(wanted.fields.append("wattle-path", "/some?thing"));

    auto denied = ask(wanted);
    EXPECT_EQ(denied.status, 502);
    EXPECT_THAT(denied.body, HasSubstr("case 15"));  // HTTP-request-denied

    EXPECT_TRUE(context_->outgoing_http.allow(peer));
    auto answer = ask(wanted);
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer.fields.get("content-type"), "text/upstream");
    EXPECT_EQ(answer.body, "from upstream: /some?thing");
    client_->close_idle();
    upstream.drain(std::chrono::seconds(1));

    auto gone = ask(wanted);
    EXPECT_EQ(gone.status, 502);
    EXPECT_THAT(gone.body, HasSubstr("case 6"));  // connection-refused
  });
}

TEST_F(HttpGuest, JavaScriptSaysHello) {
  serve("hello-http-js", [&] {
    for (int count = 0; count < 2; ++count) {
      auto answer = get("/");
      EXPECT_EQ(answer.status, 200);
      EXPECT_THAT(answer.body, HasSubstr("ello"));
    }
  });
  EXPECT_TRUE(failures_.empty());
}

TEST_F(HttpGuest, JavaScriptEchoes) {
  serve("echo-http-js", [&] {
    const std::string text(200'000, 'j');
    auto answer = ask(request("/", "POST"), http::body_of(http::as_bytes(text)));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), text.size());
  });
}

TEST_F(HttpGuest, JavaScriptTransformsAStream) {
  serve("echo-http-js", [&] {
    auto answer = ask(request("/?upper", "POST"), http::body_of(http::as_bytes(std::string(100'000, 'a'))));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, std::string(100'000, 'A'));
  });
}

TEST_F(HttpGuest, JavaScriptFetches) {
  serve("proxy-http-js", [&] {
    http::Server upstream(async::Fiber::current().worker(), {}, [&](http::Exchange& exchange) {
      (void)exchange.respond(http::Response{}, http::as_bytes(std::string(100'000, 'u')));
    });
    ASSERT_TRUE(upstream.listen("127.0.0.1:0"));
    const std::string peer = "127.0.0.1:" + std::to_string(upstream.local_endpoint().port());
    auto wanted = request("/");
    EXPECT_TRUE(wanted.fields.append("wattle-url", "http://" + peer + "/"));
    EXPECT_EQ(ask(wanted).status, 502);
    EXPECT_TRUE(context_->outgoing_http.allow(peer));
    auto answer = ask(wanted);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.size(), 100'000u);
    client_->close_idle();
    upstream.drain(std::chrono::seconds(1));
  });
}

// ---- guests that misbehave

TEST_F(HttpGuest, FailuresAreStatusesWithoutDetails) {
  serve("hostile-c", [&] {
    for (const std::string path :
         {"/unreachable",      "/forged-handle",   "/negative-handle",   "/double-drop",
          "/use-after-drop",   "/wrong-type",      "/use-after-move",    "/poll-nothing",
          "/poll-forged",      "/huge-string",     "/string-past-end",   "/string-wraps",
          "/huge-list",        "/misaligned-list", "/misaligned-result", "/result-past-end",
          "/bad-discriminant", "/bad-error-code",  "/out-of-bounds",     "/divide-by-zero",
          "/call-null",        "/no-answer",       "/eat-handles",       "/eat-fields",
          "/eat-pollables",    "/recurse"}) {
      SCOPED_TRACE(path);
      const size_t before = failures_.size();
      auto answer = get(path);
      EXPECT_EQ(answer.status, 500) << (answer.error ? answer.error->full_message() : "");
      EXPECT_EQ(answer.body, "Internal Server Error\n");
      EXPECT_EQ(failures_.size(), before + 1);
      EXPECT_EQ(get("/").body, "well-behaved\n");
    }
  });
}

// A guest that has had a whole slice may have been made to give way in between: then its head is out already.
TEST_F(HttpGuest, AFailureAfterTheHeadIsAStatusOrACutBody) {
  serve("hostile-c", [&] {
    for (const std::string path : {"/trap-after-head", "/write-unchecked", "/write-out-of-bounds",
                                   "/drop-parent-first", "/leave-body-open", "/long-body", "/short-body"}) {
      SCOPED_TRACE(path);
      const size_t before = failures_.size();
      const auto answer = get(path);
      const bool trapped = !path.ends_with("-body") && path != "/leave-body-open";
      // Its head may be out, and read, before it has failed.
      while (trapped && failures_.size() == before)
        ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
      EXPECT_TRUE(!trapped || failures_.size() == before + 1);
      EXPECT_TRUE(answer.status == 500 || answer.error) << answer.status << " " << answer.body;
      EXPECT_EQ(get("/").body, "well-behaved\n");
    }
  });
}

// Its first answer has no body: what has gone out by the time it fails is whole.
TEST_F(HttpGuest, ASecondAnswerIsAFailure) {
  serve("hostile-c", [&] {
    const auto answer = get("/answer-twice");
    EXPECT_TRUE(answer.status == 500 || answer.error || (answer.status == 200 && answer.body.empty()))
        << answer.status;
    EXPECT_EQ(get("/").body, "well-behaved\n");
    EXPECT_EQ(failures_.size(), 1u);
  });
}

TEST_F(HttpGuest, RefusalsAreToldToTheGuest) {
  serve("hostile-c", [&] {
    EXPECT_EQ(get("/bad-status").body, "status 7 refused: 1\n");
    EXPECT_EQ(get("/split-headers").body, "line break refused: 1\n");
    EXPECT_EQ(get("/error-answer").status, 508);
    EXPECT_EQ(get("/").status, 200);
  });
}

TEST_F(HttpGuest, TimeRunsOut) {
  IncomingHandlerOptions options;
  options.timeout = std::chrono::milliseconds(300);
  serve(
      "hostile-c",
      [&] {
        for (const std::string path :
             {"/spin", "/spin-in-host-calls", "/sleep-for-ever", "/poll-for-ever", "/flood-stderr"}) {
          SCOPED_TRACE(path);
          EXPECT_EQ(get(path).status, 504);
          EXPECT_EQ(get("/").body, "well-behaved\n");
        }
        auto cut = get("/spin-after-head");
        EXPECT_TRUE(cut.error || cut.status == 504);
      },
      options);
}

TEST_F(HttpGuest, AFloodIsHeldBack) {
  IncomingHandlerOptions options;
  options.timeout = std::chrono::milliseconds(500);
  serve(
      "hostile-c",
      [&] {
        auto response = client_->send(request("/flood"), nullptr);
        ASSERT_TRUE(response);
        // Nobody reads: the guest must wait until its time is over.
        while (pool_->counts().busy > 0) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(5)));
        EXPECT_FALSE(http::read_all(*response->body, size_t{64} << 20));
      },
      options);
}

TEST_F(HttpGuest, OverloadIsSaid) {
  IncomingHandlerOptions options;
  options.timeout = std::chrono::milliseconds(500);
  runtime::PoolOptions pool_options;
  pool_options.max_instances = 1;
  pool_options.max_queue = 1;
  serve(
      "hostile-c",
      [&] {
        auto& worker = async::Fiber::current().worker();
        int waiting = 2;
        for (int count = 0; count < 2; ++count)
          worker.spawn([&] {
            // The one that waits for an instance may not get it before its time is over.
            EXPECT_THAT(get("/sleep-for-ever").status, testing::AnyOf(503, 504));
            --waiting;
          });
        while (pool_->counts().queued < 1) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(1)));
        auto answer = get("/");
        EXPECT_EQ(answer.status, 503);
        EXPECT_TRUE(answer.fields.has("retry-after"));
        while (waiting > 0) ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(5)));
      },
      options, pool_options);
}

}  // namespace
}  // namespace wattle::wasi
