#include "providers/messaging_nats/messaging_nats.h"

#include <gtest/gtest.h>

#include <set>

#include "providers/messaging_nats/subscriber.h"
#include "providers/provider_test.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;
using capability::BrokerMessage;
using capability::Caller;
using Handled = Result<tl::expected<void, std::string>>;

constexpr Caller kCaller{"shop", "default"};
constexpr std::string_view kAreYouThere = "are you there?";

class MessagingNats : public testing::Test {
 protected:
  // Runs `test(place, provider, client)`, with a client beside the provider's.
  template <class Test>
  void with_provider(Test test) {
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      auto provider = messaging_nats_factory()->make(place.context());
      ASSERT_TRUE((*provider)->put_link(link_to_provider(config())));
      auto client = nats::Client::connect(worker, {.urls = {server_.url()}});
      ASSERT_TRUE(client);
      test(place, **provider, **client);
      place.components.on_message = nullptr;  // what it counts in is gone, messages still come
    });
  }
  std::map<std::string, std::string> config(std::map<std::string, std::string> more = {}) const {
    more["cluster_uris"] = server_.url();
    return more;
  }
  // Publishes until somebody has subscribed.
  static bool reaches(nats::Client& client, const std::string& subject, const auto& condition) {
    return eventually([&] { return client.publish(subject, kAreYouThere) && condition(); });
  }

  nats::TestServer server_;
};

TEST_F(MessagingNats, PublishesAndAsks) {
  with_provider([&](TestPlace&, capability::Provider& provider, nats::Client& client) {
    auto heard = client.subscribe("news.*");
    auto served = client.subscribe("ask", {}, [&](const nats::Message& message) {
      (void)client.publish(message.reply, "answer to " + message.payload);
    });
    ASSERT_TRUE(client.flush());
    auto& messaging = *provider.messaging();
    ASSERT_TRUE(messaging.publish(
        kCaller, {.subject = "news.today", .body = std::string("a\0b", 3), .reply_to = "back"}));
    auto message = heard->next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->subject, "news.today");
    EXPECT_EQ(message->payload, std::string("a\0b", 3));
    EXPECT_EQ(message->reply, "back");
    auto answer = messaging.request(kCaller, "ask", "me", 1000);
    ASSERT_TRUE(answer) << answer.error();
    EXPECT_EQ(answer->body, "answer to me");
  });
}

TEST_F(MessagingNats, FailuresSayWhatTheyAre) {
  with_provider([&](TestPlace&, capability::Provider& provider, nats::Client& client) {
    auto& messaging = *provider.messaging();
    auto nobody = messaging.request(kCaller, "nobody", "", 1000);
    ASSERT_FALSE(nobody);
    EXPECT_NE(nobody.error().find("link \"default\" of \"shop\""), std::string::npos) << nobody.error();
    auto silent = client.subscribe("silent");
    ASSERT_TRUE(client.flush());
    const TimePoint begin = Clock::now();
    EXPECT_FALSE(messaging.request(kCaller, "silent", "", 100));
    EXPECT_LT(Clock::now() - begin, 1s);
    EXPECT_FALSE(messaging.publish(kCaller, {.subject = "not a subject", .body = "", .reply_to = {}}));
    EXPECT_FALSE(messaging.publish(
        kCaller, {.subject = "large", .body = std::string(2'000'000, 'x'), .reply_to = {}}));
    EXPECT_FALSE(messaging.publish({"stranger", "default"}, {.subject = "s", .body = "", .reply_to = {}}));
  });
}

TEST_F(MessagingNats, HandlersHearTheirSubscriptions) {
  with_provider([&](TestPlace& place, capability::Provider& provider, nats::Client& client) {
    std::vector<BrokerMessage> heard;
    place.components.on_message = [&](std::string_view target, const BrokerMessage& message) -> Handled {
      EXPECT_EQ(target, "watcher");
      heard.push_back(message);
      return tl::expected<void, std::string>();
    };
    ASSERT_TRUE(
        provider.put_link(link_to_component(config({{"subscriptions", "orders.*, mails.>|mailers"}}))));
    ASSERT_TRUE(reaches(client, "orders.first", [&] { return !heard.empty(); }));
    ASSERT_TRUE(
        reaches(client, "mails.first.of.all", [&] { return heard.back().subject == "mails.first.of.all"; }));
    ASSERT_TRUE(client.publish("orders.eu", "order", {.reply = "back"}));
    ASSERT_TRUE(eventually([&] { return heard.back().subject == "orders.eu"; }));
    EXPECT_EQ(heard.back().body, "order");
    EXPECT_EQ(heard.back().reply_to, "back");
    provider.delete_link(link_to_component({}));
    ASSERT_TRUE(client.flush());
    const size_t before = heard.size();
    ASSERT_TRUE(eventually([&] {
      return client.request("orders.eu", "late", {.timeout = 1s}).error().code() == ErrorCode::unavailable;
    }));
    EXPECT_LE(heard.size(), before + 1);
  });
}

// Each worker has a provider of its own; a message is still handled once.
TEST_F(MessagingNats, AMessageIsHandledOnce) {
  with_provider([&](TestPlace& place, capability::Provider& provider, nats::Client& client) {
    std::multiset<std::string> heard;
    bool reached = false;
    place.components.on_message = [&](std::string_view, const BrokerMessage& message) -> Handled {
      if (message.body == kAreYouThere) {
        reached = true;
      } else {
        heard.insert(message.body);
      }
      return tl::expected<void, std::string>();
    };
    auto second = messaging_nats_factory()->make(place.context());
    const auto link = link_to_component(config({{"subscriptions", "orders"}}));
    ASSERT_TRUE(provider.put_link(link));
    ASSERT_TRUE((*second)->put_link(link));
    ASSERT_TRUE(reaches(client, "orders", [&] { return reached; }));
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.publish("orders", std::to_string(i)));
    ASSERT_TRUE(eventually([&] { return heard.size() >= 100; }));
    // A link that is put again loses nothing.
    ASSERT_TRUE(provider.put_link(link));
    for (int i = 100; i < 200; ++i) ASSERT_TRUE(client.publish("orders", std::to_string(i)));
    ASSERT_TRUE(eventually([&] { return heard.size() >= 200; }));
    EXPECT_EQ(heard.size(), 200u);
    EXPECT_EQ(std::set<std::string>(heard.begin(), heard.end()).size(), 200u);
  });
}

TEST_F(MessagingNats, ConcurrencyIsBounded) {
  with_provider([&](TestPlace& place, capability::Provider& provider, nats::Client& client) {
    int running = 0;
    int most = 0;
    int handled = 0;
    place.components.on_message = [&](std::string_view, const BrokerMessage&) -> Handled {
      most = std::max(most, ++running);
      (void)async::sleep_for(5ms);
      --running;
      ++handled;
      return tl::expected<void, std::string>();
    };
    ASSERT_TRUE(
        provider.put_link(link_to_component(config({{"subscriptions", "work"}, {"max_concurrency", "3"}}))));
    ASSERT_TRUE(reaches(client, "work", [&] { return handled > 0; }));
    const int before = handled;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.publish("work", ""));
    ASSERT_TRUE(eventually([&] { return handled >= before + 20 && running == 0; }));
    EXPECT_EQ(most, 3);
  });
}

TEST_F(MessagingNats, JetStreamMessagesComeAgainUntilTheyAreHandled) {
  with_provider([&](TestPlace& place, capability::Provider& provider, nats::Client& client) {
    nats::JetStream js(client);
    ASSERT_TRUE(js.create_stream({.name = "ORDERS", .subjects = {"orders.>"}}));
    for (const char* body : {"good", "refused", "overloaded", "lost"})
      ASSERT_TRUE(js.publish("orders.eu", body));
    std::map<std::string, int> calls;
    place.components.on_message = [&](std::string_view, const BrokerMessage& message) -> Handled {
      const int call = ++calls[message.body];
      if (message.body == "refused" && call == 1)
        return tl::expected<void, std::string>(tl::unexpect, "not now");
      if (message.body == "overloaded" && call < 3)
        return failure(ErrorCode::overloaded, "no instance is free");
      if (message.body == "lost" && call == 1) return failure(ErrorCode::unavailable, "the host has gone");
      return tl::expected<void, std::string>();
    };
    ASSERT_TRUE(provider.put_link(link_to_component(
        config({{"consumers", R"([{"stream":"ORDERS","consumer":"billing","max_messages":2}])"}}))));
    ASSERT_TRUE(eventually([&] {
      return calls["good"] == 1 && calls["refused"] == 2 && calls["overloaded"] == 3 && calls["lost"] == 2;
    }));
    ASSERT_TRUE(js.publish("orders.eu", "next"));
    ASSERT_TRUE(eventually([&] { return calls["next"] == 1; }));
    provider.drain();
    auto rest = nats::PullConsumer::open(js, "ORDERS", "billing");
    ASSERT_TRUE(rest);
    provider.delete_link(link_to_component({}));
    auto left = rest->fetch_now(10);
    ASSERT_TRUE(left);
    EXPECT_TRUE(left->empty());
    EXPECT_EQ(calls["good"], 1);
  });
}

TEST_F(MessagingNats, SubscribesAgainAfterTheServerWasGone) {
  with_provider([&](TestPlace& place, capability::Provider& provider, nats::Client& client) {
    int heard = 0;
    place.components.on_message = [&](std::string_view, const BrokerMessage&) -> Handled {
      ++heard;
      return tl::expected<void, std::string>();
    };
    server_.kill();
    ASSERT_TRUE(provider.put_link(link_to_component(config({{"subscriptions", "orders"}}))));
    server_.start();
    ASSERT_TRUE(reaches(client, "orders", [&] { return heard > 0; }));
    EXPECT_TRUE(provider.health().healthy);
    server_.kill();
    server_.start();
    heard = 0;
    ASSERT_TRUE(reaches(client, "orders", [&] { return heard > 0; }));
  });
}

TEST(MessagingNatsSettings, AreRead) {
  const Settings::Map map = {{"subscriptions", "a.*,b|group"},
                             {"consumers", R"([{"stream":"S","consumer":"c","max_messages":5}])"}};
  auto read = read_subscriber_settings(Settings({&map}), "own");
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->patterns, (std::vector<SubscriberSettings::Pattern>{{"a.*", "own"}, {"b", "group"}}));
  EXPECT_EQ(read->consumers, (std::vector<SubscriberSettings::Consumer>{{"S", "c", 5}}));
  for (const Settings::Map& wrong :
       std::vector<Settings::Map>{{{"subscriptions", "a..b"}},
                                  {{"subscriptions", "a|b c"}},
                                  {{"consumers", "{}"}},
                                  {{"consumers", "["}},
                                  {{"consumers", R"([{"stream":"S"}])"}},
                                  {{"consumers", R"([{"stream":"S.","consumer":"c"}])"}},
                                  {{"max_concurrency", "0"}}})
    EXPECT_FALSE(read_subscriber_settings(Settings({&wrong}), "own"));
}

}  // namespace
}  // namespace wattle::providers
