#include "lattice/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/authorize.h"

namespace wattle::lattice {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Link link(std::string source, std::string target, std::string name, std::string package,
          std::vector<std::string> interfaces, std::vector<std::string> source_config = {}) {
  return {.source_id = std::move(source),
          .target = std::move(target),
          .name = std::move(name),
          .wit_namespace = "wasi",
          .wit_package = std::move(package),
          .interfaces = std::move(interfaces),
          .source_config = std::move(source_config),
          .target_config = {}};
}

const std::vector<Link> kLinks{link("api", "redis", "default", "keyvalue", {"store", "atomics"}),
                               link("api", "postgres", "orders", "keyvalue", {"store"}),
                               link("api", "files", "default", "blobstore", {"blobstore", "container"}),
                               link("http", "api", "default", "http", {"incoming-handler"})};

TEST(LinkTable, FindsByTheWholeWay) {
  const auto table = LinkTable::build(kLinks);
  ASSERT_NE(table->find("api", "default", "wasi:keyvalue/store@0.2.0-draft"), nullptr);
  EXPECT_EQ(table->find("api", "default", "wasi:keyvalue/store")->link.target, "redis");
  EXPECT_EQ(table->find("api", "orders", "wasi:keyvalue/store")->link.target, "postgres");
  EXPECT_EQ(table->find("api", "orders", "wasi:keyvalue/atomics"), nullptr);
  EXPECT_EQ(table->find("other", "default", "wasi:keyvalue/store"), nullptr);
  EXPECT_EQ(table->find("", "", ""), nullptr);
  EXPECT_EQ(LinkTable::build({})->find("api", "default", "wasi:keyvalue/store"), nullptr);
  EXPECT_TRUE(table->problems().empty());
}

TEST(LinkTable, FindsByTheNameOnTheWire) {
  const auto table = LinkTable::build(kLinks);
  EXPECT_EQ(table->find("api", "default", "wrpc:keyvalue/store@0.2.0-draft")->link.target, "redis");
  EXPECT_EQ(table->find("api", "default", "wrpc:blobstore/blobstore@0.2.0")->link.target, "files");
  EXPECT_EQ(table->find_between("http", "api", "wrpc:http/incoming-handler@0.1.0")->link.source_id, "http");
  EXPECT_EQ(table->find_between("api", "postgres", "wasi:keyvalue/atomics"), nullptr);
}

TEST(LinkTable, ThousandsOfLinksAreAllFound) {
  std::vector<Link> links;
  for (int i = 0; i < 5000; ++i)
    links.push_back(link("source" + std::to_string(i % 100), "target" + std::to_string(i),
                         "name" + std::to_string(i), "keyvalue", {"store"}));
  const auto table = LinkTable::build(links);
  for (const Link& each : links)
    ASSERT_EQ(table->find(each.source_id, each.name, "wasi:keyvalue/store")->link.target, each.target);
  EXPECT_EQ(table->of_source("source7").size(), 50u);
}

TEST(LinkTable, PutIsRefusedOnlyForAnotherTargetOfTheSameInterface) {
  const auto table = LinkTable::build(kLinks);
  const auto refused = table->check_put(link("api", "memory", "default", "keyvalue", {"store"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::already_exists);
  EXPECT_THAT(refused.error().message(), HasSubstr("api --default--> redis"));
  EXPECT_TRUE(table->check_put(link("api", "redis", "default", "keyvalue", {"store"})));
  EXPECT_TRUE(table->check_put(link("api", "memory", "default", "keyvalue", {"batch"})));
  EXPECT_TRUE(table->check_put(link("api", "memory", "more", "keyvalue", {"store"})));
  EXPECT_TRUE(table->check_put(link("api", "memory", "default", "config", {"store"})));
}

TEST(LinkTable, ADeletionMeansEveryTarget) {
  auto links = kLinks;
  links.push_back(link("api", "memory", "default", "keyvalue", {"batch"}));
  const auto table = LinkTable::build(links);
  EXPECT_EQ(
      table
          ->matching(
              {.source_id = "api", .name = "default", .wit_namespace = "wasi", .wit_package = "keyvalue"})
          .size(),
      2u);
  EXPECT_TRUE(
      table->matching({.source_id = "api", .name = "x", .wit_namespace = "wasi", .wit_package = "keyvalue"})
          .empty());
}

TEST(LinkTable, LinksThatConflictAreTold) {
  const std::vector<Link> links{link("api", "b", "default", "keyvalue", {"store"}),
                                link("api", "a", "default", "keyvalue", {"store", "batch"})};
  const auto table = LinkTable::build(links);
  EXPECT_EQ(table->find("api", "default", "wasi:keyvalue/store")->link.target, "a");
  EXPECT_EQ(table->find_between("api", "b", "wasi:keyvalue/store"), nullptr);
  ASSERT_EQ(table->problems().size(), 1u);
}

TEST(LinkTable, ConfigsAreMergedAndWattlesOwnKeysTakenOut) {
  const ConfigTable configs{{"one", {{"url", "x"}, {"wattle-timeout", "250ms"}}},
                            {"two", {{"url", "y"}, {"wattle-idempotent", "bucket.get, bucket.exists"}}}};
  const auto table = LinkTable::build(
      {link("api", "kv", "default", "keyvalue", {"store"}, {"one", "missing", "two"})}, configs);
  const LinkTable::Entry& entry = table->entries().front();
  EXPECT_EQ(entry.source_config, (StringMap{{"url", "y"}}));
  EXPECT_EQ(entry.rules.timeout, 250ms);
  EXPECT_TRUE(entry.rules.is_idempotent("bucket.exists"));
  EXPECT_FALSE(entry.rules.is_idempotent("bucket.set"));
}

TEST(LinkTable, RulesThatDoNotParseAreRefused) {
  EXPECT_FALSE(parse_rules({{"wattle-timeout", "soon"}}));
  EXPECT_FALSE(parse_rules({{"wattle-timeout", "0"}}));
  EXPECT_FALSE(parse_rules({{"wattle-retries", "3"}}));
  EXPECT_TRUE(parse_rules({{"other", "3"}}));
  EXPECT_TRUE(parse_rules({{"wattle-idempotent", "*"}})->is_idempotent("anything"));
  const auto table = LinkTable::build({link("api", "kv", "default", "keyvalue", {"store"}, {"bad"})},
                                      {{"bad", {{"wattle-timeout", "soon"}}}});
  EXPECT_EQ(table->problems().size(), 1u);
  EXPECT_NE(table->find("api", "default", "wasi:keyvalue/store"), nullptr);
}

TEST(Authorize, CallersGoWhereTheLinkLeads) {
  const auto table = LinkTable::build(kLinks);
  EXPECT_EQ((*authorize(*table, "api", "orders", "wasi:keyvalue/store@0.2.0-draft", "get"))->link.target,
            "postgres");
  const auto missing = authorize(*table, "api", "sessions", "wasi:keyvalue/store@0.2.0-draft", "get");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  EXPECT_EQ(
      missing.error().message(),
      "\"api\" has no link \"sessions\" for wasi:keyvalue/store@0.2.0-draft, which calling get needs (its "
      "links for that package are named \"default\", \"orders\")");
  EXPECT_EQ(missing.error().remedy(),
            "wattle link put api TARGET wasi:keyvalue --interface store --link-name sessions");
}

TEST(Authorize, CalleesRefuseWhoHasNoLinkToThem) {
  const auto table = LinkTable::build(kLinks);
  EXPECT_TRUE(authorize(*table, "api", "default", "wrpc:keyvalue/store@0.2.0-draft", "get", "redis"));
  EXPECT_TRUE(authorize(*table, "http", "", "wrpc:http/incoming-handler@0.1.0", "handle", "api"));
  const auto forged = authorize(*table, "http", "default", "wrpc:keyvalue/store@0.2.0-draft", "get", "redis");
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().code(), ErrorCode::permission_denied);
  EXPECT_THAT(forged.error().message(), HasSubstr("\"http\" has no link \"default\" to \"redis\""));
  EXPECT_EQ(forged.error().remedy(), "wattle link put http redis wasi:keyvalue --interface store");
  EXPECT_FALSE(authorize(*table, "api", "default", "wrpc:keyvalue/store", "get", "postgres"));
  EXPECT_FALSE(authorize(*table, "", "", "wasi:keyvalue/store", "get", "redis"));
  EXPECT_FALSE(authorize(*table, "api", "", "", "", "redis"));
}

}  // namespace
}  // namespace wattle::lattice
