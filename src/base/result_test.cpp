#include "base/result.h"

#include <gtest/gtest.h>

namespace wattle {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return failure(ErrorCode::invalid_argument, "{} is odd", value);
  return value / 2;
}

Result<int> quarter(int value) {
  WATTLE_TRY(int once, half(value));
  WATTLE_CHECK(half(once).map([](int) {}));
  return once / 2;
}

TEST(Result, PropagatesTheFirstError) {
  EXPECT_EQ(quarter(12).value(), 3);
  EXPECT_EQ(quarter(3).error().message(), "3 is odd");
  EXPECT_EQ(quarter(6).error().message(), "3 is odd");
}

TEST(Error, KeepsTheCauseUnderItsContext) {
  Error error = Error(ErrorCode::not_found, "no such file").with_context("cannot load a.wasm");
  EXPECT_EQ(error.code(), ErrorCode::not_found);
  EXPECT_EQ(error.full_message(), "cannot load a.wasm: no such file");
}

TEST(Error, RemedyTravelsWithIt) {
  Error error = Error(ErrorCode::already_exists, "port in use").with_remedy("choose another with --addr");
  EXPECT_EQ(error.remedy(), "choose another with --addr");
}

}  // namespace
}  // namespace wattle
