// What happens to a client when its server goes, stops answering, or comes back.
#include <gtest/gtest.h>

#include "nats/client.h"
#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

ClientOptions quick(std::vector<std::string> urls) {
  ClientOptions options;
  options.urls = std::move(urls);
  options.reconnect_wait_min = 5ms;
  options.reconnect_wait_max = 20ms;
  return options;
}

std::unique_ptr<Client> connect(async::Worker& worker, ClientOptions options) {
  auto client = Client::connect(worker, std::move(options));
  EXPECT_TRUE(client) << client.error().full_message();
  return client ? std::move(*client) : nullptr;
}

bool disconnected(Client& client) {
  return eventually([&] { return client.state() == State::reconnecting; });
}

TEST(Reconnect, SubscriptionsLiveOn) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({server.url()}));
    std::vector<Event::Kind> told;
    client->set_listener([&](const Event& event) { told.push_back(event.kind); });
    auto served =
        client->subscribe("greet", {}, [&](const Message& m) { (void)client->publish(m.reply, "hi"); });
    auto pulled = client->subscribe("news").value();
    ASSERT_TRUE(client->request("greet", ""));
    server.kill();
    ASSERT_TRUE(disconnected(*client));
    server.start();
    auto reply = client->request("greet", "");
    ASSERT_TRUE(reply) << reply.error().full_message();
    ASSERT_TRUE(client->publish("news", "again"));
    EXPECT_EQ(pulled.next()->payload, "again");
    EXPECT_EQ(told, (std::vector{Event::Kind::disconnected, Event::Kind::reconnected}));
    EXPECT_EQ(client->statistics().reconnects, 1u);
  });
}

TEST(Reconnect, ARequestThatWasSentFailsAtOnce) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({server.url()}));
    auto silent = client->subscribe("silent", {}, [&](const Message&) { server.kill(); });
    const TimePoint begin = Clock::now();
    auto reply = client->request("silent", "");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(reason_of(reply.error()), Reason::connection_lost);
    EXPECT_LT(Clock::now() - begin, 5s);
  });
}

TEST(Reconnect, ARequestWhileCutOffWaitsForTheConnection) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({server.url()}));
    auto served =
        client->subscribe("greet", {}, [&](const Message& m) { (void)client->publish(m.reply, "hi"); });
    server.kill();
    ASSERT_TRUE(disconnected(*client));
    {
      async::DeadlineScope scope(Clock::now() + 50ms);
      auto late = client->request("greet", "late");
      ASSERT_FALSE(late);
      EXPECT_EQ(late.error().code(), ErrorCode::deadline_exceeded);
      EXPECT_EQ(reason_of(late.error()), Reason::not_connected);
    }
    worker.spawn([&] { server.start(); });
    auto reply = client->request("greet", "");
    ASSERT_TRUE(reply) << reply.error().full_message();
    EXPECT_EQ(served->received(), 1u);  // what was asked too late was never sent
  });
}

TEST(Reconnect, PublishesWhatWasKeptWithinItsBound) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    ClientOptions options = quick({server.url()});
    options.cut_off_bytes_max = 1000;
    auto client = connect(worker, options);
    auto news = client->subscribe("news").value();
    server.kill();
    ASSERT_TRUE(disconnected(*client));
    ASSERT_TRUE(client->publish("news", "kept"));
    auto refused = client->publish("news", std::string(1000, 'x'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(reason_of(refused.error()), Reason::not_connected);
    server.start();
    EXPECT_EQ(news.next()->payload, "kept");
  });
}

TEST(Reconnect, NoticesAServerThatIsSilent) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    ClientOptions options = quick({server.url()});
    options.ping_interval = 30ms;
    options.connect_timeout = 100ms;
    auto client = connect(worker, options);
    server.pause();
    EXPECT_TRUE(disconnected(*client));
    server.resume();
    EXPECT_TRUE(client->wait_connected());
    EXPECT_TRUE(client->flush());
  });
}

TEST(Reconnect, ADeadlinePassesWhileTheServerIsStopped) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({server.url()}));
    auto served =
        client->subscribe("greet", {}, [&](const Message& m) { (void)client->publish(m.reply, "hi"); });
    ASSERT_TRUE(client->request("greet", ""));
    server.pause();
    {
      async::DeadlineScope scope(Clock::now() + 50ms);
      EXPECT_EQ(client->request("greet", "").error().code(), ErrorCode::deadline_exceeded);
      EXPECT_EQ(client->flush().error().code(), ErrorCode::deadline_exceeded);
    }
    server.resume();
    EXPECT_TRUE(client->request("greet", ""));
    EXPECT_EQ(client->statistics().reconnects, 0u);
  });
}

TEST(Reconnect, CanBeClosedWhileCutOff) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({server.url()}));
    server.kill();
    ASSERT_TRUE(disconnected(*client));
    bool failed = false;
    auto waiting =
        worker.spawn([&] { failed = reason_of(client->request("a", "").error()) == Reason::closed; });
    ASSERT_TRUE(async::sleep_for(1ms));
    client->close();
    EXPECT_TRUE(eventually([&] { return waiting->finished(); }));
    EXPECT_TRUE(failed);
  });
}

TEST(Reconnect, MovesToAnotherServerOfTheCluster) {
  TestCluster cluster;
  run_test([&](async::Worker& worker) {
    auto client = connect(worker, quick({cluster[0].url()}));
    // Servers learn of each other a little after they started, and tell their clients.
    ASSERT_TRUE(
        eventually([&] { return client->server_info().connect_urls.size() == TestCluster::kServers; }));
    auto other = connect(worker, quick({cluster[1].url(), cluster[2].url()}));
    auto served =
        client->subscribe("greet", {}, [&](const Message& m) { (void)client->publish(m.reply, "hi"); });
    cluster[0].kill();
    ASSERT_TRUE(eventually([&] { return client->statistics().reconnects > 0; }));
    EXPECT_NE(client->server_info().url, cluster[0].url());
    // A route tells of the subscription a little later than the server does.
    EXPECT_TRUE(eventually([&] { return other->request("greet", "").has_value(); }));
  });
}

}  // namespace
}  // namespace wattle::nats
