#include "runtime/error_mapping.h"

#include <gtest/gtest.h>

namespace wattle::runtime {
namespace {

using wit::case_value;
using wit::primitive;

const wit::TypeRef kString = primitive(wit::Kind::string);
const wit::TypeRef kU32 = primitive(wit::Kind::u32);

Error cut() {
  return Error(ErrorCode::unavailable, "host A is gone");
}

wit::Value text(std::string value) {
  return wit::Value{std::move(value)};
}

wit::TypeRef http_error_code() {
  return wit::variant_of({{"DNS-timeout", nullptr},
                          {"destination-not-found", nullptr},
                          {"destination-unavailable", nullptr},
                          {"connection-limit-reached", nullptr},
                          {"HTTP-request-denied", nullptr},
                          {"HTTP-response-transfer-coding", wit::option_of(kString)},
                          {"HTTP-response-timeout", nullptr},
                          {"internal-error", wit::option_of(kString)}});
}

TEST(ErrorValue, IsTheMessageWhereTheErrorIsAText) {
  EXPECT_EQ(error_value(wit::result_of(kU32, kString), cut()), case_value(1, text("host A is gone")));
}

TEST(ErrorValue, NamesCausesAndWhatToDo) {
  const Error error =
      Error(ErrorCode::not_found, "no link", Error(ErrorCode::io, "below")).with_remedy("type this");
  EXPECT_EQ(error_text(error), "no link: below; type this");
  EXPECT_EQ(error_text(error.with_context("calling")), "calling: no link: below; type this");
}

TEST(ErrorValue, IsTheCaseOfAVariantThatIsMeantForTheUnexpected) {
  const auto store = wit::variant_of({{"no-such-store", nullptr}, {"denied", kString}, {"other", kString}});
  EXPECT_EQ(error_value(wit::result_of(nullptr, store), cut()),
            case_value(1, case_value(2, text("host A is gone"))));
  const auto config = wit::variant_of({{"io", kString}, {"upstream", kString}});
  EXPECT_EQ(error_value(wit::result_of(nullptr, config), cut()),
            case_value(1, case_value(1, text("host A is gone"))));
}

TEST(ErrorValue, IsTheFirstCaseWithATextWhereNoneHasAKnownName) {
  const auto error = wit::variant_of({{"other", kU32}, {"code", kU32}, {"broken", kString}});
  EXPECT_EQ(error_value(wit::result_of(nullptr, error), cut()),
            case_value(1, case_value(2, text("host A is gone"))));
}

TEST(ErrorValue, IsTheErrorCodeOfHttpForTheKindOfFailure) {
  const auto result = wit::result_of(kU32, http_error_code());
  EXPECT_EQ(error_value(result, cut()), case_value(1, case_value(2)));
  EXPECT_EQ(error_value(result, Error(ErrorCode::deadline_exceeded, "late")), case_value(1, case_value(6)));
  EXPECT_EQ(error_value(result, Error(ErrorCode::overloaded, "full")), case_value(1, case_value(3)));
  EXPECT_EQ(error_value(result, Error(ErrorCode::trap, "unreachable")),
            case_value(1, case_value(7, case_value(1, text("unreachable")))));
}

TEST(ErrorValue, IsNoneWhereTheTypeHasNoRoom) {
  const auto names = wit::enumeration_of({"other"});
  EXPECT_FALSE(error_value(nullptr, cut()));
  EXPECT_FALSE(error_value(kString, cut()));
  EXPECT_FALSE(error_value(wit::result_of(kString, nullptr), cut()));
  EXPECT_FALSE(error_value(wit::result_of(kString, names), cut()));
  EXPECT_FALSE(error_value(wit::result_of(kString, wit::variant_of({{"code", kU32}})), cut()));
  EXPECT_FALSE(error_value(wit::option_of(kString), cut()));
}

}  // namespace
}  // namespace wattle::runtime
