#include "cli/window.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace wattle::cli {
namespace {

TEST(Window, WhatFitsStays) {
  EXPECT_EQ(cut_to({4, 5}, "one\n\nthree"), "one\n\nthree");
  EXPECT_EQ(cut_to({4, 5}, ""), "");
}

TEST(Window, LinesThatDoNotFitAreCounted) {
  EXPECT_EQ(cut_to({4, 80}, "1\n2\n3\n4"), "1\n2\n... 2 more lines");
  EXPECT_EQ(cut_to({4, 80}, "1\n\n\n\n\n6"), "1\n\n... 4 more lines");
  EXPECT_EQ(cut_to({2, 80}, "1\n2\n3"), "... 3 more lines");
  EXPECT_EQ(cut_to({1, 5}, "1\n2\n3"), "... 3");
  EXPECT_EQ(cut_to({1, 5}, "1"), "1");
}

TEST(Window, LongLinesEndWhereItEnds) {
  EXPECT_EQ(cut_to({5, 3}, "abc\nabcd\n\nabcdef"), "abc\nabc\n\nabc");
}

TEST(Window, NoCharacterIsCutApart) {
  EXPECT_EQ(cut_to({5, 2}, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x9f"), "\xc3\xa4\xe2\x82\xac");
  EXPECT_EQ(cut_to({5, 3}, "a\xc3\xa4z\xc3\xa4"), "a\xc3\xa4z");
  EXPECT_EQ(cut_to({5, 1}, "\xa4\xa4z"), "\xa4\xa4z");  // no UTF-8: what belongs to nothing takes no place
}

TEST(Window, OneThatIsNotKnownTakesAll) {
  EXPECT_EQ(cut_to({}, "abc\ndef"), "abc\ndef");
  EXPECT_EQ(window_of(-1), Window());
}

TEST(Window, IsThatOfTheTerminal) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  const winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  EXPECT_EQ(::ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(window_of(terminal), (Window{24, 80}));
  ::close(terminal);
}

}  // namespace
}  // namespace wattle::cli
