// Components that use the capabilities, on implementations in memory.
#include <gmock/gmock.h>

#include "bindings/key_value.h"
#include "bindings/messaging.h"
#include "bindings/test_support.h"

namespace wattle::bindings {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class Capabilities : public testing::GuestTest {
 protected:
  // Runs checks of the guest; its answer, or why they failed.
  std::string run(const std::string& name) {
    static const auto linked = testing::linked_guest("capabilities-js");
    std::string answer = "did not run";
    with_instance(linked, [&](runtime::Instance& instance) {
      auto function = linked->find_function("wattle:capabilities/checks@1.0.0", "run");
      ASSERT_TRUE(function) << function.error().full_message();
      auto result = instance.call<tl::expected<std::string, std::string>>(**function, {}, name);
      if (!result) {
        answer = "trapped: " + result.error().full_message();
      } else {
        answer = *result ? "ok " + **result : "failed: " + result->error();
      }
    });
    return answer;
  }
};

TEST_F(Capabilities, KeyValue) {
  EXPECT_EQ(run("key-value"), "ok ");
  EXPECT_THAT(resolver.key_values->callers, ElementsAre(Pair("checks", "default")));
}

TEST_F(Capabilities, KeyValueAtomics) {
  EXPECT_EQ(run("key-value-atomics"), "ok ");
}

TEST_F(Capabilities, KeyValueBatch) {
  EXPECT_EQ(run("key-value-batch"), "ok ");
}

TEST_F(Capabilities, SayWhichLinkIsMissingAndHowToPutIt) {
  EXPECT_THAT(
      run("missing-link"),
      HasSubstr("ok \"checks\" has no link \"nowhere\" for \"wasi:keyvalue/store\"; put one: wattle link "
                "put checks TARGET wasi:keyvalue --interface store --link-name nowhere"));
}

TEST_F(Capabilities, Blobstore) {
  EXPECT_EQ(run("blobstore"), "ok ");
}

TEST_F(Capabilities, LeaveNoObjectThatWasNotFinished) {
  EXPECT_EQ(run("blobstore-unfinished"), "ok ");
  EXPECT_TRUE(resolver.blobs->containers["wattle-checks-unfinished"].empty());
}

TEST_F(Capabilities, Config) {
  EXPECT_EQ(run("config"), "ok ");
}

TEST_F(Capabilities, Logging) {
  EXPECT_EQ(run("logging"), "ok ");
  EXPECT_THAT(resolver.lines, ElementsAre("0 checks trace", "3 checks watch out", "5  end"));
}

TEST_F(Capabilities, Messaging) {
  EXPECT_EQ(run("messaging"), "ok nobody answered within 50 ms");
  ASSERT_EQ(resolver.messages->published.size(), 1u);
  EXPECT_EQ(resolver.messages->published[0].body, "read all about it");
  EXPECT_EQ(resolver.messages->published[0].reply_to, "checks.answers");
}

TEST_F(Capabilities, Postgres) {
  EXPECT_EQ(run("postgres"), "ok ");
}

class Secrets : public testing::GuestTest {
 protected:
  std::string reveal(const std::string& key) {
    static const auto linked = testing::linked_guest("secrets-c");
    std::string text = "did not run";
    with_instance(linked, [&](runtime::Instance& instance) {
      auto function = linked->find_function("wattle:secrecy/secrecy@1.0.0", "reveal");
      auto result = instance.call<tl::expected<std::string, std::string>>(**function, {}, key);
      if (!result) {
        text = "trapped: " + result.error().full_message();
      } else {
        text = *result ? **result : "failed: " + result->error();
      }
    });
    return text;
  }
};

TEST_F(Secrets, AreRevealedAsTextOrBytes) {
  EXPECT_EQ(reveal("password"), "hunter2");
  EXPECT_EQ(reveal("key"), "bytes:1234");
}

TEST_F(Secrets, AreNotFound) {
  EXPECT_EQ(reveal("none"), "failed: not-found");
}

class Handlers : public testing::GuestTest {
 protected:
  void with_guest(const std::function<void(runtime::Instance&)>& body) {
    static const auto linked = testing::linked_guest("messaging-c");
    with_instance(linked, body);
  }
};

TEST_F(Handlers, TakeMessagesAndAnswer) {
  with_guest([&](runtime::Instance& instance) {
    auto handler = find_message_handler(instance.linked());
    ASSERT_TRUE(handler);
    auto handled = call_message_handler(instance, **handler, {}, {"shout", "hey there", "answers"});
    ASSERT_TRUE(handled) << handled.error().full_message();
    EXPECT_TRUE(*handled);
    ASSERT_EQ(resolver.messages->published.size(), 1u);
    EXPECT_EQ(resolver.messages->published[0].subject, "answers");
    EXPECT_EQ(resolver.messages->published[0].body, "HEY THERE");
  });
}

TEST_F(Handlers, ReturnTheirOwnErrorsAndTrapsApart) {
  with_guest([&](runtime::Instance& instance) {
    auto handler = find_message_handler(instance.linked());
    auto refused = call_message_handler(instance, **handler, {}, {"shout", "", std::nullopt});
    ASSERT_TRUE(refused);
    ASSERT_FALSE(*refused);
    EXPECT_EQ(refused->error(), "nothing to say");
    auto trapped = call_message_handler(instance, **handler, {}, {"trap", "x", std::nullopt});
    ASSERT_FALSE(trapped);
    EXPECT_EQ(trapped.error().code(), ErrorCode::trap);
  });
}

TEST_F(Handlers, WatchKeys) {
  with_guest([&](runtime::Instance& instance) {
    auto watcher = find_watcher(instance.linked());
    ASSERT_TRUE(watcher);
    ASSERT_TRUE(call_on_set(instance, *watcher, {}, "default", "things", "a", std::string("1\0", 2)));
    ASSERT_TRUE(call_on_delete(instance, *watcher, {}, "default", "things", "b"));
    EXPECT_THAT(resolver.key_values->buckets["seen"],
                ElementsAre(Pair("a", std::string("1\0", 2)), Pair("b", "deleted")));
  });
}

TEST_F(Handlers, AreSaidToBeMissing) {
  auto linked = testing::linked_guest("capabilities-js");
  ASSERT_NE(linked, nullptr);
  EXPECT_EQ(find_message_handler(*linked).error().code(), ErrorCode::not_found);
  EXPECT_EQ(find_watcher(*linked).error().code(), ErrorCode::not_found);
}

TEST(LinkNames, AreSetByInterface) {
  testing::TestResolver resolver;
  Invocation invocation(resolver);
  EXPECT_TRUE(invocation.set_link_name("a:b/c", "other"));
  EXPECT_EQ(invocation.link_name("a:b/c"), "other");
  EXPECT_EQ(invocation.link_name("a:b/d"), "default");
  EXPECT_TRUE(invocation.set_link_name("a:b/c", "third"));
  EXPECT_EQ(invocation.link_name("a:b/c"), "third");
}

}  // namespace
}  // namespace wattle::bindings
