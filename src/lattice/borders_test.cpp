#include "lattice/borders.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

Link link(std::string source, std::string target, std::vector<std::string> interfaces = {"store"}) {
  return {.source_id = std::move(source),
          .target = std::move(target),
          .wit_namespace = "wasi",
          .wit_package = "keyvalue",
          .interfaces = std::move(interfaces)};
}

BorderTable table(std::vector<BorderPass> passes) {
  return BorderTable({{.application = "shop", .parts = {"shop-api", "shop-kv"}, .passes = std::move(passes)},
                      {.application = "blog", .parts = {"blog-api"}}});
}

TEST(Borders, ALinkWithinAnApplicationIsItsOwn) {
  EXPECT_TRUE(table({}).check(link("shop-api", "shop-kv")));
}

TEST(Borders, WhatIsNotSharedIsRefused) {
  const auto refused = table({}).check(link("blog-api", "shop-kv"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::permission_denied);
  EXPECT_NE(refused.error().message().find("application blog"), std::string::npos);
}

TEST(Borders, APassIsForAnApplicationAndItsInterfaces) {
  EXPECT_TRUE(table({{.application = "*"}}).check(link("blog-api", "shop-kv")));
  EXPECT_TRUE(table({{"blog", "wasi", "keyvalue", "store"}}).check(link("blog-api", "shop-kv")));
  EXPECT_FALSE(table({{"blog", "wasi", "keyvalue", "atomics"}}).check(link("blog-api", "shop-kv")));
  EXPECT_FALSE(table({{"blog", "wasi", "keyvalue", "store"}})
                   .check(link("blog-api", "shop-kv", {"store", "atomics"})));
  EXPECT_FALSE(table({{.application = "news"}}).check(link("blog-api", "shop-kv")));
}

TEST(Borders, WhatBelongsToNoApplicationIsAnOperators) {
  EXPECT_TRUE(table({}).check(link("curl", "shop-kv")));
  EXPECT_TRUE(table({}).check(link("blog-api", "elsewhere")));
}

TEST(Borders, AreKeptAsJson) {
  const Border border{.application = "shop",
                      .parts = {"shop-api"},
                      .passes = {{"blog", "wasi", "keyvalue", ""}},
                      .forming = true};
  const auto read = parse_border(to_json(border));
  ASSERT_TRUE(read) << read.error().full_message();
  EXPECT_EQ(*read, border);
  EXPECT_FALSE(parse_border("{}"));
  EXPECT_EQ(parse_border(R"({"version":9,"readable_by":9,"application":"shop"})").error().code(),
            ErrorCode::unsupported);
}

}  // namespace
}  // namespace wattle::lattice
