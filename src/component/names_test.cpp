#include "component/names.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace wattle::component {
namespace {

using Kind = ExternName::Kind;

std::string problem(std::string_view name) {
  const auto parsed = parse_extern_name(name, 0);
  return parsed ? "" : parsed.error().full_message();
}

TEST(KebabCase, WordsAndAcronyms) {
  for (const auto* good : {"a", "a-b-c", "a1-2-3", "A", "A1-2-3", "is-XML", "m1x3d-4CR0NYMS"})
    EXPECT_TRUE(is_kebab_case(good)) << good;
  for (const auto* bad : {"", "1", "1-a", "aB", "a--b", "a-", "-a", "a_b", "a.b", "é"})
    EXPECT_FALSE(is_kebab_case(bad)) << bad;
}

TEST(ExternNames, Kinds) {
  EXPECT_EQ(parse_extern_name("a-b", 0)->kind, Kind::label);
  EXPECT_EQ(parse_extern_name("[constructor]r", 0)->resource, "r");
  EXPECT_EQ(parse_extern_name("[method]r.m", 0)->kind, Kind::method);
  EXPECT_EQ(parse_extern_name("[static]r.m", 0)->resource, "r");
  EXPECT_EQ(parse_extern_name("wasi:http/types@0.2.0-rc.1", 0)->version, "0.2.0-rc.1");
  EXPECT_EQ(parse_extern_name("url=<https://x.test/a>", 0)->kind, Kind::url);
  EXPECT_EQ(parse_extern_name("integrity=<sha256-YQ==>", 0)->kind, Kind::hash);
  EXPECT_EQ(parse_extern_name("locked-dep=<a:b@1.2.3>,integrity=<sha512-YQ==?x>", 0)->kind, Kind::dependency);
  EXPECT_EQ(parse_extern_name("unlocked-dep=<a:b@{>=1.2.3 <2.0.0}>", 0)->kind, Kind::dependency);
}

TEST(ExternNames, ErrorsNameThePart) {
  EXPECT_NE(problem("[method]r").find("failed to find `.` character"), std::string::npos);
  EXPECT_NE(problem("wasi:http").find("expected `/` after package name"), std::string::npos);
  EXPECT_NE(problem("Wasi:http/types").find("is not in kebab case"), std::string::npos);
  EXPECT_NE(problem("WASI:http/types").find("is not lowercase"), std::string::npos);
  EXPECT_NE(problem("a:b/c/d").find("trailing characters found: `/d`"), std::string::npos);
  EXPECT_NE(problem("integrity=<md5-a>").find("unrecognized hash algorithm"), std::string::npos);
  EXPECT_NE(problem("integrity=<sha256-a===>").find("not valid base64"), std::string::npos);
  EXPECT_NE(problem("integrity=<>").find("cannot be empty"), std::string::npos);
}

// The lists of Explainer.md "Name Uniqueness".
TEST(ExternNames, StrongUniqueness) {
  const auto canonical = [](std::string_view name) { return canonical_name(*parse_extern_name(name, 0)); };
  std::vector<std::string> all;
  for (const auto* name :
       {"foo", "foo-bar", "[constructor]foo", "[method]foo.bar", "[static]foo.baz", "foo:bar/baz"})
    all.push_back(canonical(name));
  for (size_t i = 0; i < all.size(); i++)
    for (size_t j = 0; j < i; j++) EXPECT_NE(all[i], all[j]);
  for (const auto* name : {"FOO", "foo-BAR", "[constructor]FOO", "[method]foo.BAR", "[static]foo.bar",
                           "[method]foo.foo", "foo:bar/BAZ"})
    EXPECT_NE(std::find(all.begin(), all.end(), canonical(name)), all.end()) << name;
}

TEST(SemanticVersions, Judged) {
  for (const auto* good : {"0.2.0", "1.0.0-rc.1+build.5", "10.20.30", "1.2.3----x"})
    EXPECT_TRUE(check_semantic_version(good, 0)) << good;
  for (const auto* bad : {"", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+", "1.2.x", "1.2.3 "})
    EXPECT_FALSE(check_semantic_version(bad, 0)) << bad;
}

}  // namespace
}  // namespace wattle::component
