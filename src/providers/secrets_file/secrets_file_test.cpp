#include "providers/secrets_file/secrets_file.h"

#include <gtest/gtest.h>

#include "capability/secrets.h"
#include "providers/provider_test.h"
#include "providers/secrets_file/secret_folder.h"
#include "providers/secrets_provider.h"

namespace wattle::providers {
namespace {

using capability::Caller;
using capability::SecretsError;

constexpr Caller kCaller{"shop", "default"};

class SecretsFile : public testing::Test {
 protected:
  template <class Test>
  void with_secrets(const std::string& allow, Test test) {
    run_test([&](async::Worker& worker) {
      TestPlace place(worker);
      auto provider = secrets_file_factory()->make(place.context());
      ASSERT_TRUE((*provider)->put_link(link_to_provider({{"root", folder_.path()}, {"allow", allow}})));
      test(*(*provider)->secrets());
    });
  }
  nats::TestFolder folder_;
};

TEST_F(SecretsFile, ReadsTextsBytesFieldsAndVersions) {
  folder_.write("password", "marker\n");
  folder_.write("password@1", "older");
  folder_.write("key", "\xff\xfe\n");
  folder_.write("account", R"({"user": "me", "pin": 1234})");
  with_secrets("password, key, acc*", [](capability::Secrets& secrets) {
    auto password = secrets.get(kCaller, "password", "", "");
    ASSERT_TRUE(password) << password.error().message;
    EXPECT_EQ(password->value, "marker");
    EXPECT_FALSE(password->is_bytes);
    EXPECT_FALSE(password->version.empty());
    EXPECT_EQ(secrets.get(kCaller, "password", "", "1")->value, "older");
    EXPECT_EQ(secrets.get(kCaller, "password", "", password->version)->value, "marker");
    EXPECT_EQ(secrets.get(kCaller, "password", "", "2").error().kind, SecretsError::Kind::not_found);
    auto key = secrets.get(kCaller, "key", "", "");
    ASSERT_TRUE(key);
    EXPECT_TRUE(key->is_bytes);
    EXPECT_EQ(key->value, "\xff\xfe\n");
    EXPECT_EQ(secrets.get(kCaller, "account", "user", "")->value, "me");
    EXPECT_EQ(secrets.get(kCaller, "account", "pin", "")->value, "1234");
    EXPECT_EQ(secrets.get(kCaller, "account", "none", "").error().kind, SecretsError::Kind::not_found);
    EXPECT_EQ(secrets.get(kCaller, "password", "user", "").error().kind, SecretsError::Kind::io);
  });
}

TEST_F(SecretsFile, RefusesWhatOthersMayRead) {
  const std::string file = folder_.write("open", "marker");
  ::chmod(file.c_str(), 0640);
  with_secrets("open", [](capability::Secrets& secrets) {
    auto refused = secrets.get(kCaller, "open", "", "");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, SecretsError::Kind::upstream);
    EXPECT_NE(refused.error().message.find("owner"), std::string::npos) << refused.error().message;
    EXPECT_EQ(refused.error().message.find("marker"), std::string::npos);
  });
}

TEST_F(SecretsFile, RefusesWhatTheLinkMayNotRead) {
  folder_.write("mine", "1");
  folder_.write("theirs", "marker");
  with_secrets("mine", [](capability::Secrets& secrets) {
    EXPECT_TRUE(secrets.get(kCaller, "mine", "", ""));
    auto refused = secrets.get(kCaller, "theirs", "", "");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("allow"), std::string::npos);
    EXPECT_FALSE(secrets.get({"stranger", "default"}, "mine", "", ""));
  });
}

TEST_F(SecretsFile, NamesNeverLeadOut) {
  std::filesystem::create_symlink("/etc/passwd", folder_.path() + "/link");
  with_secrets("*", [](capability::Secrets& secrets) {
    for (const std::string name : {"../etc/passwd", "/etc/passwd", ".", "", "link", ".hidden", "password@1"})
      EXPECT_FALSE(secrets.get(kCaller, name, "", "")) << name;
    EXPECT_FALSE(secrets.get(kCaller, "a", "", "../b"));
  });
}

TEST(SecretFolderTest, WritesForItsOwnerAlone) {
  nats::TestFolder outer;
  const SecretFolder folder(outer.path() + "/secrets");
  ASSERT_TRUE(folder.write("b", "1"));
  ASSERT_TRUE(folder.write("a", "2"));
  ASSERT_TRUE(folder.write("a", "3"));
  EXPECT_EQ(folder.read("a", "")->value, "3");
  EXPECT_EQ(*folder.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(std::filesystem::status(outer.path() + "/secrets").permissions(),
            std::filesystem::perms::owner_all);
  ASSERT_TRUE(folder.remove("a"));
  EXPECT_EQ(folder.remove("a").error().code(), ErrorCode::not_found);
  EXPECT_FALSE(folder.write("../a", "1"));
}

TEST(Utf8, IsTold) {
  EXPECT_TRUE(is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x91"));
  for (const std::string text :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80"})
    EXPECT_FALSE(is_utf8(text));
}

}  // namespace
}  // namespace wattle::providers
