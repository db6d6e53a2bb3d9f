#include "manager/check.h"

#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A component with these traits, and what they may lead to.
std::string with_traits(std::string_view traits) {
  return application("a", fmt::format(R"(  - name: c
    type: component
    properties: {{image: i}}
    traits:
{}
  - {{name: d, type: component, properties: {{image: i}}, traits: [{{type: spreadscaler, properties: {{instances: 1}}}}]}}
  - {{name: kv, type: capability, properties: {{image: j}}}}
  - {{name: kv2, type: capability, properties: {{image: j}}}}
)",
                                      traits));
}

std::string link(std::string_view target, std::string_view name = "default",
                 std::string_view interfaces = "store") {
  return fmt::format(
      "      - {{type: link, properties: {{name: {}, target: {{name: {}}}, namespace: wasi, package: "
      "keyvalue, "
      "interfaces: [{}]}}}}\n",
      name, target, interfaces);
}

std::string scaled(std::string_view spreads) {
  return with_traits(
      fmt::format("      - {{type: spreadscaler, properties: {{instances: 4, spread: [{}]}}}}", spreads));
}

constexpr std::string_view kScaler = "      - {type: spreadscaler, properties: {instances: 1}}\n";

TEST(Check, NamesAndIdsStandOnce) {
  EXPECT_THAT(
      checked(application("a", R"(  - {name: c, type: capability, properties: {image: i}}
  - {name: c, type: capability, properties: {image: i}}
  - {name: d.e, type: capability, properties: {image: i}}
  - {name: d_e, type: capability, properties: {image: i}}
  - {name: f, type: capability, properties: {image: i, id: one}}
  - {name: g, type: capability, properties: {image: i, id: one}}
)"))
          .told(),
      AllOf(HasSubstr("\"c\" is declared twice"), HasSubstr("\"d.e\" and \"d_e\" have the id \"a-d_e\" both"),
            HasSubstr("\"f\" and \"g\" have the id \"one\" both")));
}

TEST(Check, LinksLeadSomewhere) {
  EXPECT_EQ(checked(with_traits(std::string(kScaler) + link("kv"))).told(), "");
  EXPECT_THAT(checked(with_traits(std::string(kScaler) + link("vk"))).told(),
              HasSubstr("leads to \"vk\", which this manifest does not declare; did you mean \"kv\"?"));
  EXPECT_THAT(checked(with_traits(std::string(kScaler) + link("c"))).told(), HasSubstr("its own source"));
  EXPECT_THAT(checked(with_traits(std::string(kScaler) + link("kv", "default", "store, store"))).told(),
              HasSubstr("stands twice"));
  EXPECT_THAT(
      checked(with_traits(std::string(kScaler) + link("kv", "default", "stores"))).told(),
      HasSubstr(
          "warning: spec.components[0].traits[1].properties: wasi:keyvalue has no interface \"stores\""));
  EXPECT_THAT(checked(with_traits(std::string(kScaler) + link("kv", "a.b"))).told(), HasSubstr("a.b"));
}

TEST(Check, LinksDoNotReplaceEachOther) {
  const auto told = [](const std::string& a, const std::string& b) {
    return checked(with_traits(std::string(kScaler) + a + b)).told();
  };
  EXPECT_THAT(told(link("kv"), link("kv2")),
              HasSubstr("already, in line 11; give one of them another \"name\""));
  EXPECT_THAT(told(link("kv"), link("kv", "default", "atomics")), HasSubstr("into one link"));
  EXPECT_EQ(told(link("kv"), link("kv2", "other")), "");
  EXPECT_EQ(told(link("kv"), link("kv2", "default", "atomics")), "");
}

TEST(Check, ProvidersAreNotLinkedToProviders) {
  EXPECT_THAT(checked(application("a", R"(  - {name: p, type: capability, properties: {image: i}}
  - name: q
    type: capability
    properties: {image: i}
    traits: [{type: link, properties: {target: {name: p}, namespace: wasi, package: http, interfaces: [incoming-handler]}}]
)"))
                  .told(),
              HasSubstr("are providers both"));
}

TEST(Check, SpreadsAreApart) {
  EXPECT_EQ(checked(scaled("{name: a, requirements: {zone: a}}, {name: b, requirements: {zone: b}}")).told(),
            "");
  EXPECT_EQ(
      checked(scaled("{name: a, requirements: {zone: a, x: y}}, {name: b, requirements: {zone: b}}")).told(),
      "");
  EXPECT_THAT(
      checked(scaled("{name: a, requirements: {zone: a}}, {name: b, requirements: {zone: a, disk: ssd}}"))
          .told(),
      HasSubstr("error: spec.components[0].traits[0].properties.spread[1]: the spreads \"a\" and \"b\" "
                "overlap: every "
                "host that has the labels of \"b\" has those of \"a\" too"));
  EXPECT_THAT(checked(scaled("{name: a, requirements: {zone: a}}, {name: any}")).told(),
              HasSubstr("labels of \"a\" has those of \"any\" too"));
  EXPECT_THAT(
      checked(scaled("{name: a, requirements: {zone: a}}, {name: b, requirements: {disk: ssd}}")).told(),
      HasSubstr("warning: spec.components[0].traits[0].properties.spread[1]: the spreads \"a\" and \"b\" "
                "overlap on"));
  EXPECT_THAT(
      checked(scaled("{name: a, requirements: {zone: a}}, {name: a, requirements: {zone: b}}")).told(),
      HasSubstr("are called \"a\""));
  EXPECT_THAT(checked(scaled("{name: a, requirements: {zone: a}, weight: 0}")).told(),
              HasSubstr("all weights are 0"));
}

TEST(Check, ConfigsAndSecrets) {
  const auto told = [](std::string_view properties, std::string_view policies = "") {
    return checked(application(
                       "a", fmt::format("  - {{name: p, type: capability, properties: {{image: i, {}}}}}\n{}",
                                        properties, policies)))
        .told();
  };
  EXPECT_THAT(told("config: [{name: x, properties: {a: b}}, {name: x, properties: {a: c}}]"),
              HasSubstr("has other values"));

  EXPECT_THAT(told("config: [{name: x.y}]"), HasSubstr("config[0].name: expected a name"));
  EXPECT_THAT(told("config: [{name: x}, {name: x}]"), HasSubstr("stands twice"));
  const std::string secret = "secrets: [{name: s, properties: {policy: vualt, key: k}}]";
  EXPECT_THAT(told(secret), HasSubstr("declare it in spec.policies"));
  EXPECT_THAT(told(secret, "  policies: [{name: vault, type: t, properties: {}}]"),
              HasSubstr("did you mean \"vault\"?"));
  EXPECT_THAT(told(secret, "  policies: [{name: vualt, type: t, properties: {}}]"),
              HasSubstr("is none for secrets"));
  EXPECT_THAT(
      told(secret, "  policies: [{name: vualt, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {}}]"),
      HasSubstr("names no backend"));
}

TEST(Check, LabelsAndBuiltins) {
  EXPECT_THAT(
      checked(application(
                  "a",
                  "  - {name: c, type: component, properties: {image: 'ghcr.io/wasmcloud/http-server:1'}}\n",
                  "{'a b': c, '-x': y, 'a.b/c': d, version: v1}"))
          .told(),
      AllOf(HasSubstr("\"a b\" is no name"), HasSubstr("\"-x\" is no name"),
            HasSubstr("is a provider, not a component"), HasSubstr("runs nowhere")));
}

TEST(Check, ApplicationsAreBounded) {
  Application many;
  many.name = "many";
  many.parts.resize(kPartsMax + 1);
  Problems problems;
  check(many, {}, {}, problems);
  ASSERT_EQ(problems.list().size(), 1u);
  EXPECT_THAT(problems.list()[0].message, HasSubstr("at most 1000 components"));
}

// ---- routes

std::string server(std::string_view name, std::string_view links, std::string_view more = "") {
  return application(
      name,
      fmt::format(
          R"(  - {{name: c, type: capability, properties: {{image: 'ghcr.io/wasmcloud/http-server:1'{}}}, traits: [
{}]}}
  - {{name: d, type: component, properties: {{image: i}}, traits: [{{type: spreadscaler, properties: {{instances: 1}}}}]}}
)",
          more, links));
}
std::string route(std::string_view name, std::string_view config) {
  return fmt::format(
      "{{type: link, properties: {{name: {0}, target: {{name: d}}, namespace: wasi, package: http, "
      "interfaces: "
      "[incoming-handler], source: {{config: [{{name: {0}, properties: {{{1}}}}}]}}}}}},\n",
      name, config);
}

TEST(CheckRoutes, OnePlaceHasOneRoute) {
  const auto told = [](std::string_view a, std::string_view b) {
    return checked(server("a", route("x", a) + route("y", b))).told();
  };
  EXPECT_EQ(told("path: /a", "path: /b"), "");
  EXPECT_EQ(told("host: a", "host: b"), "");
  EXPECT_EQ(told("port: '8001'", "address: '0.0.0.0:8002'"), "");
  EXPECT_EQ(told("address: '127.0.0.1:0'", "address: '127.0.0.1:0'"), "");
  EXPECT_THAT(told("path: /a/", "PATH: /a"),
              HasSubstr("0.0.0.0:8000 under /a is routed by the link in line 7 to \"d\" already"));
  EXPECT_THAT(told("host: A", "config_json: '{\"host\": \"a\"}'"), HasSubstr("for the host a is routed"));
  EXPECT_THAT(told("port: '8001'", "address: '127.0.0.1:8001'"),
              HasSubstr("the port 8001 is that of the link"));
  EXPECT_THAT(told("host: a, tls_cert_file: x, tls_priv_key_file: y", "host: b"),
              HasSubstr("another certificate"));
}

TEST(CheckRoutes, WhatTheServerSaysHoldsForItsLinks) {
  const auto told = [](std::string_view config) {
    return checked(server("a", route("x", "path: /a") + route("y", "path: /a"),
                          fmt::format(", config: [{{name: p, properties: {{{}}}}}]", config)))
        .told();
  };
  EXPECT_THAT(told("address: '0.0.0.0:8009'"), HasSubstr("0.0.0.0:8009 under /a is routed"));
  EXPECT_THAT(checked(server("a", route("x", "path: /a") + route("y", "path: /b, tls_cert_file: other"),
                             ", config: [{name: p, properties: {tls_cert_file: x, tls_priv_key_file: y}}]"))
                  .told(),
              HasSubstr("another certificate"));
}

TEST(CheckRoutes, PortsAreTheLatticesUnlessHostsAreApart) {
  const std::string mine = server("a", route("x", "port: '8001'"));
  EXPECT_THAT(checked(mine, server("b", route("x", "port: '8001'"))).told(),
              HasSubstr("the port 8001 is that of the application \"b\" too, by another HTTP server"));
  EXPECT_EQ(checked(mine, server("b", route("x", "port: '8003'"))).told(), "");
  // The version before, whatever it has.
  EXPECT_EQ(checked(mine, server("a", route("z", "port: '8001'"))).told(), "");
  const auto apart = [](std::string_view name, std::string_view zone) {
    return server(name, route("x", "port: '8001'") +
                            fmt::format("{{type: spreadscaler, properties: {{instances: 1, spread: [{{name: "
                                        "z, requirements: {{zone: {}}}}}]}}}}",
                                        zone));
  };
  EXPECT_EQ(checked(apart("a", "one"), apart("b", "two")).told(), "");
  EXPECT_THAT(checked(apart("a", "one"), apart("b", "one")).told(), HasSubstr("the port 8001"));
}

TEST(CheckRoutes, ConfigsOfOthersAreNotJudged) {
  EXPECT_EQ(checked(server("a", route("x", "port: '8001'"), ", config: [{name: theirs}]"),
                    server("b", route("x", "port: '8001'")))
                .told(),
            "");
}

// ---- sharing

std::string owner(std::string_view annotations = "{experimental.wasmcloud.dev/shared: 'true'}") {
  return application("owner", "  - {name: store, type: capability, properties: {image: i, id: the-store}}\n",
                     annotations);
}
std::string user(std::string_view name = "user", std::string_view component = "store",
                 std::string_view type = "capability") {
  return application(name, fmt::format(R"(  - name: c
    type: component
    properties: {{image: i}}
    traits: [{{type: spreadscaler, properties: {{instances: 1}}}}, {{type: link, properties: {{target: {{name: s}}, namespace: wasi, package: keyvalue, interfaces: [store]}}}}]
  - {{name: s, type: {}, properties: {{application: {{name: owner, component: {}}}}}}}
)",
                                       type, component));
}

TEST(CheckSharing, LinksIntoAnApplicationThatShares) {
  Read result = checked(user(), owner());
  EXPECT_EQ(result.told(), "");
  EXPECT_EQ(lattice_link(result.only(), result.only().links[0]).target, "the-store");
  EXPECT_THAT(checked(user(), owner("{}")).told(),
              HasSubstr("the application \"owner\" is not shared; its manifest needs"));
  EXPECT_THAT(checked(user("user", "stroe"), owner()).told(),
              HasSubstr("has no component \"stroe\"; it has store"));
  EXPECT_THAT(checked(user("user", "store", "component"), owner()).told(),
              HasSubstr("is a capability; change \"type\""));
}

TEST(CheckSharing, OnlyWhatIsAllowed) {
  const auto told = [](std::string_view with) {
    return checked(user(),
                   owner(fmt::format(
                       "{{experimental.wasmcloud.dev/shared: 'true', wattle/shared-with: '{}'}}", with)))
        .told();
  };
  EXPECT_EQ(told("user"), "");
  EXPECT_EQ(told("x, user=wasi:keyvalue/store"), "");
  EXPECT_EQ(told("*=wasi:keyvalue"), "");
  EXPECT_THAT(told("other"), HasSubstr("is not shared with \"user\""));
  EXPECT_THAT(
      told("user=wasi:keyvalue/atomics"),
      HasSubstr(
          "does not share wasi:keyvalue/store with \"user\"; its annotation wattle/shared-with must say "
          "user=wasi:keyvalue/store"));
}

TEST(CheckSharing, AVersionThatTakesFromUsersWhatTheyHave) {
  const auto told = [](const std::string& next) {
    const Read users = read(user());
    Problems problems;
    check_users(read(next).only(), pointers_to(users.applications), problems);
    return problems.any_errors() ? refusal(problems, "m").message() : std::string();
  };
  EXPECT_EQ(told(owner()), "");
  EXPECT_THAT(told(owner("{}")),
              HasSubstr("the application \"user\", which is deployed, uses it: the application "
                        "\"owner\" is not shared"));
  EXPECT_THAT(told(owner("{experimental.wasmcloud.dev/shared: 'true', wattle/shared-with: "
                         "'user=wasi:keyvalue/atomics'}")),
              HasSubstr("does not share wasi:keyvalue/store with \"user\""));
  EXPECT_THAT(told(application("owner", "  - {name: other, type: capability, properties: {image: i}}\n")),
              HasSubstr("has no component \"store\""));
}

TEST(CheckSharing, AnUnknownApplication) {
  EXPECT_EQ(checked(user()).told(), "");
  EXPECT_THAT(checked(user(), {}, {.others_are_all = true}).told(),
              HasSubstr("there is no application \"owner\""));
}

TEST(CheckSharing, Circles) {
  const auto uses = [](std::string_view name, std::string_view other) {
    return application(
        name,
        fmt::format(
            "  - {{name: p, type: capability, properties: {{image: i}}}}\n"
            "  - {{name: q, type: capability, properties: {{application: {{name: {}, component: p}}}}}}\n",
            other),
        "{experimental.wasmcloud.dev/shared: 'true'}");
  };
  EXPECT_THAT(checked(uses("a", "b"), uses("b", "c") + "---\n" + uses("c", "a")).told(),
              HasSubstr("share in a circle: \"a\" uses \"b\" uses \"c\" uses \"a\""));
  EXPECT_THAT(checked(uses("a", "a")).told(), HasSubstr("refers to itself"));
  EXPECT_EQ(checked(uses("a", "b"), uses("b", "c") + "---\n" + owner()).told(), "");
  // One that it does not belong to.
  EXPECT_EQ(checked(uses("a", "b"), uses("b", "c") + "---\n" + uses("c", "b")).told(), "");
}

TEST(CheckSharing, WhatIsTaken) {
  EXPECT_THAT(
      checked(application("x", "  - {name: p, type: capability, properties: {image: i, id: the-store}}\n"),
              owner())
          .told(),
      HasSubstr("the id \"the-store\" is that of \"store\" in the application \"owner\""));
  const std::string workload = R"(apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: Workload
metadata: {name: w}
spec:
  components: [{name: c, image: i}]
  hostInterfaces: [{namespace: wasi, package: keyvalue, interfaces: [store]}]
)";
  EXPECT_THAT(checked(application("platform",
                                  "  - {name: keyvalue-nats, type: capability, properties: {image: i}}\n"),
                      workload)
                  .told(),
              HasSubstr("the id \"platform-keyvalue_nats\" is that of"));
  const auto shares_a_source = [](std::string_view name, std::string_view link_name) {
    return application(name, fmt::format(R"(  - name: s
    type: capability
    properties: {{application: {{name: owner, component: store}}}}
    traits: [{{type: link, properties: {{name: {}, target: {{name: c}}, namespace: wasi, package: keyvalue, interfaces: [watcher]}}}}]
  - {{name: c, type: component, properties: {{image: i}}, traits: [{{type: spreadscaler, properties: {{instances: 1}}}}]}}
)",
                                         link_name));
  };
  EXPECT_THAT(
      checked(shares_a_source("x", "default"), owner() + "---\n" + shares_a_source("y", "default")).told(),
      HasSubstr("has a link \"default\" for wasi:keyvalue already, the application \"y\"'s"));
  EXPECT_EQ(checked(shares_a_source("x", "x"), owner() + "---\n" + shares_a_source("y", "y")).told(), "");
}

// ---- examples

TEST(Examples, AreValidTogether) {
  std::string all;
  for (const char* name :
       {"application.json", "blog.yaml", "daemons.yaml", "older.yaml", "platform.yaml", "secrets.yaml",
        "spreads.yaml", "workload.yaml", "workload_deployment.yaml", "workload_replica_set.yaml"})
    all += file_text(fmt::format("tests/manifests/{}", name)) + "\n---\n";
  all += file_text("examples/shop/wattle.yaml");
  Read result = read(all);
  EXPECT_EQ(result.applications.size(), 11u);
  const auto together = pointers_to(result.applications);
  for (Application& application : result.applications) take_shared_ids(application, together);
  for (const Application& application : result.applications)
    check(application, together, {.others_are_all = true}, result.problems);
  EXPECT_FALSE(result.problems.any_errors()) << result.told();
}

TEST(Check, HowAVersionTakesOverMustBeKnown) {
  const std::string one = "    - {name: a, type: component, properties: {image: a}}\n";
  EXPECT_THAT(checked(application("shop", one, R"({wattle/update: "slowly"})")).told(),
              testing::HasSubstr("annotation wattle/update: \"slowly\" is none of rolling"));
}

}  // namespace
}  // namespace wattle::manager
