#include "nats/client.h"

#include <gtest/gtest.h>

#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Client> connect(async::Worker& worker, ClientOptions options) {
  auto client = Client::connect(worker, std::move(options));
  EXPECT_TRUE(client) << client.error().full_message();
  return client ? std::move(*client) : nullptr;
}

class ClientTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new TestServer(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  // Runs `test(client)` on a fiber.
  template <class Test>
  void with_client(Test test, ClientOptions options = {}) {
    options.urls = {server_->url()};
    run_test([&](async::Worker& worker) {
      auto client = connect(worker, options);
      if (client) test(*client);
    });
  }
  static inline TestServer* server_ = nullptr;
};

TEST_F(ClientTest, AnswersARequest) {
  with_client([](Client& client) {
    auto served = client.subscribe("greet.*", {}, [&](const Message& message) {
      EXPECT_TRUE(client.publish(message.reply, message.subject + " " + message.payload));
    });
    auto reply = client.request("greet.ann", "hello");
    ASSERT_TRUE(reply) << reply.error().full_message();
    EXPECT_EQ(reply->payload, "greet.ann hello");
  });
}

TEST_F(ClientTest, CarriesHeadersAndBytes) {
  with_client([](Client& client) {
    auto incoming = client.subscribe("bytes").value();
    const Headers headers{{"wattle-call", "250"}, {"traceparent", "00-1"}};
    const std::string bytes("\0\r\nMSG \xff", 8);
    ASSERT_TRUE(client.publish("bytes", bytes, {.reply = "elsewhere", .headers = &headers}));
    auto message = incoming.next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->payload, bytes);
    EXPECT_EQ(message->reply, "elsewhere");
    EXPECT_EQ(message->headers.fields(), headers.fields());
  });
}

TEST_F(ClientTest, SaysAtOnceThatNobodyResponds) {
  with_client([](Client& client) {
    auto reply = client.request("nobody.here", "");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(reason_of(reply.error()), Reason::no_responders);
  });
}

TEST_F(ClientTest, ARequestEndsAtTheFibersDeadline) {
  with_client([](Client& client) {
    auto silent = client.subscribe("silent", {}, [](const Message&) {});
    const TimePoint begin = Clock::now();
    async::DeadlineScope scope(begin + 50ms);
    auto reply = client.request("silent", "");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_FALSE(reason_of(reply.error()));
    EXPECT_LT(Clock::now() - begin, 5s);
  });
}

TEST_F(ClientTest, ManyFibersShareOneInbox) {
  with_client([](Client& client) {
    auto served =
        client.subscribe("echo", {}, [&](const Message& m) { (void)client.publish(m.reply, m.payload); });
    int answered = 0;
    async::Signal done;
    constexpr int kFibers = 200;
    for (int i = 0; i < kFibers; ++i)
      client.worker().spawn([&, i] {
        auto reply = client.request("echo", std::to_string(i));
        EXPECT_EQ(reply ? reply->payload : reply.error().full_message(), std::to_string(i));
        ++answered;
        done.notify();
      });
    while (answered < kFibers) ASSERT_TRUE(done.wait());
  });
}

TEST_F(ClientTest, AQueueGroupSharesMessagesOut) {
  with_client([](Client& client) {
    int first = 0;
    int second = 0;
    int everyone = 0;
    auto a = client.subscribe("work", {.queue_group = "workers"}, [&](const Message&) { ++first; });
    auto b = client.subscribe("work", {.queue_group = "workers"}, [&](const Message&) { ++second; });
    auto c = client.subscribe("work", {}, [&](const Message&) { ++everyone; });
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(client.publish("work", "x"));
    ASSERT_TRUE(client.flush());
    EXPECT_EQ(first + second, 200);
    EXPECT_GT(first, 0);
    EXPECT_GT(second, 0);
    EXPECT_EQ(everyone, 200);
  });
}

TEST_F(ClientTest, GathersAnswersUntilQuiet) {
  with_client([](Client& client) {
    const auto answer = [&](const Message& m) { (void)client.publish(m.reply, "here"); };
    auto a = client.subscribe("ping", {}, answer);
    auto b = client.subscribe("ping", {}, answer);
    auto c = client.subscribe("ping", {}, answer);
    EXPECT_EQ(client.request_many("ping", "", {.timeout = 10s, .quiet = 50ms}).value().size(), 3u);
    EXPECT_EQ(client.request_many("ping", "", {.count_max = 2}).value().size(), 2u);
    EXPECT_EQ(client.request_many("ping", "", {.timeout = 50ms}).value().size(), 3u);
    EXPECT_EQ(client.request_many("nobody", "").value().size(), 0u);
  });
}

TEST_F(ClientTest, HandlersOnFibersMayWaitAndAreBounded) {
  with_client([](Client& client) {
    int running = 0;
    int most = 0;
    int done = 0;
    auto served = client.subscribe("slow", {.fibers_max = 3}, [&](const Message&) {
      most = std::max(most, ++running);
      EXPECT_TRUE(async::sleep_for(2ms));
      --running;
      ++done;
    });
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.publish("slow", ""));
    ASSERT_TRUE(client.flush());
    ASSERT_TRUE(served->drain());
    EXPECT_EQ(done, 10);
    EXPECT_EQ(most, 3);
  });
}

TEST_F(ClientTest, ASlowConsumerDropsWhatItIsToldTo) {
  with_client([](Client& client) {
    int told = 0;
    client.set_listener([&](const Event& event) { told += event.kind == Event::Kind::slow_consumer; });
    auto newest = client.subscribe("fast", {.pending_messages_max = 2}).value();
    auto oldest = client.subscribe("fast", {.pending_messages_max = 2, .drop = Drop::oldest}).value();
    auto few_bytes = client.subscribe("fast", {.pending_bytes_max = 1}).value();
    for (const char* text : {"1", "2", "3", "4", "5"}) ASSERT_TRUE(client.publish("fast", text));
    ASSERT_TRUE(client.flush());
    EXPECT_EQ(newest.next()->payload, "1");
    EXPECT_EQ(newest.next()->payload, "2");
    EXPECT_EQ(oldest.next()->payload, "4");
    EXPECT_EQ(oldest.next()->payload, "5");
    EXPECT_EQ(few_bytes.pending(), 1u);
    EXPECT_EQ(newest.dropped(), 3u);
    EXPECT_EQ(oldest.dropped(), 3u);
    EXPECT_EQ(told, 3);
    EXPECT_EQ(client.statistics().dropped_messages, 10u);
  });
}

TEST_F(ClientTest, UnsubscribesAtOnceAndAfterACount) {
  with_client([](Client& client) {
    int counted = 0;
    auto three = client.subscribe("count", {}, [&](const Message&) { ++counted; }).value();
    three.unsubscribe_after(3);
    auto none = client.subscribe("count").value();
    none.unsubscribe();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(client.publish("count", ""));
    ASSERT_TRUE(client.flush());
    EXPECT_EQ(counted, 3);
    EXPECT_FALSE(three.active());
    EXPECT_EQ(reason_of(none.next().error()), Reason::closed);
  });
}

TEST_F(ClientTest, RefusesWhatTheServerWouldCutUsOffFor) {
  with_client([](Client& client) {
    const std::string large(client.server_info().max_payload_bytes + 1, 'x');
    auto published = client.publish("large", large);
    ASSERT_FALSE(published);
    EXPECT_EQ(reason_of(published.error()), Reason::payload_too_large);
    EXPECT_EQ(client.publish("a b", "").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(client.publish("a.*", "").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(client.subscribe("a..b").error().code(), ErrorCode::invalid_argument);
    const Headers broken{{"a", "b\r\nc"}};
    EXPECT_EQ(client.publish("a", "", {.headers = &broken}).error().code(), ErrorCode::invalid_argument);
    EXPECT_TRUE(client.flush());
    EXPECT_EQ(client.statistics().reconnects, 0u);
  });
}

TEST_F(ClientTest, LargeMessagesPassWhole) {
  with_client([](Client& client) {
    auto incoming = client.subscribe("large").value();
    std::string large(client.server_info().max_payload_bytes, 'x');
    for (size_t i = 0; i < large.size(); i += 97) large[i] = static_cast<char>(i);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(client.publish("large", large));
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(incoming.next().value().payload == large);
  });
}

TEST_F(ClientTest, WhatIsPublishedFasterThanTheSocketTakesIsBounded) {
  with_client(
      [](Client& client) {
        server_->pause();
        const std::string text(64 * 1024, 'x');
        Result<void> published;
        for (int i = 0; i < 2000 && published; ++i) published = client.publish("flood", text);
        server_->resume();
        ASSERT_FALSE(published);
        EXPECT_EQ(published.error().code(), ErrorCode::overloaded);
        EXPECT_TRUE(client.flush());
        EXPECT_TRUE(client.publish("flood", text));
      },
      {.pending_bytes_max = 1024 * 1024});
}

TEST_F(ClientTest, DoesNotHearItselfWithoutEcho) {
  with_client(
      [](Client& client) {
        auto mine = client.subscribe("echo").value();
        ASSERT_TRUE(client.publish("echo", ""));
        ASSERT_TRUE(client.flush());
        EXPECT_EQ(mine.received(), 0u);
      },
      {.no_echo = true});
}

TEST_F(ClientTest, DrainHandlesWhatWasSentBefore) {
  with_client([](Client& client) {
    int handled = 0;
    auto served = client.subscribe("last", {.fibers_max = 1}, [&](const Message&) {
      EXPECT_TRUE(async::sleep_for(1ms));
      ++handled;
    });
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.publish("last", ""));
    ASSERT_TRUE(client.drain());
    EXPECT_EQ(handled, 20);
    EXPECT_EQ(client.state(), State::closed);
    EXPECT_EQ(reason_of(client.publish("last", "").error()), Reason::closed);
    EXPECT_EQ(reason_of(client.request("last", "").error()), Reason::closed);
  });
}

TEST_F(ClientTest, HandlersCanStillAskWhileItDrains) {
  with_client([](Client& client) {
    TestServer& server = *server_;
    auto other = connect(client.worker(), {.urls = {server.url()}});
    auto helper =
        other->subscribe("helper", {}, [&](const Message& m) { (void)other->publish(m.reply, "done"); });
    ASSERT_TRUE(other->flush());
    auto served = client.subscribe("ask", {.fibers_max = 1}, [&](const Message& message) {
      EXPECT_TRUE(async::sleep_for(5ms));
      auto help = client.request("helper", "");
      EXPECT_TRUE(client.publish(message.reply, help ? help->payload : help.error().message()));
    });
    ASSERT_TRUE(client.flush());
    std::string answer;
    auto asking = client.worker().spawn([&] { answer = other->request("ask", "").value().payload; });
    ASSERT_TRUE(eventually([&] { return served->received() == 1; }));
    ASSERT_TRUE(client.drain());
    ASSERT_TRUE(eventually([&] { return asking->finished(); }));
    EXPECT_EQ(answer, "done");
  });
}

TEST_F(ClientTest, AHandlerMayEndItsOwnSubscriptionOrTheClient) {
  with_client([](Client& client) {
    Subscription own;
    int heard = 0;
    own = client
              .subscribe("end", {},
                         [&](const Message& message) {
                           ++heard;
                           own.unsubscribe();
                           if (message.payload == "all") client.close();
                         })
              .value();
    ASSERT_TRUE(client.publish("end", "all"));
    ASSERT_TRUE(client.publish("end", "all"));
    ASSERT_TRUE(eventually([&] { return client.state() == State::closed; }));
    EXPECT_EQ(heard, 1);
  });
}

TEST_F(ClientTest, ASubscriptionOutlivesItsClient) {
  run_test([](async::Worker& worker) {
    Subscription left;
    {
      auto client = connect(worker, {.urls = {server_->url()}});
      left = client->subscribe("left").value();
    }
    EXPECT_FALSE(left.active());
    EXPECT_EQ(reason_of(left.next().error()), Reason::closed);
  });
}

TEST_F(ClientTest, KnowsItsServer) {
  with_client([](Client& client) {
    EXPECT_TRUE(client.server_info().jetstream);
    EXPECT_TRUE(client.server_info().headers);
    EXPECT_TRUE(client.server_info().at_least(2, 9, 0));
    EXPECT_FALSE(client.server_info().at_least(9, 0, 0));
    EXPECT_EQ(client.server_info().url, server_->url());
  });
}

TEST(Connect, SaysWhatIsWrong) {
  run_test([](async::Worker& worker) {
    const std::string nobody = "nats://127.0.0.1:" + std::to_string(free_port());
    auto refused = Client::connect(worker, {.urls = {nobody}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::unavailable);
    EXPECT_NE(refused.error().message().find(nobody), std::string::npos);
    EXPECT_EQ(Client::connect(worker, {.urls = {"http://host"}}).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(Client::connect(worker, {.urls = {}}).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(Client::connect(worker, {.urls = {nobody}, .inbox_prefix = "a b"}).error().code(),
              ErrorCode::invalid_argument);
  });
}

TEST(Connect, TakesTheNextServerWhereOneIsMissing) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client =
        connect(worker, {.urls = {"nats://127.0.0.1:" + std::to_string(free_port()), server.url()}});
    EXPECT_EQ(client->server_info().url, server.url());
  });
}

}  // namespace
}  // namespace wattle::nats
