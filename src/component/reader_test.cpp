#include "component/reader.h"

#include <gtest/gtest.h>

namespace wattle::component {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Reader, NumbersAreBounded) {
  EXPECT_EQ(*Reader(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}).u32(), 0xffffffffu);
  EXPECT_NE(Reader(Bytes{0xff, 0xff, 0xff, 0xff, 0x1f}).u32().error().message().find("integer too large"),
            std::string::npos);
  EXPECT_NE(Reader(Bytes{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}).u32().error().message().find("too long"),
            std::string::npos);
  EXPECT_EQ(*Reader(Bytes{0x7f}).s33(), -1);
  EXPECT_EQ(*Reader(Bytes{0xff, 0xff, 0xff, 0xff, 0x0f}).s33(), 0xffffffffll);
  EXPECT_FALSE(Reader(Bytes{0xff, 0xff, 0xff, 0xff, 0x2f}).s33());
}

TEST(Reader, NamesAreUtf8) {
  EXPECT_EQ(*Reader(Bytes{2, 0xc3, 0xa9}).name(), "é");
  EXPECT_NE(Reader(Bytes{2, 0xff, 0xfe}).name().error().message().find("malformed UTF-8"), std::string::npos);
  EXPECT_NE(Reader(Bytes{5, 'a'}).name().error().message().find("unexpected end-of-file"), std::string::npos);
}

TEST(Reader, Utf8Edges) {
  const auto valid = [](std::string_view text) {
    return is_utf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  };
  for (const auto* good :
       {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(valid(good)) << good;
  for (const auto* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_FALSE(valid(bad)) << bad;
}

TEST(Reader, ErrorsNameTheOffsetInTheFile) {
  Reader reader(std::span<const uint8_t>(), 0x54);
  EXPECT_EQ(reader.byte().error().message(), "unexpected end-of-file (at offset 0x54)");
}

TEST(Reader, CountsAreLimited) {
  EXPECT_EQ(*Reader(Bytes{3}).count(3, "things"), 3u);
  EXPECT_NE(Reader(Bytes{4}).count(3, "things").error().message().find("things size is out of bounds"),
            std::string::npos);
}

}  // namespace
}  // namespace wattle::component
