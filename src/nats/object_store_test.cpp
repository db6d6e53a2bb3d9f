#include "nats/object_store.h"

#include <gtest/gtest.h>

#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

class ObjectStoreTest : public testing::Test {
 protected:
  // Runs `test(js, store)` with a fresh store.
  template <class Test>
  void with_store(Test test) {
    run_test([&](async::Worker& worker) {
      auto client = Client::connect(worker, {.urls = {server_.url()}});
      ASSERT_TRUE(client) << client.error().full_message();
      JetStream js(**client);
      auto store = ObjectStore::create(js, {.bucket = "images"});
      ASSERT_TRUE(store) << store.error().full_message();
      test(js, *store);
    });
  }
  TestServer server_;
};

std::string sample(size_t bytes) {
  std::string text(bytes, '\0');
  uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return text;
}

TEST_F(ObjectStoreTest, KeepsObjectsLargerThanAMessage) {
  with_store([](JetStream& js, ObjectStore& store) {
    const std::string large = sample(3 * js.client().server_info().max_payload_bytes + 17);
    auto put = store.put({.name = "app.wasm", .description = "an app"}, large);
    ASSERT_TRUE(put) << put.error().full_message();
    EXPECT_EQ(put->size_bytes, large.size());
    auto info = store.info("app.wasm").value();
    EXPECT_EQ(info.digest, put->digest);
    EXPECT_EQ(info.description, "an app");
    EXPECT_EQ(info.chunks, (large.size() + 128 * 1024 - 1) / (128 * 1024));
    EXPECT_TRUE(store.get_bytes("app.wasm").value() == large);
    EXPECT_EQ(store.get_bytes("app.wasm", 10).error().code(), ErrorCode::memory_exceeded);
  });
}

TEST_F(ObjectStoreTest, IsLaidOutAsOthersExpect) {
  with_store([](JetStream& js, ObjectStore& store) {
    const auto info = store.put({.name = "a?", .chunk_bytes = 4}, "abcdef").value();
    EXPECT_EQ(info.digest, "SHA-256=vvV-x_U6bUC-tkCngKY5yDvCmsipgW8fxsXG3Nk8RyE=");
    const auto meta = js.last_message("OBJ_images", "$O.images.M.YT8=").value();
    EXPECT_NE(meta.payload.find("\"chunks\":2"), std::string::npos) << meta.payload;
    EXPECT_EQ(meta.headers.find("Nats-Rollup"), "sub");
    EXPECT_EQ(js.last_message("OBJ_images", "$O.images.C." + info.id)->payload, "ef");
  });
}

TEST_F(ObjectStoreTest, ReplacesListsAndDeletes) {
  with_store([](JetStream& js, ObjectStore& store) {
    ASSERT_TRUE(store.put({.name = "a"}, "first"));
    ASSERT_TRUE(store.put({.name = "a"}, "second"));
    ASSERT_TRUE(store.put({.name = "empty"}, ""));
    EXPECT_EQ(store.get_bytes("a").value(), "second");
    EXPECT_EQ(store.get_bytes("empty").value(), "");
    EXPECT_EQ(js.stream_info("OBJ_images")->messages, 3u);  // nothing of the first is left
    EXPECT_EQ(store.list()->size(), 2u);
    ASSERT_TRUE(store.remove("a"));
    EXPECT_EQ(store.get_bytes("a").error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.remove("a").error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.info("never").error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.list()->size(), 1u);
    EXPECT_EQ(store.put({.name = ""}, "").error().code(), ErrorCode::invalid_argument);
  });
}

TEST_F(ObjectStoreTest, StreamsThroughPipesWithBackpressure) {
  with_store([](JetStream& js, ObjectStore& store) {
    const std::string large = sample(5 * 1024 * 1024);
    async::Pipe in(16 * 1024);
    js.client().worker().spawn([&] {
      EXPECT_TRUE(in.write_all({reinterpret_cast<const uint8_t*>(large.data()), large.size()}));
      in.close();
    });
    ASSERT_TRUE(store.put({.name = "a"}, in));
    async::Pipe out(16 * 1024);
    js.client().worker().spawn([&] { EXPECT_TRUE(store.get("a", out)); });
    std::string got;
    std::vector<uint8_t> buffer(64 * 1024);
    for (;;) {
      auto count = out.read_some(buffer);
      ASSERT_TRUE(count) << count.error().full_message();
      if (*count == 0) break;
      got.append(reinterpret_cast<const char*>(buffer.data()), *count);
    }
    EXPECT_TRUE(got == large);
  });
}

TEST_F(ObjectStoreTest, AFailedPutLeavesWhatWasThere) {
  with_store([](JetStream& js, ObjectStore& store) {
    ASSERT_TRUE(store.put({.name = "a"}, "whole"));
    int pieces = 0;
    auto failed = store.put({.name = "a", .chunk_bytes = 8}, [&](std::span<uint8_t> into) -> Result<size_t> {
      if (++pieces > 3) return failure(ErrorCode::io, "the disk broke");
      return into.size();
    });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::io);
    EXPECT_EQ(store.get_bytes("a").value(), "whole");
    EXPECT_EQ(js.stream_info("OBJ_images")->messages, 2u);
  });
}

TEST_F(ObjectStoreTest, DamageIsFound) {
  with_store([](JetStream& js, ObjectStore& store) {
    const auto info = store.put({.name = "a", .chunk_bytes = 4}, "abcdefgh").value();
    ASSERT_TRUE(js.delete_message("OBJ_images", 2));
    EXPECT_EQ(reason_of(store.get_bytes("a").error()), Reason::damaged);
    ASSERT_TRUE(js.publish("$O.images.C." + info.id, "EFGH"));
    EXPECT_EQ(reason_of(store.get_bytes("a").error()), Reason::damaged);
  });
}

}  // namespace
}  // namespace wattle::nats
