#include "wrpc/error.h"

#include <gtest/gtest.h>

namespace wattle::wrpc {
namespace {

TEST(WrpcError, CrossesWithCausesHostAndRemedy) {
  const Error inner(ErrorCode::not_found, "no link \"db\"");
  const Error outer = Error(ErrorCode::unlinkable, "cannot call", inner).with_remedy("wattle link put");
  const Error back = error_from_json("unlinkable", error_to_json(outer, "NHOST"));
  EXPECT_EQ(back.code(), ErrorCode::unlinkable);
  EXPECT_EQ(back.full_message(), "host NHOST: cannot call: no link \"db\"");
  EXPECT_EQ(back.remedy(), "wattle link put");
  EXPECT_EQ(back.cause()->code(), ErrorCode::not_found);
  EXPECT_FALSE(certainly_not_begun(back));
}

TEST(WrpcError, OnlyARefusalOfThisVeryCallWasNotBegun) {
  const Error refusal = refused(Error(ErrorCode::overloaded, "full"));
  const Error at_caller = error_from_json("overloaded", error_to_json(refusal, "N"));
  EXPECT_TRUE(certainly_not_begun(at_caller));
  EXPECT_TRUE(certainly_not_begun(at_caller.with_context("through link default")));
  // A callee whose own call was refused had begun.
  const Error second = error_from_json("overloaded", error_to_json(at_caller, "M"));
  EXPECT_FALSE(certainly_not_begun(second));
  const Error wrapped = refusal.with_context("in the callee");
  EXPECT_FALSE(certainly_not_begun(error_from_json("overloaded", error_to_json(wrapped, "M"))));
}

TEST(WrpcError, WhatCannotBeReadIsAnErrorToo) {
  for (const char* text : {"", "x", "[]", "{\"message\":7}", "{\"cause\":{\"cause\":3}}"})
    EXPECT_EQ(error_from_json("trap", text).code(), ErrorCode::trap) << text;
  const Error quoting(ErrorCode::malformed, "no text: \xff");
  EXPECT_EQ(error_from_json("malformed", error_to_json(quoting, "")).message(), "no text: \xff");
  const Error unknown = error_from_json("melted", "{\"message\":\"m\"}");
  EXPECT_EQ(unknown.code(), ErrorCode::internal);
  EXPECT_NE(unknown.message().find("\"melted\""), std::string::npos);
}

TEST(WrpcError, CausesAreBounded) {
  Error error(ErrorCode::io, "0");
  for (int i = 1; i < 100; ++i) error = error.with_context(std::to_string(i));
  const Error back = error_from_json("io", error_to_json(error, ""));
  int causes = 0;
  for (const Error* at = back.cause(); at != nullptr; at = at->cause()) ++causes;
  EXPECT_EQ(causes, 16);
}

}  // namespace
}  // namespace wattle::wrpc
