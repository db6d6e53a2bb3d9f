#include "wit/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::wit {
namespace {

using testing::ElementsAre;
using enum FlatType;

TypeRef u8() {
  return primitive(Kind::u8);
}
TypeRef u64() {
  return primitive(Kind::u64);
}

TypeRef enumeration_with(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; i++) names.push_back("c" + std::to_string(i));
  return enumeration_of(names);
}

TypeRef flags_with(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; i++) names.push_back("f" + std::to_string(i));
  return flags_of(names);
}

TEST(Layout, RecordsAlignEachField) {
  LayoutRef layout = layout_of(record_of({{"a", u8()}, {"b", u64()}, {"c", primitive(Kind::u16)}}));
  EXPECT_EQ(layout->size, 24u);
  EXPECT_EQ(layout->alignment, 8u);
  EXPECT_EQ(layout->members[1].offset, 8u);
  EXPECT_EQ(layout->members[2].offset, 16u);
  EXPECT_THAT(layout->flat, ElementsAre(i32, i64, i32));
}

TEST(Layout, VariantsJoinTheirPayloads) {
  LayoutRef layout = layout_of(variant_of({{"a", primitive(Kind::f32)},
                                           {"b", nullptr},
                                           {"c", tuple_of({u8(), primitive(Kind::f64), u8()})},
                                           {"d", tuple_of({primitive(Kind::f32), u64()})}}));
  EXPECT_EQ(layout->discriminant_bytes, 1u);
  EXPECT_EQ(layout->members[0].offset, 8u);
  EXPECT_EQ(layout->size, 32u);
  EXPECT_THAT(layout->flat, ElementsAre(i32, i32, i64, i32));
  EXPECT_THAT(layout_of(variant_of({{"a", primitive(Kind::f32)}, {"b", primitive(Kind::f64)}}))->flat,
              ElementsAre(i32, i64));
}

TEST(Layout, OptionsAndResultsHaveTheirCasesInOrder) {
  LayoutRef option = layout_of(option_of(u64()));
  ASSERT_EQ(option->members.size(), 2u);
  EXPECT_EQ(option->members[0].layout, nullptr);
  EXPECT_EQ(option->members[1].layout->kind, Kind::u64);
  EXPECT_EQ(option->size, 16u);
  LayoutRef result = layout_of(result_of(nullptr, primitive(Kind::string)));
  EXPECT_EQ(result->members[0].layout, nullptr);
  EXPECT_EQ(result->members[1].offset, 4u);
  EXPECT_EQ(result->size, 12u);
}

TEST(Layout, DiscriminantsGrowWithTheCases) {
  EXPECT_EQ(layout_of(enumeration_with(256))->size, 1u);
  EXPECT_EQ(layout_of(enumeration_with(257))->size, 2u);
  EXPECT_EQ(layout_of(enumeration_with(65536))->size, 2u);
  EXPECT_EQ(layout_of(enumeration_with(65537))->size, 4u);
}

TEST(Layout, FlagsTakeOneTwoOrFourBytes) {
  EXPECT_EQ(layout_of(flags_with(8))->size, 1u);
  EXPECT_EQ(layout_of(flags_with(9))->size, 2u);
  EXPECT_EQ(layout_of(flags_with(17))->size, 4u);
  EXPECT_EQ(layout_of(flags_with(32))->label_count, 32u);
}

TEST(Layout, PlainMeansThatBytesCanBeCopied) {
  EXPECT_TRUE(layout_of(tuple_of({u64(), primitive(Kind::f64)}))->is_plain);
  EXPECT_TRUE(layout_of(flags_with(16))->is_plain);
  EXPECT_FALSE(layout_of(flags_with(15))->is_plain);
  EXPECT_FALSE(layout_of(tuple_of({u8(), u64()}))->is_plain) << "padding would leak";
  EXPECT_FALSE(layout_of(primitive(Kind::boolean))->is_plain);
  EXPECT_FALSE(layout_of(primitive(Kind::character))->is_plain);
  EXPECT_FALSE(layout_of(option_of(u8()))->is_plain);
}

TEST(Layout, HandlesAndPointersShowThroughTheirContainers) {
  LayoutRef layout = layout_of(list_of(option_of(borrow_of(7))));
  EXPECT_TRUE(layout->has_handles);
  EXPECT_TRUE(layout->has_pointers);
  EXPECT_FALSE(layout->members[0].layout->has_pointers);
  EXPECT_EQ(layout->members[0].layout->members[1].layout->resource, 7u);
}

FunctionLayout function_with(size_t parameters, TypeRef result) {
  FunctionType type{{}, std::move(result)};
  for (size_t i = 0; i < parameters; i++) type.parameters.push_back({"p" + std::to_string(i), u64()});
  return layout_of(type);
}

TEST(FunctionLayout, PassesUpToSixteenFlatParameters) {
  FunctionLayout sixteen = function_with(16, nullptr);
  EXPECT_FALSE(sixteen.parameters_in_memory);
  EXPECT_EQ(sixteen.lifted_parameters.size(), 16u);
  FunctionLayout seventeen = function_with(17, nullptr);
  EXPECT_TRUE(seventeen.parameters_in_memory);
  EXPECT_THAT(seventeen.lifted_parameters, ElementsAre(i32));
  EXPECT_EQ(seventeen.parameters->size, 17u * 8);
}

TEST(FunctionLayout, ReturnsMoreThanOneFlatValueThroughAPointer) {
  FunctionLayout small = function_with(1, primitive(Kind::f32));
  EXPECT_THAT(small.lifted_results, ElementsAre(f32));
  EXPECT_THAT(small.lowered_parameters, ElementsAre(i64));
  FunctionLayout large = function_with(16, primitive(Kind::string));
  EXPECT_TRUE(large.result_in_memory);
  EXPECT_THAT(large.lifted_results, ElementsAre(i32));
  EXPECT_EQ(large.lowered_parameters.size(), 17u);
  EXPECT_EQ(large.lowered_parameters.back(), i32);
  EXPECT_TRUE(large.lowered_results.empty());
}

TEST(Layout, SharedPartsNeitherBlowUpNorOverflow) {
  TypeRef type = u64();
  for (int i = 0; i < 100; i++) type = tuple_of({type, type});
  LayoutRef layout = layout_of(type);
  EXPECT_EQ(layout->size, kOversized);
  EXPECT_EQ(layout->flat.size(), kMaxFlatKept);
  EXPECT_TRUE(function_with(0, type).result_in_memory);
}

TEST(Layouts, ComputeEachTypeOnce) {
  Layouts layouts;
  TypeRef part = list_of(u8());
  EXPECT_EQ(layouts.of(part), layouts.of(tuple_of({part}))->members[0].layout);
}

}  // namespace
}  // namespace wattle::wit
