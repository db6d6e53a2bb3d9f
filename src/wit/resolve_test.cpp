#include "wit/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "wit/wasi_wit.h"

namespace wattle::wit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<PackageSet> resolved(std::vector<std::string> texts, const ResolveOptions& options = {}) {
  std::vector<SourcePackage> sources;
  for (std::string& text : texts)
    sources.push_back(
        {{{std::string(1, static_cast<char>('a' + sources.size())) + ".wit", std::move(text)}}});
  return resolve(sources, options);
}

PackageSet good(std::vector<std::string> texts, const ResolveOptions& options = {}) {
  Result<PackageSet> set = resolved(std::move(texts), options);
  if (!set) ADD_FAILURE() << set.error().message();
  return set ? std::move(*set) : PackageSet();
}

std::string error_of(std::vector<std::string> texts) {
  Result<PackageSet> set = resolved(std::move(texts));
  return set ? "resolved" : set.error().message();
}

std::string error_in_interface(std::string_view items) {
  return error_of({"package a:b;\ninterface i {\n" + std::string(items) + "\n}"});
}

std::vector<std::string> names_of(const std::vector<WorldItem>& items) {
  std::vector<std::string> names;
  for (const WorldItem& item : items) names.push_back(item.name);
  return names;
}

// Every text of WASI as sources of their own.
std::vector<SourcePackage> wasi_sources() {
  std::vector<SourcePackage> sources;
  for (const EmbeddedWit& file : embedded_wasi_wit())
    sources.push_back({{{std::string(file.name), std::string(file.text)}}});
  return sources;
}

InterfaceName name_of(std::string_view text) {
  return parse_interface_name(text).value();
}

TEST(Resolve, GivesFunctionsTheirTypes) {
  PackageSet set = good({R"(package a:b;
    interface i {
      resource blob { constructor(init: list<u8>); read: func(n: u32) -> result<list<u8>, error>; join: static func(
        parts: list<borrow<blob>>) -> blob; }
      open: func(name: label) -> option<blob>;
      type label = string;
      variant error { closed, other(label) }
    })"});
  auto interface = set.find_interface(name_of("a:b/i"));
  ASSERT_TRUE(interface);
  auto text = [&](std::string_view function) {
    return to_string(interface->find_function(function)->type,
                     [&](ResourceId id) { return set.resources[id].name; });
  };
  EXPECT_EQ(text("open"), "func(name: string) -> option<blob>");
  EXPECT_EQ(text("[constructor]blob"), "func(init: list<u8>) -> blob");
  EXPECT_EQ(text("[method]blob.read"),
            "func(self: borrow<blob>, n: u32) -> result<list<u8>, variant { closed, other(string) }>");
  EXPECT_EQ(text("[static]blob.join"), "func(parts: list<borrow<blob>>) -> blob");
  EXPECT_EQ(set.resources[0].interface, "a:b/i");
}

TEST(Resolve, FollowsUsesAcrossFilesAndPackages) {
  std::vector<SourcePackage> sources = {
      {{{"a.wit", "package a:b; interface one { use two.{t}; f: func() -> t; }"},
        {"b.wit", "use c:d/far@1.0.0 as away; interface two { use away.{r as s}; record t { s: s } }"}}},
      {{{"c.wit", "package c:d@1.0.0; interface far { resource r; }"}}}};
  PackageSet set = resolve(sources).value();
  EXPECT_EQ(to_string(set.find_interface(name_of("a:b/one"))->functions[0].type),
            "func() -> record { s: resource-0 }");
  const TypeEntry& used = set.find_interface(name_of("a:b/two"))->types[0];
  EXPECT_EQ(used.origin->interface, "c:d/far@1.0.0");
  EXPECT_EQ(used.origin->name, "r");
}

TEST(Resolve, NestedPackagesAreFound) {
  PackageSet set =
      good({"package a:b; interface i { use c:d/e.{t}; } package c:d { interface e { type t = u8; } }"});
  EXPECT_EQ(set.packages.size(), 2u);
  EXPECT_EQ(to_string(set.find_interface(name_of("a:b/i"))->types[0].type), "u8");
}

TEST(Resolve, ErrorsNameWhatThereIs) {
  EXPECT_EQ(error_in_interface("type t = u;\nrecord r { a: u8 }"),
            "a.wit:3:10: there is no type 'u' here; types are: t, r");
  EXPECT_EQ(error_in_interface("use j.{t};"), "a.wit:3:5: there is no interface 'j' in a:b; there are: i");
  EXPECT_EQ(error_of({"package a:b; interface i { use c:d/e.{t}; }"}),
            "a.wit:1:36: there is no package c:d; there are: a:b");
  EXPECT_EQ(error_of({"package a:b; interface j { type t = u8; } interface i { use j.{u}; }"}),
            "a.wit:1:64: there is no type 'u' in a:b/j; there are: t");
}

TEST(Resolve, RefusesWhatIsThereTwice) {
  EXPECT_EQ(error_in_interface("f: func(); F: func();"), "a.wit:3:12: the name 'F' is already taken by 'f'");
  EXPECT_THAT(error_in_interface("type t = u8; t: func();"), HasSubstr("already taken"));
  EXPECT_THAT(error_in_interface("f: func(a: u8, a: u8);"), HasSubstr("the parameter 'a' is there twice"));
  EXPECT_THAT(error_in_interface("record r { a: u8, A: u8 }"), HasSubstr("the field 'A' is there twice"));
  EXPECT_THAT(error_in_interface("resource r { f: func(); f: static func(); }"), HasSubstr("two functions"));
  EXPECT_THAT(error_in_interface("resource r { constructor(); constructor(); }"),
              HasSubstr("two constructors"));
  EXPECT_THAT(error_of({"package a:b; interface i {} world i {}"}), HasSubstr("two items of the name 'i'"));
  EXPECT_THAT(error_of({"package a:b; interface i {}", "package a:b; interface j {}"}),
              HasSubstr("there twice"));
  good({"package a:b; interface i {}", "package a:b; interface i {}"});
}

TEST(Resolve, RefusesCycles) {
  EXPECT_THAT(error_in_interface("type t = t;"), HasSubstr("contains itself"));
  EXPECT_THAT(error_in_interface("record a { b: b } record b { a: option<a> }"),
              HasSubstr("contains itself"));
  EXPECT_THAT(
      error_of(
          {"package a:b; interface i { use j.{t}; type u = u8; } interface j { use i.{u}; type t = u8; }"}),
      HasSubstr("uses itself"));
  EXPECT_THAT(error_of({"package a:b; world v { include w; } world w { include v; }"}),
              HasSubstr("includes itself"));
}

TEST(Resolve, RefusesMisusedResources) {
  EXPECT_THAT(error_in_interface("resource r; f: func() -> option<borrow<r>>;"),
              HasSubstr("cannot hold a borrow"));
  EXPECT_THAT(error_in_interface("type t = u8; f: func(a: borrow<t>);"), HasSubstr("'t' is not a resource"));
  EXPECT_THAT(error_in_interface("resource r { constructor() -> u8; }"), HasSubstr("a constructor's result"));
  EXPECT_THAT(error_in_interface("resource r { f: func(self: u8); }"), HasSubstr("'self' already"));
  good({"package a:b; interface i { resource r { constructor() -> result<r, string>; } }"});
}

TEST(Resolve, DepthIsBounded) {
  std::string chain = "type t0 = u8;";
  std::string forward = "type z = n0;";
  for (int i = 0; i < 1000; i++) {
    chain += fmt::format("type t{} = list<t{}>;", i + 1, i);
    forward += fmt::format("type n{} = n{};", i, i + 1);
  }
  EXPECT_THAT(error_in_interface(chain), HasSubstr("more than 100 levels deep"));
  EXPECT_THAT(error_in_interface(forward + "type n1000 = u8;"), HasSubstr("too long a chain"));
  std::string interfaces = "package a:b; interface i0 { type t = u8; }";
  for (int i = 0; i < 1000; i++) interfaces += fmt::format("interface i{} {{ use i{}.{{t}}; }}", i + 1, i);
  EXPECT_THAT(error_of({interfaces}), HasSubstr("too long a chain"));
}

TEST(Resolve, SharedTypesDoNotBlowUp) {
  std::string items = "type t0 = u8;";
  for (int i = 0; i < 90; i++) items += fmt::format("type t{} = tuple<t{}, t{}>;", i + 1, i, i);
  PackageSet set = good({"package a:b; interface i {" + items + " f: func() -> t90; }"});
  EXPECT_TRUE(set.packages[0].interfaces[0]->functions[0].type.result);
}

TEST(Resolve, GatesLeaveItemsOut) {
  std::string text = R"(package a:b@1.1.0; interface i {
    @since(version = 1.1.0) now: func();
    @since(version = 1.2.0) later: func();
    @unstable(feature = fancy) maybe: func();
    resource r { @unstable(feature = fancy) m: func(); }
  })";
  auto names = [&](const ResolveOptions& options) {
    std::vector<std::string> found;
    PackageSet set = good({text}, options);
    for (const FunctionEntry& entry : set.packages[0].interfaces[0]->functions) found.push_back(entry.name);
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("now"));
  EXPECT_THAT(names({.features = {"fancy"}}), ElementsAre("now", "maybe", "[method]r.m"));
  EXPECT_THAT(names({.all_features = true}), ElementsAre("now", "maybe", "[method]r.m"));
}

TEST(Resolve, LaterTypesAreMarkedNotRefused) {
  PackageSet set = good({R"(package a:b; interface i {
    record body { data: stream<u8>, ok: bool }
    f: func(b: option<body>);
    g: func() -> list<u8, 4>;
    h: async func() -> u8;
  })"});
  const Interface& interface = *set.packages[0].interfaces[0];
  EXPECT_EQ(interface.types[0].unsupported, "'stream' at a.wit:2:25 is later than WASI 0.2");
  EXPECT_FALSE(interface.find_function("f")->unsupported.empty());
  EXPECT_THAT(interface.find_function("g")->unsupported, HasSubstr("list of fixed length"));
  EXPECT_TRUE(interface.find_function("h")->type.is_async);
}

TEST(Resolve, CompatibleVersionsStandInForEachOther) {
  std::vector<std::string> texts = {
      "package a:b; interface i { use c:d/e@0.2.1.{t}; }", "package c:d@0.2.0; interface e { type t = u8; }",
      "package c:d@0.2.9; interface e { type t = u16; }", "package c:d@0.3.0; interface e { type t = u32; }"};
  PackageSet set = good(texts);
  EXPECT_EQ(to_string(set.find_interface(name_of("a:b/i"))->types[0].type), "u16");
  EXPECT_EQ(set.find_compatible(name_of("c:d/e@0.2.77"))->id, "c:d/e@0.2.9");
  EXPECT_EQ(set.find_compatible(name_of("c:d/e@0.2.0"))->id, "c:d/e@0.2.0");
  EXPECT_EQ(set.find_compatible(name_of("c:d/e@0.4.0")), nullptr);
  EXPECT_FALSE(resolved(texts, {.accept_compatible_versions = false}));
}

TEST(Resolve, WorldsImportWhatTheirInterfacesUse) {
  PackageSet set = good({R"(package a:b;
    interface types { type t = u8; }
    interface one { use types.{t}; }
    interface two { use types.{t}; }
    world w { import one; export two; }
    world v { export types; export two; })"});
  EXPECT_THAT(names_of(set.packages[0].worlds[0].imports), ElementsAre("a:b/types", "a:b/one"));
  EXPECT_THAT(names_of(set.packages[0].worlds[0].exports), ElementsAre("a:b/two"));
  EXPECT_TRUE(set.packages[0].worlds[1].imports.empty());
}

TEST(Resolve, IncludesMergeAndRename) {
  std::string text = R"(package a:b;
    interface i {}
    world one { import i; import a: func(); export run: func(); }
    world two { import i; import a: func(); }
    world both { include one; include two with { a as b } })";
  PackageSet set = good({text});
  const World* both = set.find_world({"a", "b", {}}, "both");
  EXPECT_THAT(names_of(both->imports), ElementsAre("a:b/i", "a", "b"));
  EXPECT_THAT(names_of(both->exports), ElementsAre("run"));
  EXPECT_THAT(error_of({text + "world bad { include one; include two; }"}),
              HasSubstr("two things of the name 'a'"));
  EXPECT_THAT(error_of({text + "world bad { include one with { c as d }; }"}),
              HasSubstr("nothing of the plain name 'c'"));
  EXPECT_THAT(error_of({text + "world bad { include three; }"}), HasSubstr("there is no world 'three'"));
}

TEST(Resolve, WorldsHaveTypesAndResourcesOfTheirOwn) {
  PackageSet set = good({R"(package a:b; world w { resource r { m: func(); } record p { x: u8 }
    import f: func(p: p) -> r; import in: interface { g: func(); } })"});
  EXPECT_THAT(names_of(set.packages[0].worlds[0].imports), ElementsAre("[method]r.m", "f", "in"));
}

TEST(Resolve, WasiResolves) {
  std::vector<SourcePackage> sources = wasi_sources();
  Result<PackageSet> set = resolve(sources, {.all_features = true});
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_EQ(set->packages.size(), 7u);
  auto types = set->find_compatible(name_of("wasi:http/types@0.2.0"));
  ASSERT_TRUE(types);
  EXPECT_THAT(to_string(types->find_function("[method]incoming-body.stream")->type,
                        [&](ResourceId id) { return set->resources[id].name; }),
              testing::Eq("func(self: borrow<incoming-body>) -> result<input-stream>"));
  auto proxy = parse_interface_name("wasi:http/proxy@0.2.12")->package;
  const World* world = set->find_world(proxy, "proxy");
  ASSERT_TRUE(world);
  EXPECT_THAT(names_of(world->exports), ElementsAre("wasi:http/incoming-handler@0.2.12"));
  EXPECT_THAT(names_of(world->imports), testing::Contains("wasi:io/streams@0.2.12"));
}

TEST(Resolve, InterfacesOfWasmCloudAndWrpcResolve) {
  std::string folder = "../shared/reference/wit";
  std::error_code code;
  if (!std::filesystem::exists(folder, code))
    GTEST_SKIP() << "SKIPPED: " << folder << " is not beside this repository: its WIT texts were not tried";
  // Two of the texts declare wasmcloud:messaging@0.3.0, so all the others are tried with each of them.
  for (std::string_view left_out : {"wasmcloud-messaging-0.3.0-v1.wit", "v2-wasmcloud-messaging-0.3.0.wit"}) {
    std::vector<SourcePackage> sources = wasi_sources();
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().filename() == left_out) continue;
      std::vector<SourcePackage> read = read_wit(entry.path().string()).value();
      // The oldest text is from before packages had to be named.
      if (read[0].files[0].text.find("package ") == std::string::npos)
        read[0].files[0].text.insert(0, "package legacy:config;");
      sources.insert(sources.end(), read.begin(), read.end());
    }
    Result<PackageSet> set = resolve(sources, {.all_features = true});
    ASSERT_TRUE(set) << set.error().message();
    EXPECT_GE(set->packages.size(), 26u);
    EXPECT_TRUE(set->find_interface(name_of("wrpc:http/types@0.1.0"))->find_type("request")->type == nullptr);
  }
}

TEST(ReadWit, SaysWhatIsMissing) {
  EXPECT_EQ(read_wit("/nowhere/at-all.wit").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace wattle::wit
