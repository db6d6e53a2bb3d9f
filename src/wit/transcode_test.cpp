#include "wit/transcode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wattle::wit {
namespace {

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::vector<uint8_t> units_of(std::u16string_view text) {
  std::vector<uint8_t> bytes;
  for (char16_t unit : text) {
    bytes.push_back(static_cast<uint8_t>(unit));
    bytes.push_back(static_cast<uint8_t>(unit >> 8));
  }
  return bytes;
}

std::string message(const Result<void>& result) {
  return result ? "valid" : result.error().message();
}

std::string utf8_to_utf16_text(std::string_view text) {
  std::vector<uint8_t> target(2 * text.size());
  Result<size_t> written = utf8_to_utf16(bytes_of(text), target);
  if (!written) return written.error().message();
  return std::string(target.begin(), target.begin() + static_cast<ptrdiff_t>(*written));
}

std::string utf16_to_utf8_text(std::u16string_view text) {
  std::vector<uint8_t> source = units_of(text);
  std::vector<uint8_t> target(3 * text.size());
  Result<size_t> written = utf16_to_utf8(source, target);
  if (!written) return written.error().message();
  return std::string(target.begin(), target.begin() + static_cast<ptrdiff_t>(*written));
}

TEST(Transcode, AcceptsEveryScalarValueAndNoOtherSequence) {
  for (uint32_t value = 0; value < 0x110000; value++) {
    std::string text;
    append_utf8(text, value);
    ASSERT_EQ(validate_utf8(bytes_of(text)).has_value(), is_scalar_value(value)) << value;
  }
}

TEST(Transcode, RefusesInvalidUtf8) {
  EXPECT_EQ(message(validate_utf8(bytes_of("ab\xff"))), "invalid utf-8 at byte 2");
  EXPECT_EQ(message(validate_utf8(bytes_of("\x80"))), "invalid utf-8 at byte 0");
  EXPECT_EQ(message(validate_utf8(bytes_of("\xc0\x80"))), "invalid utf-8 at byte 0") << "overlong";
  EXPECT_EQ(message(validate_utf8(bytes_of("\xe0\x9f\xbf"))), "invalid utf-8 at byte 0") << "overlong";
  EXPECT_EQ(message(validate_utf8(bytes_of("\xf0\x8f\xbf\xbf"))), "invalid utf-8 at byte 0") << "overlong";
  EXPECT_EQ(message(validate_utf8(bytes_of("\xed\xa0\x80"))), "invalid utf-8 at byte 0") << "surrogate";
  EXPECT_EQ(message(validate_utf8(bytes_of("\xf4\x90\x80\x80"))), "invalid utf-8 at byte 0")
      << "past U+10FFFF";
  EXPECT_EQ(message(validate_utf8(bytes_of("\xc3("))), "invalid utf-8 at byte 0");
  EXPECT_EQ(message(validate_utf8(bytes_of("\xe2\x82("))), "invalid utf-8 at byte 0");
}

TEST(Transcode, TellsTruncatedUtf8FromInvalid) {
  EXPECT_EQ(message(validate_utf8(bytes_of("\xc3"))), "incomplete utf-8 byte sequence at byte 0");
  EXPECT_EQ(message(validate_utf8(bytes_of("a\xe2\x82"))), "incomplete utf-8 byte sequence at byte 1");
  EXPECT_EQ(message(validate_utf8(bytes_of("\xf0\x9f\x98"))), "incomplete utf-8 byte sequence at byte 0");
  EXPECT_EQ(message(validate_utf8(bytes_of("\xf0\x80"))), "invalid utf-8 at byte 0");
}

TEST(Transcode, FindsErrorsBehindLongAsciiRuns) {
  for (size_t prefix = 0; prefix < 70; prefix++) {
    std::string text(prefix, 'a');
    EXPECT_EQ(ascii_prefix_bytes(bytes_of(text + "\xc3\xa9" + std::string(40, 'b'))), prefix);
    EXPECT_FALSE(validate_utf8(bytes_of(text + "\xff" + std::string(40, 'b')))) << prefix;
    EXPECT_TRUE(validate_utf8(bytes_of(text + "\xc3\xa9" + std::string(40, 'b')))) << prefix;
  }
}

TEST(Transcode, RefusesUnpairedSurrogates) {
  const char16_t high = 0xd800, low = 0xdc00;
  EXPECT_EQ(message(validate_utf16(units_of(std::u16string{u'a', high}))),
            "invalid utf-16: unpaired surrogate d800 at code unit 1");
  EXPECT_EQ(message(validate_utf16(units_of(std::u16string{low, u'a'}))),
            "invalid utf-16: unpaired surrogate dc00 at code unit 0");
  EXPECT_EQ(message(validate_utf16(units_of(std::u16string{high, high, low}))),
            "invalid utf-16: unpaired surrogate d800 at code unit 0");
  EXPECT_EQ(message(validate_utf16(units_of(std::u16string{high, low}))), "valid");
  EXPECT_EQ(message(validate_utf16(bytes_of("abc"))), "invalid utf-16: half a code unit at byte 2");
}

TEST(Transcode, ConvertsBothWaysAtEveryAlignmentOfTheVectorPath) {
  for (size_t prefix = 0; prefix < 40; prefix++) {
    std::u16string wide = std::u16string(prefix, u'x') + u"é€\U0001F600" + std::u16string(prefix, u'y');
    std::string narrow = std::string(prefix, 'x') + "é€\U0001F600" + std::string(prefix, 'y');
    std::vector<uint8_t> units = units_of(wide);
    EXPECT_EQ(utf8_to_utf16_text(narrow), std::string(units.begin(), units.end()));
    EXPECT_EQ(utf16_to_utf8_text(wide), narrow);
    EXPECT_EQ(ascii_prefix_units(units), prefix);
  }
}

TEST(Transcode, ConversionsReportWhatValidationReports) {
  EXPECT_EQ(utf8_to_utf16_text("0123456789abcdef\xe2\x82"), "incomplete utf-8 byte sequence at byte 16");
  EXPECT_EQ(utf16_to_utf8_text(std::u16string{u'a', 0xdfff}),
            "invalid utf-16: unpaired surrogate dfff at code unit 1");
}

TEST(Transcode, Latin1GrowsToUtf8AndUtf16) {
  std::string latin1 = "caf\xe9 0123456789abcdef0123456789abcdef";
  std::vector<uint8_t> target(2 * latin1.size());
  size_t written = latin1_to_utf8(bytes_of(latin1), target);
  EXPECT_EQ(std::string(target.begin(), target.begin() + static_cast<ptrdiff_t>(written)),
            "café 0123456789abcdef0123456789abcdef");
  EXPECT_EQ(latin1_to_utf16(bytes_of(latin1), target), 2 * latin1.size());
  EXPECT_EQ(target, units_of(u"café 0123456789abcdef0123456789abcdef"));
  EXPECT_TRUE(utf16_fits_latin1(target));
  std::vector<uint8_t> back(latin1.size());
  utf16_to_latin1(target, back);
  EXPECT_EQ(std::string(back.begin(), back.end()), latin1);
}

TEST(Transcode, Latin1PrefixStopsBeforeTheFirstWideCharacter) {
  std::vector<uint8_t> target(64);
  Progress utf8 = utf8_to_latin1_prefix(bytes_of("0123456789abcdef\xc3\xa9\xe2\x82\xac!"), target);
  EXPECT_EQ(utf8.read_bytes, 18u);
  EXPECT_EQ(utf8.written_bytes, 17u);
  EXPECT_EQ(target[16], 0xe9);
  Progress utf16 = utf16_to_latin1_prefix(units_of(u"0123456789abcdefé€!"), target);
  EXPECT_EQ(utf16.read_bytes, 34u);
  EXPECT_EQ(utf16.written_bytes, 17u);
}

TEST(Transcode, ReadsCharactersOneByOne) {
  std::string text = "a€";
  size_t position = 0;
  EXPECT_EQ(next_utf8(text, position), U'a');
  EXPECT_EQ(next_utf8(text, position), U'€');
  EXPECT_EQ(position, text.size());
}

}  // namespace
}  // namespace wattle::wit
