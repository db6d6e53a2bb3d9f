#include "wit/printer.h"

#include <gtest/gtest.h>

#include "wit/resolve.h"
#include "wit/wasi_wit.h"

namespace wattle::wit {
namespace {

PackageSet resolved(const std::string& text) {
  std::vector<SourcePackage> sources = {{{{"a.wit", text}}}};
  Result<PackageSet> set = resolve(sources, {.all_features = true});
  if (!set) ADD_FAILURE() << set.error().message() << "\n" << text;
  return set ? std::move(*set) : PackageSet();
}

constexpr const char* kText = R"(/// A package.
package a:b@1.0.0;

/// Types of everything.
@since(version = 1.0.0)
interface types {
  use d:e/f.{thing, other as another};
  type size = u64;
  record point {
    x: size,
    %type: option<point-list>,
  }
  type point-list = list<u8>;
  variant shape {
    none,
    dot(point),
  }
  enum color {
    red,
    %enum,
  }
  flags permissions {
    read,
    write,
  }
  /// A blob.
  ///
  /// Of bytes.
  resource blob {
    constructor(init: list<u8>);
    @unstable(feature = fancy)
    read: func(%from: u32) -> result<list<u8>, shape>;
    join: static func(left: borrow<blob>, right: blob) -> blob;
  }
  resource bare;
  type blob-alias = blob;
  @deprecated(version = 1.0.0)
  %func: func(a: color, b: tuple<f32, char>) -> result;
  fail: async func() -> result<_, another>;
}

world w {
  resource local {
    m: func();
  }
  type n = u8;
  import d:e/f;
  import types;
  import run: func(a: n, b: local);
  import inner: interface {
    g: func();
  }
  export plain: types;
}

package d:e {
  interface f {
    resource thing;
    type other = string;
  }
}
)";

TEST(WitPrinter, WritesWhatItRead) {
  PackageSet set = resolved(kText);
  // Nested packages are resolved before the one around them; the printer takes the first as root.
  std::swap(set.packages[0], set.packages[1]);
  std::string expected = kText;
  EXPECT_EQ(to_wit(set.packages), expected);
}

TEST(WitPrinter, WasiSurvivesPrintingAndParsing) {
  std::vector<SourcePackage> sources;
  for (const EmbeddedWit& file : embedded_wasi_wit())
    sources.push_back({{{std::string(file.name), std::string(file.text)}}});
  PackageSet set = resolve(sources, {.all_features = true}).value();
  PackageSet again = resolved(to_wit(set.packages));
  size_t functions = 0;
  for (const Package& package : set.packages) {
    for (const auto& interface : package.interfaces) {
      auto other = again.find_interface({package.name, interface->name});
      ASSERT_TRUE(other) << interface->id;
      ASSERT_EQ(other->functions.size(), interface->functions.size());
      for (const FunctionEntry& function : interface->functions) {
        functions++;
        const FunctionEntry* same = other->find_function(function.name);
        ASSERT_TRUE(same) << function.name;
        EXPECT_EQ(to_string(same->type, [&](ResourceId id) { return again.resources[id].name; }),
                  to_string(function.type, [&](ResourceId id) { return set.resources[id].name; }));
      }
      EXPECT_EQ(to_wit(*other, package.name), to_wit(*interface, package.name));
    }
  }
  EXPECT_GT(functions, 150u);
}

TEST(WitPrinter, FindsNamesByStructure) {
  Interface interface;
  interface.name = "i";
  interface.types.push_back({"p", {}, {}, record_of({{"x", primitive(Kind::u8)}}), {}, {}, {}});
  interface.types.push_back({"byte", {}, {}, primitive(Kind::u8), {}, {}, {}});
  interface.functions.push_back(
      {"f", {}, {}, {{{"a", record_of({{"x", primitive(Kind::u8)}})}}, primitive(Kind::u8)}, {}});
  EXPECT_EQ(to_wit(interface, {"a", "b", {}}),
            "interface i {\n  record p {\n    x: u8,\n  }\n  type byte = u8;\n  f: func(a: p) -> u8;\n}\n");
}

TEST(WitPrinter, SharedPartsDoNotBlowUp) {
  TypeRef type = primitive(Kind::u8);
  for (int i = 0; i < 60; i++) type = tuple_of({type, type});
  Interface interface;
  interface.functions.push_back({"f", {}, {}, {{}, type}, {}});
  EXPECT_LT(to_wit(interface, {}).size(), 1u << 20);
}

TEST(WitPrinter, UnsupportedItemsAreComments) {
  PackageSet set = resolved("package a:b; interface i { f: func(s: stream<u8>); }");
  std::string text = to_wit(set.packages[0]);
  EXPECT_NE(text.find("// f: 'stream'"), text.npos) << text;
  resolved(text);
}

}  // namespace
}  // namespace wattle::wit
