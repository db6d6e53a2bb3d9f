#include "wrpc/value_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "wit/random.h"
#include "wit/wave.h"

namespace wattle::wrpc {
namespace {

using testing::HasSubstr;
using wit::Kind;
using wit::primitive;
using wit::TypeRef;
using wit::Value;
using wit::Values;

std::string bytes(std::initializer_list<int> numbers) {
  std::string out;
  for (const int number : numbers) out += static_cast<char>(number);
  return out;
}

// Resources 0 and up as opaque tokens; resource 9 is an input-stream.
class TestHandles final : public HandleWire {
 public:
  bool is_byte_stream(wit::ResourceId resource) const override { return resource == 9; }
  Result<std::shared_ptr<async::Pipe>> pipe_of(const wit::HandleValue& handle) override {
    return pipes.at(handle.representation);
  }
  Result<wit::HandleValue> handle_of(wit::ResourceId, std::shared_ptr<async::Pipe> pipe) override {
    pipes.push_back(std::move(pipe));
    return wit::HandleValue{true, static_cast<uint32_t>(pipes.size() - 1), nullptr};
  }
  Result<std::string> token_of(Kind, wit::ResourceId, const wit::HandleValue& handle) override {
    std::string token(16, static_cast<char>(handle.representation));
    token[1] = static_cast<char>(handle.representation >> 8);
    return token;
  }
  Result<wit::HandleValue> handle_of(Kind kind, wit::ResourceId, std::string_view token) override {
    if (token.size() != 16) return failure(ErrorCode::malformed, "a token has 16 bytes");
    const auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<uint8_t>(token[at])); };
    return wit::HandleValue{kind == Kind::own, byte(0) | byte(1) << 8, nullptr};
  }
  std::vector<std::shared_ptr<async::Pipe>> pipes;
};

void golden(const TypeRef& type, const Value& value, const std::string& expected,
            HandleWire* handles = nullptr) {
  std::string out;
  Writer writer(out);
  const auto encoded = encode_value(writer, type, value, handles);
  ASSERT_TRUE(encoded) << encoded.error().message();
  EXPECT_EQ(out, expected) << to_string(type);
  Reader reader(expected);
  const auto decoded = decode_value(reader, type, handles);
  ASSERT_TRUE(decoded) << decoded.error().message() << " " << to_string(type);
  EXPECT_EQ(*decoded, value) << to_string(type);
  EXPECT_TRUE(reader.end());
}

void golden(const TypeRef& type, std::string_view wave, const std::string& expected) {
  const auto value = wit::parse_wave(type, wave);
  ASSERT_TRUE(value) << value.error().message();
  golden(type, *value, expected);
}

Result<Value> decode(const TypeRef& type, const std::string& from, ReaderLimits limits = {}) {
  Reader reader(from, limits);
  return decode_value(reader, type);
}

std::string error_of(const Result<Value>& value) {
  return value ? "no error" : value.error().message();
}

TEST(ValueCodecGolden, Booleans) {
  golden(primitive(Kind::boolean), "false", bytes({0}));
  golden(primitive(Kind::boolean), "true", bytes({1}));
}

TEST(ValueCodecGolden, NumbersOfOneByteAreThatByte) {
  golden(primitive(Kind::u8), "255", bytes({0xff}));
  golden(primitive(Kind::s8), "-1", bytes({0xff}));
  golden(primitive(Kind::s8), "-128", bytes({0x80}));
}

TEST(ValueCodecGolden, UnsignedLeb) {
  golden(primitive(Kind::u16), "0", bytes({0}));
  golden(primitive(Kind::u16), "127", bytes({0x7f}));
  golden(primitive(Kind::u16), "128", bytes({0x80, 0x01}));
  golden(primitive(Kind::u16), "65535", bytes({0xff, 0xff, 0x03}));
  golden(primitive(Kind::u32), "624485", bytes({0xe5, 0x8e, 0x26}));
  golden(primitive(Kind::u32), "4294967295", bytes({0xff, 0xff, 0xff, 0xff, 0x0f}));
  golden(primitive(Kind::u64), "18446744073709551615",
         bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}));
}

TEST(ValueCodecGolden, SignedLeb) {
  golden(primitive(Kind::s16), "63", bytes({0x3f}));
  golden(primitive(Kind::s16), "64", bytes({0xc0, 0x00}));
  golden(primitive(Kind::s16), "-64", bytes({0x40}));
  golden(primitive(Kind::s16), "-65", bytes({0xbf, 0x7f}));
  golden(primitive(Kind::s16), "-32768", bytes({0x80, 0x80, 0x7e}));
  golden(primitive(Kind::s32), "-123456", bytes({0xc0, 0xbb, 0x78}));
  golden(primitive(Kind::s32), "-2147483648", bytes({0x80, 0x80, 0x80, 0x80, 0x78}));
  golden(primitive(Kind::s32), "2147483647", bytes({0xff, 0xff, 0xff, 0xff, 0x07}));
  golden(primitive(Kind::s64), "-9223372036854775808",
         bytes({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}));
}

TEST(ValueCodecGolden, FloatsAreLittleEndian) {
  golden(primitive(Kind::f32), "1.5", bytes({0, 0, 0xc0, 0x3f}));
  golden(primitive(Kind::f64), "-2", bytes({0, 0, 0, 0, 0, 0, 0, 0xc0}));
}

TEST(ValueCodecGolden, CharactersAreUtf8WithoutLength) {
  golden(primitive(Kind::character), "'a'", "a");
  golden(primitive(Kind::character), "'\u00e9'", bytes({0xc3, 0xa9}));
  golden(primitive(Kind::character), "'\u20ac'", bytes({0xe2, 0x82, 0xac}));
  golden(primitive(Kind::character), "'\U0001f600'", bytes({0xf0, 0x9f, 0x98, 0x80}));
}

TEST(ValueCodecGolden, TextAndBytesHaveTheirLength) {
  golden(primitive(Kind::string), "\"\"", bytes({0}));
  golden(primitive(Kind::string), "\"h\u00e9\"", bytes({3, 'h', 0xc3, 0xa9}));
  golden(wit::list_of(primitive(Kind::u8)), "[0, 255]", bytes({2, 0, 0xff}));
  golden(wit::list_of(primitive(Kind::u8)), Value{Values{{uint8_t{7}}}}, bytes({1, 7}));
  golden(primitive(Kind::string), Value{std::string(200, 'x')}, bytes({0xc8, 0x01}) + std::string(200, 'x'));
}

TEST(ValueCodecGolden, Lists) {
  golden(wit::list_of(primitive(Kind::u16)), "[1, 300]", bytes({2, 1, 0xac, 0x02}));
  golden(wit::list_of(primitive(Kind::string)), "[\"a\", \"\"]", bytes({2, 1, 'a', 0}));
  golden(wit::list_of(primitive(Kind::u64)), "[]", bytes({0}));
}

TEST(ValueCodecGolden, ProductsAreTheirParts) {
  golden(wit::record_of({{"name", primitive(Kind::string)}, {"age", primitive(Kind::u8)}}),
         "{name: \"Ann\", age: 7}", bytes({3, 'A', 'n', 'n', 7}));
  golden(wit::tuple_of({primitive(Kind::boolean), primitive(Kind::s32)}), "(true, -1)", bytes({1, 0x7f}));
}

TEST(ValueCodecGolden, CasesAreTheirNumberAndPayload) {
  const TypeRef variant = wit::variant_of({{"none-of", nullptr}, {"name", primitive(Kind::string)}});
  golden(variant, "none-of", bytes({0}));
  golden(variant, "name(\"x\")", bytes({1, 1, 'x'}));
  golden(wit::enumeration_of({"a", "b", "c"}), "c", bytes({2}));
  std::vector<std::string> many;
  for (int i = 0; i < 200; i++) many.push_back("label-n" + std::to_string(i));
  golden(wit::enumeration_of(many), wit::case_value(199), bytes({0xc7, 0x01}));
}

TEST(ValueCodecGolden, OptionsAndResults) {
  golden(wit::option_of(primitive(Kind::u8)), "none", bytes({0}));
  golden(wit::option_of(primitive(Kind::u8)), "some(5)", bytes({1, 5}));
  const TypeRef result = wit::result_of(primitive(Kind::u32), primitive(Kind::string));
  golden(result, "ok(300)", bytes({0, 0xac, 0x02}));
  golden(result, "err(\"no\")", bytes({1, 2, 'n', 'o'}));
  golden(wit::result_of(nullptr, nullptr), "err", bytes({1}));
}

TEST(ValueCodecGolden, FlagsAreBitsFromTheLowest) {
  std::vector<std::string> labels;
  for (int i = 0; i < 9; i++) labels.push_back("label-n" + std::to_string(i));
  golden(wit::flags_of({"a", "b", "c"}), "{a, c}", bytes({0x05}));
  golden(wit::flags_of(labels), "{label-n0, label-n8}", bytes({0x01, 0x01}));
}

TEST(ValueCodecGolden, ResourcesAreOpaqueBytes) {
  TestHandles handles;
  golden(wit::own_of(0), Value{wit::HandleValue{true, 7, nullptr}}, bytes({0x10, 7, 0}) + std::string(14, 7),
         &handles);
}

TEST(ValueCodecGolden, AStreamIsPendingUnderItsPath) {
  TestHandles handles;
  handles.pipes.push_back(std::make_shared<async::Pipe>());
  const wit::FunctionType function{
      {{"name", primitive(Kind::string)},
       {"body", wit::option_of(wit::record_of({{"n", primitive(Kind::u8)}, {"data", wit::own_of(9)}}))}},
      nullptr};
  const Values arguments{
      {std::string("a")},
      wit::case_value(1, Value{Values{{uint8_t{5}}, {wit::HandleValue{true, 0, nullptr}}}})};
  std::string out;
  Writer writer(out);
  ASSERT_TRUE(encode_parameters(writer, function, arguments, &handles));
  EXPECT_EQ(out, bytes({1, 'a', 1, 5, 0}));
  ASSERT_EQ(writer.streams.size(), 1u);
  EXPECT_EQ(to_string(writer.streams[0].path), "1.1");
  EXPECT_EQ(writer.streams[0].pipe, handles.pipes[0]);

  Reader reader(out);
  ASSERT_TRUE(decode_parameters(reader, function, &handles));
  ASSERT_EQ(reader.streams.size(), 1u);
  EXPECT_EQ(to_string(reader.streams[0].path), "1.1");
  EXPECT_EQ(reader.streams[0].pipe, handles.pipes[1]);
}

TEST(ValueCodecGolden, AStreamMayComeInline) {
  TestHandles handles;
  const std::string inline_stream = bytes({3, 'a', 'b', 'c'});
  Reader reader(inline_stream);
  ASSERT_TRUE(decode_value(reader, wit::own_of(9), &handles));
  EXPECT_TRUE(reader.streams.empty());
  EXPECT_EQ(handles.pipes.at(0)->buffered(), 3u);
  EXPECT_TRUE(handles.pipes.at(0)->closed());
}

TEST(ValueCodecGolden, ParametersAndResultsAreConcatenated) {
  const wit::FunctionType function{{{"a", primitive(Kind::u8)}, {"b", primitive(Kind::string)}},
                                   primitive(Kind::boolean)};
  const std::string parameters = bytes({9, 1, 'z'});
  Reader reader(parameters);
  EXPECT_EQ(*decode_parameters(reader, function), (Values{{uint8_t{9}}, {std::string("z")}}));
  std::string out;
  Writer writer(out);
  ASSERT_TRUE(encode_result(writer, function, Value{true}));
  EXPECT_EQ(out, bytes({1}));
  const std::string longer = bytes({9, 1, 'z', 0});
  Reader more(longer);
  EXPECT_THAT(decode_parameters(more, function).error().message(), HasSubstr("more bytes"));
}

TEST(ValueCodec, RandomValuesSurvive) {
  for (uint64_t seed = 0; seed < 20000; seed++) {
    wit::Random random(seed, {.resources = 3});
    const TypeRef type = random.type();
    const Value value = random.value(type);
    TestHandles handles;
    std::string out;
    Writer writer(out);
    const auto encoded = encode_value(writer, type, value, &handles);
    ASSERT_TRUE(encoded) << encoded.error().message();
    Reader reader(out);
    const auto decoded = decode_value(reader, type, &handles);
    ASSERT_TRUE(decoded) << decoded.error().message() << " " << to_string(type);
    ASSERT_TRUE(reader.end());
    std::string again;
    Writer second(again);
    ASSERT_TRUE(encode_value(second, type, *decoded, &handles));
    ASSERT_EQ(again, out) << to_string(type);
    ASSERT_EQ(wit::to_wave(type, *decoded), wit::to_wave(type, value)) << "seed " << seed;
    if (out.empty()) continue;
    const std::string cut = out.substr(0, out.size() - 1);
    Reader shorter(cut);
    const auto part = decode_value(shorter, type, &handles);
    ASSERT_FALSE(part);
    ASSERT_TRUE(has_reason(part.error(), Reason::truncated) || part.error().code() == ErrorCode::malformed);
  }
}

TEST(ValueCodec, RefusesBytesThatAreNoneOfTheType) {
  EXPECT_THAT(error_of(decode(primitive(Kind::boolean), bytes({2}))), HasSubstr("neither true nor false"));
  EXPECT_THAT(error_of(decode(primitive(Kind::u16), bytes({0xff, 0xff, 0x04}))), HasSubstr("beyond 16 bits"));
  EXPECT_THAT(error_of(decode(primitive(Kind::u16), bytes({0x80, 0x80, 0x80, 0}))),
              HasSubstr("too many bytes"));
  EXPECT_THAT(error_of(decode(primitive(Kind::s16), bytes({0x80, 0x80, 0x02}))), HasSubstr("beyond 16 bits"));
  EXPECT_THAT(error_of(decode(primitive(Kind::s64), std::string(9, '\x80') + '\x01')),
              HasSubstr("beyond 64 bits"));
  EXPECT_THAT(error_of(decode(primitive(Kind::character), bytes({0xff}))), HasSubstr("no UTF-8"));
  EXPECT_THAT(error_of(decode(primitive(Kind::character), bytes({0xed, 0xa0, 0x80}))), HasSubstr("no UTF-8"));
  EXPECT_THAT(error_of(decode(primitive(Kind::string), bytes({1, 0xff}))), HasSubstr("no UTF-8"));
  EXPECT_THAT(error_of(decode(wit::enumeration_of({"a", "b"}), bytes({2}))), HasSubstr("case 2 of 2"));
  EXPECT_THAT(error_of(decode(wit::own_of(0), bytes({0}))), HasSubstr("cannot cross"));
}

TEST(ValueCodec, BoundsWhatBytesCanClaim) {
  const std::string four_billion = bytes({0xff, 0xff, 0xff, 0xff, 0x0f});
  const auto decode_list = decode(wit::list_of(primitive(Kind::u16)), four_billion);
  EXPECT_EQ(decode_list.error().code(), ErrorCode::memory_exceeded);
  // Elements without bytes: nothing but memory bounds them.
  EXPECT_EQ(decode(wit::list_of(wit::tuple_of({})), four_billion).error().code(), ErrorCode::memory_exceeded);
  TypeRef doubled = wit::tuple_of({});
  for (int i = 0; i < 60; i++) doubled = wit::tuple_of({doubled, doubled});
  EXPECT_EQ(decode(doubled, "", {.memory_bytes = 1 << 20}).error().code(), ErrorCode::memory_exceeded);
  TypeRef deep = primitive(Kind::u8);
  for (int i = 0; i < 200; i++) deep = wit::option_of(deep);
  EXPECT_THAT(error_of(decode(deep, std::string(201, '\1'))), HasSubstr("nests more than"));
}

TEST(ValueCodec, RefusesValuesOfAnotherType) {
  std::string out;
  Writer writer(out);
  EXPECT_EQ(encode_value(writer, primitive(Kind::u8), Value{true}).error().code(),
            ErrorCode::invalid_argument);
  EXPECT_FALSE(encode_value(writer, wit::list_of(primitive(Kind::s8)), Value{wit::ByteList{1}}));
  EXPECT_FALSE(encode_value(writer, wit::enumeration_of({"a"}), wit::case_value(1)));
  EXPECT_FALSE(encode_value(writer, primitive(Kind::character), Value{char32_t{0xd800}}));
  EXPECT_EQ(encode_value(writer, wit::own_of(0), Value{wit::HandleValue{}}).error().code(),
            ErrorCode::unsupported);
}

}  // namespace
}  // namespace wattle::wrpc
