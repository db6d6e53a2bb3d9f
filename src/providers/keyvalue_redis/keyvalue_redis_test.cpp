#include "providers/keyvalue_redis/keyvalue_redis.h"

#include <gtest/gtest.h>

#include "providers/key_value_contract.h"
#include "providers/keyvalue_redis/store.h"
#include "providers/test_servers.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

struct RedisBackend {
  static constexpr bool kHasServer = true;
  static constexpr bool kPagesExactly = false;
  std::unique_ptr<capability::ProviderFactory> factory() { return keyvalue_redis_factory(); }
  std::map<std::string, std::string> link_config() { return {{"url", server.url()}}; }
  void pause() { server.pause(); }
  void resume() { server.resume(); }
  void stop() { server.stop(); }
  void start() { server.start(); }

  RedisServer server{"marker"};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, KeyValueContract, RedisBackend);

TEST(KeyValueRedis, WrongPasswordIsDeniedAndNotShown) {
  RedisServer server("right");
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = keyvalue_redis_factory()->make(place.context());
    std::string url = server.url();
    url.replace(url.find("right"), 5, "marker");
    ASSERT_TRUE((*provider)->put_link(link_to_provider({{"URL", url}})));
    auto read = (*provider)->key_value()->get({"shop", "default"}, "b", "a");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, capability::KeyValueError::Kind::access_denied);
    const auto health = (*provider)->health();
    EXPECT_FALSE(health.healthy);
    EXPECT_EQ(health.message.find("marker"), std::string::npos) << health.message;
  });
}

TEST(KeyValueRedis, SharesTheDefaultBucketWithOtherPrograms) {
  RedisServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    redis::ClientOptions options;
    options.address = *redis::parse_address(server.url());
    redis::Client client(worker, place.blocking, options, place.log);
    ASSERT_TRUE(client.command({"SET", "theirs", "1"}, redis::Repeat::never));
    ASSERT_TRUE(client.command({"LPUSH", "list", "1"}, redis::Repeat::never));
    auto provider = keyvalue_redis_factory()->make(place.context());
    ASSERT_TRUE((*provider)->put_link(link_to_provider({{"URL", server.url()}})));
    auto& store = *(*provider)->key_value();
    const capability::Caller caller{"shop", "default"};
    GET_OR_FAIL(value, store.get(caller, "", "theirs"));
    EXPECT_EQ(value, "1");
    GET_OR_FAIL(page, store.list_keys(caller, "", {}));
    EXPECT_EQ(page.keys, std::vector<std::string>{"theirs"});
    auto list = store.get(caller, "", "list");
    ASSERT_FALSE(list);
    EXPECT_NE(list.error().message.find("WRONGTYPE"), std::string::npos);
    DO_OR_FAIL(store.set(caller, "", "ours", "2"));
    EXPECT_EQ(client.command({"GET", "ours"}, redis::Repeat::allowed)->text, "2");
    ASSERT_TRUE(
        (*provider)->put_link(link_to_provider({{"URL", server.url()}, {"ignore_bucket_names", "true"}})));
    GET_OR_FAIL(same, store.get(caller, "any", "ours"));
    EXPECT_EQ(same, "2");
  });
}

TEST(KeyValueRedis, TellsAChangeOnce) {
  RedisServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const auto factory = keyvalue_redis_factory();
    auto one = factory->make(place.context());
    auto two = factory->make(place.context());
    auto link = link_to_component({{"URL", server.url()}, {"bucket", "b"}});
    ASSERT_TRUE((*one)->put_link(link_to_provider({{"URL", server.url()}})));
    ASSERT_TRUE((*one)->put_link(link));
    ASSERT_TRUE((*two)->put_link(link));
    auto& store = *(*one)->key_value();
    const capability::Caller caller{"shop", "default"};
    auto& changes = place.components.changes;
    ASSERT_TRUE(eventually([&] { return store.set(caller, "b", "first", "") && !changes.empty(); }));
    // The other takes over when the one that listened is gone.
    DO_OR_FAIL(store.set(caller, "b", "second", ""));
    DO_OR_FAIL(store.set(caller, "b", "third", ""));
    ASSERT_TRUE(eventually([&] { return changes.back().key == "third"; }));
    EXPECT_EQ(std::ranges::count(changes, "second", &TestComponents::Change::key), 1);
    two->reset();
    ASSERT_TRUE(
        eventually([&] { return store.set(caller, "b", "fourth", "") && changes.back().key == "fourth"; }));
  });
}

TEST(KeyValueRedis, LayoutKeepsBucketsApart) {
  using redis::Layout;
  EXPECT_EQ(Layout("default").redis_key("a"), "a");
  EXPECT_EQ(Layout("default").redis_key("wattle:b:a"), "wattle:default:wattle:b:a");
  EXPECT_EQ(Layout("b").redis_key("a"), "wattle:b:a");
  EXPECT_EQ(Layout("b:c").redis_key("a"), "wattle:b%3Ac:a");
  EXPECT_EQ(Layout("b").key_of("wattle:bc:a"), std::nullopt);
  EXPECT_EQ(Layout("b").key_of("wattle:b:"), "");
  EXPECT_EQ(Layout("default").key_of("wattle:b:a"), std::nullopt);
  EXPECT_EQ(Layout("[*]").pattern(), "wattle:\\[\\*\\]:*");
}

}  // namespace
}  // namespace wattle::providers
