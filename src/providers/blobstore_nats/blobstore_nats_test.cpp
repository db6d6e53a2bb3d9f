#include "providers/blobstore_nats/blobstore_nats.h"

#include <gtest/gtest.h>

#include <fstream>

#include "nats/object_store.h"
#include "providers/blobstore_contract.h"

namespace wattle::providers {
namespace {

struct NatsBackend {
  static constexpr bool kHasServer = true;
  std::unique_ptr<capability::ProviderFactory> factory() { return blobstore_nats_factory(); }
  std::map<std::string, std::string> link_config() { return {{"cluster_uri", server.url()}}; }
  void pause() { server.pause(); }
  void resume() { server.resume(); }
  void stop() { server.stop(); }
  void start() { server.start(); }

  nats::TestServer server;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Nats, BlobstoreContract, NatsBackend);

TEST(BlobstoreNats, OtherClientsFindTheObjects) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto client = nats::Client::connect(worker, {.urls = {server.url()}});
    nats::JetStream js(**client);
    auto theirs = nats::ObjectStore::create(js, {.bucket = "theirs"});
    ASSERT_TRUE(theirs && theirs->put({.name = "a/b"}, "text"));
    auto provider = blobstore_nats_factory()->make(place.context());
    ASSERT_TRUE((*provider)->put_link(link_to_provider({{"cluster_uri", server.url()}})));
    auto& store = *(*provider)->blobstore();
    const capability::Caller caller{"shop", "default"};
    BLOB_OR_FAIL(names, store.list_objects(caller, "theirs", 0, 10));
    EXPECT_EQ(names, std::vector<std::string>{"a/b"});
    BLOB_DONE(store.copy_object(caller, {"theirs", "a/b"}, {"theirs", "c"}));
    auto copied = theirs->get_bytes("c");
    ASSERT_TRUE(copied);
    EXPECT_EQ(*copied, "text");
    EXPECT_FALSE(store.create_container(caller, "a b"));
  });
}

TEST(BlobstoreNats, SaysWhereTheServerDoesNotCompress) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    const std::string file = server.folder().path() + "/provider.log";
    const auto log = telemetry::Log::open({.level = telemetry::LogLevel::warn, .file = file}).value();
    auto provider = blobstore_nats_factory()->make({.worker = worker,
                                                    .blocking = place.blocking,
                                                    .log = log,
                                                    .components = place.components,
                                                    .provider_id = "backend",
                                                    .config = {{"compression", "true"}},
                                                    .secrets = {}});
    ASSERT_TRUE((*provider)->put_link(link_to_provider({{"cluster_uri", server.url()}})));
    BLOB_DONE((*provider)->blobstore()->create_container({"shop", "default"}, "bucket"));
    auto client = nats::Client::connect(worker, {.urls = {server.url()}});
    nats::JetStream js(**client);
    std::ifstream lines(file);
    const std::string told{std::istreambuf_iterator<char>(lines), {}};
    EXPECT_EQ(told.find("compression") == std::string::npos, js.stream_info("OBJ_bucket")->config.compress)
        << told;
  });
}

TEST(BlobstoreNats, AWriteHasItsTime) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = blobstore_nats_factory()->make(place.context());
    ASSERT_TRUE(
        (*provider)->put_link(link_to_provider({{"cluster_uri", server.url()}, {"max_write_wait", "1"}})));
    auto& store = *(*provider)->blobstore();
    const capability::Caller caller{"shop", "default"};
    BLOB_DONE(store.create_container(caller, "bucket"));
    async::Pipe never_ends;
    const auto written = store.write_object(caller, {"bucket", "a"}, never_ends);
    ASSERT_FALSE(written);
    EXPECT_NE(written.error().find("deadline"), std::string::npos) << written.error();
  });
}

}  // namespace
}  // namespace wattle::providers
