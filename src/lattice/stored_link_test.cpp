#include "lattice/stored_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/authorize.h"
#include "lattice/links.h"

namespace wattle::lattice {
namespace {

using testing::HasSubstr;

Link link_to(const std::string& target, std::vector<std::string> interfaces = {"store"}) {
  return {.source_id = "api",
          .target = target,
          .wit_namespace = "wasi",
          .wit_package = "keyvalue",
          .interfaces = std::move(interfaces)};
}

StoredLinks in_force(const Link& link) {
  return {{.link = link}};
}

LinkCopy copy_to(const std::string& next, const std::string& token = "one") {
  return {
      .token = token, .attempt = "1", .target = "redis", .next_target = next, .next_target_config = {"pg"}};
}

std::string target_of(const StoredLinks& links) {
  const auto table = LinkTable::build_stored(links);
  const auto* entry = table->find("api", "default", "wasi:keyvalue/store");
  return entry == nullptr ? "nobody" : entry->link.target;
}

bool takes_calls(const StoredLinks& links, const std::string& target) {
  return authorize(*LinkTable::build_stored(links), "api", "default", "wrpc:keyvalue/store@0.2.0-draft",
                   "get", target)
      .has_value();
}

TEST(StoredLink, IsReadAsItWasWritten) {
  auto links = begin_copy(in_force(link_to("redis")), copy_to("postgres"));
  ASSERT_TRUE(links);
  links->push_back({.link = link_to("old"), .phase = LinkPhase::going});
  const auto read = parse_stored_links(to_json(*links));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, *links);
  // What v1 would write, and read.
  EXPECT_EQ(to_json(in_force(link_to("redis"))).find("wattle"), std::string::npos);
  EXPECT_FALSE(parse_stored_links(R"([{"source_id":"a","target":"b","wit_namespace":"w","wit_package":"p",)"
                                  R"("interfaces":["i"],"wattle_phase":"later"}])"));
  EXPECT_FALSE(parse_stored_links("{}"));
  EXPECT_FALSE(parse_stored_links("[1]"));
}

TEST(StoredLink, ANewTargetTakesCallsBeforeTheyComeAndTheOldOneWhileTheyMay) {
  auto links = announce(in_force(link_to("redis")), link_to("postgres"));
  ASSERT_TRUE(links);
  EXPECT_EQ(target_of(*links), "redis");
  EXPECT_TRUE(takes_calls(*links, "redis") && takes_calls(*links, "postgres"));
  StoredLinks moved = put_in_force(*links, link_to("postgres"));
  EXPECT_EQ(target_of(moved), "postgres");
  EXPECT_TRUE(takes_calls(moved, "redis") && takes_calls(moved, "postgres"));
  moved = retire(moved);
  EXPECT_EQ(moved, in_force(link_to("postgres")));
  EXPECT_FALSE(takes_calls(moved, "redis"));
}

TEST(StoredLink, MovesBackWhileTheOldTargetStillTakesCalls) {
  const StoredLinks moved = put_in_force(in_force(link_to("redis")), link_to("postgres"));
  const auto back = announce(moved, link_to("redis"));
  ASSERT_TRUE(back);
  EXPECT_EQ(target_of(*back), "postgres");
  const StoredLinks again = put_in_force(*back, link_to("redis"));
  EXPECT_EQ(target_of(again), "redis");
  EXPECT_TRUE(takes_calls(again, "postgres"));
}

TEST(StoredLink, PuttingKeepsV1sRule) {
  const auto refused = put(in_force(link_to("redis")), link_to("postgres"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::already_exists);
  EXPECT_TRUE(put(in_force(link_to("redis")), link_to("redis", {"store", "batch"})));
  EXPECT_TRUE(put(in_force(link_to("redis")), link_to("postgres", {"atomics"})));
}

TEST(StoredLink, ALinkIsReplacedAsAWhole) {
  EXPECT_FALSE(moves(in_force(link_to("redis", {"store"})), link_to("postgres", {"atomics"})));
  const auto refused = announce(in_force(link_to("redis", {"store", "atomics"})), link_to("postgres"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("interfaces"));
}

TEST(StoredLink, ACopyMovesTheLinkOnlyWhileItsCallsAreHeld) {
  auto links = begin_copy(in_force(link_to("redis")), copy_to("postgres"));
  ASSERT_TRUE(links);
  EXPECT_FALSE(commit(*links, copy_to("postgres")));
  links = hold(*links, copy_to("postgres"));
  ASSERT_TRUE(links);
  EXPECT_EQ(LinkTable::build_stored(*links)->find("api", "default", "wasi:keyvalue/store")->hold, "1");
  const StoredLinks released = release(*links, copy_to("postgres"));
  const auto late = commit(released, copy_to("postgres"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::deadline_exceeded);
  // A later attempt is not for what an earlier one asked.
  LinkCopy second = copy_to("postgres");
  second.attempt = "2";
  auto held_again = hold(released, second);
  ASSERT_TRUE(held_again);
  EXPECT_FALSE(commit(*held_again, copy_to("postgres")));
  EXPECT_EQ(release(*held_again, copy_to("postgres")), *held_again);
  const auto moved = commit(*held_again, second);
  ASSERT_TRUE(moved);
  EXPECT_EQ(target_of(*moved), "postgres");
  Link expected = link_to("postgres");
  expected.target_config = {"pg"};
  EXPECT_EQ(retire(*moved), in_force(expected));
}

TEST(StoredLink, ACopyThatIsGivenUpLeavesTheLink) {
  auto links = begin_copy(in_force(link_to("redis")), copy_to("postgres"));
  ASSERT_TRUE(links);
  EXPECT_EQ(end_copy(*links, copy_to("postgres", "two")), *links);
  EXPECT_EQ(end_copy(*links, copy_to("postgres")), in_force(link_to("redis")));
  EXPECT_FALSE(begin_copy(*links, copy_to("postgres", "two")));
  EXPECT_FALSE(announce(*links, link_to("files")));
  // v1's put goes on, and ends it.
  const auto put_anew = put(*links, link_to("redis"));
  ASSERT_TRUE(put_anew);
  EXPECT_EQ(*put_anew, in_force(link_to("redis")));
  EXPECT_FALSE(hold(*put_anew, copy_to("postgres")));
}

TEST(StoredLink, ACopyNeedsAnotherTarget) {
  EXPECT_FALSE(begin_copy(in_force(link_to("redis")), copy_to("redis")));
  EXPECT_FALSE(begin_copy(in_force(link_to("files")), copy_to("postgres")));
  EXPECT_FALSE(begin_copy(in_force(link_to("redis")), copy_to("postgres", "")));
  EXPECT_FALSE(begin_copy(in_force(link_to("redis")), copy_to("no such*id")));
}

}  // namespace
}  // namespace wattle::lattice
