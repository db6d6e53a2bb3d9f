// What every blobstore backend must do: one suite of tests, instantiated beside each of them.
//
//   struct FileBackend {
//     static constexpr bool kHasServer = false;   // can be stopped and started
//     std::unique_ptr<capability::ProviderFactory> factory();
//     std::map<std::string, std::string> link_config();
//     void stop(); void start(); void pause(); void resume();
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Files, BlobstoreContract, FileBackend);
#pragma once

#include <algorithm>

#include "capability/blobstore.h"
#include "providers/provider_test.h"

namespace wattle::providers {

// The value of a result, or the test ends with the error's text.
#define BLOB_OR_FAIL(declaration, expression)                        \
  auto declaration##_result = (expression);                          \
  ASSERT_TRUE(declaration##_result) << declaration##_result.error(); \
  auto& declaration = *declaration##_result
#define BLOB_DONE(expression)          \
  do {                                 \
    auto done = (expression);          \
    ASSERT_TRUE(done) << done.error(); \
  } while (false)

template <class Backend>
class BlobstoreContract : public testing::Test {
 protected:
  static void SetUpTestSuite() { backend_ = std::make_unique<Backend>(); }
  static void TearDownTestSuite() { backend_.reset(); }
  Backend& backend() { return *backend_; }

  // Runs `test(store)` with a link and a container that nobody has used.
  template <class Test>
  void with_store(Test test) {
    container_ = "container-" + std::to_string(++containers_);
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      worker_ = &worker;
      auto provider = backend().factory()->make(place.context());
      ASSERT_TRUE(provider) << provider.error().full_message();
      auto put = (*provider)->put_link(link_to_provider(backend().link_config()));
      ASSERT_TRUE(put) << put.error().full_message();
      provider_ = provider->get();
      auto& store = *(*provider)->blobstore();
      BLOB_DONE(store.create_container(kCaller, container_));
      test(store);
      (*provider)->drain();
    });
  }

  capability::ObjectId id(std::string name) const { return {container_, std::move(name)}; }
  capability::BlobResult<void> write(capability::Blobstore& store, const capability::ObjectId& object,
                                     std::string_view bytes) {
    auto pipe = std::make_shared<async::Pipe>();
    worker_->spawn([pipe, text = std::string(bytes)] {
      async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(30));
      if (pipe->write_all({reinterpret_cast<const uint8_t*>(text.data()), text.size()})) pipe->close();
    });
    return store.write_object(kCaller, object, *pipe);
  }
  capability::BlobResult<std::string> read(capability::Blobstore& store, const capability::ObjectId& object,
                                           uint64_t first = 0, uint64_t last = UINT64_MAX) {
    auto pipe = std::make_shared<async::Pipe>();
    auto begun = store.read_object(kCaller, object, first, last, pipe);
    if (!begun) return tl::unexpected<std::string>(begun.error());
    std::string text;
    uint8_t buffer[4096];
    for (;;) {
      auto bytes = pipe->read_some(buffer);
      if (!bytes) return tl::unexpected<std::string>(bytes.error().full_message());
      if (*bytes == 0) return text;
      text.append(reinterpret_cast<const char*>(buffer), *bytes);
    }
  }
  static std::string some_bytes(size_t count) {
    std::string bytes(count, '\0');
    uint32_t state = 12345;
    for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return bytes;
  }

  static constexpr capability::Caller kCaller{"shop", "default"};
  std::string container_;
  async::Worker* worker_ = nullptr;
  capability::Provider* provider_ = nullptr;

 private:
  static inline std::unique_ptr<Backend> backend_;
  static inline int containers_ = 0;
};
TYPED_TEST_SUITE_P(BlobstoreContract);

TYPED_TEST_P(BlobstoreContract, WritesAndReads) {
  this->with_store([&](auto& store) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{300'000}, size_t{20'000'000}}) {
      const std::string bytes = this->some_bytes(size);
      BLOB_DONE(this->write(store, this->id("object"), bytes));
      BLOB_OR_FAIL(info, store.object_info(this->kCaller, this->id("object")));
      EXPECT_EQ(info.size_bytes, size);
      EXPECT_NEAR(static_cast<double>(info.created_at_seconds), static_cast<double>(::time(nullptr)), 60);
      BLOB_OR_FAIL(text, this->read(store, this->id("object")));
      EXPECT_TRUE(text == bytes) << size;
    }
  });
}

TYPED_TEST_P(BlobstoreContract, ReadsRanges) {
  this->with_store([&](auto& store) {
    const std::string bytes = this->some_bytes(300'000);
    BLOB_DONE(this->write(store, this->id("object"), bytes));
    struct Range {
      uint64_t first, last;
    };
    for (const Range range :
         {Range{0, 0}, {5, 9}, {299'999, 299'999}, {100'000, 200'000}, {299'000, 400'000}}) {
      BLOB_OR_FAIL(text, this->read(store, this->id("object"), range.first, range.last));
      EXPECT_TRUE(text == bytes.substr(range.first, range.last - range.first + 1)) << range.first;
    }
    BLOB_OR_FAIL(behind, this->read(store, this->id("object"), 300'000, 300'010));
    EXPECT_EQ(behind, "");
    BLOB_OR_FAIL(backwards, this->read(store, this->id("object"), 10, 9));
    EXPECT_EQ(backwards, "");
  });
}

TYPED_TEST_P(BlobstoreContract, OddNames) {
  this->with_store([&](auto& store) {
    std::vector<std::string> names = {"with space",  "\xc3\xa4\xf0\x9f\x90\x91",
                                      "a/b/c",       "a/b/d",
                                      "100%",        "a%2Fb",
                                      "dot.",        ".hidden",
                                      "star*",       "it's \"quoted\"",
                                      "1+1",         "?query=1&x",
                                      "#hash",       "&amp;<>",
                                      "a:b;c=d@e,f", "UPPER",
                                      "~",           "-",
                                      "_",           "$(x)",
                                      "[brackets]"};
    for (const std::string& name : names) BLOB_DONE(this->write(store, this->id(name), "of " + name));
    for (const std::string& name : names) {
      BLOB_OR_FAIL(text, this->read(store, this->id(name)));
      EXPECT_EQ(text, "of " + name);
    }
    BLOB_OR_FAIL(listed, store.list_objects(this->kCaller, this->container_, 0, 1000));
    std::ranges::sort(names);
    EXPECT_EQ(listed, names);
    BLOB_DONE(store.delete_objects(this->kCaller, this->container_, names));
    BLOB_OR_FAIL(none, store.list_objects(this->kCaller, this->container_, 0, 1000));
    EXPECT_TRUE(none.empty());
    EXPECT_FALSE(this->write(store, this->id(""), "x"));
    EXPECT_FALSE(store.create_container(this->kCaller, ""));
  });
}

TYPED_TEST_P(BlobstoreContract, ListsInPages) {
  this->with_store([&](auto& store) {
    std::vector<std::string> names;
    for (int i = 0; i < 25; ++i) names.push_back("object " + std::to_string(100 + i));
    for (const std::string& name : names) BLOB_DONE(this->write(store, this->id(name), ""));
    std::vector<std::string> listed;
    for (;;) {
      BLOB_OR_FAIL(page, store.list_objects(this->kCaller, this->container_, listed.size(), 10));
      EXPECT_LE(page.size(), 10u);
      if (page.empty()) break;
      listed.insert(listed.end(), page.begin(), page.end());
    }
    EXPECT_EQ(listed, names);
    BLOB_OR_FAIL(middle, store.list_objects(this->kCaller, this->container_, 7, 2));
    EXPECT_EQ(middle, (std::vector<std::string>{names[7], names[8]}));
    BLOB_OR_FAIL(behind, store.list_objects(this->kCaller, this->container_, 25, 10));
    EXPECT_TRUE(behind.empty());
  });
}

TYPED_TEST_P(BlobstoreContract, Containers) {
  this->with_store([&](auto& store) {
    BLOB_DONE(store.create_container(this->kCaller, this->container_));  // that is there
    BLOB_OR_FAIL(there, store.container_exists(this->kCaller, this->container_));
    EXPECT_TRUE(there);
    BLOB_OR_FAIL(info, store.container_info(this->kCaller, this->container_));
    EXPECT_NEAR(static_cast<double>(info.created_at_seconds), static_cast<double>(::time(nullptr)), 60);
    BLOB_DONE(this->write(store, this->id("a"), "1"));
    BLOB_DONE(this->write(store, this->id("b/c"), "2"));
    BLOB_DONE(store.clear_container(this->kCaller, this->container_));
    BLOB_OR_FAIL(none, store.list_objects(this->kCaller, this->container_, 0, 10));
    EXPECT_TRUE(none.empty());
    BLOB_DONE(this->write(store, this->id("b/c"), "3"));
    BLOB_DONE(store.delete_container(this->kCaller, this->container_));
    BLOB_OR_FAIL(gone, store.container_exists(this->kCaller, this->container_));
    EXPECT_FALSE(gone);
    EXPECT_FALSE(store.container_info(this->kCaller, this->container_));
    EXPECT_FALSE(store.list_objects(this->kCaller, this->container_, 0, 10));
    EXPECT_FALSE(this->write(store, this->id("a"), "1"));
  });
}

TYPED_TEST_P(BlobstoreContract, CopiesMovesAndDeletes) {
  this->with_store([&](auto& store) {
    const std::string other = this->container_ + "-other";
    BLOB_DONE(store.create_container(this->kCaller, other));
    const std::string bytes = this->some_bytes(500'000);
    BLOB_DONE(this->write(store, this->id("a b"), bytes));
    BLOB_DONE(this->write(store, this->id("other"), "old"));
    BLOB_DONE(store.copy_object(this->kCaller, this->id("a b"), this->id("other")));
    BLOB_OR_FAIL(copied, this->read(store, this->id("other")));
    EXPECT_TRUE(copied == bytes);
    BLOB_DONE(store.move_object(this->kCaller, this->id("a b"), {other, "moved/here"}));
    BLOB_OR_FAIL(left, store.has_object(this->kCaller, this->id("a b")));
    EXPECT_FALSE(left);
    BLOB_OR_FAIL(moved, this->read(store, {other, "moved/here"}));
    EXPECT_TRUE(moved == bytes);
    BLOB_DONE(store.move_object(this->kCaller, {other, "moved/here"}, {other, "moved/here"}));
    BLOB_OR_FAIL(still, store.has_object(this->kCaller, {other, "moved/here"}));
    EXPECT_TRUE(still);
    BLOB_DONE(store.delete_object(this->kCaller, {other, "moved/here"}));
    BLOB_DONE(store.delete_object(this->kCaller, {other, "moved/here"}));
    EXPECT_FALSE(this->read(store, {other, "moved/here"}));
    EXPECT_FALSE(store.object_info(this->kCaller, {other, "moved/here"}));
    EXPECT_FALSE(store.copy_object(this->kCaller, {other, "moved/here"}, this->id("x")));
  });
}

TYPED_TEST_P(BlobstoreContract, HalfAnObjectIsNone) {
  this->with_store([&](auto& store) {
    BLOB_DONE(this->write(store, this->id("kept"), "old"));
    for (const std::string name : {"kept", "never"}) {
      auto pipe = std::make_shared<async::Pipe>();
      this->worker_->spawn([pipe] {
        const std::string half(50'000, 'x');
        (void)pipe->write_all({reinterpret_cast<const uint8_t*>(half.data()), half.size()});
        pipe->abort(Error(ErrorCode::cancelled, "the writer has gone"));
      });
      auto written = store.write_object(this->kCaller, this->id(name), *pipe);
      ASSERT_FALSE(written);
      EXPECT_NE(written.error().find("the writer has gone"), std::string::npos) << written.error();
    }
    BLOB_OR_FAIL(text, this->read(store, this->id("kept")));
    EXPECT_EQ(text, "old");
    BLOB_OR_FAIL(listed, store.list_objects(this->kCaller, this->container_, 0, 10));
    EXPECT_EQ(listed, std::vector<std::string>{"kept"});
  });
}

TYPED_TEST_P(BlobstoreContract, AReaderMayLeave) {
  this->with_store([&](auto& store) {
    BLOB_DONE(this->write(store, this->id("large"), this->some_bytes(2'000'000)));
    auto pipe = std::make_shared<async::Pipe>();
    BLOB_DONE(store.read_object(this->kCaller, this->id("large"), 0, UINT64_MAX, pipe));
    uint8_t some[100];
    ASSERT_TRUE(pipe->read_some(some));
    pipe->stop_reading();
    this->provider_->drain();  // nobody goes on sending
    BLOB_OR_FAIL(text, this->read(store, this->id("large"), 0, 9));
    EXPECT_EQ(text.size(), 10u);
  });
}

TYPED_TEST_P(BlobstoreContract, LinksNarrowAndRename) {
  this->with_store([&](auto& store) {
    auto config = this->backend().link_config();
    config["containers"] = this->container_;
    config["alias_backup"] = this->container_;
    ASSERT_TRUE(this->provider_->put_link(link_to_provider(config, "narrow")));
    const capability::Caller narrow{"shop", "narrow"};
    BLOB_DONE(this->write(store, this->id("a"), "1"));
    BLOB_OR_FAIL(there, store.has_object(narrow, {"backup", "a"}));
    EXPECT_TRUE(there);
    auto refused = store.create_container(narrow, "another");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().find("may not use"), std::string::npos) << refused.error();
    auto stranger = store.has_object({"stranger", "default"}, this->id("a"));
    ASSERT_FALSE(stranger);
    EXPECT_NE(stranger.error().find("no such link"), std::string::npos) << stranger.error();
  });
}

TYPED_TEST_P(BlobstoreContract, BackendThatStandsOrFalls) {
  if constexpr (TypeParam::kHasServer) {
    this->with_store([&](auto& store) {
      BLOB_DONE(this->write(store, this->id("a"), "1"));
      this->backend().pause();
      const TimePoint begin = Clock::now();
      {
        const async::DeadlineScope deadline(begin + std::chrono::milliseconds(200));
        EXPECT_FALSE(store.object_info(this->kCaller, this->id("a")));
      }
      EXPECT_LT(Clock::now() - begin, std::chrono::milliseconds(300));
      this->backend().resume();
      BLOB_OR_FAIL(text, this->read(store, this->id("a")));
      EXPECT_EQ(text, "1");
      this->backend().stop();
      {
        const async::DeadlineScope deadline(Clock::now() + std::chrono::milliseconds(200));
        EXPECT_FALSE(store.object_info(this->kCaller, this->id("a")));
      }
      this->backend().start();
      EXPECT_TRUE(eventually([&] { return store.object_info(this->kCaller, this->id("a")).has_value(); }));
    });
  }
}

REGISTER_TYPED_TEST_SUITE_P(BlobstoreContract, WritesAndReads, ReadsRanges, OddNames, ListsInPages,
                            Containers, CopiesMovesAndDeletes, HalfAnObjectIsNone, AReaderMayLeave,
                            LinksNarrowAndRename, BackendThatStandsOrFalls);

}  // namespace wattle::providers
