#include "wit/json.h"

#include <gtest/gtest.h>

#include "wit/wave.h"

namespace wattle::wit {
namespace {

std::string json(const TypeRef& type, std::string_view wave) {
  return to_json(type, parse_wave(type, wave).value());
}

TEST(Json, ShowsEveryKind) {
  TypeRef u8 = primitive(Kind::u8);
  TypeRef type = record_of({{"text", primitive(Kind::string)},
                            {"numbers", list_of(primitive(Kind::u64))},
                            {"pair", tuple_of({primitive(Kind::boolean), primitive(Kind::character)})},
                            {"flags", flags_of({"a", "b", "c"})},
                            {"nothing", option_of(u8)},
                            {"something", option_of(u8)}});
  EXPECT_EQ(
      json(type, R"({text: "a\"\n\\€", numbers: [18446744073709551615], pair: (true, 'x'), flags: {a, c},
                           something: 1})"),
      R"({"text": "a\"\u000a\\€", "numbers": [18446744073709551615], "pair": [true, "x"], )"
      R"("flags": ["a", "c"], "nothing": null, "something": 1})");
}

TEST(Json, ShowsCases) {
  TypeRef u8 = primitive(Kind::u8);
  TypeRef variant = variant_of({{"empty", nullptr}, {"full", u8}});
  EXPECT_EQ(json(variant, "empty"), "\"empty\"");
  EXPECT_EQ(json(variant, "full(1)"), "{\"full\": 1}");
  EXPECT_EQ(json(result_of(u8, nullptr), "ok(1)"), "{\"ok\": 1}");
  EXPECT_EQ(json(result_of(u8, nullptr), "err"), "{\"err\": null}");
}

TEST(Json, TellsNestedOptionsApart) {
  TypeRef type = option_of(option_of(primitive(Kind::u8)));
  EXPECT_EQ(json(type, "none"), "null");
  EXPECT_EQ(json(type, "some(none)"), "{\"some\": null}");
  EXPECT_EQ(json(type, "some(some(1))"), "{\"some\": 1}");
}

TEST(Json, ShowsBytesInBothForms) {
  TypeRef type = list_of(primitive(Kind::u8));
  EXPECT_EQ(to_json(type, Value{ByteList{0, 255}}), "[0, 255]");
  EXPECT_EQ(to_json(type, Value{Values{{uint8_t{0}}, {uint8_t{255}}}}), "[0, 255]");
  EXPECT_EQ(to_json(list_of(primitive(Kind::s8)), Value{ByteList{0}}), "\"<not a list>\"");
}

TEST(Json, QuotesWhatIsNoJsonNumber) {
  EXPECT_EQ(json(primitive(Kind::f64), "nan"), "\"nan\"");
  EXPECT_EQ(json(primitive(Kind::f64), "-inf"), "\"-inf\"");
  EXPECT_EQ(json(primitive(Kind::f64), "1.5e+30"), "1.5e+30");
  EXPECT_EQ(to_json(primitive(Kind::u8), Value{true}), "\"<not a u8>\"");
}

}  // namespace
}  // namespace wattle::wit
