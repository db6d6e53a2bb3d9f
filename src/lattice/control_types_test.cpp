#include "lattice/control_types.h"

#include <gtest/gtest.h>

#include "lattice/link.h"

namespace wattle::lattice {
namespace {

TEST(ControlTypes, AnswersAreWrappedAsInVersion1) {
  EXPECT_EQ(to_json(Reply::ok("done")), R"({"success":true,"message":"done"})");
  EXPECT_EQ(to_json(Reply::ok("", R"({"a":1})")), R"({"success":true,"message":"","response":{"a":1}})");
  const Reply refused =
      Reply::refused(Error(ErrorCode::not_found, "no config \"a\xff\"").with_remedy("wattle config put a"));
  EXPECT_EQ(to_json(refused),
            "{\"success\":false,\"message\":\"no config \\\"a\xEF\xBF\xBD\\\"; wattle config put a\","
            "\"code\":\"not-found\"}");
  const auto reply = parse_reply(R"({"success":true,"message":"","response":["x"],"more":1})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->response, R"(["x"])");
  EXPECT_EQ(parse_reply(R"({"success":true,"message":"","response":null})")->response, "");
  EXPECT_FALSE(parse_reply(R"({"message":""})"));
  EXPECT_FALSE(parse_reply("nonsense"));
}

TEST(ControlTypes, ReadsAScaleAsOldAndNewClientsSendIt) {
  const auto scale = parse_json<ScaleComponent>(
      R"({"component_ref":"file:///a.wasm","component_id":"a","annotations":{"wasmcloud.dev/managed-by":"wadm"},)"
      R"("count":5,"component_limits":{"max_memory_limit":"1048576"},"host_id":"NA","config":["c"],)"
      R"("allow_update":true})");
  ASSERT_TRUE(scale) << scale.error().message();
  EXPECT_EQ(scale->count, 5u);
  EXPECT_EQ(scale->annotations->at("wasmcloud.dev/managed-by"), "wadm");
  EXPECT_EQ(scale->component_limits->at("max_memory_limit"), "1048576");
  EXPECT_TRUE(scale->allow_update);
  const auto old = parse_json<ScaleComponent>(R"({"component_id":"a","max_instances":3,"annotations":null})");
  ASSERT_TRUE(old) << old.error().message();
  EXPECT_EQ(old->count, 3u);
  EXPECT_FALSE(old->annotations);
  EXPECT_FALSE(old->allow_update);
}

TEST(ControlTypes, TellsOfBesideOnlyWhereItIsMeant) {
  ScaleComponent scale{.component_ref = "x", .component_id = "a"};
  EXPECT_EQ(to_json(scale).find("beside"), std::string::npos);
  EXPECT_FALSE(parse_json<ScaleComponent>(to_json(scale))->beside);
  scale.beside = true;
  EXPECT_TRUE(parse_json<ScaleComponent>(to_json(scale))->beside);
}

TEST(ControlTypes, TellsOfParkingOnlyWhereItIsMeant) {
  ScaleComponent scale{.component_ref = "x", .component_id = "a"};
  EXPECT_EQ(to_json(scale).find("idle"), std::string::npos);
  EXPECT_EQ(parse_json<ScaleComponent>(to_json(scale))->idle_after_ms, std::nullopt);
  scale.idle_after_ms = 0;
  EXPECT_EQ(parse_json<ScaleComponent>(to_json(scale))->idle_after_ms, 0U);
  HostInventory inventory{.components = {{.id = "a"}}, .host_id = "N"};
  EXPECT_EQ(to_json(inventory).find("parked"), std::string::npos);
  inventory.components[0].idle_after_ms = 5000;
  inventory.components[0].parked = true;
  EXPECT_EQ(parse_json<HostInventory>(to_json(inventory)).value(), inventory);
}

TEST(ControlTypes, TellsInterfacesWhereThereAreAny) {
  HostInventory inventory{.components = {{.id = "a"}}, .host_id = "N"};
  EXPECT_EQ(to_json(inventory).find("interfaces"), std::string::npos);
  inventory.components[0].interfaces.exports = {"shop:pricing/prices@1.0.0"};
  EXPECT_EQ(parse_json<HostInventory>(to_json(inventory)).value(), inventory);
}

TEST(ControlTypes, IsStrictAboutTypes) {
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":"a","count":-1})"));
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":"a","count":4294967296})"));
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":"a","count":"5"})"));
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":5,"count":5})"));
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":"a","annotations":{"a":1}})"));
  EXPECT_FALSE(parse_json<ScaleComponent>(R"({"component_id":"a","allow_update":"yes"})"));
  EXPECT_FALSE(parse_json<StringMap>(R"({"a":{"b":"c"}})"));
  EXPECT_FALSE(parse_json<StringMap>(R"("text")"));
}

TEST(ControlTypes, WritesInventoriesAsVersion1) {
  const HostInventory inventory{
      .components = {{.id = "a",
                      .image_ref = "file:///a.wasm",
                      .name = {},
                      .annotations = StringMap{{"k", "v"}},
                      .revision = 2,
                      .max_instances = 10,
                      .limits = {},
                      .digest = {}},
                     {.id = "a", .image_ref = "file:///b.wasm", .digest = "sha256:1"}},
      .providers = {{.id = "kv",
                     .image_ref = "builtin://keyvalue-memory",
                     .name = "KV",
                     .revision = 0,
                     .annotations = {}}},
      .host_id = "NA",
      .friendly_name = "calm-reed",
      .labels = {{"hostcore.os", "linux"}},
      .version = "0.1.0",
      .uptime_human = "1m",
      .uptime_seconds = 60};
  const std::string json =
      R"({"components":[{"id":"a","image_ref":"file:///a.wasm","annotations":{"k":"v"},"revision":2,)"
      R"("max_instances":10},{"id":"a","image_ref":"file:///b.wasm","revision":0,"max_instances":0,)"
      R"("digest":"sha256:1"}],"providers":[{"id":"kv","image_ref":"builtin://keyvalue-memory","name":"KV",)"
      R"("revision":0}],"host_id":"NA","friendly_name":"calm-reed","labels":{"hostcore.os":"linux"},)"
      R"("version":"0.1.0","uptime_human":"1m","uptime_seconds":60})";
  EXPECT_EQ(to_json(inventory), json);
  const auto again = parse_json<HostInventory>(json);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, inventory);
}

TEST(ControlTypes, ReadsWhatOtherRequestsHold) {
  EXPECT_EQ(parse_json<StopProvider>(R"({"host_id":"NA","provider_ref":"kv"})")->provider_id, "kv");
  EXPECT_EQ(parse_json<StopHost>("{}")->timeout_ms, std::nullopt);
  EXPECT_EQ(parse_json<StopHost>(R"({"host_id":"NA","timeout":2500})")->timeout_ms, 2500u);
  EXPECT_EQ(parse_json<LinkKey>(R"({"source_id":"a","wit_namespace":"n","wit_package":"p"})")->name,
            "default");
  EXPECT_EQ(
      parse_json<RegistryCredentials>(R"({"ghcr.io":{"username":"u","password":"p","registryType":"oci"}})")
          ->at("ghcr.io")
          .username,
      "u");
  EXPECT_EQ(parse_json<std::vector<Link>>("[]")->size(), 0u);
  EXPECT_EQ(to_json(StringMap{{"a", "b"}}), R"({"a":"b"})");
}

}  // namespace
}  // namespace wattle::lattice
