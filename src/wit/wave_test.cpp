#include "wit/wave.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "wit/random.h"

namespace wattle::wit {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const TypeRef kU8 = primitive(Kind::u8);
const TypeRef kString = primitive(Kind::string);

std::string error_of(const TypeRef& type, std::string_view text) {
  Result<Value> value = parse_wave(type, text);
  return value ? "read: " + to_wave(type, *value) : value.error().message();
}

// Reads and writes: the canonical form of the same value.
std::string again(const TypeRef& type, std::string_view text) {
  Result<Value> value = parse_wave(type, text);
  return value ? to_wave(type, *value) : value.error().message();
}

std::string string_of(std::string_view text) {
  Result<Value> value = parse_wave(kString, text);
  return value ? std::get<std::string>(value->data) : value.error().message();
}

TEST(Wave, RandomValuesSurviveTheirText) {
  for (uint64_t seed = 0; seed < 5000; seed++) {
    Random random(seed);
    TypeRef type = random.type();
    Value value = random.value(type);
    std::string text = to_wave(type, value);
    Result<Value> read = parse_wave(type, text);
    ASSERT_TRUE(read) << to_string(type) << "\n" << text << "\n" << read.error().message();
    ASSERT_EQ(*read, value) << to_string(type) << "\n" << text;
  }
}

TEST(Wave, ShortTextsEndSoon) {
  const TypeRef bytes = list_of(kU8);
  for (const auto& [type, value] : {std::pair<TypeRef, Value>{bytes, {ByteList(1'000'000, 7)}},
                                    {list_of(kString), {Values(100'000, Value{std::string("text")})}},
                                    {kString, {std::string(1'000'000, 'a')}}}) {
    const std::string text = to_short_wave(type, value, 100);
    EXPECT_GE(text.size(), 100u);
    EXPECT_LT(text.size(), 120u);
    EXPECT_EQ(to_wave(type, value).substr(0, 100), text.substr(0, 100));
  }
  EXPECT_EQ(to_short_wave(bytes, {ByteList{1, 2}}, 100), "[1, 2]");
}

TEST(Wave, ReadsNumbers) {
  EXPECT_EQ(again(kU8, " 255 // the largest\n"), "255");
  EXPECT_EQ(again(primitive(Kind::s8), "-128"), "-128");
  EXPECT_EQ(again(primitive(Kind::u64), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(again(primitive(Kind::f64), "6.022e+23"), "6.022e+23");
  EXPECT_EQ(again(primitive(Kind::f64), "-0"), "-0");
  EXPECT_EQ(again(primitive(Kind::f64), "100000"), "1e+5");
  EXPECT_EQ(again(primitive(Kind::f32), "0.1"), "0.1");
  EXPECT_EQ(again(primitive(Kind::f32), "-inf"), "-inf");
  EXPECT_EQ(again(primitive(Kind::f32), "nan"), "nan");
}

TEST(Wave, NumbersOutOfRangeNameTheRange) {
  EXPECT_EQ(error_of(kU8, "256"), "column 1: 256 is out of range for u8 (0 to 255)");
  EXPECT_EQ(error_of(kU8, "-1"), "column 1: -1 is out of range for u8 (0 to 255)");
  EXPECT_EQ(
      error_of(primitive(Kind::s64), "9223372036854775808"),
      "column 1: 9223372036854775808 is out of range for s64 (-9223372036854775808 to 9223372036854775807)");
  EXPECT_EQ(error_of(kU8, "1.5"), "column 1: found 1.5, expected a whole number (u8)");
  EXPECT_EQ(error_of(kU8, "007"), "column 1: a number does not start with 0");
  EXPECT_EQ(error_of(primitive(Kind::f32), "1e99"), "column 1: 1e99 is out of range for f32");
  EXPECT_EQ(error_of(kU8, "\"1\""), "column 1: found '\"', expected a number (u8)");
}

TEST(Wave, ReadsCharactersAndStringsWithEscapes) {
  EXPECT_EQ(again(primitive(Kind::character), "'\\u{0}'"), "'\\u{0}'");
  EXPECT_EQ(again(primitive(Kind::character), "'\"'"), "'\"'");
  EXPECT_EQ(again(primitive(Kind::character), "'\u2603'"), "'\u2603'");
  EXPECT_EQ(string_of(R"("\\\'\"\t\n\r")"), "\\'\"\t\n\r");
  EXPECT_EQ(string_of(R"("\u{2603}\u{002603}")"), "\u2603\u2603");
  EXPECT_EQ(again(kString, R"("say \"hi\" 'there'")"), R"("say \"hi\" 'there'")");
}

TEST(Wave, RefusesBadCharactersAndStrings) {
  TypeRef character = primitive(Kind::character);
  EXPECT_THAT(error_of(character, "'ab'"), HasSubstr("column 3: found 'b', expected '"));
  EXPECT_THAT(error_of(character, "''"), HasSubstr("one character"));
  EXPECT_THAT(error_of(character, "'"), HasSubstr("one character"));
  EXPECT_THAT(string_of("\"abc"), HasSubstr("column 1: the string does not end"));
  EXPECT_THAT(string_of("\"a\nb\""), HasSubstr("column 3: a line end inside a string is written \\n"));
  for (const char* text : {R"("\u{d800}")", R"("\u{110000}")", R"("\u{ffffffffff}")", R"("\u{-1}")",
                           R"("\u{}")", R"("\u41")", R"("\j")", R"("\)"})
    EXPECT_FALSE(parse_wave(kString, text)) << text;
  EXPECT_THAT(string_of("\"\xff\""), HasSubstr("not UTF-8"));
}

TEST(Wave, ReadsMultilineStrings) {
  EXPECT_EQ(string_of("\"\"\"\n\"\"\""), "");
  EXPECT_EQ(string_of("\"\"\"\nA single line\n\"\"\""), "A single line");
  EXPECT_EQ(string_of("\"\"\"\r\n    by the\r\n      end\r\n  \"\"\""), "  by the\n    end");
  EXPECT_EQ(string_of("\"\"\"\n\nkept\n\n\"\"\""), "\nkept\n");
  EXPECT_EQ(string_of("\"\"\"\nquotes \"\"\\\"\" and \\r\n\"\"\""), "quotes \"\"\"\" and \r");
}

TEST(Wave, RefusesBadMultilineStrings) {
  for (const char* text :
       {"\"\"\"\"\"\"", "\"\"\" \"\"\"", "\"\"\"\n\"", "\"\"\"\n\"\"\"\"", "\"\"\"extra\n\"\"\"",
        "\"\"\"\nextra\"\"\"", "\"\"\"\n  in \"\"\" between\n  \"\"\"", "\"\"\"\n a\n  \"\"\"",
        "\"\"\"\n\\j\n\"\"\"", "\"\"\"\na\\\n\"\"\""})
    EXPECT_FALSE(parse_wave(kString, text)) << text;
}

TEST(Wave, ReadsListsAndTuples) {
  EXPECT_EQ(again(list_of(kU8), "[ 1,2 , 3, ]"), "[1, 2, 3]");
  EXPECT_EQ(again(list_of(kU8), "[]"), "[]");
  EXPECT_EQ(parse_wave(list_of(kU8), "[1, 2]")->data.index(), Value{ByteList{}}.data.index());
  EXPECT_EQ(to_wave(list_of(kU8), Value{Values{{uint8_t{1}}, {uint8_t{2}}}}), "[1, 2]");
  TypeRef pair = tuple_of({kString, kU8});
  EXPECT_EQ(again(pair, "(\"abc\", 123,)"), "(\"abc\", 123)");
  EXPECT_EQ(error_of(pair, "(\"abc\")"), "column 1: the tuple has 1 elements, expected 2");
  EXPECT_EQ(error_of(pair, "(\"abc\", 1, 2)"),
            "column 12: found '2', expected ) since the tuple has 2 elements");
  EXPECT_EQ(error_of(list_of(kU8), "[1 2]"), "column 4: found '2', expected , or ] of the list");
  EXPECT_EQ(error_of(list_of(kU8), "[,]"), "column 2: found ',', expected a number (u8)");
  EXPECT_EQ(error_of(list_of(kU8), "[1"), "column 3: found the end of the text, expected , or ] of the list");
}

TEST(Wave, ReadsRecordsInAnyOrderAndFillsInNone) {
  TypeRef type = record_of({{"must-have", kU8}, {"optional", option_of(kU8)}});
  EXPECT_EQ(again(type, "{must-have: 1}"), "{must-have: 1, optional: none}");
  EXPECT_EQ(again(type, "{%optional: 2, must-have: 1,}"), "{must-have: 1, optional: some(2)}");
  EXPECT_EQ(again(record_of({{"a", option_of(kU8)}}), "{:}"), "{a: none}");
  EXPECT_EQ(error_of(type, "{optional: 1}"), "column 1: the field 'must-have' (u8) is missing");
  EXPECT_EQ(error_of(type, "{must-hav: 1}"),
            "column 2: there is no field 'must-hav', expected one of: must-have, optional");
  EXPECT_EQ(error_of(type, "{must-have: 1, must-have: 2}"),
            "column 16: the field 'must-have' is there twice");
  EXPECT_EQ(error_of(type, "{must-have 1}"), "column 12: found '1', expected : after the field 'must-have'");
}

TEST(Wave, ReadsVariantsAndEnumerations) {
  TypeRef type = variant_of({{"empty", nullptr}, {"body", list_of(kU8)}, {"err", kString}});
  EXPECT_EQ(again(type, "empty"), "empty");
  EXPECT_EQ(again(type, "body ( [79, 75] )"), "body([79, 75])");
  EXPECT_EQ(again(type, "%err(\"oops\")"), "%err(\"oops\")");
  EXPECT_EQ(again(type, "%empty"), "empty");
  EXPECT_EQ(error_of(type, "err(\"oops\")"),
            "column 1: 'err' is a word of the encoding; the case is written %err");
  EXPECT_EQ(error_of(type, "body"),
            "column 5: found the end of the text, expected ( and the value of 'body', a list");
  EXPECT_EQ(error_of(type, "empty(1)"), "column 6: found '(', expected the end of the text");
  EXPECT_EQ(error_of(enumeration_of({"south", "west"}), "north"),
            "column 1: there is no case 'north', expected one of: south, west");
}

TEST(Wave, SomeAndOkMayBeLeftOut) {
  EXPECT_EQ(again(option_of(kU8), "123"), "some(123)");
  EXPECT_EQ(again(option_of(kU8), "some(123)"), "some(123)");
  EXPECT_EQ(again(option_of(kU8), "none"), "none");
  EXPECT_EQ(again(result_of(kU8, kString), "7"), "ok(7)");
  EXPECT_EQ(again(result_of(kU8, kString), "err(\"oops\")"), "err(\"oops\")");
  EXPECT_EQ(again(result_of(nullptr, kString), "ok"), "ok");
  EXPECT_EQ(again(result_of(nullptr, nullptr), "err"), "err");
  EXPECT_EQ(again(option_of(enumeration_of({"none", "b"})), "%none"), "some(%none)");
}

TEST(Wave, SomeAndOkStayAroundOptionsAndResults) {
  EXPECT_EQ(again(option_of(option_of(kU8)), "some(some(1))"), "some(some(1))");
  EXPECT_EQ(again(option_of(option_of(kU8)), "some(1)"), "some(some(1))");
  EXPECT_EQ(again(option_of(option_of(kU8)), "some(none)"), "some(none)");
  EXPECT_EQ(error_of(option_of(option_of(kU8)), "1"), "column 1: found '1', expected some(...) or none");
  EXPECT_EQ(error_of(result_of(option_of(kU8), nullptr), "none"),
            "column 1: found 'none', expected ok or err");
}

TEST(Wave, ReadsFlags) {
  TypeRef type = flags_of({"read", "write", "exec"});
  EXPECT_EQ(again(type, "{write, read,}"), "{read, write}");
  EXPECT_EQ(again(type, "{ }"), "{}");
  EXPECT_EQ(error_of(type, "{read, read}"), "column 8: the flag 'read' is there twice");
  EXPECT_EQ(error_of(type, "{reed}"),
            "column 2: there is no flag 'reed', expected one of: read, write, exec");
}

TEST(Wave, PlacesCountCharactersAndLines) {
  EXPECT_EQ(error_of(list_of(kString), "[\"\u20ac\u20ac\", 1]"),
            "column 8: found '1', expected a string in double quotes");
  EXPECT_EQ(error_of(list_of(kU8), "[1,\n  x]"), "line 2, column 3: found 'x', expected a number (u8)");
  EXPECT_EQ(error_of(kU8, ""), "column 1: found the end of the text, expected a number (u8)");
}

TEST(Wave, DepthIsBounded) {
  TypeRef type = kU8;
  std::string text;
  for (uint32_t i = 0; i < 2 * kMaxWaveDepth; i++) {
    type = list_of(type);
    text += '[';
  }
  EXPECT_THAT(error_of(type, text), HasSubstr("nested too deeply"));
}

TEST(Wave, ShowsHandlesAndMismatchesWithoutReadingThemBack) {
  EXPECT_EQ(to_wave(own_of(1), Value{HandleValue{true, 7, nullptr}}), "<handle 7>");
  EXPECT_EQ(to_wave(kU8, Value{true}), "<not a u8>");
  EXPECT_EQ(to_wave(option_of(kU8), case_value(1)), "some(<not a u8>)");
  EXPECT_THAT(error_of(own_of(1), "<handle 7>"), HasSubstr("no text form"));
}

}  // namespace
}  // namespace wattle::wit
