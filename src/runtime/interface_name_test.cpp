#include "runtime/interface_name.h"

#include <gtest/gtest.h>

namespace wattle::runtime {
namespace {

TEST(InterfaceName, SplitsTheVersionOff) {
  EXPECT_EQ(split_version("wasi:http/types@0.2.3").base, "wasi:http/types");
  EXPECT_EQ(split_version("wasi:http/types@0.2.3").version, "0.2.3");
  EXPECT_EQ(split_version("plain").version, "");
}

TEST(InterfaceName, KnowsWhichVersionsCanStandForEachOther) {
  EXPECT_EQ(version_track("1.2.3"), version_track("1.9.0"));
  EXPECT_NE(version_track("1.2.3"), version_track("2.0.0"));
  EXPECT_EQ(version_track("0.2.0"), version_track("0.2.12"));
  EXPECT_NE(version_track("0.2.0"), version_track("0.3.0"));
  EXPECT_NE(version_track("0.0.1"), version_track("0.0.2"));
  EXPECT_NE(version_track("0.2.0-rc-1"), version_track("0.2.0"));
}

TEST(InterfaceName, ComparesVersionsAsNumbers) {
  EXPECT_TRUE(is_later_version("0.2.12", "0.2.3"));
  EXPECT_FALSE(is_later_version("0.2.3", "0.2.12"));
  EXPECT_FALSE(is_later_version("1.0.0", "1.0.0"));
}

TEST(EditDistance, CountsChangedCharacters) {
  EXPECT_EQ(edit_distance("kitten", "sitting", 100), 3u);
  EXPECT_EQ(edit_distance("", "abc", 100), 3u);
  EXPECT_EQ(edit_distance("abcdef", "uvwxyz", 4), 4u);
}

}  // namespace
}  // namespace wattle::runtime
