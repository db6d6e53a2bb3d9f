#include "manager/yaml_document.h"

#include <gtest/gtest.h>

namespace wattle::manager {
namespace {

YamlNode one(std::string_view text) {
  Problems problems;
  auto documents = read_yaml(text, problems);
  EXPECT_TRUE(problems.list().empty()) << to_string(problems.list()[0], "text");
  EXPECT_EQ(documents.size(), 1u);
  return documents.empty() ? YamlNode{} : documents[0];
}

Problem fault(std::string_view text) {
  Problems problems;
  read_yaml(text, problems);
  EXPECT_FALSE(problems.list().empty());
  return problems.list().empty() ? Problem{} : problems.list()[0];
}

TEST(Yaml, ValuesHaveTheirPlaces) {
  const YamlNode map = one("a: 1\nb:\n  - x\n  - {c: d}\n");
  ASSERT_EQ(map.kind, YamlKind::map);
  EXPECT_EQ(map.fields[0].value.line, 1u);
  EXPECT_EQ(map.fields[0].value.column, 4u);
  const YamlNode& item = map.fields[1].value.items[1];
  EXPECT_EQ(item.fields[0].value.line, 4u);
  EXPECT_EQ(item.fields[0].value.column, 9u);
  EXPECT_EQ(item.fields[0].column, 6u);
}

TEST(Yaml, PlainWordsHaveTheTypesOfTheCoreSchema) {
  const auto kind = [](std::string_view text) { return one(text).kind; };
  for (const char* text :
       {"1", "-12", "+3", "0x1F", "0o17", "1.5", ".5", "1e9", "-1.5E-3", ".inf", "-.INF", ".nan"})
    EXPECT_EQ(kind(text), YamlKind::number) << text;
  for (const char* text :
       {"yes", "on", "1.2.3", "0x", "1e", ".", "v1", "0o8", "'1'", "\"true\"", "!!str 8080"})
    EXPECT_EQ(kind(text), YamlKind::text) << text;
  for (const char* text : {"true", "FALSE"}) EXPECT_EQ(kind(text), YamlKind::boolean) << text;
  for (const char* text : {"~", "null", "NULL"}) EXPECT_EQ(kind(text), YamlKind::nothing) << text;
  EXPECT_EQ(kind("!!int '8'"), YamlKind::number);
}

TEST(Yaml, JsonIsYaml) {
  const YamlNode map = one("{\"a\": [1, \"x\\u00e4\", null, true]}");
  const auto& items = map.fields[0].value.items;
  EXPECT_EQ(items[0].kind, YamlKind::number);
  EXPECT_EQ(items[1].text, "x\u00e4");
  EXPECT_EQ(items[2].kind, YamlKind::nothing);
  EXPECT_EQ(items[3].kind, YamlKind::boolean);
}

TEST(Yaml, AliasesStandForWhatWasBefore) {
  const YamlNode map = one("a: &x {k: v}\nb: *x\n");
  EXPECT_EQ(map.fields[1].value.fields[0].value.text, "v");
  EXPECT_EQ(map.fields[1].value.line, 2u);
  EXPECT_NE(fault("a: *x\n").message.find("*x"), std::string::npos);
  // Nothing holds itself.
  EXPECT_NE(fault("a: &x [*x]\n").message.find("*x"), std::string::npos);
}

TEST(Yaml, DocumentsAreApart) {
  Problems problems;
  EXPECT_EQ(read_yaml("a: 1\n---\nb: 2\n---\n", problems).size(), 3u);
  EXPECT_FALSE(problems.any_errors());
  EXPECT_EQ(read_yaml("", problems).size(), 0u);
  std::string many;
  for (size_t i = 0; i <= kYamlDocumentsMax; ++i) many += "--- a\n";
  EXPECT_NE(fault(many).message.find("documents"), std::string::npos);
}

TEST(Yaml, FaultsHavePlaces) {
  const Problem problem = fault("a:\n  b: 1\n\tc: 2\n");
  EXPECT_EQ(problem.place.line, 3u);
  EXPECT_NE(problem.remedy.find("spaces"), std::string::npos) << to_string(problem, "text");
  EXPECT_EQ(fault("a: [1, 2\nb: 3\n").place.line, 2u);
  EXPECT_GE(fault("a: \xff\xfe").place.line, 1u);
}

TEST(Yaml, AKeyStandsOnce) {
  Problems problems;
  const auto documents = read_yaml("a: 1\nb: 2\na: 3\n", problems);
  ASSERT_EQ(problems.errors(), 1u);
  EXPECT_EQ(problems.list()[0].place.line, 3u);
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].fields.size(), 2u);
  EXPECT_NE(fault("? [a]\n: 1\n").message.find("key"), std::string::npos);
  EXPECT_NE(fault(std::string(600, 'k') + ": 1\n").message.find("key"), std::string::npos);
}

TEST(Yaml, HostileTextsAreRefused) {
  EXPECT_NE(fault(std::string(100'000, '[')).message.find("deeper"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += std::string(i, ' ') + "a:\n";
  EXPECT_NE(fault(deep).message.find("deeper"), std::string::npos);
  EXPECT_NE(fault(std::string(kYamlBytesMax + 1, ' ')).message.find("bytes"), std::string::npos);
  // A billion laughs.
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("{}*a{}", j == 0 ? "" : ",", i - 1);
    bomb += "]\n";
  }
  EXPECT_NE(fault(bomb).message.find("aliases"), std::string::npos);
  // Long texts, many times.
  std::string texts = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 1000; ++i) texts += "*a,";
  EXPECT_NE(fault(texts + "]\n").message.find("aliases"), std::string::npos);
  EXPECT_NE(fault("a: !!python/object:os.system ls\n").message.find("tag"), std::string::npos);
}

}  // namespace
}  // namespace wattle::manager
