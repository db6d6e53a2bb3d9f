#include "wit/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>

#include "wit/array_memory.h"
#include "wit/random.h"
#include "wit/strings.h"

namespace wattle::wit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr StringEncoding kEncodings[] = {StringEncoding::utf8, StringEncoding::utf16,
                                         StringEncoding::latin1_utf16};

// Gives every handle an index of its own and forgets own handles when they are lifted.
class TestHandles final : public HandleTranslator {
 public:
  Result<HandleValue> lift_handle(Kind kind, ResourceId, uint32_t index) override {
    auto found = table_.find(index);
    if (found == table_.end()) return failure(ErrorCode::trap, "unknown handle index {}", index);
    HandleValue handle = found->second;
    if (kind == Kind::own) table_.erase(found);
    return handle;
  }
  Result<uint32_t> lower_handle(Kind, ResourceId, const HandleValue& handle) override {
    table_.emplace(++next_, handle);
    return next_;
  }

 private:
  std::map<uint32_t, HandleValue> table_;
  uint32_t next_ = 0;
};

std::string error_of(const Result<Value>& result) {
  return result ? "no error" : result.error().message();
}

// Reads a value of `type` from a memory that holds exactly `bytes`.
Result<Value> load(const TypeRef& type, std::vector<uint8_t> bytes, uint32_t address = 0) {
  ArrayMemory memory(StringEncoding::utf8, 1 << 16);
  memory.set_bytes(std::move(bytes));
  Codec codec{.memory = &memory};
  return codec.load(*layout_of(type), address);
}

Result<Value> lift(const TypeRef& type, std::vector<FlatValue> flat) {
  return Codec().lift_flat(*layout_of(type), flat);
}

class CodecRoundTrip : public testing::TestWithParam<StringEncoding> {};

TEST_P(CodecRoundTrip, RandomValuesSurviveMemory) {
  for (uint64_t seed = 0; seed < 3000; seed++) {
    Random random(seed, {.resources = 3});
    TypeRef type = random.type();
    Value value = random.value(type);
    LayoutRef layout = layout_of(type);
    ArrayMemory memory(GetParam(), 1 << 24);
    TestHandles handles;
    Codec codec{.memory = &memory, .handles = &handles};
    uint32_t address = *memory.reallocate(0, 0, layout->alignment, layout->size);
    Result<void> stored = codec.store(*layout, value, address);
    ASSERT_TRUE(stored) << stored.error().message();
    Result<Value> loaded = codec.load(*layout, address);
    ASSERT_TRUE(loaded) << loaded.error().message() << " " << to_string(type);
    ASSERT_EQ(*loaded, value) << "seed " << seed << " " << to_string(type);
  }
}

TEST_P(CodecRoundTrip, RandomCallsSurviveTheirCoreSignature) {
  for (uint64_t seed = 0; seed < 3000; seed++) {
    Random random(seed, {.depth = 2, .resources = 3});
    FunctionType type = random.function();
    FunctionLayout layout = layout_of(type);
    Values parameters;
    for (const Member& parameter : type.parameters) parameters.push_back(random.value(parameter.type));
    ArrayMemory memory(GetParam(), 1 << 24);
    TestHandles handles;
    Codec codec{.memory = &memory, .handles = &handles};
    Result<std::vector<FlatValue>> core = codec.lower_parameters(layout, parameters);
    ASSERT_TRUE(core) << core.error().message();
    Result<Values> lifted = codec.lift_parameters(layout, *core);
    ASSERT_TRUE(lifted) << lifted.error().message();
    ASSERT_EQ(*lifted, parameters) << "seed " << seed << " " << to_string(type);
    if (!type.result) continue;
    Value result = random.value(type.result);
    uint32_t return_address = *memory.reallocate(0, 0, layout.result->alignment, layout.result->size);
    core = codec.lower_result(layout, result, return_address);
    ASSERT_TRUE(core) << core.error().message();
    if (layout.result_in_memory) core->push_back(return_address);
    ASSERT_EQ(codec.lift_result(layout, *core).value(), result) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Encodings, CodecRoundTrip, testing::ValuesIn(kEncodings));

TEST(Codec, LiftingFromHostileMemoryEndsInAValueOrATrap) {
  size_t values = 0;
  for (uint64_t seed = 0; seed < 5000; seed++) {
    Random random(seed);
    LayoutRef layout = layout_of(random.type());
    std::vector<uint8_t> bytes(random.below(512));
    for (uint8_t& byte : bytes)
      byte = static_cast<uint8_t>(random.below(4) ? random.below(16) : random.bits());
    ArrayMemory memory(kEncodings[seed % 3], 1 << 16);
    memory.set_bytes(bytes);
    Codec codec{.memory = &memory, .budget_bytes = 1 << 20};
    Result<Value> value = codec.load(*layout, random.below(64) & ~7u);
    if (value) {
      values++;
    } else {
      EXPECT_EQ(value.error().code(), ErrorCode::trap) << value.error().message();
    }
  }
  EXPECT_GT(values, 500u);
  EXPECT_LT(values, 4900u);
}

TEST(Codec, EveryNonzeroBooleanIsTrue) {
  EXPECT_EQ(load(primitive(Kind::boolean), {2}).value(), Value{true});
  EXPECT_EQ(load(primitive(Kind::boolean), {0}).value(), Value{false});
  EXPECT_EQ(lift(primitive(Kind::boolean), {256}).value(), Value{true});
}

TEST(Codec, NarrowIntegersIgnoreTheUpperBits) {
  EXPECT_EQ(lift(primitive(Kind::u8), {0xffffff80}).value(), Value{uint8_t{0x80}});
  EXPECT_EQ(lift(primitive(Kind::s8), {0x180}).value(), Value{int8_t{-128}});
  EXPECT_EQ(lift(primitive(Kind::s16), {0xffff}).value(), Value{int16_t{-1}});
}

TEST(Codec, SignedIntegersExtendWithinThirtyTwoBits) {
  EXPECT_THAT(Codec().lower_flat(*layout_of(primitive(Kind::s8)), Value{int8_t{-1}}).value(),
              ElementsAre(0xffffffffu));
  EXPECT_THAT(Codec().lower_flat(*layout_of(primitive(Kind::s64)), Value{int64_t{-1}}).value(),
              ElementsAre(UINT64_MAX));
}

TEST(Codec, CharactersAreScalarValues) {
  EXPECT_EQ(lift(primitive(Kind::character), {0x10ffff}).value(), Value{U'\U0010ffff'});
  for (uint32_t bits : {0xd800u, 0xdfffu, 0x110000u})
    EXPECT_THAT(error_of(lift(primitive(Kind::character), {bits})), HasSubstr("invalid `char` bit pattern"));
}

TEST(Codec, DiscriminantsAreInRange) {
  TypeRef type = enumeration_of({"a", "b"});
  EXPECT_EQ(load(type, {1}).value(), case_value(1));
  EXPECT_THAT(error_of(load(type, {2})), HasSubstr("invalid variant discriminant"));
  EXPECT_THAT(error_of(lift(option_of(primitive(Kind::u8)), {2, 0})),
              HasSubstr("invalid variant discriminant"));
}

TEST(Codec, FlagBitsPastTheLabelsAreIgnored) {
  EXPECT_EQ(load(flags_of({"a", "b", "c"}), {0xfd}).value(), (Value{FlagsValue{{true, false, true}}}));
}

TEST(Codec, JoinedPayloadsKeepTheirBits) {
  TypeRef type =
      variant_of({{"a", primitive(Kind::f32)}, {"b", primitive(Kind::f64)}, {"c", primitive(Kind::s32)}});
  LayoutRef layout = layout_of(type);
  EXPECT_THAT(Codec().lower_flat(*layout, case_value(0, Value{1.5f})).value(), ElementsAre(0, 0x3fc00000));
  EXPECT_THAT(Codec().lower_flat(*layout, case_value(2, Value{int32_t{-1}})).value(),
              ElementsAre(2, 0xffffffffu));
  EXPECT_EQ(lift(type, {0, 0xdeadbeef3fc00000}).value(), case_value(0, Value{1.5f}));
  EXPECT_EQ(lift(type, {1, std::bit_cast<uint64_t>(2.5)}).value(), case_value(1, Value{2.5}));
}

TEST(Codec, NansAreMadeCanonicalOnRequest) {
  Codec codec{.canonicalize_nan = true};
  Value value = codec.lift_flat(*layout_of(primitive(Kind::f32)), std::vector<FlatValue>{0xffc12345}).value();
  EXPECT_EQ(std::bit_cast<uint32_t>(std::get<float>(value.data)), 0x7fc00000u);
  value = lift(primitive(Kind::f32), {0x7fc12345}).value();
  EXPECT_EQ(std::bit_cast<uint32_t>(std::get<float>(value.data)), 0x7fc12345u);
}

TEST(Codec, RangesAreChecked) {
  TypeRef numbers = list_of(primitive(Kind::u32));
  EXPECT_TRUE(load(numbers, {8, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4}));
  EXPECT_THAT(error_of(load(numbers, {8, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4})),
              HasSubstr("list content out-of-bounds"));
  EXPECT_THAT(error_of(load(numbers, {6, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4})), HasSubstr("unaligned pointer"));
  EXPECT_THAT(error_of(load(numbers, {8, 0, 0, 0, 255, 255, 255, 255})), HasSubstr("out-of-bounds"));
  EXPECT_THAT(error_of(load(numbers, {0, 0, 0, 0, 0, 0, 0}, 0)), HasSubstr("out of bounds"));
  EXPECT_THAT(error_of(load(numbers, std::vector<uint8_t>(32), 2)), HasSubstr("unaligned pointer"));
}

TEST(Codec, OverlappingListsCannotUseUpTheHost) {
  // A list of 1000 lists, which all are the same 1000 lists of the same 1000 numbers.
  TypeRef type = list_of(list_of(list_of(primitive(Kind::s8))));
  std::vector<uint8_t> bytes(16 + 8 * 1000);
  auto put = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; i++) bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
  };
  for (size_t at = 0; at < bytes.size(); at += 8) {
    put(at, 16);
    put(at + 4, 1000);
  }
  EXPECT_THAT(error_of(load(type, bytes)), HasSubstr("more memory of the host"));
}

TEST(Codec, ValuesOfAnotherTypeAreTheHostsMistake) {
  LayoutRef layout = layout_of(list_of(primitive(Kind::u8)));
  ArrayMemory memory(StringEncoding::utf8, 1 << 16);
  Codec codec{.memory = &memory};
  for (const Value& value : {Value{uint8_t{1}}, Value{Values{Value{uint16_t{1}}}}, case_value(0)})
    EXPECT_EQ(codec.lower_flat(*layout, value).error().code(), ErrorCode::invalid_argument);
  EXPECT_FALSE(codec.lower_flat(*layout_of(result_of(nullptr, nullptr)), case_value(0, Value{true})));
  EXPECT_FALSE(codec.lower_flat(*layout_of(enumeration_of({"a"})), case_value(1)));
  EXPECT_FALSE(codec.lower_flat(*layout_of(flags_of({"a"})), Value{FlagsValue{{true, false}}}));
  EXPECT_FALSE(Codec().lower_flat(*layout, Value{Values{}})) << "no memory";
}

TEST(Codec, BytesLiftCompactAndLowerFromBothForms) {
  LayoutRef layout = layout_of(list_of(primitive(Kind::u8)));
  for (const Value& value :
       {Value{ByteList{1, 2, 255}}, Value{Values{{uint8_t{1}}, {uint8_t{2}}, {uint8_t{255}}}}}) {
    ArrayMemory memory(StringEncoding::utf8, 1 << 16);
    Codec codec{.memory = &memory, .budget_bytes = 3};
    auto flat = codec.lower_flat(*layout, value);
    ASSERT_TRUE(flat);
    Result<Value> lifted = codec.lift_flat(*layout, *flat);
    ASSERT_TRUE(lifted) << lifted.error().message();
    EXPECT_EQ(std::get<ByteList>(lifted->data), (ByteList{1, 2, 255}));
    EXPECT_EQ(*lifted, value);
    EXPECT_FALSE(codec.lower_flat(*layout_of(list_of(primitive(Kind::s8))), Value{ByteList{1}}));
  }
}

TEST(Codec, OversizedValuesTrap) {
  TypeRef type = primitive(Kind::u64);
  for (int i = 0; i < 40; i++) type = tuple_of({type, type});
  EXPECT_FALSE(load(type, std::vector<uint8_t>(64)));
}

}  // namespace
}  // namespace wattle::wit
