#include "http/network_policy.h"

#include <gtest/gtest.h>

namespace wattle::http {
namespace {

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

TEST(NetworkPolicy, AllowsNothingAtFirst) {
  NetworkPolicy policy;
  EXPECT_FALSE(policy.allows(address("127.0.0.1"), 80));
  EXPECT_FALSE(policy.allows_name("localhost"));
  EXPECT_FALSE(policy.allows_host("localhost", 80));
  EXPECT_FALSE(policy.allows_bind(address("127.0.0.1"), 80));
}

TEST(NetworkPolicy, AllowsAnAddressAndPort) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("127.0.0.1:80"));
  ASSERT_TRUE(policy.allow("[::1]:443"));
  EXPECT_TRUE(policy.allows(address("127.0.0.1"), 80));
  EXPECT_FALSE(policy.allows(address("127.0.0.1"), 81));
  EXPECT_FALSE(policy.allows(address("127.0.0.2"), 80));
  EXPECT_TRUE(policy.allows(address("::1"), 443));
  EXPECT_TRUE(policy.allows_host("[::1]", 443));
  EXPECT_FALSE(policy.allows_name("127.0.0.1.example.com"));
}

TEST(NetworkPolicy, SeesThroughMappedAddresses) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("::/0"));
  EXPECT_FALSE(policy.allows(address("::ffff:10.0.0.1"), 80));
  ASSERT_TRUE(policy.allow("10.0.0.0/8:80"));
  EXPECT_TRUE(policy.allows(address("::ffff:10.0.0.1"), 80));
}

TEST(NetworkPolicy, ComparesPrefixesByBits) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("192.168.16.0/20:*"));
  EXPECT_TRUE(policy.allows(address("192.168.31.255"), 1));
  EXPECT_FALSE(policy.allows(address("192.168.32.0"), 1));
}

TEST(NetworkPolicy, AllowsNames) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("Example.com:443"));
  ASSERT_TRUE(policy.allow("*.example.org"));
  EXPECT_TRUE(policy.allows_host("EXAMPLE.com", 443));
  EXPECT_TRUE(policy.allows_host("example.com.", 443));
  EXPECT_FALSE(policy.allows_host("example.com", 80));
  EXPECT_FALSE(policy.allows_host("evilexample.com", 443));
  EXPECT_TRUE(policy.allows_name("a.b.example.org"));
  EXPECT_FALSE(policy.allows_name("example.org"));
  EXPECT_FALSE(policy.allows_name("badexample.org"));
}

TEST(NetworkPolicy, TiesAddressesToTheNamesThatWereLookedUp) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("example.com:443"));
  EXPECT_FALSE(policy.allows(address("93.184.216.34"), 443));
  policy.note_resolved("example.com", address("93.184.216.34"));
  policy.note_resolved("other.com", address("1.1.1.1"));
  EXPECT_TRUE(policy.allows(address("93.184.216.34"), 443));
  EXPECT_FALSE(policy.allows(address("93.184.216.34"), 80));
  EXPECT_FALSE(policy.allows(address("1.1.1.1"), 443));
}

TEST(NetworkPolicy, AStarAllowsEverything) {
  NetworkPolicy policy;
  ASSERT_TRUE(policy.allow("*"));
  EXPECT_TRUE(policy.allows(address("8.8.8.8"), 53));
  EXPECT_TRUE(policy.allows_host("any.thing", 1));
  EXPECT_TRUE(policy.allows_bind(address("::"), 8080));
}

TEST(NetworkPolicy, RefusesWhatMeansNothing) {
  for (std::string_view entry : {"", ":80", "host:", "host:70000", "host:8x", "name/8:80", "10.0.0.0/33",
                                 "a b:1", "10.0.0.0/:1", "a:b:c:80"}) {
    NetworkPolicy policy;
    EXPECT_FALSE(policy.allow(entry)) << entry;
    EXPECT_TRUE(policy.empty()) << entry;
  }
}

}  // namespace
}  // namespace wattle::http
