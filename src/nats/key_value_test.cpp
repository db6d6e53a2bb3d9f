// The same tests on one server and on a cluster of three, where each bucket has three replicas.
#include "nats/key_value.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nats/test_server.h"

namespace wattle::nats {
namespace {

using namespace std::chrono_literals;

class Place {
 public:
  explicit Place(bool cluster) {
    if (cluster) {
      cluster_ = std::make_unique<TestCluster>();
    } else {
      server_ = std::make_unique<TestServer>();
    }
  }
  std::vector<std::string> urls() const {
    return cluster_ ? cluster_->urls() : std::vector<std::string>{server_->url()};
  }
  int replicas() const { return cluster_ ? 3 : 1; }
  // The server that `url` names.
  TestServer& at(const std::string& url) {
    if (server_) return *server_;
    for (size_t i = 0; i < TestCluster::kServers; ++i)
      if ((*cluster_)[i].url() == url) return (*cluster_)[i];
    return (*cluster_)[0];
  }

 private:
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<TestCluster> cluster_;
};

class KeyValueTest : public testing::TestWithParam<bool> {
 protected:
  static Place& place(bool cluster) {
    auto& made = cluster ? cluster_ : single_;
    if (!made) made = std::make_unique<Place>(cluster);
    return *made;
  }
  static void TearDownTestSuite() {
    single_.reset();
    cluster_.reset();
  }
  Place& here() { return place(GetParam()); }

  // Runs `test(js, bucket)` with a fresh bucket.
  template <class Test>
  void with_bucket(BucketConfig config, Test test) {
    run_test([&](async::Worker& worker) {
      auto client = Client::connect(
          worker, {.urls = here().urls(), .reconnect_wait_min = 5ms, .reconnect_wait_max = 50ms});
      ASSERT_TRUE(client) << client.error().full_message();
      JetStream js(**client);
      config.bucket = "b" + std::to_string(++buckets_);
      config.replicas = here().replicas();
      Result<KeyValue> bucket = failure(ErrorCode::unavailable, "not tried");
      // A cluster needs a moment to find its leader.
      ASSERT_TRUE(eventually([&] { return (bucket = KeyValue::create(js, config)).has_value(); }))
          << bucket.error().full_message();
      bucket->read_from_leader(true);
      test(js, *bucket);
    });
  }

 private:
  static inline std::unique_ptr<Place> single_;
  static inline std::unique_ptr<Place> cluster_;
  static inline int buckets_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, KeyValueTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "Cluster" : "OneServer"; });

TEST_P(KeyValueTest, PutsGetsAndDeletes) {
  with_bucket({}, [](JetStream&, KeyValue& bucket) {
    EXPECT_EQ(bucket.get("a").error().code(), ErrorCode::not_found);
    const std::string bytes("\0\xff\r\n", 4);
    const uint64_t revision = bucket.put("a.b/c=1", bytes).value();
    const Entry entry = bucket.get("a.b/c=1").value();
    EXPECT_EQ(entry.value, bytes);
    EXPECT_EQ(entry.revision, revision);
    EXPECT_GT(entry.time_ns, 0);
    ASSERT_TRUE(bucket.remove("a.b/c=1"));
    EXPECT_EQ(bucket.get("a.b/c=1").error().code(), ErrorCode::not_found);
    EXPECT_TRUE(bucket.remove("never"));
    for (const char* bad : {"", "a b", ".a", "a.", "a..b", "a*", ">", "ä"})
      EXPECT_EQ(bucket.put(bad, "").error().code(), ErrorCode::invalid_argument) << bad;
  });
}

TEST_P(KeyValueTest, ReadsFromAnyReplica) {
  with_bucket({}, [](JetStream&, KeyValue& bucket) {
    bucket.read_from_leader(false);
    ASSERT_TRUE(bucket.put("a", "1"));
    ASSERT_TRUE(eventually([&] { return bucket.get("a").has_value(); }));
    EXPECT_EQ(bucket.get("a")->value, "1");
    ASSERT_TRUE(bucket.remove("a"));
    EXPECT_TRUE(eventually([&] { return !bucket.get("a"); }));
    EXPECT_EQ(bucket.get("a").error().code(), ErrorCode::not_found);
  });
}

TEST_P(KeyValueTest, ConflictsAreTold) {
  with_bucket({}, [](JetStream&, KeyValue& bucket) {
    const uint64_t first = bucket.create("a", "1").value();
    EXPECT_EQ(bucket.create("a", "2").error().code(), ErrorCode::already_exists);
    const uint64_t second = bucket.update("a", "2", first).value();
    EXPECT_EQ(bucket.update("a", "3", first).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(bucket.remove("a", first).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(bucket.get("a")->value, "2");
    ASSERT_TRUE(bucket.remove("a", second));
    EXPECT_TRUE(bucket.create("a", "again"));  // over a tombstone
    EXPECT_EQ(bucket.get("a")->value, "again");
  });
}

// Of "a", as soon as it ends in `last`: what reads a stream may ask a cluster's replica that is behind.
std::vector<Entry> history_with(KeyValue& bucket, Entry::Operation last) {
  std::vector<Entry> entries;
  EXPECT_TRUE(eventually([&] {
    auto read = bucket.history("a");
    if (read) entries = std::move(*read);
    return !entries.empty() && entries.back().operation == last;
  }));
  return entries;
}

TEST_P(KeyValueTest, KeepsHistoryUntilPurged) {
  with_bucket({.history = 3}, [](JetStream&, KeyValue& bucket) {
    uint64_t third = 0;
    for (const char* text : {"1", "2", "3", "4"}) {
      const uint64_t revision = bucket.put("a", text).value();
      if (std::string_view(text) == "3") third = revision;
    }
    ASSERT_TRUE(bucket.remove("a"));
    const auto entries = history_with(bucket, Entry::Operation::remove);
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].value, "3");
    EXPECT_EQ(bucket.get("a", third)->value, "3");
    ASSERT_TRUE(bucket.put("b", "x"));
    EXPECT_EQ(bucket.get("b", third).error().code(), ErrorCode::not_found);
    ASSERT_TRUE(bucket.purge("a"));
    EXPECT_EQ(history_with(bucket, Entry::Operation::purge).size(), 1u);
    EXPECT_EQ(bucket.history("c").error().code(), ErrorCode::not_found);
  });
}

TEST_P(KeyValueTest, ListsKeys) {
  with_bucket({}, [](JetStream&, KeyValue& bucket) {
    using Keys = std::vector<std::string>;
    const auto lists = [&](std::string_view pattern, const Keys& wanted) {
      return eventually([&] {
        const auto keys = bucket.keys(pattern);
        return keys && *keys == wanted;
      });
    };
    EXPECT_TRUE(lists(">", {}));
    for (const char* key : {"shop.cart", "shop.price", "mail"}) ASSERT_TRUE(bucket.put(key, "x"));
    ASSERT_TRUE(bucket.remove("mail"));
    EXPECT_TRUE(lists(">", {"shop.cart", "shop.price"}));
    EXPECT_TRUE(lists("shop.p*", {}));
    EXPECT_TRUE(lists("*.price", {"shop.price"}));
  });
}

TEST_P(KeyValueTest, BucketsAreDescribedListedAndRemoved) {
  with_bucket({.description = "for tests", .history = 2, .time_to_live = 30s, .value_bytes_max = 10},
              [](JetStream& js, KeyValue& bucket) {
                EXPECT_EQ(bucket.put("a", "01234567890").error().code(), ErrorCode::invalid_argument);
                ASSERT_TRUE(bucket.put("a", "0123456789"));
                const auto status = bucket.status().value();
                EXPECT_EQ(status.config.history, 2);
                EXPECT_EQ(status.config.time_to_live, 30s);
                EXPECT_EQ(status.config.description, "for tests");
                EXPECT_EQ(status.values, 1u);
                const auto names = KeyValue::bucket_names(js).value();
                EXPECT_NE(std::find(names.begin(), names.end(), bucket.bucket()), names.end());
                EXPECT_TRUE(KeyValue::open(js, bucket.bucket()));
                ASSERT_TRUE(KeyValue::remove_bucket(js, bucket.bucket()));
                EXPECT_EQ(KeyValue::open(js, bucket.bucket()).error().code(), ErrorCode::not_found);
                EXPECT_EQ(bucket.get("a").error().code(), ErrorCode::not_found);
                EXPECT_EQ(bucket.put("a", "").error().code(), ErrorCode::not_found);
                EXPECT_EQ(bucket.keys().error().code(), ErrorCode::not_found);
                EXPECT_EQ(KeyValue::create(js, {.bucket = "a.b"}).error().code(),
                          ErrorCode::invalid_argument);
                EXPECT_EQ(KeyValue::create(js, {.bucket = "a", .history = 65}).error().code(),
                          ErrorCode::invalid_argument);
              });
}

std::string told(Watch& watch) {
  auto event = watch.next();
  if (!event) return event.error().full_message();
  if (event->kind == WatchEvent::Kind::replayed) return "replayed";
  if (event->kind == WatchEvent::Kind::restarted) return "restarted";
  const char* sign = event->entry.operation == Entry::Operation::put ? "=" : "-";
  return event->entry.key + sign + event->entry.value;
}

// Whether `watch` tells all of `wanted`, in this order. A cluster's replica may be behind: then what is
// replayed comes as updates behind "replayed", and a value that was followed by another at once may be left
// out.
void expect_told(Watch& watch, const std::vector<std::string>& wanted, bool of_cluster) {
  constexpr int kOthersMax = 10;
  for (const std::string& text : wanted) {
    if (of_cluster && text == "replayed") continue;
    std::string last = told(watch);
    for (int i = 0; of_cluster && i < kOthersMax && last != text; ++i) last = told(watch);
    EXPECT_EQ(last, text);
  }
}

TEST_P(KeyValueTest, AWatchReplaysThenFollows) {
  const bool of_cluster = GetParam();
  with_bucket({}, [of_cluster](JetStream&, KeyValue& bucket) {
    auto empty = bucket.watch().value();
    EXPECT_EQ(told(empty), "replayed");
    ASSERT_TRUE(bucket.put("a", "1"));
    expect_told(empty, {"a=1"}, of_cluster);
    ASSERT_TRUE(bucket.put("b.c", "2"));
    ASSERT_TRUE(bucket.put("a", "3"));
    expect_told(empty, {"b.c=2", "a=3"}, of_cluster);
    auto all = bucket.watch().value();
    expect_told(all, {"b.c=2", "a=3", "replayed"}, of_cluster);
    auto updates = bucket.watch({.updates_only = true}).value();
    auto some = bucket.watch({.keys = "b.*", .ignore_deletes = true, .keys_only = true}).value();
    expect_told(some, {"b.c=", "replayed"}, of_cluster);
    ASSERT_TRUE(bucket.remove("b.c"));
    expect_told(all, {"b.c-"}, of_cluster);
    expect_told(updates, {"b.c-"}, of_cluster);
    ASSERT_TRUE(bucket.put("b.c", "4"));
    expect_told(all, {"b.c=4"}, of_cluster);
    expect_told(some, {"b.c="}, of_cluster);
    if (of_cluster) return;
    const auto none = some.next_until(Clock::now() + 10ms);
    EXPECT_TRUE(none && !*none);
  });
}

TEST_P(KeyValueTest, AWatchSurvivesItsServersRestart) {
  with_bucket({}, [&](JetStream& js, KeyValue& bucket) {
    ASSERT_TRUE(bucket.put("a", "1"));
    auto watch = bucket.watch().value();
    EXPECT_EQ(told(watch), "a=1");
    EXPECT_EQ(told(watch), "replayed");
    TestServer& server = here().at(js.client().server_info().url);
    server.kill();
    // With one server it is back before anybody writes; a cluster writes without it.
    if (!GetParam()) server.start();
    ASSERT_TRUE(eventually([&] { return bucket.put("a", "2").has_value(); }));
    std::string last;
    ASSERT_TRUE(eventually([&] { return (last = told(watch)) == "a=2"; })) << last;
    server.start();
    ASSERT_TRUE(eventually([&] { return bucket.put("b", "3").has_value(); }));
    ASSERT_TRUE(eventually([&] { return (last = told(watch)) == "b=3"; })) << last;
  });
}

TEST(Watch, TellsThatTheBucketWasMadeAnew) {
  TestServer server;
  run_test([&](async::Worker& worker) {
    auto client = Client::connect(worker, {.urls = {server.url()}, .reconnect_wait_min = 5ms});
    ASSERT_TRUE(client);
    JetStream js(**client);
    auto bucket = KeyValue::create(js, {.bucket = "links"}).value();
    for (const char* key : {"a", "b", "c"}) ASSERT_TRUE(bucket.put(key, "1"));
    auto watch = bucket.watch().value();
    for (const char* text : {"a=1", "b=1", "c=1", "replayed"}) ASSERT_EQ(told(watch), text);
    server.kill();
    server.erase_data();
    server.start();
    EXPECT_EQ(watch.next().error().code(), ErrorCode::not_found);
    ASSERT_TRUE(KeyValue::create(js, {.bucket = "links"}));
    EXPECT_EQ(told(watch), "restarted");
    EXPECT_EQ(told(watch), "replayed");
    ASSERT_TRUE(bucket.put("a", "2"));
    EXPECT_EQ(told(watch), "a=2");
  });
}

}  // namespace
}  // namespace wattle::nats
