#include "wit/version.h"

#include <gtest/gtest.h>

namespace wattle::wit {
namespace {

Version version(std::string_view text) {
  return parse_version(text).value();
}

TEST(Version, ReadsAndWritesSemanticVersions) {
  for (const char* text :
       {"0.0.0", "0.2.10", "1.2.3-rc.1", "1.0.0-alpha-2.x+build.5", "1.0.0+001", "18446744073709551615.0.0"})
    EXPECT_EQ(to_string(version(text)), text);
}

TEST(Version, RefusesEverythingElse) {
  for (const char* text :
       {"", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.3-a..b", "v1.2.3",
        "1.2.3 ", "-1.2.3", "18446744073709551616.0.0", "1.2.3-a."})
    EXPECT_FALSE(parse_version(text)) << text;
}

TEST(Version, EndsBeforeADotThatNamesFollow) {
  EXPECT_EQ(version_length("0.2.0.{duration}"), 5u);
  EXPECT_EQ(version_length("0.2.0-draft.{a}"), 11u);
  EXPECT_EQ(version_length("0.2;"), 0u);
}

TEST(Version, OrdersAsSemanticVersioningSays) {
  const char* ascending[] = {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
                             "1.0.0-beta",  "1.0.0-beta.2",  "1.0.0-beta.11",
                             "1.0.0-rc.1",  "1.0.0",         "1.0.1",
                             "1.1.0",       "2.0.0"};
  for (size_t i = 0; i < std::size(ascending); i++)
    for (size_t j = 0; j < std::size(ascending); j++)
      EXPECT_EQ(compare(version(ascending[i]), version(ascending[j])), i < j   ? -1
                                                                       : i > j ? 1
                                                                               : 0)
          << ascending[i] << " " << ascending[j];
  EXPECT_EQ(compare(version("1.0.0+a"), version("1.0.0+b")), 0);
}

TEST(Version, CompatibleVersionsShareATrack) {
  EXPECT_EQ(version_track(version("1.4.2")), "1");
  EXPECT_EQ(version_track(version("0.2.6")), "0.2");
  EXPECT_EQ(version_track(version("0.0.3")), "0.0.3");
  EXPECT_EQ(version_track(version("0.2.0-rc.1")), "0.2.0-rc.1");
  EXPECT_TRUE(is_compatible(version("0.2.12"), version("0.2.0")));
  EXPECT_TRUE(is_compatible(version("0.2.0"), version("0.2.12")));
  EXPECT_FALSE(is_compatible(version("0.3.0"), version("0.2.0")));
  EXPECT_FALSE(is_compatible(version("0.2.0"), version("0.2.0-rc.1")));
  EXPECT_FALSE(is_compatible(version("0.0.1"), version("0.0.2")));
}

TEST(InterfaceName, ReadsAndWrites) {
  for (const char* text : {"wasi:http/types@0.2.0", "a:b/c", "my-ns:pkg-2/do-HTTP@1.0.0-rc.1"})
    EXPECT_EQ(to_string(parse_interface_name(text).value()), text);
  for (const char* text : {"", "types", "wasi:http", "wasi/http:types", "wasi:http/types@",
                           "wasi:http/types@0.2", "wasi:http/Types", "wasi::http/types", "1a:b/c", "a:b/c/d"})
    EXPECT_FALSE(parse_interface_name(text)) << text;
}

TEST(InterfaceName, CompatibleVersionsShareAnAlternateName) {
  EXPECT_EQ(alternate_name(parse_interface_name("wasi:http/types@0.2.6").value()), "wasi:http/types@0.2");
  EXPECT_EQ(alternate_name(parse_interface_name("a:b/c").value()), "a:b/c");
}

TEST(Label, IsKebabCase) {
  for (const char* text : {"a", "a-b", "HTTP", "method-GET", "a1-2b", "x86-64"})
    EXPECT_TRUE(is_label(text)) << text;
  for (const char* text : {"", "-", "a-", "-a", "a--b", "aB", "1a", "a_b", "\xc3\xa9"})
    EXPECT_FALSE(is_label(text)) << text;
}

}  // namespace
}  // namespace wattle::wit
