#include "http/fields.h"

#include <gtest/gtest.h>

namespace wattle::http {
namespace {

TEST(Fields, KeepsOrderAndRepetitionAndIgnoresCaseOfNames) {
  Fields fields;
  ASSERT_TRUE(fields.append("Accept", "a"));
  ASSERT_TRUE(fields.append("x", "1"));
  ASSERT_TRUE(fields.append("ACCEPT", " b\t"));
  EXPECT_EQ(fields.get_all("accept"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_EQ(fields[0].name, "Accept");
  EXPECT_FALSE(fields.has("accep"));
}

TEST(Fields, RefusesNamesAndValuesThatCouldSplitAMessage) {
  Fields fields;
  for (const char* name : {"", "a b", "a:", "a\r\n", "\x80"}) EXPECT_FALSE(fields.append(name, "v")) << name;
  for (std::string_view value :
       {std::string_view("a\r\nb: c"), std::string_view("a\0b", 3), std::string_view("\x7f")})
    EXPECT_EQ(fields.append("n", value).error().code(), ErrorCode::invalid_argument);
  EXPECT_TRUE(fields.append("n", "tab\tand \xc3\xa9"));
  EXPECT_EQ(fields.size(), 1u);
}

TEST(Fields, SetReplacesAllAndMayReadFromItself) {
  Fields fields;
  ASSERT_TRUE(fields.append("a", "1"));
  ASSERT_TRUE(fields.append("b", "2"));
  ASSERT_TRUE(fields.append("A", "3"));
  ASSERT_TRUE(fields.set("a", *fields.get("b")));
  EXPECT_EQ(fields.get_all("a"), std::vector<std::string_view>{"2"});
  EXPECT_EQ(fields.bytes(), 4u);
}

TEST(Fields, ErasedTextDoesNotPileUp) {
  Fields fields;
  ASSERT_TRUE(fields.append("kept", "here"));
  const std::string value(1000, 'v');
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(fields.set("n", value));
  EXPECT_EQ(fields.bytes(), 1009u);
  EXPECT_EQ(fields.get("kept"), "here");
  EXPECT_EQ(fields.get("n"), value);
}

TEST(Fields, KnowsFieldsOfTheConnection) {
  EXPECT_TRUE(is_connection_field("Transfer-Encoding"));
  EXPECT_TRUE(is_forbidden_field("HOST"));
  EXPECT_TRUE(is_forbidden_trailer("content-length"));
  EXPECT_FALSE(is_forbidden_field("accept"));
}

}  // namespace
}  // namespace wattle::http
