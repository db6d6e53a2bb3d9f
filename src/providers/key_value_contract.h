// What every key-value backend must do: one suite of tests, instantiated beside each of them.
//
//   struct RedisBackend {
//     static constexpr bool kHasServer = true;       // can be paused and restarted
//     static constexpr bool kPagesExactly = false;   // whether a key is never listed twice
//     std::unique_ptr<capability::ProviderFactory> factory();
//     std::map<std::string, std::string> link_config();
//     void pause(); void resume(); void restart();
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Redis, KeyValueContract, RedisBackend);
#pragma once

#include <algorithm>
#include <set>

#include "async/signal.h"
#include "capability/key_value.h"
#include "providers/provider_test.h"

namespace wattle::providers {

template <class Backend>
class KeyValueContract : public testing::Test {
 protected:
  using KeyValue = capability::KeyValue;
  using Kind = capability::KeyValueError::Kind;

  static void SetUpTestSuite() { backend_ = std::make_unique<Backend>(); }
  static void TearDownTestSuite() { backend_.reset(); }
  Backend& backend() { return *backend_; }

  // Runs `test(place, provider, factory)` with a link and a bucket that nobody has used.
  template <class Test>
  void with_provider(Test test) {
    bucket_ = "bucket" + std::to_string(++buckets_);
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      const auto factory = backend().factory();
      auto provider = factory->make(place.context());
      ASSERT_TRUE(provider) << provider.error().full_message();
      auto put = (*provider)->put_link(link_to_provider(backend().link_config()));
      ASSERT_TRUE(put) << put.error().full_message();
      test(place, **provider, *factory);
      // A backend that is back at once has nothing to forgive the next test.
      (*provider)->drain();
    });
  }
  template <class Test>
  void with_store(Test test) {
    with_provider([&](TestPlace&, capability::Provider& provider, auto&) { test(*provider.key_value()); });
  }

  static constexpr capability::Caller kCaller{"shop", "default"};
  const std::string& bucket() const { return bucket_; }

 private:
  static inline std::unique_ptr<Backend> backend_;
  static inline int buckets_ = 0;
  std::string bucket_;
};
TYPED_TEST_SUITE_P(KeyValueContract);

// The value of a result, or the test ends with the error's message.
#define GET_OR_FAIL(declaration, expression)                                 \
  auto declaration##_result = (expression);                                  \
  ASSERT_TRUE(declaration##_result) << declaration##_result.error().message; \
  auto& declaration = *declaration##_result
#define DO_OR_FAIL(expression)                 \
  do {                                         \
    auto done = (expression);                  \
    ASSERT_TRUE(done) << done.error().message; \
  } while (false)

TYPED_TEST_P(KeyValueContract, SetGetExistsDelete) {
  this->with_store([&](auto& store) {
    DO_OR_FAIL(store.open(this->kCaller, this->bucket()));
    GET_OR_FAIL(before, store.get(this->kCaller, this->bucket(), "a"));
    EXPECT_EQ(before, std::nullopt);
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "a", "one"));
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "a", "two"));
    GET_OR_FAIL(value, store.get(this->kCaller, this->bucket(), "a"));
    EXPECT_EQ(value, "two");
    GET_OR_FAIL(there, store.exists(this->kCaller, this->bucket(), "a"));
    EXPECT_TRUE(there);
    DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), "a"));
    DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), "a"));
    GET_OR_FAIL(gone, store.exists(this->kCaller, this->bucket(), "a"));
    EXPECT_FALSE(gone);
    GET_OR_FAIL(after, store.get(this->kCaller, this->bucket(), "a"));
    EXPECT_EQ(after, std::nullopt);
  });
}

TYPED_TEST_P(KeyValueContract, ValuesOfEveryKind) {
  this->with_store([&](auto& store) {
    std::string all_bytes;
    for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
    std::string large(1024 * 1024, 'x');
    for (size_t i = 0; i < large.size(); i += 7) large[i] = static_cast<char>(i);
    for (const std::string& value :
         {std::string(), std::string("\0", 1), all_bytes, std::string("\r\n"), large}) {
      DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "value", value));
      GET_OR_FAIL(read, store.get(this->kCaller, this->bucket(), "value"));
      EXPECT_TRUE(read == value) << value.size() << " bytes";
    }
  });
}

TYPED_TEST_P(KeyValueContract, OddKeys) {
  this->with_store([&](auto& store) {
    const std::vector<std::string> keys = {"",
                                           " ",
                                           "two words",
                                           "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x91",
                                           "a.b..c",
                                           "a/b",
                                           ".",
                                           "..",
                                           "/",
                                           "*",
                                           ">",
                                           "a*",
                                           "[a]",
                                           "\\",
                                           "%41",
                                           "A",
                                           "_",
                                           "=",
                                           "line\nbreak",
                                           std::string("nul\0in", 6),
                                           std::string(1000, 'k'),
                                           "wattle:x",
                                           "-",
                                           "{tag}",
                                           "\"quoted\"",
                                           "'",
                                           "$1",
                                           "a:b"};
    for (const std::string& key : keys) DO_OR_FAIL(store.set(this->kCaller, this->bucket(), key, "v" + key));
    for (const std::string& key : keys) {
      GET_OR_FAIL(value, store.get(this->kCaller, this->bucket(), key));
      EXPECT_EQ(value, "v" + key);
    }
    GET_OR_FAIL(page, store.list_keys(this->kCaller, this->bucket(), std::nullopt));
    const std::set<std::string> listed(page.keys.begin(), page.keys.end());
    EXPECT_EQ(listed, std::set<std::string>(keys.begin(), keys.end()));
    for (const std::string& key : keys) DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), key));
    GET_OR_FAIL(empty, store.list_keys(this->kCaller, this->bucket(), std::nullopt));
    EXPECT_TRUE(empty.keys.empty());
  });
}

TYPED_TEST_P(KeyValueContract, BucketsAreApart) {
  this->with_store([&](auto& store) {
    const std::string other = this->bucket() + "x";
    DO_OR_FAIL(store.open(this->kCaller, other));
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "a", "1"));
    DO_OR_FAIL(store.set(this->kCaller, other, "a", "2"));
    DO_OR_FAIL(store.remove(this->kCaller, other, "a"));
    GET_OR_FAIL(value, store.get(this->kCaller, this->bucket(), "a"));
    EXPECT_EQ(value, "1");
    GET_OR_FAIL(page, store.list_keys(this->kCaller, other, std::nullopt));
    EXPECT_TRUE(page.keys.empty());
  });
}

TYPED_TEST_P(KeyValueContract, DefaultBucketHasNoOtherKeys) {
  this->with_store([&](auto& store) {
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "elsewhere", "1"));
    DO_OR_FAIL(store.set(this->kCaller, "default", "here", "2"));
    GET_OR_FAIL(value, store.get(this->kCaller, "", "here"));
    EXPECT_EQ(value, "2");
    GET_OR_FAIL(page, store.list_keys(this->kCaller, "", std::nullopt));
    EXPECT_EQ(page.keys, std::vector<std::string>{"here"});
    DO_OR_FAIL(store.remove(this->kCaller, "default", "here"));
  });
}

TYPED_TEST_P(KeyValueContract, ListsMoreKeysThanAPage) {
  this->with_store([&](auto& store) {
    constexpr size_t kKeys = 2 * capability::kKeysPerPage + 500;
    std::vector<std::pair<std::string, std::string>> values;
    for (size_t i = 0; i < kKeys; ++i) values.emplace_back("key " + std::to_string(i), "v");
    DO_OR_FAIL(store.set_many(this->kCaller, this->bucket(), values));
    std::multiset<std::string> listed;
    std::optional<uint64_t> cursor;
    size_t pages = 0;
    do {
      GET_OR_FAIL(page, store.list_keys(this->kCaller, this->bucket(), cursor));
      EXPECT_LE(page.keys.size(), 2 * capability::kKeysPerPage);
      listed.insert(page.keys.begin(), page.keys.end());
      // What has been listed may change between pages, and what has not may go.
      if (pages == 0) {
        DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), page.keys.front()));
        DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "new one", "v"));
      }
      cursor = page.cursor;
      ASSERT_LT(++pages, 1000u);
    } while (cursor);
    EXPECT_GT(pages, 1u);
    for (const auto& [key, value] : values) {
      EXPECT_GE(listed.count(key), 1u) << key;
      if (TypeParam::kPagesExactly) {
        EXPECT_EQ(listed.count(key), 1u) << key;
      }
    }
  });
}

TYPED_TEST_P(KeyValueContract, IncrementsAddUp) {
  this->with_provider([&](TestPlace& place, auto& provider, auto& factory) {
    auto second = factory.make(place.context());
    ASSERT_TRUE(second && (*second)->put_link(link_to_provider(this->backend().link_config())));
    capability::KeyValue* stores[] = {provider.key_value(), (*second)->key_value()};
    GET_OR_FAIL(first, stores[0]->increment(this->kCaller, this->bucket(), "n", 5));
    EXPECT_EQ(first, 5u);
    constexpr int kFibers = 8;
    constexpr int kTimes = 25;
    int running = kFibers;
    std::set<uint64_t> seen;
    async::Signal done;
    for (int i = 0; i < kFibers; ++i) {
      place.worker.spawn([&, i] {
        async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(30));
        for (int n = 0; n < kTimes; ++n) {
          auto sum = stores[i % 2]->increment(this->kCaller, this->bucket(), "n", 2);
          EXPECT_TRUE(sum) << sum.error().message;
          if (sum) {
            EXPECT_TRUE(seen.insert(*sum).second);
          }
        }
        if (--running == 0) done.notify();
      });
    }
    while (running > 0) ASSERT_TRUE(done.wait());
    GET_OR_FAIL(value, stores[0]->get(this->kCaller, this->bucket(), "n"));
    EXPECT_EQ(value, std::to_string(5 + 2 * kFibers * kTimes));
    EXPECT_EQ(seen.size(), size_t{kFibers * kTimes});
  });
}

TYPED_TEST_P(KeyValueContract, IncrementIsOfDecimalTexts) {
  this->with_store([&](auto& store) {
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "n", "41"));
    GET_OR_FAIL(sum, store.increment(this->kCaller, this->bucket(), "n", 1));
    EXPECT_EQ(sum, 42u);
    GET_OR_FAIL(same, store.increment(this->kCaller, this->bucket(), "n", 0));
    EXPECT_EQ(same, 42u);
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "n", "9223372036854775807"));
    GET_OR_FAIL(large, store.increment(this->kCaller, this->bucket(), "n", 9223372036854775807u));
    EXPECT_EQ(large, 18446744073709551614u);
    GET_OR_FAIL(largest, store.increment(this->kCaller, this->bucket(), "n", 1));
    EXPECT_EQ(largest, UINT64_MAX);
    auto more = store.increment(this->kCaller, this->bucket(), "n", 1);
    ASSERT_FALSE(more);
    EXPECT_NE(more.error().message.find("18446744073709551615"), std::string::npos) << more.error().message;
    for (const std::string text :
         {"", "one", "-5", "1.5", " 1", "18446744073709551616", "111111111111111111111"}) {
      DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "n", text));
      auto refused = store.increment(this->kCaller, this->bucket(), "n", 1);
      ASSERT_FALSE(refused) << text;
      EXPECT_EQ(refused.error().kind, capability::KeyValueError::Kind::other);
      GET_OR_FAIL(left, store.get(this->kCaller, this->bucket(), "n"));
      EXPECT_EQ(left, text);
    }
  });
}

TYPED_TEST_P(KeyValueContract, Batches) {
  this->with_store([&](auto& store) {
    DO_OR_FAIL(
        store.set_many(this->kCaller, this->bucket(), {{"a", "1"}, {"b", ""}, {"c", "3"}, {"a", "4"}}));
    GET_OR_FAIL(values, store.get_many(this->kCaller, this->bucket(), {"c", "missing", "b", "a", "c"}));
    EXPECT_EQ(values, (std::vector<std::optional<std::string>>{"3", std::nullopt, "", "4", "3"}));
    DO_OR_FAIL(store.remove_many(this->kCaller, this->bucket(), {"a", "missing", "c"}));
    GET_OR_FAIL(left, store.list_keys(this->kCaller, this->bucket(), std::nullopt));
    EXPECT_EQ(left.keys, std::vector<std::string>{"b"});
    GET_OR_FAIL(none, store.get_many(this->kCaller, this->bucket(), {}));
    EXPECT_TRUE(none.empty());
    DO_OR_FAIL(store.set_many(this->kCaller, this->bucket(), {}));
    DO_OR_FAIL(store.remove_many(this->kCaller, this->bucket(), {}));
  });
}

TYPED_TEST_P(KeyValueContract, MissingLinksAndStores) {
  this->with_provider([&](TestPlace&, auto& provider, auto&) {
    auto& store = *provider.key_value();
    auto nobody = store.get({"stranger", "default"}, this->bucket(), "a");
    ASSERT_FALSE(nobody);
    EXPECT_NE(nobody.error().message.find("no such link"), std::string::npos) << nobody.error().message;
    auto config = this->backend().link_config();
    config["buckets"] = "one, " + this->bucket();
    ASSERT_TRUE(provider.put_link(link_to_provider(config, "narrow")));
    const capability::Caller narrow{"shop", "narrow"};
    DO_OR_FAIL(store.set(narrow, this->bucket(), "a", "1"));
    auto opened = store.open(narrow, "two");
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().kind, capability::KeyValueError::Kind::no_such_store);
    auto read = store.get(narrow, "two", "a");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().kind, capability::KeyValueError::Kind::no_such_store);
    provider.delete_link(link_to_provider(config, "narrow"));
    EXPECT_FALSE(store.get(narrow, this->bucket(), "a"));
    config["timeout_ms"] = "soon";
    EXPECT_FALSE(provider.put_link(link_to_provider(config)));
    DO_OR_FAIL(store.get(this->kCaller, this->bucket(), "a"));  // the link is as it was
  });
}

TYPED_TEST_P(KeyValueContract, TellsWatchers) {
  this->with_provider([&](TestPlace& place, auto& provider, auto&) {
    auto& store = *provider.key_value();
    auto& changes = place.components.changes;
    DO_OR_FAIL(store.open(this->kCaller, this->bucket()));
    auto config = this->backend().link_config();
    config["bucket"] = this->bucket();
    config["watch"] = "ALL@seen *, DEL@deleted";
    auto put = provider.put_link(link_to_component(config));
    ASSERT_TRUE(put) << put.error().full_message();
    // The watch begins soon after its link is put.
    ASSERT_TRUE(eventually([&] {
      (void)store.set(this->kCaller, this->bucket(), "seen first", "1");
      return !changes.empty();
    }));
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "seen last", "1"));
    ASSERT_TRUE(eventually([&] { return changes.back().key == "seen last"; }));
    changes.clear();
    place.components.changes_to_refuse = 2;
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "hidden", "1"));
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "deleted", "1"));
    DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "seen \xc3\xa4", "binary \1"));
    ASSERT_TRUE(eventually([&] { return changes.size() == 1; }));
    DO_OR_FAIL(store.increment(this->kCaller, this->bucket(), "seen n", 3));
    ASSERT_TRUE(eventually([&] { return changes.size() == 2; }));
    DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), "deleted"));
    DO_OR_FAIL(store.remove(this->kCaller, this->bucket(), "seen n"));
    ASSERT_TRUE(eventually([&] { return changes.size() == 4; }));
    const std::string b = this->bucket();
    using Change = TestComponents::Change;
    EXPECT_EQ(changes, (std::vector<Change>{{"watcher", b, "seen \xc3\xa4", "binary \1"},
                                            {"watcher", b, "seen n", "3"},
                                            {"watcher", b, "deleted", std::nullopt},
                                            {"watcher", b, "seen n", std::nullopt}}));
    provider.delete_link(link_to_component(config));
    config["watch"] = "see";
    EXPECT_FALSE(provider.put_link(link_to_component(config)));
  });
}

// A backend that does not answer costs a caller its deadline and no more, and afterwards nothing.
TYPED_TEST_P(KeyValueContract, DeadlineWhileBackendStands) {
  if constexpr (TypeParam::kHasServer) {
    this->with_store([&](auto& store) {
      DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "a", "1"));
      this->backend().pause();
      const TimePoint begin = Clock::now();
      {
        async::DeadlineScope deadline(begin + std::chrono::milliseconds(200));
        auto read = store.get(this->kCaller, this->bucket(), "a");
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().kind, capability::KeyValueError::Kind::other);
        EXPECT_NE(read.error().message.find("deadline"), std::string::npos) << read.error().message;
      }
      EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(300));
      this->backend().resume();
      GET_OR_FAIL(value, store.get(this->kCaller, this->bucket(), "a"));
      EXPECT_EQ(value, "1");
    });
  }
}

TYPED_TEST_P(KeyValueContract, ComesBackWithItsBackend) {
  if constexpr (TypeParam::kHasServer) {
    this->with_store([&](auto& store) {
      DO_OR_FAIL(store.set(this->kCaller, this->bucket(), "a", "1"));
      this->backend().stop();
      {
        async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(300));
        auto read = store.get(this->kCaller, this->bucket(), "a");
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().kind, capability::KeyValueError::Kind::other);
        EXPECT_NE(read.error().message.find("link \"default\" of \"shop\""), std::string::npos)
            << read.error().message;
      }
      this->backend().start();
      ASSERT_TRUE(eventually([&] { return store.set(this->kCaller, this->bucket(), "a", "2").has_value(); }));
      GET_OR_FAIL(value, store.get(this->kCaller, this->bucket(), "a"));
      EXPECT_EQ(value, "2");
    });
  }
}

TYPED_TEST_P(KeyValueContract, LinkIsPutWhileBackendIsDown) {
  if constexpr (TypeParam::kHasServer) {
    this->backend().stop();
    this->with_provider([&](TestPlace&, auto& provider, auto&) {
      this->backend().start();
      ASSERT_TRUE(eventually(
          [&] { return provider.key_value()->set(this->kCaller, this->bucket(), "a", "1").has_value(); }));
    });
  }
}

REGISTER_TYPED_TEST_SUITE_P(KeyValueContract, SetGetExistsDelete, ValuesOfEveryKind, OddKeys, BucketsAreApart,
                            DefaultBucketHasNoOtherKeys, ListsMoreKeysThanAPage, IncrementsAddUp,
                            IncrementIsOfDecimalTexts, Batches, MissingLinksAndStores, TellsWatchers,
                            DeadlineWhileBackendStands, ComesBackWithItsBackend, LinkIsPutWhileBackendIsDown);

}  // namespace wattle::providers
