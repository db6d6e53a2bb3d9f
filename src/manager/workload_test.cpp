#include "manager/workload.h"

#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string workload(std::string_view spec, std::string_view annotations = "{}") {
  return fmt::format(
      "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: {{name: w, annotations: "
      "{}}}\nspec:\n{}",
      annotations, spec);
}

constexpr std::string_view kOne = "  components: [{name: c, image: i}]\n";

const Link* find_link(const Application& application, std::string_view source, std::string_view name) {
  for (const Link& link : application.links)
    if (link.source == source && link.name == name) return &link;
  return nullptr;
}

TEST(Workload, WhatStandsAloneNeedsNoName) {
  const auto names_of = [](std::string_view interfaces) {
    const Read read = checked(workload(fmt::format("{}  hostInterfaces:\n{}", kOne, interfaces)));
    std::vector<std::string> names;
    for (const Link& link : read.only().links) names.push_back(link.name);
    return names;
  };
  const std::string named =
      "    - {name: sessions, namespace: wasi, package: keyvalue, interfaces: [store]}\n";
  EXPECT_THAT(names_of(named), ElementsAre("default"));
  EXPECT_THAT(
      names_of(named +
               "    - {namespace: wasi, package: keyvalue, interfaces: [store], config: {backend: redis}}\n"),
      testing::UnorderedElementsAre("sessions", "default"));
}

TEST(Workload, WhatIsLeftOutIsTold) {
  const auto told = [](std::string_view interface) {
    return checked(workload(fmt::format("{}  hostInterfaces: [{}]\n", kOne, interface))).told();
  };
  EXPECT_THAT(told("{namespace: wasi, package: filesystem, interfaces: [types]}"),
              HasSubstr("have no files"));
  EXPECT_THAT(told("{namespace: wasi, package: sockets, interfaces: [tcp]}"), HasSubstr("have no sockets"));
  EXPECT_THAT(told("{namespace: wasi, package: logging, interfaces: [logging], config: {level: debug}}"),
              HasSubstr("every host serves wasi:logging alike"));
  EXPECT_EQ(told("{namespace: wasi, package: logging, interfaces: [logging]}"), "");
  std::string elsewhere = workload(kOne);
  elsewhere.replace(elsewhere.find("name: w,"), 8, "name: w, namespace: team-a,");
  EXPECT_THAT(checked(elsewhere).told(), HasSubstr("a lattice has no namespaces"));
}

TEST(Workload, ADeploymentBecomesAnApplication) {
  Read result = checked(file_text("tests/manifests/workload_deployment.yaml"));
  EXPECT_FALSE(result.problems.any_errors()) << result.told();
  const Application& guestbook = result.only();
  EXPECT_TRUE(guestbook.together);
  EXPECT_EQ(guestbook.update, UpdatePolicy::rolling);
  const Part& web = guestbook.parts[0];
  EXPECT_EQ(web.id, "guestbook-web");
  EXPECT_EQ(web.scaling->instances, 450u);  // 3 replicas of 150
  EXPECT_EQ(web.scaling->replicas, 3u);
  EXPECT_EQ(web.scaling->spreads[0].requirements.at("hostgroup"), "public");
  EXPECT_EQ(web.configs[0].values->at("title"), "Guests");
  EXPECT_EQ(guestbook.parts[1].scaling->instances, 3 * kCallsPerReplica);

  const Link* route = find_link(guestbook, "platform-http_server", "guestbook");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->target, "web");
  EXPECT_THAT(route->interfaces, ElementsAre("incoming-handler"));
  EXPECT_EQ(route->source_configs[0].values->at("host"), "guestbook.example.com");
  const Link* alias = find_link(guestbook, "platform-http_server", "guestbook-2");
  ASSERT_NE(alias, nullptr);
  EXPECT_EQ(alias->source_configs[0].values->at("host"), "www.guestbook.example.com");

  for (const Link& link : guestbook.links) {
    if (link.source != "web") continue;
    if (link.wit_package == "http") {
      EXPECT_EQ(link.target_configs[0].values->at("allowed_hosts"),
                "avatars.example.com:443,*.cdn.example.com:8443");
    } else if (link.name == "default") {
      EXPECT_EQ(link.target, "platform-keyvalue_nats");
      EXPECT_THAT(link.interfaces, ElementsAre("store", "atomics"));
      EXPECT_EQ(link.target_configs[0].values->at("bucket"), "guestbook");
    }
  }
  const Link* sessions = find_link(guestbook, "entries", "sessions");
  ASSERT_NE(sessions, nullptr);
  EXPECT_EQ(sessions->target, "platform-keyvalue_redis");
  EXPECT_EQ(sessions->target_configs[0].name, "SECRET_redis");
}

TEST(Workload, TheOtherKinds) {
  Read set = checked(file_text("tests/manifests/workload_replica_set.yaml"));
  EXPECT_EQ(set.told(), "");
  EXPECT_EQ(set.only().parts[0].scaling->spreads[0].requirements.at("environment"), "production");
  const Link* handler = find_link(set.only(), "platform-messaging_nats", "thumbnails");
  ASSERT_NE(handler, nullptr);
  EXPECT_EQ(handler->source_configs[0].values->at("subscriptions"), "images.uploaded");

  Read one = checked(file_text("tests/manifests/workload.yaml"));
  EXPECT_EQ(one.told(), "");
  EXPECT_EQ(one.only().parts[0].scaling->spreads[0].host_id.substr(0, 4), "NDRT");
  EXPECT_EQ(one.only().parts[0].configs[0].values->at("greeting"), "Good morning");
  EXPECT_EQ(one.only().links[0].source_configs[0].values->at("host"), "hello.example.com");
}

TEST(Workload, InterfacesOfOneNameAreOneLink) {
  Read result = checked(workload(std::string(kOne) + R"(  hostInterfaces:
    - {namespace: wasi, package: keyvalue, interfaces: [store], config: {bucket: b}}
    - {namespace: wasi, package: keyvalue, interfaces: [store, batch], config: {timeout_ms: "5"}}
)"));
  EXPECT_EQ(result.told(), "");
  ASSERT_EQ(result.only().links.size(), 1u);
  EXPECT_THAT(result.only().links[0].interfaces, ElementsAre("store", "batch"));
  EXPECT_EQ(result.only().links[0].target_configs.size(), 1u);
  EXPECT_EQ(result.only().links[0].target_configs[0].values->size(), 2u);
}

TEST(Workload, WhoHandlesMustBeSaid) {
  const std::string spec =
      "  components: [{name: a, image: i}, {name: b, image: i}]\n"
      "  hostInterfaces: [{namespace: wasi, package: http, interfaces: [incoming-handler]}]\n";
  EXPECT_THAT(read(workload(spec)).told(),
              HasSubstr("which of the 2 components handles incoming-handler is not said"));
  EXPECT_EQ(read(workload(spec, "{wattle/handler: b}")).only().links.at(0).target, "b");
  EXPECT_THAT(read(workload(spec, "{wattle/handler: c}")).told(),
              HasSubstr("expected a or b, found the text \"c\""));
}

TEST(Workload, WhatWattleHasNotIsRefused) {
  EXPECT_THAT(
      read(workload(R"(  components:
    - {name: c, image: i, localResources: {environment: {config: {A: b}}, volumeMounts: [{name: v, mountPath: /v}]}}
  service: {image: s}
  volumes: [{name: v, ephemeral: {}}]
  kubernetes: {service: {name: k}}
  hostInterfaces:
    - {namespace: wasi, package: keyvaule, interfaces: [store]}
    - {namespace: wasi, package: http, version: 0.3.0, interfaces: [handler]}
    - {namespace: wasi, package: keyvalue, interfaces: [store], config: {backend: etcd}}
    - {namespace: wasi, package: otel, interfaces: [tracing]}
)"))
          .told(),
      AllOf(HasSubstr("no environment variables"), HasSubstr("no files"), HasSubstr("runs no services"),
            HasSubstr("warning: spec.kubernetes"), HasSubstr("did you mean wasi:keyvalue?"),
            HasSubstr("expected a version 0.2 of wasi:http"), HasSubstr("with the backend \"etcd\""),
            HasSubstr("no provider serves wasi:otel/tracing")));
}

TEST(Workload, OutgoingRequestsNeedAllowedHosts) {
  const std::string interfaces =
      "  hostInterfaces: [{namespace: wasi, package: http, interfaces: [outgoing-handler]}]\n";
  Read none = read(workload(std::string(kOne) + interfaces));
  EXPECT_THAT(none.told(), HasSubstr("warning"));
  EXPECT_TRUE(none.only().links.empty());
  EXPECT_THAT(
      read(workload("  components: [{name: c, image: i, localResources: {allowedHosts: ['a b']}}]\n")).told(),
      HasSubstr("localResources.allowedHosts[0]: expected a host"));
}

TEST(Workload, WhatIsMultipliedIsBounded) {
  std::string components = "  components:\n", interfaces = "  hostInterfaces:\n";
  for (int i = 0; i < 1000; ++i) components += fmt::format("  - {{name: c{}, image: i}}\n", i);
  for (int i = 0; i < 5; ++i)
    interfaces +=
        fmt::format("  - {{name: n{}, namespace: wasi, package: keyvalue, interfaces: [store]}}\n", i);
  EXPECT_THAT(read(workload(components + interfaces)).told(), HasSubstr("4000 links"));
  const std::string large = std::string(500'000, 'x');
  EXPECT_THAT(
      read(workload(
               components +
               "  hostInterfaces: [{namespace: wasi, package: keyvalue, interfaces: [store], config: {a: " +
               large + "}}]\n"))
          .told(),
      HasSubstr("too large"));
  EXPECT_THAT(read(workload(components + "  hostSelector: {a: " + large + "}\n")).told(),
              HasSubstr("too large"));
  std::string aliases;
  for (int i = 0; i < 40; ++i) aliases += fmt::format("a{}.example.com,", i);
  EXPECT_THAT(
      read(workload(std::string(kOne) +
                    "  hostInterfaces: [{namespace: wasi, package: http, interfaces: [incoming-handler], "
                    "config: {host-aliases: '" +
                    aliases + "'}}]\n"))
          .told(),
      HasSubstr("more than 32 hosts"));
}

TEST(Workload, TheTableChoosesProviders) {
  ImageTable table = default_images();
  table.interfaces["wasi:keyvalue"] = "ghcr.io/example/my-kv:1";
  Read result =
      read(workload(std::string(kOne) +
                    "  hostInterfaces: [{namespace: wasi, package: keyvalue, interfaces: [store]}]\n"),
           table);
  EXPECT_EQ(result.only().parts[1].reference, "ghcr.io/example/my-kv:1");
  EXPECT_EQ(result.only().parts[1].id, "platform-my_kv");
  EXPECT_TRUE(result.only().parts[1].platform);
}

}  // namespace
}  // namespace wattle::manager
