#include "runtime/handle_table.h"

#include <gtest/gtest.h>

namespace wattle::runtime {
namespace {

TEST(HandleTable, CountsFromOneAndReusesTheLatestFirst) {
  HandleTable table;
  EXPECT_EQ(table.add({.representation = 10}), 1u);
  EXPECT_EQ(table.add({.representation = 20}), 2u);
  EXPECT_EQ(table.add({.representation = 30}), 3u);
  table.remove(1);
  table.remove(3);
  EXPECT_EQ(table.add({.representation = 40}), 3u);
  EXPECT_EQ(table.add({.representation = 50}), 1u);
  EXPECT_EQ(table.add({.representation = 60}), 4u);
  EXPECT_EQ(table.get(2)->representation, 20u);
  EXPECT_EQ(table.count(), 4u);
}

TEST(HandleTable, KnowsNoHandleThatWasNotMadeOrIsGone) {
  HandleTable table;
  EXPECT_EQ(table.get(0), nullptr);
  EXPECT_EQ(table.get(1), nullptr);
  EXPECT_EQ(table.get(UINT32_MAX), nullptr);
  table.remove(table.add({}));
  EXPECT_EQ(table.get(1), nullptr);
  EXPECT_TRUE(table.was_used());
}

TEST(HandleTable, IsBounded) {
  HandleTable table;
  for (uint32_t index = 1; index <= HandleTable::kMaxHandles; ++index) ASSERT_EQ(table.add({}), index);
  EXPECT_EQ(table.add({}), 0u);
  table.remove(7);
  EXPECT_EQ(table.add({}), 7u);
}

TEST(Lenders, GivesBackWhatWasLentHoweverMuch) {
  HandleTable table;
  const uint32_t one = table.add({});
  const uint32_t other = table.add({});
  Lenders lenders;
  for (int times = 0; times < 20; ++times) lenders.add(table, one);
  lenders.add(table, other);
  EXPECT_EQ(table.get(one)->lend_count, 20u);
  lenders.give_back(table);
  EXPECT_EQ(table.get(one)->lend_count, 0u);
  EXPECT_EQ(table.get(other)->lend_count, 0u);
}

}  // namespace
}  // namespace wattle::runtime
