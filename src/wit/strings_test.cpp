#include "wit/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "wit/array_memory.h"

namespace wattle::wit {
namespace {

using testing::ElementsAre;
using Call = ArrayMemory::Call;

constexpr StringEncoding kEncodings[] = {StringEncoding::utf8, StringEncoding::utf16,
                                         StringEncoding::latin1_utf16};

ArrayMemory memory_in(StringEncoding encoding) {
  return ArrayMemory(encoding, 1 << 20);
}

std::string read(ArrayMemory& memory, StringRange range) {
  Result<Text> text = text_at(memory.bytes(), memory.string_encoding(), range);
  if (!text) return text.error().message();
  Result<std::string> utf8 = to_utf8(*text);
  return utf8 ? *utf8 : utf8.error().message();
}

// Text as it lies in a memory of `encoding`, stored there from UTF-8.
struct Stored {
  ArrayMemory memory;
  StringRange range;
  Text text() { return *text_at(memory.bytes(), memory.string_encoding(), range); }
};

Stored stored(StringEncoding encoding, std::string_view utf8) {
  Stored result{memory_in(encoding), {}};
  result.range = *store_text(result.memory, text_of(utf8));
  return result;
}

TEST(Strings, AllNinePairsKeepTheText) {
  for (std::string_view text : {"", "plain ascii, longer than one vector of it", "caf\u00e9", "\u20ac 10",
                                "0123456789abcdef0123456789abcdef\U0001F600", "\u00e9\u00e9\u00e9\u20ac"}) {
    for (StringEncoding from : kEncodings) {
      for (StringEncoding to : kEncodings) {
        Stored source = stored(from, text);
        ArrayMemory target = memory_in(to);
        Result<StringRange> range = store_text(target, source.text());
        ASSERT_TRUE(range) << range.error().message();
        EXPECT_EQ(read(target, *range), text);
      }
    }
  }
}

TEST(Strings, Utf8CopiesWithOneAllocation) {
  ArrayMemory memory = memory_in(StringEncoding::utf8);
  EXPECT_EQ(store_text(memory, text_of("h\u00e9"))->tagged_length, 3u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 1, 3}));
}

TEST(Strings, EmptyTextStillAllocates) {
  ArrayMemory memory = memory_in(StringEncoding::utf16);
  EXPECT_EQ(store_text(memory, text_of(""))->tagged_length, 0u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 2, 0}));
}

TEST(Strings, Utf8ToUtf16AllocatesTheWorstCaseThenShrinks) {
  ArrayMemory memory = memory_in(StringEncoding::utf16);
  EXPECT_EQ(store_text(memory, text_of("a\u20ac"))->tagged_length, 2u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 2, 8}, Call{0, 8, 2, 4}));
}

TEST(Strings, Utf16ToUtf8StartsOptimistic) {
  Stored source = stored(StringEncoding::utf16, "ab\u20ac");
  ArrayMemory memory = memory_in(StringEncoding::utf8);
  EXPECT_EQ(store_text(memory, source.text())->tagged_length, 5u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 1, 3}, Call{0, 3, 1, 9}, Call{3, 9, 1, 5}));
  Stored ascii = stored(StringEncoding::utf16, "abc");
  ArrayMemory other = memory_in(StringEncoding::utf8);
  ASSERT_TRUE(store_text(other, ascii.text()));
  EXPECT_THAT(other.calls(), ElementsAre(Call{0, 0, 1, 3}));
}

TEST(Strings, Latin1ToUtf8DoublesAtMost) {
  Stored source = stored(StringEncoding::latin1_utf16, "a\u00e9");
  ArrayMemory memory = memory_in(StringEncoding::utf8);
  EXPECT_EQ(store_text(memory, source.text())->tagged_length, 3u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 1, 2}, Call{0, 2, 1, 4}, Call{2, 4, 1, 3}));
}

TEST(Strings, Utf8BecomesLatin1WhereItFits) {
  ArrayMemory memory = memory_in(StringEncoding::latin1_utf16);
  EXPECT_EQ(store_text(memory, text_of("a\u00e9"))->tagged_length, 2u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 2, 3}, Call{0, 3, 2, 2}));
}

TEST(Strings, Utf8InflatesInPlaceWhereItDoesNotFitLatin1) {
  ArrayMemory memory = memory_in(StringEncoding::latin1_utf16);
  StringRange range = *store_text(memory, text_of("a\u00e9\u20ac"));
  EXPECT_EQ(range.tagged_length, 3u | kUtf16Tag);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 2, 6}, Call{0, 6, 2, 12}, Call{6, 12, 2, 6}));
  EXPECT_EQ(read(memory, range), "a\u00e9\u20ac");
}

TEST(Strings, TaggedUtf16DeflatesToLatin1) {
  std::vector<uint8_t> bytes = {'a', 0, 0xe9, 0};
  Text text{CodeUnits::utf16, StringEncoding::latin1_utf16, bytes};
  ArrayMemory memory = memory_in(StringEncoding::latin1_utf16);
  StringRange range = *store_text(memory, text);
  EXPECT_EQ(range.tagged_length, 2u);
  EXPECT_THAT(memory.calls(), ElementsAre(Call{0, 0, 2, 4}, Call{0, 4, 1, 2}));
  EXPECT_EQ(read(memory, range), "a\u00e9");
}

TEST(Strings, TaggedUtf16StaysWhereItMust) {
  std::vector<uint8_t> bytes = {0xac, 0x20};
  Text text{CodeUnits::utf16, StringEncoding::latin1_utf16, bytes};
  ArrayMemory memory = memory_in(StringEncoding::latin1_utf16);
  EXPECT_EQ(store_text(memory, text)->tagged_length, 1u | kUtf16Tag);
  EXPECT_EQ(memory.calls().size(), 1u);
}

TEST(Strings, InvalidTextTrapsIntoEveryEncoding) {
  std::vector<uint8_t> surrogate = {'a', 0, 0, 0xd8};
  for (StringEncoding to : kEncodings) {
    ArrayMemory memory = memory_in(to);
    EXPECT_FALSE(store_text(memory, text_of("abc\xff")));
    EXPECT_FALSE(store_text(memory, {CodeUnits::utf16, StringEncoding::utf16, surrogate}));
    EXPECT_FALSE(store_text(memory, {CodeUnits::utf16, StringEncoding::latin1_utf16, surrogate}));
  }
}

std::string range_error(size_t memory_bytes, StringEncoding encoding, StringRange range) {
  std::vector<uint8_t> memory(memory_bytes);
  Result<Text> text = text_at(memory, encoding, range);
  return text ? "found" : text.error().message();
}

TEST(Strings, RangesAreCheckedForBoundsAndAlignment) {
  using testing::HasSubstr;
  EXPECT_EQ(range_error(4, StringEncoding::utf8, {1, 3}), "found");
  EXPECT_THAT(range_error(4, StringEncoding::utf8, {1, 4}),
              HasSubstr("string pointer/length out of bounds of memory"));
  EXPECT_THAT(range_error(4, StringEncoding::utf8, {5, 0}), HasSubstr("string content out-of-bounds"));
  EXPECT_THAT(range_error(4, StringEncoding::utf8, {UINT32_MAX, UINT32_MAX}), HasSubstr("out of bounds"));
  EXPECT_THAT(range_error(4, StringEncoding::utf16, {1, 1}), HasSubstr("unaligned pointer"));
  EXPECT_THAT(range_error(4, StringEncoding::latin1_utf16, {1, 1}), HasSubstr("unaligned pointer"));
  EXPECT_EQ(range_error(4, StringEncoding::latin1_utf16, {0, 4}), "found");
  EXPECT_THAT(range_error(4, StringEncoding::latin1_utf16, {0, 3 | kUtf16Tag}), HasSubstr("out of bounds"));
}

TEST(Strings, LongerThanTheLimitTraps) {
  std::vector<uint8_t> memory(kMaxStringBytes + 1);
  EXPECT_TRUE(text_at(memory, StringEncoding::utf8, {0, kMaxStringBytes}));
  EXPECT_FALSE(text_at(memory, StringEncoding::utf8, {0, kMaxStringBytes + 1}));
}

// A guest whose realloc answers what it is told to.
class LyingMemory final : public Memory {
 public:
  explicit LyingMemory(uint32_t answer) : answer_(answer) {}
  std::span<uint8_t> bytes() override { return bytes_; }
  StringEncoding string_encoding() const override { return StringEncoding::utf16; }
  Result<uint32_t> reallocate(uint32_t, uint32_t, uint32_t, uint32_t) override { return answer_; }

 private:
  uint32_t answer_;
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(64);
};

TEST(Strings, ReallocsResultIsChecked) {
  using testing::HasSubstr;
  LyingMemory odd(1), outside(64), inside(60);
  EXPECT_THAT(store_text(odd, text_of("ab")).error().message(),
              HasSubstr("realloc return: result not aligned"));
  EXPECT_THAT(store_text(outside, text_of("ab")).error().message(),
              HasSubstr("realloc return: beyond end of memory"));
  EXPECT_TRUE(store_text(inside, text_of("ab")));
}

}  // namespace
}  // namespace wattle::wit
