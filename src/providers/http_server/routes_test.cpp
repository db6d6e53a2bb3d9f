#include "providers/http_server/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::providers::http_server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::shared_ptr<const Route> route(const std::string& target, const std::string& host,
                                   const std::string& path) {
  Settings settings;
  settings.address = "127.0.0.1:80";
  settings.host = host;
  settings.path = path;
  return std::make_shared<const Route>(Route{target, "to-" + target, std::move(settings)});
}

std::string found(const Routes& routes, std::string_view authority, std::string_view path) {
  const auto route = routes.find(authority, path);
  return route == nullptr ? "nobody" : route->target;
}

TEST(HttpServerRoutes, TakeTheLongestPathAtASegmentsEnd) {
  Routes routes;
  ASSERT_TRUE(routes.add(route("all", "", "")));
  ASSERT_TRUE(routes.add(route("api", "", "/api")));
  ASSERT_TRUE(routes.add(route("v2", "", "/api/v2")));
  EXPECT_EQ(found(routes, "a", "/"), "all");
  EXPECT_EQ(found(routes, "a", "/api"), "api");
  EXPECT_EQ(found(routes, "a", "/api?x=/api/v2"), "api");
  EXPECT_EQ(found(routes, "a", "/api/v1"), "api");
  EXPECT_EQ(found(routes, "a", "/api/v2/x"), "v2");
  EXPECT_EQ(found(routes, "a", "/apix"), "all");
  EXPECT_EQ(found(routes, "a", "*"), "all");
}

TEST(HttpServerRoutes, TakeAHostBeforeAnyHost) {
  Routes routes;
  ASSERT_TRUE(routes.add(route("any", "", "/api")));
  ASSERT_TRUE(routes.add(route("here", "example.org", "")));
  ASSERT_TRUE(routes.add(route("six", "[::1]", "")));
  EXPECT_EQ(found(routes, "Example.org:8000", "/api"), "here");
  EXPECT_EQ(found(routes, "[::1]:8000", "/api"), "six");
  EXPECT_EQ(found(routes, "[::1]", "/"), "six");
  EXPECT_EQ(found(routes, "other.org", "/api"), "any");
  EXPECT_EQ(found(routes, "other.org", "/"), "nobody");
}

TEST(HttpServerRoutes, OfAHostFallBackToAnyHosts) {
  Routes routes;
  ASSERT_TRUE(routes.add(route("any", "", "")));
  ASSERT_TRUE(routes.add(route("here", "example.org", "/api")));
  EXPECT_EQ(found(routes, "example.org", "/"), "any");
}

TEST(HttpServerRoutes, AreOneLinksEach) {
  Routes routes;
  ASSERT_TRUE(routes.add(route("first", "example.org", "/api")));
  ASSERT_TRUE(routes.add(route("first", "example.org", "/api")));  // again, with other settings
  const auto refused = routes.add(route("second", "example.org", "/api"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::already_exists);
  EXPECT_THAT(refused.error().full_message(),
              AllOf(HasSubstr("first"), HasSubstr("second"), HasSubstr("example.org"), HasSubstr("/api")));
}

TEST(HttpServerRoutes, AreGoneOnceRemoved) {
  Routes routes;
  const auto first = route("first", "example.org", "/api");
  ASSERT_TRUE(routes.add(first));
  routes.remove(*route("second", "example.org", "/api"));  // another's
  EXPECT_EQ(found(routes, "example.org", "/api"), "first");
  routes.remove(*first);
  EXPECT_TRUE(routes.empty());
  EXPECT_EQ(found(routes, "example.org", "/api"), "nobody");
  EXPECT_TRUE(routes.add(route("second", "example.org", "/api")));
}

}  // namespace
}  // namespace wattle::providers::http_server
