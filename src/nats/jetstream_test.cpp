#include "nats/jetstream.h"

#include <gtest/gtest.h>

#include "nats/consumer.h"
#include "nats/jetstream_json.h"
#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

// Runs `test(js)` against a server of its own.
template <class Test>
void with_jetstream(TestServer& server, Test test) {
  run_test([&](async::Worker& worker) {
    auto client = Client::connect(
        worker, {.urls = {server.url()}, .reconnect_wait_min = 5ms, .reconnect_wait_max = 20ms});
    ASSERT_TRUE(client) << client.error().full_message();
    JetStream js(**client);
    test(js);
  });
}

class JetStreamTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new TestServer(); }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }
  static inline TestServer* server_ = nullptr;
};

TEST_F(JetStreamTest, MakesDescribesChangesAndRemovesStreams) {
  with_jetstream(*server_, [](JetStream& js) {
    StreamConfig config{.name = "A", .subjects = {"a.>"}, .messages_max = 10, .age_max = 1h};
    auto made = js.create_stream(config);
    ASSERT_TRUE(made) << made.error().full_message();
    EXPECT_EQ(made->config.subjects, config.subjects);
    EXPECT_EQ(made->config.age_max, 1h);
    EXPECT_GT(made->created_ns, 0);
    EXPECT_TRUE(js.create_stream(config));  // the same once more
    config.messages_max = 20;
    auto other = js.create_stream(config);
    EXPECT_EQ(other.error().code(), ErrorCode::already_exists);
    EXPECT_EQ(api_error_of(other.error()), api_error::kStreamNameInUse);
    EXPECT_EQ(js.update_stream(config)->config.messages_max, 20);
    EXPECT_EQ(js.create_stream({.name = "B", .subjects = {"a.b"}}).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(js.stream_names("a.x").value(), std::vector<std::string>{"A"});
    ASSERT_TRUE(js.delete_stream("A"));
    EXPECT_EQ(api_error_of(js.stream_info("A").error()), api_error::kStreamNotFound);
    EXPECT_EQ(js.delete_stream("A").error().code(), ErrorCode::not_found);
    EXPECT_EQ(js.create_stream({.name = "a.b"}).error().code(), ErrorCode::invalid_argument);
  });
}

TEST(JetStream, AsksForCompression) {
  const auto asked = json::parse_object(to_json({.name = "A", .compress = true}), "a config").value();
  EXPECT_EQ(json::string_at(asked, "compression"), "s2");
  EXPECT_TRUE(read_stream_config(asked).compress);
  // Older servers need not hear of it.
  EXPECT_EQ(to_json({.name = "A"}).find("compression"), std::string::npos);
}

TEST_F(JetStreamTest, PublishesWithConditions) {
  with_jetstream(*server_, [](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "P", .subjects = {"p.>"}, .allow_direct = true}));
    EXPECT_EQ(js.publish("p.a", "1", {.message_id = "id"})->sequence, 1u);
    EXPECT_TRUE(js.publish("p.a", "1", {.message_id = "id"})->duplicate);
    EXPECT_EQ(js.publish("p.b", "2", {.expected_last_sequence = 1})->sequence, 2u);
    auto conflict = js.publish("p.b", "3", {.expected_last_sequence = 1});
    EXPECT_EQ(conflict.error().code(), ErrorCode::already_exists);
    EXPECT_EQ(api_error_of(conflict.error()), api_error::kWrongLastSequence);
    EXPECT_EQ(js.publish("p.a", "3", {.expected_last_subject_sequence = 1})->sequence, 3u);
    EXPECT_EQ(reason_of(js.publish("nowhere", "").error()), Reason::no_responders);

    EXPECT_EQ(js.message("P", 2)->payload, "2");
    EXPECT_EQ(js.last_message("P", "p.a")->sequence, 3u);
    EXPECT_EQ(js.message_direct("P", 1)->headers.find("Nats-Msg-Id"), "id");
    auto direct = js.last_message_direct("P", "p.a");
    ASSERT_TRUE(direct) << direct.error().full_message();
    EXPECT_EQ(direct->subject, "p.a");
    EXPECT_EQ(direct->sequence, 3u);
    EXPECT_GT(direct->time_ns, 0);
    EXPECT_EQ(js.message("P", 99).error().code(), ErrorCode::not_found);
    EXPECT_EQ(js.last_message_direct("P", "p.z").error().code(), ErrorCode::not_found);
    ASSERT_TRUE(js.delete_message("P", 2));
    EXPECT_EQ(js.message("P", 2).error().code(), ErrorCode::not_found);
    EXPECT_EQ(js.purge_stream("P", {.subject = "p.a"}).value(), 2u);
  });
}

TEST_F(JetStreamTest, ABatchIsAcknowledgedAsAWhole) {
  with_jetstream(*server_, [](JetStream& js) {
    ASSERT_TRUE(
        js.create_stream({.name = "BATCH", .subjects = {"batch"}, .messages_max = 100, .discard_new = true}));
    auto batch = PublishBatch::begin(js).value();
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(batch.publish("batch", "x"));
    ASSERT_TRUE(batch.finish());
    EXPECT_EQ(js.stream_info("BATCH")->messages, 100u);
    ASSERT_TRUE(batch.publish("batch", "one too many"));
    EXPECT_EQ(batch.finish().error().code(), ErrorCode::overloaded);
    auto nowhere = PublishBatch::begin(js).value();
    ASSERT_TRUE(nowhere.publish("nowhere", ""));
    EXPECT_EQ(reason_of(nowhere.finish().error()), Reason::no_responders);
  });
}

TEST_F(JetStreamTest, APullConsumerSharesAndRedelivers) {
  with_jetstream(*server_, [](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "W", .subjects = {"w.>"}, .retention = Retention::work_queue}));
    auto first = PullConsumer::create(js, "W", {.durable = "workers"});
    ASSERT_TRUE(first) << first.error().full_message();
    auto second = PullConsumer::open(js, "W", "workers").value();
    for (int i = 1; i <= 4; ++i) ASSERT_TRUE(js.publish("w.x", std::to_string(i)));
    auto some = first->fetch(2).value();
    ASSERT_EQ(some.size(), 2u);
    EXPECT_EQ(some[0].message.payload, "1");
    EXPECT_EQ(some[0].stream, "W");
    EXPECT_EQ(some[0].stream_sequence, 1u);
    EXPECT_EQ(some[0].pending, 3u);
    ASSERT_TRUE(some[0].ack_and_wait());
    ASSERT_TRUE(some[1].nak());
    auto rest = second.fetch(10, 300ms).value();
    ASSERT_EQ(rest.size(), 3u);
    uint64_t again = 0;
    for (auto& message : rest) {
      if (message.message.payload == "2") again = message.delivered;
      ASSERT_TRUE(message.ack());
    }
    EXPECT_EQ(again, 2u);
    EXPECT_EQ(second.fetch_now(10)->size(), 0u);
    EXPECT_TRUE(eventually([&] { return js.stream_info("W")->messages == 0; }));
    ASSERT_TRUE(PullConsumer::remove(js, "W", "workers"));
    auto gone = second.fetch(1, 100ms);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code(), ErrorCode::not_found);
    EXPECT_EQ(PullConsumer::open(js, "W", "workers").error().code(), ErrorCode::not_found);
  });
}

TEST_F(JetStreamTest, AnEphemeralConsumerFilters) {
  with_jetstream(*server_, [](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "F", .subjects = {"f.>"}}));
    for (const char* subject : {"f.a", "f.b", "f.a"}) ASSERT_TRUE(js.publish(subject, subject));
    auto consumer = PullConsumer::create(js, "F", {.filter_subject = "f.a", .acknowledge = false});
    ASSERT_TRUE(consumer) << consumer.error().full_message();
    EXPECT_EQ(consumer->fetch(10, 200ms)->size(), 2u);
  });
}

TEST_F(JetStreamTest, AnOrderedConsumerReadsFromFrontToBack) {
  with_jetstream(*server_, [](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "O", .subjects = {"o.>"}}));
    auto batch = PublishBatch::begin(js, 100).value();
    for (int i = 1; i <= 2000; ++i) ASSERT_TRUE(batch.publish("o.x", std::to_string(i)));
    ASSERT_TRUE(batch.finish());
    auto log = OrderedConsumer::create(js, "O", {}).value();
    EXPECT_EQ(log.pending_at_start(), 2000u);
    for (int i = 1; i <= 2000; ++i) ASSERT_EQ(log.next().value().message.payload, std::to_string(i));
    ASSERT_TRUE(js.publish("o.y", "live"));
    EXPECT_EQ(log.next().value().message.payload, "live");
    EXPECT_EQ(OrderedConsumer::create(js, "NONE", {}).error().code(), ErrorCode::not_found);
  });
}

TEST(OrderedConsumer, GoesOnBehindARestart) {
  TestServer server;
  with_jetstream(server, [&](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "O", .subjects = {"o"}}));
    for (const char* text : {"1", "2", "3"}) ASSERT_TRUE(js.publish("o", text));
    auto log = OrderedConsumer::create(js, "O", {.heartbeat = 200ms}).value();
    EXPECT_EQ(log.next().value().message.payload, "1");
    server.kill();
    server.start();
    EXPECT_EQ(log.next().value().message.payload, "2");
    EXPECT_EQ(log.next().value().message.payload, "3");
    ASSERT_TRUE(eventually([&] { return js.publish("o", "4").has_value(); }));
    EXPECT_EQ(log.next().value().message.payload, "4");
    EXPECT_EQ(log.restarts(), 0u);
  });
}

TEST(OrderedConsumer, ReadsAgainWhatWasMadeAnew) {
  TestServer server;
  with_jetstream(server, [&](JetStream& js) {
    ASSERT_TRUE(js.create_stream({.name = "O", .subjects = {"o"}}));
    for (const char* text : {"1", "2", "3"}) ASSERT_TRUE(js.publish("o", text));
    auto log = OrderedConsumer::create(js, "O", {.heartbeat = 100ms}).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(log.next());
    server.kill();
    server.erase_data();
    server.start();
    EXPECT_EQ(log.next().error().code(), ErrorCode::not_found);
    ASSERT_TRUE(js.create_stream({.name = "O", .subjects = {"o"}}));
    ASSERT_TRUE(js.publish("o", "new"));
    EXPECT_EQ(log.next().value().message.payload, "new");
    EXPECT_EQ(log.restarts(), 1u);
  });
}

TEST(JetStream, SaysThatItIsMissing) {
  TestServer server({.jetstream = false});
  with_jetstream(server, [](JetStream& js) {
    auto made = js.create_stream({.name = "A", .subjects = {"a"}});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), ErrorCode::unavailable);
    EXPECT_FALSE(made.error().remedy().empty());
  });
}

}  // namespace
}  // namespace wattle::nats
