#include "wit/type.h"

#include <gtest/gtest.h>

#include <chrono>

namespace wattle::wit {
namespace {

TypeRef deep_shared_type(int depth) {
  TypeRef type = primitive(Kind::u8);
  for (int i = 0; i < depth; i++) type = tuple_of({type, type});
  return type;
}

TEST(Type, PrintsAsWit) {
  TypeRef person = record_of({{"name", primitive(Kind::string)}, {"age", option_of(primitive(Kind::u8))}});
  EXPECT_EQ(to_string(person), "record { name: string, age: option<u8> }");
  EXPECT_EQ(to_string(variant_of({{"none", nullptr}, {"text", primitive(Kind::string)}})),
            "variant { none, text(string) }");
  EXPECT_EQ(to_string(tuple_of({primitive(Kind::f32), primitive(Kind::character)})), "tuple<f32, char>");
  EXPECT_EQ(to_string(enumeration_of({"a", "b"})), "enum { a, b }");
  EXPECT_EQ(to_string(flags_of({"a", "b"})), "flags { a, b }");
}

TEST(Type, PrintsResultsInTheirShortestForm) {
  TypeRef u8 = primitive(Kind::u8);
  EXPECT_EQ(to_string(result_of(nullptr, nullptr)), "result");
  EXPECT_EQ(to_string(result_of(u8, nullptr)), "result<u8>");
  EXPECT_EQ(to_string(result_of(nullptr, u8)), "result<_, u8>");
  EXPECT_EQ(to_string(result_of(u8, u8)), "result<u8, u8>");
}

TEST(Type, PrintsFunctionsAndNamesResources) {
  FunctionType function{{{"self", borrow_of(3)}, {"n", primitive(Kind::u32)}}, own_of(4)};
  EXPECT_EQ(to_string(function), "func(self: borrow<resource-3>, n: u32) -> resource-4");
  EXPECT_EQ(to_string(function, [](ResourceId id) { return id == 3 ? "bucket" : "key"; }),
            "func(self: borrow<bucket>, n: u32) -> key");
  EXPECT_EQ(to_string(FunctionType{}), "func()");
}

TEST(Type, EqualityIsStructural) {
  TypeRef left = list_of(record_of({{"a", primitive(Kind::u8)}}));
  EXPECT_TRUE(equal(left, list_of(record_of({{"a", primitive(Kind::u8)}}))));
  EXPECT_FALSE(equal(left, list_of(record_of({{"b", primitive(Kind::u8)}}))));
  EXPECT_FALSE(equal(left, list_of(record_of({{"a", primitive(Kind::s8)}}))));
  EXPECT_FALSE(equal(left, nullptr));
  EXPECT_TRUE(equal(TypeRef(), TypeRef()));
  EXPECT_FALSE(equal(own_of(1), own_of(2)));
  EXPECT_FALSE(equal(own_of(1), borrow_of(1)));
  EXPECT_FALSE(equal(result_of(nullptr, left), result_of(left, nullptr)));
}

TEST(Type, FunctionsDifferByParameterNamesAndResults) {
  FunctionType function{{{"a", primitive(Kind::u8)}}, nullptr};
  FunctionType renamed{{{"b", primitive(Kind::u8)}}, nullptr};
  FunctionType returning{{{"a", primitive(Kind::u8)}}, primitive(Kind::u8)};
  EXPECT_TRUE(equal(function, FunctionType(function)));
  EXPECT_FALSE(equal(function, renamed));
  EXPECT_FALSE(equal(function, returning));
}

TEST(Type, ResourcesOfTwoScopesAreComparedByTheCaller) {
  FunctionType left{{{"a", borrow_of(1)}}, list_of(own_of(2))};
  FunctionType right{{{"a", borrow_of(11)}}, list_of(own_of(12))};
  auto plus_ten = [](ResourceId a, ResourceId b) { return a + 10 == b; };
  EXPECT_FALSE(equal(left, right));
  EXPECT_TRUE(equal(left, right, plus_ten));
  EXPECT_FALSE(equal(left, left, plus_ten));
}

TEST(Type, SharedPartsDoNotBlowUp) {
  TypeRef left = deep_shared_type(100);
  TypeRef right = deep_shared_type(100);
  EXPECT_TRUE(equal(left, right));
  EXPECT_FALSE(equal(left, tuple_of({left, right->element()})));
  std::string text = to_string(left);
  EXPECT_LE(text.size(), kMaxTypeText + 3);
  EXPECT_TRUE(text.ends_with("..."));
}

}  // namespace
}  // namespace wattle::wit
