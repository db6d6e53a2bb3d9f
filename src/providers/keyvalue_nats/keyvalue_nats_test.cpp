#include "providers/keyvalue_nats/keyvalue_nats.h"

#include <gtest/gtest.h>

#include "nats/key_value.h"
#include "providers/key_value_contract.h"
#include "providers/nats_names.h"

namespace wattle::providers {
namespace {

struct NatsBackend {
  static constexpr bool kHasServer = true;
  static constexpr bool kPagesExactly = true;
  std::unique_ptr<capability::ProviderFactory> factory() { return keyvalue_nats_factory(); }
  std::map<std::string, std::string> link_config() { return {{"cluster_uris", server.url()}}; }
  void pause() { server.pause(); }
  void resume() { server.resume(); }
  void stop() { server.stop(); }
  void start() { server.start(); }

  nats::TestServer server;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Nats, KeyValueContract, NatsBackend);

TEST(KeyValueNats, BucketsThatMayNotBeMadeAreMissing) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = keyvalue_nats_factory()->make(place.context());
    ASSERT_TRUE((*provider)->put_link(link_to_provider(
        {{"cluster_uri", server.url()}, {"enable_bucket_auto_create", "false"}, {"bucket", "theirs"}})));
    auto& store = *(*provider)->key_value();
    const capability::Caller caller{"shop", "default"};
    auto missing = store.get(caller, "", "a");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, capability::KeyValueError::Kind::no_such_store);
    auto client = nats::Client::connect(worker, {.urls = {server.url()}});
    nats::JetStream js(**client);
    auto theirs = nats::KeyValue::create(js, {.bucket = "theirs"});
    ASSERT_TRUE(theirs && theirs->put("a.b", "1"));
    GET_OR_FAIL(value, store.get(caller, "default", "a.b"));
    EXPECT_EQ(value, "1");
  });
}

TEST(KeyValueNats, BucketIsMadeAgainWhenTheServerLostItsData) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = keyvalue_nats_factory()->make(place.context());
    ASSERT_TRUE((*provider)->put_link(link_to_provider({{"cluster_uri", server.url()}})));
    auto& store = *(*provider)->key_value();
    const capability::Caller caller{"shop", "default"};
    DO_OR_FAIL(store.set(caller, "b", "a", "1"));
    server.kill();
    server.erase_data();
    server.start();
    ASSERT_TRUE(eventually([&] { return store.set(caller, "b", "a", "2").has_value(); }));
    GET_OR_FAIL(value, store.get(caller, "b", "a"));
    EXPECT_EQ(value, "2");
  });
}

TEST(KeyValueNats, KeysAreEscapedBackAndForth) {
  EXPECT_EQ(nats_key("a.b/c-d_e"), "a.b/c-d_e");
  EXPECT_EQ(nats_key(".a..b."), "=2Ea.=2Eb=2E");
  EXPECT_EQ(nats_key(""), "=_");
  for (const std::string key : {"", ".", "..", "a b", "=", "=_", "=2E", "\xff", "*.>"})
    EXPECT_EQ(key_of_nats_key(nats_key(key)), key);
  EXPECT_EQ(key_of_nats_key("a=zz"), std::nullopt);
  EXPECT_EQ(nats_bucket("my-bucket_1"), "my-bucket_1");
  EXPECT_EQ(nats_bucket("a b"), "x_YSBi");
  EXPECT_NE(nats_bucket("x_YSBi"), "x_YSBi");
}

}  // namespace
}  // namespace wattle::providers
