#include "manager/problem.h"

#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

TEST(Problem, IsOneLineWithPlaceAndRemedy) {
  Problems problems;
  problems.mismatch({"spec.a", 3, 7}, "a text", "a list", "write one");
  EXPECT_EQ(to_string(problems.list()[0], "x.yaml"),
            "x.yaml:3:7: error: spec.a: expected a text, found a list; write one");
  EXPECT_EQ(problems.list()[0].expected, "a text");
  problems.warning({}, "hm");
  EXPECT_EQ(to_string(problems.list()[1], "a\nb"), "a b: warning: hm");
  EXPECT_EQ(problems.errors(), 1u);
}

TEST(Problem, AreBounded) {
  Problems problems;
  for (int i = 0; i < 250; ++i) problems.warning({"", 1, 1}, "w");
  EXPECT_FALSE(problems.any_errors());
  problems.error({"", 1, 1}, "e");
  EXPECT_TRUE(problems.any_errors());
  EXPECT_EQ(problems.list().size(), Problems::kProblemsMax);
  EXPECT_EQ(problems.left_out(), 251 - Problems::kProblemsMax);
}

TEST(Problem, AnErrorIsToldHoweverManyWarningsThereAre) {
  Problems problems;
  for (size_t i = 0; i < Problems::kProblemsMax; ++i) problems.warning({"", 1, 1}, "w");
  problems.error({"", 2, 1}, "is wrong");
  EXPECT_NE(refusal(problems, "x").message().find("is wrong"), std::string::npos);
  for (size_t i = 0; i < 2 * Problems::kProblemsMax; ++i) problems.error({"", 3, 1}, "e");
  EXPECT_EQ(problems.list().size(), Problems::kProblemsMax);
}

TEST(Problem, WhatCannotBeToldIsNotLookedFor) {
  const std::string_view known[] = {"name"};
  Problems problems;
  EXPECT_EQ(problems.nearest("nmae", known), "name");
  for (size_t i = 0; i < Problems::kProblemsMax; ++i) problems.error({"", 1, 1}, "e");
  EXPECT_EQ(problems.nearest("nmae", known), "");
}

TEST(Problem, RefusalNamesErrorsAndNoWarnings) {
  Problems problems;
  problems.warning({"", 1, 1}, "smells");
  problems.error({"kind", 2, 1}, "is wrong");
  const Error error = refusal(problems, "x.yaml");
  EXPECT_EQ(error.code(), ErrorCode::invalid);
  EXPECT_EQ(error.message(), "x.yaml is refused\n  x.yaml:2:1: error: kind: is wrong");
  EXPECT_FALSE(error.remedy().empty());
}

TEST(Problem, NearestFindsSlips) {
  const std::string_view known[] = {"instances", "spread", "interfaces", "name"};
  EXPECT_EQ(nearest("instnaces", known), "instances");
  EXPECT_EQ(nearest("Spreads", known), "spread");
  EXPECT_EQ(nearest("nmae", known), "name");
  EXPECT_EQ(nearest("target", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(10'000, 'x'), known), "");
}

TEST(Problem, QuotedIsShortAndPlain) {
  EXPECT_EQ(in_quotes("a\"b\n"), "\"a\\\"b\\x0a\"");
  const std::string long_text = in_quotes(std::string(59, 'x') + "\xc3\xa4\xc3\xa4");
  EXPECT_EQ(long_text, "\"" + std::string(59, 'x') + "...\"");
}

}  // namespace
}  // namespace wattle::manager
