#include "lattice/parsed_values.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

size_t parsed = 0;

Result<std::string> parse_text(std::string_view text) {
  ++parsed;
  if (text == "bad") return failure(ErrorCode::malformed, "it is bad");
  return std::string(text);
}

using Texts = std::map<std::string, std::string>;

class ParsedValuesTest : public ::testing::Test {
 protected:
  ParsedValuesTest() { parsed = 0; }
  void set(const std::string& key, std::string value) {
    stored_[key] = std::make_shared<const std::string>(std::move(value));
  }
  bool update() {
    StoreSnapshot::Items items;
    for (const auto& [key, value] : stored_)
      items.push_back(std::make_shared<const StoreSnapshot::Item>(StoreSnapshot::Item{key, value}));
    return values_.update(StoreSnapshot(std::move(items)));
  }
  Texts all() const {
    Texts found;
    values_.visit([&](const std::string& name, const std::string& value) { found[name] = value; });
    return found;
  }

  std::map<std::string, std::shared_ptr<const std::string>> stored_;
  ParsedValues<std::string> values_{"config.", parse_text};
};

TEST_F(ParsedValuesTest, OnlyWhatIsAnotherIsParsed) {
  set("config.a", "1");
  set("config.b", "2");
  set("link.a", "3");
  EXPECT_TRUE(update());
  EXPECT_EQ(parsed, 2u);
  EXPECT_FALSE(update());
  set("config.b", "4");
  EXPECT_TRUE(update());
  EXPECT_EQ(parsed, 3u);
  EXPECT_EQ(all(), (Texts{{"a", "1"}, {"b", "4"}}));
}

TEST_F(ParsedValuesTest, WhatIsWrittenAgainAsItWasIsTheSame) {
  set("config.a", "1");
  EXPECT_TRUE(update());
  set("config.a", "1");
  EXPECT_FALSE(update());
  EXPECT_EQ(parsed, 1u);
}

TEST_F(ParsedValuesTest, KeysComeAndGoAnywhere) {
  for (const char* key : {"config.b", "config.d", "config.f"}) set(key, key);
  EXPECT_TRUE(update());
  stored_.erase("config.b");
  stored_.erase("config.f");
  for (const char* key : {"config.a", "config.c", "config.g"}) set(key, key);
  EXPECT_TRUE(update());
  EXPECT_EQ(all(), (Texts{{"a", "config.a"}, {"c", "config.c"}, {"d", "config.d"}, {"g", "config.g"}}));
  stored_.clear();
  EXPECT_TRUE(update());
  EXPECT_TRUE(all().empty());
  EXPECT_FALSE(update());
}

TEST_F(ParsedValuesTest, WhatCannotBeParsedIsLeftOut) {
  set("config.a", "1");
  update();
  set("config.a", "bad");
  EXPECT_TRUE(update());
  EXPECT_TRUE(all().empty());
  EXPECT_FALSE(update());
  EXPECT_EQ(parsed, 2u);
}

}  // namespace
}  // namespace wattle::lattice
