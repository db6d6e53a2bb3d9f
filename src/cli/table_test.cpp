#include "cli/table.h"

#include <gtest/gtest.h>

namespace wattle::cli {
namespace {

TEST(Table, AlignsColumnsUnderTheirHeadings) {
  Table table({"NAME", "ID", "LABELS"});
  EXPECT_TRUE(table.empty());
  table.add({"calm-reed", "N1", "zone=eu"});
  table.add({"x", "N22", ""});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.text(),
            "NAME        ID    LABELS\n"
            "calm-reed   N1    zone=eu\n"
            "x           N22   -");
}

TEST(Table, CountsCharactersAndNotBytes) {
  Table table({"A", "B"});
  table.add({"grün", "1"});
  table.add({"blau", "2"});
  EXPECT_EQ(table.text(),
            "A      B\n"
            "grün   1\n"
            "blau   2");
}

TEST(Table, ShowsNothingThatSteersATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\nc\x7f"), "a?[2Jb??c?");
}

}  // namespace
}  // namespace wattle::cli
