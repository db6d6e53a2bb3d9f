#include "manager/oam.h"

#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kWhole = R"(apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: My-Shop
  annotations: {version: "1.2", description: "A shop"}
  labels: {team: web}
spec:
  policies:
    - {name: vault, type: policy.secret.wasmcloud.dev/v1alpha1, properties: {backend: vault}}
  components:
    - name: api.v2
      type: component
      properties:
        image: ghcr.io/example/api:1
        config: [{name: own, properties: {a: b}}, {name: theirs}]
        secrets: [{name: key, properties: {policy: vault, key: k, field: f}}]
      traits:
        - type: spreadscaler
          properties:
            instances: 4
            spread:
              - {name: east, requirements: {zone: east}, weight: 80}
              - {name: west, requirements: {zone: west}}
        - type: link
          properties:
            name: second
            target: {name: kv, config: [{name: at, properties: {bucket: b}}]}
            source: {config: [{name: from, properties: {}}]}
            namespace: wasi
            package: keyvalue
            interfaces: [store, atomics]
    - name: kv
      type: capability
      properties: {image: "ghcr.io/wasmcloud/keyvalue-nats:0.4.0", id: the-kv}
      traits:
        - {type: daemonscaler, properties: {instances: 1}}
)";

TEST(Oam, EverythingIsRead) {
  Read result = checked(kWhole);
  ASSERT_EQ(result.told(), "");
  const Application& shop = result.only();
  EXPECT_EQ(shop.name, "My-Shop");
  EXPECT_EQ(shop.version, "1.2");
  EXPECT_EQ(shop.description, "A shop");
  EXPECT_EQ(shop.labels.at("team"), "web");
  ASSERT_EQ(shop.parts.size(), 2u);

  const Part& api = shop.parts[0];
  EXPECT_EQ(api.kind, PartKind::component);
  EXPECT_EQ(api.id, "my_shop-api_v2");
  EXPECT_EQ(api.reference, "ghcr.io/example/api:1");
  EXPECT_EQ(api.configs[0].name, "my_shop-own");
  EXPECT_EQ(api.configs[0].values->at("a"), "b");
  EXPECT_EQ(api.configs[1].name, "theirs");
  EXPECT_FALSE(api.configs[1].values);
  EXPECT_EQ(api.secrets[0].name, "SECRET_my_shop-key");
  EXPECT_EQ(api.secrets[0].field, "f");
  EXPECT_FALSE(api.secrets[0].version);
  ASSERT_TRUE(api.scaling);
  EXPECT_EQ(api.scaling->instances, 4u);
  EXPECT_EQ(api.scaling->spreads[0].weight, 80u);
  EXPECT_EQ(api.scaling->spreads[1].weight, kDefaultWeight);
  EXPECT_EQ(api.scaling->spreads[1].requirements.at("zone"), "west");

  EXPECT_EQ(shop.parts[1].id, "the-kv");
  EXPECT_EQ(shop.parts[1].reference, "builtin://keyvalue-nats");
  EXPECT_EQ(shop.parts[1].scaling->kind, ScalingKind::daemon);

  const lattice::Link link = lattice_link(shop, shop.links.at(0));
  EXPECT_EQ(link.source_id, "my_shop-api_v2");
  EXPECT_EQ(link.target, "the-kv");
  EXPECT_EQ(link.name, "second");
  EXPECT_THAT(link.interfaces, ElementsAre("store", "atomics"));
  EXPECT_THAT(link.source_config, ElementsAre("my_shop-from"));
  EXPECT_THAT(link.target_config, ElementsAre("my_shop-at"));
  EXPECT_TRUE(lattice::check(link));
}

std::string scaled(std::string_view type, std::string_view trait, std::string_view scaling) {
  return fmt::format(R"(apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: shop}}
spec:
  components:
    - name: api
      type: {}
      properties: {{image: "ghcr.io/example/api:1"}}
      traits:
        - {{type: {}, properties: {{instances: 5, scaling: {{{}}}}}}}
)",
                     type, trait, scaling);
}

std::string asking(std::string_view type, std::string_view resources) {
  return fmt::format(R"(apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: shop}}
spec:
  components:
    - name: api
      type: {}
      properties:
        image: "ghcr.io/example/api:1"
        resources: {}
      traits:
        - {{type: spreadscaler, properties: {{instances: 5}}}}
)",
                     type, resources);
}

TEST(Oam, InstancesAskForMemoryAndCpus) {
  for (const char* type : {"component", "capability"}) {
    Read result = checked(asking(type, "{requests: {memory: 64Mi, cpu: 100m}}"));
    ASSERT_EQ(result.told(), "");
    EXPECT_EQ(result.only().parts[0].requests, (Requests{.memory = 64u << 20, .milli_cpus = 100}));
  }
  Read numbers = checked(asking("component", "{requests: {memory: 65536, cpu: 1.5}}"));
  ASSERT_EQ(numbers.told(), "");
  EXPECT_EQ(numbers.only().parts[0].requests, (Requests{.memory = 65536, .milli_cpus = 1500}));
}

TEST(Oam, QuantitiesThatAreNoneAreRefused) {
  EXPECT_THAT(
      checked(asking("component", "{requests: {memory: 64MB}}")).told(),
      HasSubstr("m:10:40: error: spec.components[0].properties.resources.requests.memory: expected memory "
                "of 1024Ti at most, as 64Mi, 1G or bytes, found the text \"64MB\""));
  EXPECT_THAT(checked(asking("component", "{requests: {cpu: 0.0001}}")).told(), HasSubstr("m:10:37"));
  EXPECT_THAT(checked(asking("component", "{requests: {memory: true}}")).told(), HasSubstr("m:10:40"));
}

TEST(Oam, WhatIsAnothersIsAskedForThere) {
  std::string text = asking("component", "{requests: {cpu: 1}}");
  text.replace(text.find("image: \"ghcr.io/example/api:1\""), 30, "application: {name: a, component: b}");
  EXPECT_THAT(read(text).told(), HasSubstr("what \"api\" needs is said where it is declared"));
}

TEST(Oam, ScalingFollowsCalls) {
  Read result = checked(
      scaled("component", "spreadscaler", "min: 3, max: 40, target: 50%, idle-after: 90s, down-after: 2m"));
  ASSERT_EQ(result.told(), "");
  const Scaling& scaling = *result.only().parts[0].scaling;
  EXPECT_EQ(scaling.instances, 5u);
  using std::chrono::seconds;
  EXPECT_EQ(scaling.load, (LoadScaling{.least = 3,
                                       .most = 40,
                                       .busy_percent = 50,
                                       .idle_after = seconds(90),
                                       .down_after = seconds(120)}));
  Read least = checked(scaled("component", "spreadscaler", "max: 4"));
  ASSERT_EQ(least.told(), "");
  EXPECT_EQ(least.only().parts[0].scaling->load, (LoadScaling{.least = 0, .most = 4}));
  EXPECT_EQ(least.only().parts[0].scaling->instances, 4u);
}

TEST(Oam, ScalingThatCannotBeIsRefused) {
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "min: 9, max: 4")).told(),
              HasSubstr("min is 9, and max is 4"));
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "min: 1")).told(), HasSubstr("\"max\""));
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "max: 4, target: 0%")).told(),
              HasSubstr("from 1% to 100%"));
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "max: 4, idle-after: soon")).told(),
              HasSubstr("a time, as"));
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "max: 4, idle-after: 1ms")).told(),
              HasSubstr("100ms"));
  EXPECT_THAT(checked(scaled("component", "spreadscaler", "maximum: 4")).told(), HasSubstr("maximum"));
  EXPECT_THAT(checked(scaled("component", "daemonscaler", "max: 9")).told(),
              HasSubstr("cannot follow its calls"));
  EXPECT_THAT(checked(scaled("capability", "spreadscaler", "max: 9")).told(),
              HasSubstr("cannot follow its calls"));
}

TEST(Oam, SharedAndWithWhom) {
  const Application shared =
      read(
          application(
              "p", "  - {name: a, type: component, properties: {image: i}}\n",
              R"({experimental.wasmcloud.dev/shared: "true", wattle/shared-with: "shop, blog=wasi:keyvalue/store, *=wasi:http"})"))
          .only();
  EXPECT_TRUE(shared.shared);
  ASSERT_EQ(shared.allowances.size(), 3u);
  EXPECT_TRUE(may_use(shared, "shop", "x", "y", "z"));
  EXPECT_TRUE(may_use(shared, "blog", "wasi", "keyvalue", "store"));
  EXPECT_FALSE(may_use(shared, "blog", "wasi", "keyvalue", "atomics"));
  EXPECT_TRUE(may_use(shared, "anyone", "wasi", "http", "incoming-handler"));
  EXPECT_FALSE(may_use(shared, "anyone", "wasi", "keyvalue", "store"));
  for (const char* bad : {"", "a b", "shop=", "shop=wasi", "shop=wasi:kv/", "=wasi:kv", "shop,,"})
    EXPECT_FALSE(parse_allowances(bad)) << bad;
}

TEST(Oam, OlderFormsAreReadWithAWarning) {
  Read result = read(application("a", R"(  - name: c
    type: actor
    properties: {image: i}
    traits:
      - {type: spreadscaler, properties: {replicas: 3}}
      - type: link
        properties:
          {target: p, namespace: wasi, package: keyvalue, interfaces: [store], target_config: [{name: x, properties: {k: v}}],
           source_config: [{name: y}]}
  - {name: p, type: capability, properties: {image: j}}
)"));
  EXPECT_FALSE(result.problems.any_errors()) << result.told();
  EXPECT_EQ(result.problems.list().size(), 4u) << result.told();
  EXPECT_EQ(result.only().parts[0].scaling->instances, 3u);
  EXPECT_EQ(result.only().links[0].target, "p");
  EXPECT_EQ(result.only().links[0].target_configs[0].name, "a-x");
  EXPECT_EQ(result.only().links[0].source_configs[0].name, "y");
}

TEST(Oam, EveryProblemIsToldWithItsPlace) {
  Read result = read(R"(apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: my shop, annotations: {version: 1.0}}
spec:
  components:
    - name: a
      type: componnent
      properties: {imgae: x}
      traits:
        - {type: spreadscaler, properties: {instances: many}}
        - {type: link, properties: {target: {name: b}, namespace: wasi, package: http, interfaces: []}}
        - {type: spreadscalar, properties: {}}
)");
  EXPECT_EQ(
      result.told(),
      "m:3:18: error: metadata.name: expected a name of letters, digits, \"-\" and \"_\", found the text "
      "\"my shop\"\n"
      "m:3:50: error: metadata.annotations.version: expected a text, found the number 1.0; put it in quotes: "
      "\"1.0\"\n"
      "m:7:13: error: spec.components[0].type: expected component, capability or actor, found the text "
      "\"componnent\"; did you mean \"component\"?\n"
      "m:8:19: error: spec.components[0].properties: expected either \"image\" or \"application\", found "
      "neither\n"
      "m:8:20: error: spec.components[0].properties.imgae: there is no field \"imgae\" here; did you mean "
      "\"image\"?\n"
      "m:10:56: error: spec.components[0].traits[0].properties.instances: expected a whole number from 0 to "
      "1000000, found the text \"many\"\n"
      "m:11:100: error: spec.components[0].traits[1].properties.interfaces: expected a list that is not "
      "empty, found "
      "an empty one\n"
      "m:12:18: error: spec.components[0].traits[2].type: expected spreadscaler, daemonscaler or link, found "
      "the "
      "text \"spreadscalar\"; did you mean \"spreadscaler\"?\n");
}

TEST(Oam, NumbersHaveBounds) {
  const auto told = [](std::string_view number) {
    return read(application("a", fmt::format("  - {{name: c, type: component, properties: {{image: i}}, "
                                             "traits: [{{type: spreadscaler, "
                                             "properties: {{instances: {}}}}}]}}\n",
                                             number)))
        .told();
  };
  for (const char* good : {"0", "1000000", "0x10", "+5"}) EXPECT_EQ(told(good), "") << good;
  for (const char* bad :
       {"-1", "1000001", "4294967295", "4294967296", "1.5", "1e3", ".inf", "true", "'5'", "[1]", "~"})
    EXPECT_THAT(told(bad), HasSubstr("a whole number from 0 to 1000000")) << bad;
}

TEST(Oam, RequiredTextsAreNotEmpty) {
  const auto told = [](std::string_view name, std::string_view image, std::string_view target) {
    return checked(application("a", fmt::format(R"(  - name: "{}"
    type: component
    properties: {{image: "{}"}}
    traits:
      - {{type: spreadscaler, properties: {{instances: 1}}}}
      - {{type: link, properties: {{target: {}, namespace: wasi, package: keyvalue, interfaces: [store]}}}}
  - {{name: kv, type: capability, properties: {{image: i}}}}
)",
                                                name, image, target)))
        .told();
  };
  EXPECT_EQ(told("c", "i", "{name: kv}"), "");
  for (const auto& refused : {told("", "i", "{name: kv}"), told("c", "", "{name: kv}"),
                              told("c", "i", "{name: ''}"), told("c", "i", "''")})
    EXPECT_THAT(refused, HasSubstr("expected a text that is not empty, found an empty one"));
}

TEST(Oam, LimitsAreThoseOfAComponentsInstances) {
  const auto told = [](std::string_view type, std::string_view resources) {
    return checked(application("a", fmt::format("  - {{name: c, type: {}, properties: {{image: i, resources: "
                                                "{}}}, traits: [{{type: spreadscaler, properties: "
                                                "{{instances: 1}}}}]}}\n",
                                                type, resources)))
        .told();
  };
  EXPECT_EQ(told("component", "{limits: {memory: 64Mi, time: 500ms}}"), "");
  EXPECT_THAT(told("capability", "{limits: {memory: 64Mi}}"), HasSubstr("limits are those of a component"));
  EXPECT_THAT(told("component", "{requests: {memory: 65Mi}, limits: {memory: 64Mi}}"),
              HasSubstr("64Mi of memory is less than is asked for"));
  EXPECT_THAT(told("component", "{limits: {memory: 0}}"), HasSubstr("nothing to run in"));
  EXPECT_THAT(told("component", "{limits: {time: 0s}}"), HasSubstr("\"0s\" is no time from 1 ms"));
}

TEST(Oam, AnnotationsAreToldWhereTheyStand) {
  const auto told = [](std::string_view annotations) {
    return checked(application("a", "  - {name: c, type: capability, properties: {image: i}}\n", annotations))
        .told();
  };
  EXPECT_THAT(told("{wattle/update: slowly}"), HasSubstr("metadata.annotations[\"wattle/update\"]: "));
  EXPECT_THAT(told("{wattle/max-surg: '0'}"), HasSubstr("did you mean \"wattle/max-surge\"?"));
  EXPECT_THAT(told("{wattle/colour: red}"), HasSubstr("there is no annotation \"wattle/colour\"; known are"));
  EXPECT_THAT(told("{version: '1.0 beta'}"),
              HasSubstr("metadata.annotations.version: \"1.0 beta\" can be no"));
  EXPECT_EQ(told("{colour: red, wattle/spread-by: rack}"), "");
}

TEST(Oam, OneScalerAndNoVersionLatest) {
  EXPECT_THAT(read(application("a", R"(  - name: c
    type: component
    properties: {image: i}
    traits:
      - {type: spreadscaler, properties: {instances: 1}}
      - {type: daemonscaler, properties: {instances: 1}}
)",
                               "{version: latest}"))
                  .told(),
              testing::AllOf(HasSubstr("\"latest\" is no version"), HasSubstr("scaled twice")));
}

TEST(Oam, OtherKindsAreRefused) {
  EXPECT_THAT(read("apiVersion: core.oam.dev/v1beta1\nkind: Aplication\n").told(),
              HasSubstr("kind: expected Application"));
  EXPECT_THAT(read("apiVersion: core.oam.dev/v1\nkind: Application\n").told(),
              HasSubstr("apiVersion: expected"));
  EXPECT_THAT(read("a: b\n").told(), HasSubstr("found nothing"));
  EXPECT_THAT(read("- a\n").told(), HasSubstr("expected a manifest, found a list"));
  EXPECT_THAT(read("").told(), HasSubstr("empty"));
}

}  // namespace
}  // namespace wattle::manager
