#include "values.h"

#include <gtest/gtest.h>

namespace wattle::conformance {
namespace {

boost::json::value json(std::string_view text) {
  return boost::json::parse(text);
}

TEST(Values, FitTheirTypes) {
  const auto record =
      wit::record_of({{"n", wit::primitive(wit::Kind::u8)}, {"s", wit::primitive(wit::Kind::string)}});
  const auto value = to_value(
      json(
          R"({"type":"record","value":[["n",{"type":"u8","value":"7"}],["s",{"type":"string","value":"x"}]]})"),
      record);
  ASSERT_TRUE(value) << value.error().full_message();
  EXPECT_EQ(*value, (wit::Value{wit::Values{{uint8_t{7}}, {std::string("x")}}}));
}

TEST(Values, CharactersAreScalarValues) {
  const auto value =
      to_value(json(R"({"type":"char","value":"\u26f3"})"), wit::primitive(wit::Kind::character));
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, (wit::Value{char32_t{0x26f3}}));
}

TEST(Values, CasesGoByName) {
  const auto type = wit::variant_of({{"a", nullptr}, {"b", wit::primitive(wit::Kind::s32)}});
  const auto value =
      to_value(json(R"({"type":"variant","case":"b","value":{"type":"s32","value":"-1"}})"), type);
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, wit::case_value(1, wit::Value{int32_t{-1}}));
  EXPECT_FALSE(to_value(json(R"({"type":"variant","case":"c","value":null})"), type));
}

TEST(Values, RefuseWhatDoesNotFit) {
  EXPECT_FALSE(to_value(json(R"({"type":"u8","value":"256"})"), wit::primitive(wit::Kind::u8)));
  EXPECT_FALSE(to_value(json(R"({"type":"u8","value":"1"})"), wit::primitive(wit::Kind::u16)));
  EXPECT_FALSE(to_value(json("3"), wit::primitive(wit::Kind::u8)));
}

TEST(Values, ComparisonSaysBothSides) {
  wit::FunctionType type;
  type.result = wit::primitive(wit::Kind::u32);
  const auto expected = json(R"([{"type":"u32","value":"4"}])").as_array();
  EXPECT_EQ(compare(wit::Value{uint32_t{4}}, expected, type).kind, Outcome::Kind::passed);
  const auto outcome = compare(wit::Value{uint32_t{5}}, expected, type);
  EXPECT_EQ(outcome.kind, Outcome::Kind::failed);
  EXPECT_NE(outcome.reason.find("got 5"), std::string::npos) << outcome.reason;
  EXPECT_EQ(compare(std::nullopt, expected, type).kind, Outcome::Kind::failed);
}

}  // namespace
}  // namespace wattle::conformance
