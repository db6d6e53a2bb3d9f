#include "lattice/link.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

constexpr std::string_view kJson =
    R"({"source_id":"shop-api","target":"shop-kv","name":"default","wit_namespace":"wasi",)"
    R"("wit_package":"keyvalue","interfaces":["store","atomics"],"source_config":["a"],"target_config":["b"]})";

TEST(Link, IsReadAndWrittenAsVersion1) {
  const auto link = parse_link(kJson);
  ASSERT_TRUE(link) << link.error().message();
  EXPECT_EQ(link->interfaces, (std::vector<std::string>{"store", "atomics"}));
  EXPECT_EQ(to_json(*link), kJson);
  EXPECT_TRUE(check(*link));
}

TEST(Link, DefaultsWhatVersion1DoesAndLeavesOutWhatItDoesNotKnow) {
  const auto link = parse_link(
      R"({"source_id":"a","target":"b","wit_namespace":"n","wit_package":"p","interfaces":["i"],"more":{"x":1}})");
  ASSERT_TRUE(link) << link.error().message();
  EXPECT_EQ(link->name, "default");
  EXPECT_TRUE(link->source_config.empty());
}

TEST(Link, NamesTheFieldThatIsWrong) {
  EXPECT_NE(parse_link(R"({"target":"b"})").error().message().find("\"source_id\" is missing"),
            std::string::npos);
  EXPECT_NE(
      parse_link(
          R"({"source_id":"a","target":"b","wit_namespace":"n","wit_package":"p","interfaces":["i",7]})")
          .error()
          .message()
          .find("\"interfaces[1]\" must be text"),
      std::string::npos);
  EXPECT_FALSE(parse_link("[]"));
  EXPECT_FALSE(parse_link("{"));
  EXPECT_FALSE(parse_link(std::string(100, '[')));
}

TEST(Link, RefusesWhatCannotBe) {
  const Link good = *parse_link(kJson);
  const auto refuses = [&](auto change) {
    Link link = good;
    change(link);
    return !check(link);
  };
  EXPECT_TRUE(refuses([](Link& link) { link.source_id = ""; }));
  EXPECT_TRUE(refuses([](Link& link) { link.target = "a.b"; }));
  EXPECT_TRUE(refuses([](Link& link) { link.name = "*"; }));
  EXPECT_TRUE(refuses([](Link& link) { link.interfaces = {}; }));
  EXPECT_TRUE(refuses([](Link& link) { link.interfaces = {"store@0.2.0"}; }));
  EXPECT_TRUE(refuses([](Link& link) { link.wit_namespace = "wasi:"; }));
  EXPECT_TRUE(refuses([](Link& link) { link.source_config = {"a", "a"}; }));
}

TEST(Link, SplitsInterfaces) {
  const auto parts = split_interface("wasi:keyvalue/store@0.2.0-draft");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->wit_namespace, "wasi");
  EXPECT_EQ(parts->wit_package, "keyvalue");
  EXPECT_EQ(parts->interface, "store");
  EXPECT_EQ(parts->version, "0.2.0-draft");
  EXPECT_EQ(split_interface("a:b/c")->version, "");
  for (const char* bad :
       {"", "a", "a:b", "a/b", "a:b/", ":b/c", "a:b/c@", "a:b/c@x", "a/b:c", "a:b/c/d", "a@1:b/c"})
    EXPECT_FALSE(split_interface(bad)) << bad;
}

}  // namespace
}  // namespace wattle::lattice
