#include "wit/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::wit {
namespace {

using testing::HasSubstr;

ast::File parsed(std::string_view text) {
  Result<ast::File> file = parse_wit("a.wit", text);
  if (!file) ADD_FAILURE() << file.error().message();
  return file ? std::move(*file) : ast::File();
}

std::string error_of(std::string_view text) {
  Result<ast::File> file = parse_wit("a.wit", text);
  return file ? "parsed" : file.error().message();
}

// Errors inside an interface, where most of the grammar is.
std::string error_in_interface(std::string_view items) {
  return error_of("package a:b;\ninterface i {\n" + std::string(items) + "\n}");
}

TEST(WitParser, ReadsPackagesAndVersions) {
  ast::File file = parsed("/// The package.\npackage wasi:http@0.2.0-rc.1;");
  EXPECT_EQ(to_string(file.package->name), "wasi:http@0.2.0-rc.1");
  EXPECT_EQ(file.package->documentation, "The package.");
}

TEST(WitParser, ReadsNestedPackages) {
  ast::File file = parsed("package a:b { interface i {} } package c:d@1.0.0 { world w {} }");
  ASSERT_EQ(file.nested.size(), 2u);
  EXPECT_EQ(to_string(file.nested[1].header.name), "c:d@1.0.0");
  EXPECT_EQ(file.nested[0].items.interfaces[0].name.text, "i");
}

TEST(WitParser, ReadsEveryKindOfType) {
  ast::File file = parsed(R"(package a:b;
    interface i {
      type a = list<option<tuple<u8, f64,>>>;
      record r { x: result<_, string>, y: result<a>, z: result, }
      variant v { none, some(borrow<res>) }
      enum e { one, %enum }
      flags f { read, write, }
      resource res;
    })");
  const ast::Interface& interface = file.items.interfaces[0];
  ASSERT_EQ(interface.items.size(), 6u);
  const auto& record = std::get<ast::TypeDefinition>(interface.items[1]);
  EXPECT_EQ(record.members[0].type->arguments.size(), 2u);
  EXPECT_EQ(record.members[0].type->arguments[0].name, "");
  EXPECT_EQ(std::get<ast::TypeDefinition>(interface.items[3]).members[1].name.text, "enum");
}

TEST(WitParser, ReadsResourcesWithTheirFunctions) {
  ast::File file = parsed(R"(package a:b; interface i { resource blob {
      constructor(init: list<u8>) -> result<blob>;
      /// Writes.
      write: func(bytes: list<u8>);
      merge: static func(left: borrow<blob>) -> blob;
      wait: async func();
    } })");
  const auto& resource = std::get<ast::TypeDefinition>(file.items.interfaces[0].items[0]);
  ASSERT_EQ(resource.functions.size(), 4u);
  EXPECT_EQ(resource.functions[0].role, ast::FunctionRole::constructor);
  EXPECT_EQ(resource.functions[1].preamble.documentation, "Writes.");
  EXPECT_EQ(resource.functions[2].role, ast::FunctionRole::static_function);
  EXPECT_TRUE(resource.functions[3].type.is_async);
}

TEST(WitParser, ReadsGatesAndDocumentation) {
  ast::File file = parsed(R"(package a:b@1.2.0;
    /// One.
    @since(version = 1.0.0)
    @deprecated(version = 1.1.0)
    /** Two. */
    interface i {
      @unstable(feature = fancy)
      f: func();
    })");
  const ast::Interface& interface = file.items.interfaces[0];
  EXPECT_EQ(to_string(*interface.preamble.gate.since), "1.0.0");
  EXPECT_EQ(to_string(*interface.preamble.gate.deprecated), "1.1.0");
  EXPECT_EQ(interface.preamble.documentation, "One.\nTwo.");
  EXPECT_EQ(std::get<ast::Function>(interface.items[0]).preamble.gate.unstable, "fancy");
}

TEST(WitParser, ReadsUses) {
  ast::File file = parsed(R"(package a:b;
    use wasi:http/types@1.0.0 as http-types;
    interface i { use http-types.{request, response as answer,}; use wasi:io/poll@0.2.0.{pollable}; })");
  EXPECT_EQ(file.items.uses[0].alias.text, "http-types");
  const auto& use = std::get<ast::Use>(file.items.interfaces[0].items[0]);
  EXPECT_EQ(use.names[1].alias.text, "answer");
  EXPECT_EQ(to_string(*std::get<ast::Use>(file.items.interfaces[0].items[1]).path.package), "wasi:io@0.2.0");
}

TEST(WitParser, ReadsEveryWorldItem) {
  ast::File file = parsed(R"(package a:b;
    world w {
      use types.{t};
      type u = t;
      include wasi:cli/imports@0.2.0;
      include other with { a as b, c as d }
      import local;
      import wasi:io/poll@0.2.0;
      import f: func(x: u) -> u;
      import g: async func();
      import inner: interface { h: func(); }
      import plain: wasi:io/poll@0.2.0;
      import renamed: local;
      export run: func();
    })");
  const ast::World& world = file.items.worlds[0];
  ASSERT_EQ(world.items.size(), 12u);
  auto name_of = [&](size_t i) {
    const auto& name = std::get<ast::Extern>(world.items[i]).name;
    return name ? name->text : "(path)";
  };
  EXPECT_EQ(name_of(4), "(path)");
  EXPECT_EQ(name_of(5), "(path)");
  EXPECT_EQ(name_of(6), "f");
  EXPECT_EQ(name_of(8), "inner");
  EXPECT_EQ(name_of(9), "plain");
  EXPECT_EQ(name_of(10), "renamed");
  EXPECT_TRUE(std::get<ast::Extern>(world.items[11]).is_export);
  EXPECT_EQ(std::get<ast::Include>(world.items[3]).renamings[1].to.text, "d");
}

TEST(WitParser, SkipsComments) {
  parsed("// one\npackage /* two /* nested */ */ a:b; // end");
  EXPECT_EQ(error_of("package a:b; /* open"), "a.wit:1:14: the comment does not end: */ is missing");
}

TEST(WitParser, NamesPlaceFoundAndExpected) {
  EXPECT_EQ(error_of("package a:b\ninterface i {}"),
            "a.wit:2:1: found 'interface', expected ';' or '{' after the package");
  EXPECT_EQ(error_of("package a:b;\n  func"),
            "a.wit:2:3: found 'func', expected 'package', 'interface', 'world' or 'use'");
  EXPECT_EQ(error_in_interface("f: func(a u8);"),
            "a.wit:3:11: found 'u8', expected ':' and a type after 'a'");
  EXPECT_EQ(error_in_interface("f: func() -> u8"), "a.wit:4:1: found '}', expected ';' after the function");
  EXPECT_EQ(error_in_interface("record r { a: u8 b: u8 }"), "a.wit:3:18: found 'b', expected ',' or '}'");
  EXPECT_EQ(error_of("package a:b; interface i {"),
            "a.wit:1:27: found the end of the file, expected a function, a type, 'use' or '}'");
  EXPECT_EQ(error_of("package a:b; interface \xe2\x82\xac {}"),
            "a.wit:1:24: the character '\xe2\x82\xac' has no place here");
}

TEST(WitParser, KeywordsNeedAPercentSign) {
  EXPECT_EQ(error_in_interface("f: func(record: u8);"),
            "a.wit:3:9: found the keyword 'record', expected the name of a parameter; a name that is a "
            "keyword is written "
            "%record");
  parsed("package a:b; interface i { %func: func(%record: u8); }");
}

TEST(WitParser, RefusesWhatTheGrammarDoesNotHave) {
  for (const char* items :
       {"f: func() -> (a: u8);", "type t = list<>;", "type t = result<_>;", "type t = list<u8, u8>;",
        "type t = option<u8, u8>;", "type t = borrow<u8>;", "type t = option;", "record r {}", "enum e {}",
        "variant v { a(u8, u8) }", "use i.{};", "@since(version = 1)", "@new(a = b) f: func();",
        "aB: func();", "a--b: func();", "f: func()",
        "@since(version = 1.0.0) @unstable(feature = x) f: func();"})
    EXPECT_THAT(error_in_interface(items), HasSubstr("a.wit:")) << items;
  EXPECT_THAT(error_of("package a:b; package c:d;"), HasSubstr("declared once"));
  EXPECT_THAT(error_of("package a:b/c;"), HasSubstr("nested namespaces"));
  EXPECT_THAT(error_of("package a:b\xff;"), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of("// \xe2\x80\xae\npackage a:b;"), HasSubstr("direction"));
}

TEST(WitParser, DepthIsBounded) {
  std::string type;
  for (int i = 0; i < 5000; i++) type += "list<";
  EXPECT_THAT(error_in_interface("type t = " + type), HasSubstr("nested too deeply"));
  std::string comment;
  for (int i = 0; i < 5000; i++) comment += "/*";
  EXPECT_THAT(error_of(comment), HasSubstr("comment"));
}

}  // namespace
}  // namespace wattle::wit
