#include "providers/keyvalue_redis/address.h"

#include <gtest/gtest.h>

namespace wattle::providers::redis {
namespace {

TEST(RedisAddress, ReadsItsParts) {
  auto address = parse_address("rediss://me:pass%40%3aword@example.org:7000/3");
  ASSERT_TRUE(address) << address.error().message();
  EXPECT_TRUE(address->tls);
  EXPECT_EQ(address->user, "me");
  EXPECT_EQ(address->password, "pass@:word");
  EXPECT_EQ(address->text(), "rediss://example.org:7000/3");
  EXPECT_EQ(parse_address("redis://[::1]:1/")->text(), "redis://[::1]:1/0");
  EXPECT_EQ(parse_address("valkey://cache")->text(), "redis://cache:6379/0");
  EXPECT_EQ(parse_address("redis://:secret@cache")->password, "secret");
}

TEST(RedisAddress, RefusesWithoutShowingSecrets) {
  for (const std::string url : {"", "cache", "http://marker@cache", "redis://", "redis://:marker@cache:0",
                                "redis://:marker@cache:70000", "redis://:marker@cache/x", "redis://[::1",
                                "redis://:marker@", "redis://:%4marker@cache", "redis://cache?marker=1"}) {
    auto address = parse_address(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().message().find("marker"), std::string::npos);
  }
}

}  // namespace
}  // namespace wattle::providers::redis
