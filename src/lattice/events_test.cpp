#include "lattice/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

const ComponentScale kScale{.annotations = {{"k", "v"}},
                            .host_id = "NA",
                            .image_ref = "file:///a.wasm",
                            .max_instances = 7,
                            .component_id = "a"};
const ProviderEvent kProvider{
    .annotations = {}, .host_id = "NA", .image_ref = "builtin://x", .provider_id = "kv"};

TEST(Events, AreCloudEvents) {
  const std::string json = to_json(config_set("redis"), "NA");
  EXPECT_THAT(json, HasSubstr(R"("specversion":"1.0")"));
  EXPECT_THAT(json, HasSubstr(R"("type":"com.wasmcloud.lattice.config_set")"));
  EXPECT_THAT(json, HasSubstr(R"("source":"NA")"));
  EXPECT_THAT(json, HasSubstr(R"("datacontenttype":"application/json")"));
  EXPECT_THAT(json, HasSubstr(R"("data":{"config_name":"redis"})"));
  const auto event = parse_event(json);
  ASSERT_TRUE(event) << event.error().message();
  EXPECT_EQ(event->name, "config_set");
  EXPECT_EQ(event->data, R"({"config_name":"redis"})");
  EXPECT_THAT(event->time, MatchesRegex("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
}

TEST(Events, IdsBeginWithTheTime) {
  const std::string first = event_id();
  const std::string second = event_id();
  EXPECT_THAT(first, MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"));
  EXPECT_NE(first, second);
  EXPECT_LE(first.substr(0, 13), second.substr(0, 13));
}

TEST(Events, TimesAreThoseOfRfc3339) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_time(1'732'171'425'000'042), "2024-11-21T06:43:45.000042Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Events, HoldTheFieldsOfVersion1) {
  EXPECT_EQ(host_started({{"a", "b"}}, "calm-reed", "0.1.0").data,
            R"({"labels":{"a":"b"},"friendly_name":"calm-reed","uptime_seconds":0,"version":"0.1.0"})");
  EXPECT_EQ(host_stopped({{"a", "b"}}).data, R"({"labels":{"a":"b"}})");
  EXPECT_EQ(host_heartbeat({}).name, "host_heartbeat");
  EXPECT_EQ(component_scaled(kScale).data,
            R"({"annotations":{"k":"v"},"host_id":"NA","image_ref":"file:///a.wasm","max_instances":7,)"
            R"("component_id":"a"})");
  EXPECT_THAT(component_scale_failed(kScale, "no such file").data, HasSubstr(R"("error":"no such file")"));
  EXPECT_EQ(provider_started(kProvider).data,
            R"({"host_id":"NA","image_ref":"builtin://x","provider_id":"kv","annotations":{},)"
            R"("instance_id":"kv","public_key":"kv","link_name":"default"})");
  EXPECT_EQ(provider_start_failed(kProvider, "port taken").data,
            R"({"provider_ref":"builtin://x","provider_id":"kv","host_id":"NA","error":"port taken",)"
            R"("link_name":"default"})");
  EXPECT_EQ(provider_stopped(kProvider, "stopped").data,
            R"({"host_id":"NA","provider_id":"kv","annotations":{},"reason":"stopped","instance_id":"kv",)"
            R"("public_key":"kv","link_name":"default"})");
  EXPECT_EQ(health_check(HealthEvent::failed, "NA", "kv").name, "health_check_failed");
  EXPECT_EQ(health_check(HealthEvent::status, "NA", "kv").data, R"({"host_id":"NA","provider_id":"kv"})");
  EXPECT_EQ(labels_changed("NA", {}).data, R"({"host_id":"NA","labels":{}})");
}

TEST(Events, OfLinksTellTheLink) {
  const Link link{.source_id = "a",
                  .target = "b",
                  .name = "default",
                  .wit_namespace = "n",
                  .wit_package = "p",
                  .interfaces = {"i"},
                  .source_config = {},
                  .target_config = {"c"}};
  EXPECT_EQ(linkdef_set(link).data,
            R"({"source_id":"a","target":"b","name":"default","wit_namespace":"n","wit_package":"p",)"
            R"("interfaces":["i"],"source_config":[],"target_config":["c"]})");
  EXPECT_THAT(linkdef_set_failed(link, "bad").data, HasSubstr(R"("error":"bad")"));
  const LinkKey key{.source_id = "a", .name = "default", .wit_namespace = "n", .wit_package = "p"};
  EXPECT_EQ(linkdef_deleted(key, nullptr).data,
            R"({"source_id":"a","name":"default","wit_namespace":"n","wit_package":"p"})");
  EXPECT_EQ(linkdef_deleted(key, &link).data,
            R"({"source_id":"a","name":"default","wit_namespace":"n","wit_package":"p","target":"b",)"
            R"("interfaces":["i"]})");
}

TEST(Events, RefusesWhatIsNone) {
  EXPECT_EQ(parse_event("{}").error().code(), ErrorCode::malformed);
  EXPECT_EQ(parse_event(R"({"specversion":"2.0","type":"com.wasmcloud.lattice.x","source":"N","id":"1"})")
                .error()
                .code(),
            ErrorCode::unsupported);
  EXPECT_EQ(
      parse_event(R"({"specversion":"1.0","type":"com.example.x","source":"N","id":"1"})").error().code(),
      ErrorCode::unsupported);
}

TEST(Events, SayWhatFailed) {
  const auto scale =
      parse_failure(component_scale_failed({.host_id = "N1", .component_id = "shop"}, "no room"));
  ASSERT_TRUE(scale);
  EXPECT_EQ(scale->id, "shop");
  EXPECT_EQ(scale->error, "no room");
  const auto provider =
      parse_failure(provider_start_failed({.host_id = "N1", .provider_id = "kv"}, "no file"));
  ASSERT_TRUE(provider);
  EXPECT_EQ(provider->id, "kv");
  EXPECT_FALSE(parse_failure({.name = "provider_start_failed", .data = "{}"}));
  EXPECT_FALSE(parse_failure({.name = "provider_start_failed", .data = "["}));
}

TEST(Events, SayHowManyRun) {
  const auto scale = parse_scale(
      component_scaled({.host_id = "N1", .image_ref = "shop:1", .max_instances = 5, .component_id = "shop"}));
  ASSERT_TRUE(scale);
  EXPECT_EQ(scale->host_id, "N1");
  EXPECT_EQ(scale->component_id, "shop");
  EXPECT_EQ(scale->image_ref, "shop:1");
  EXPECT_EQ(scale->max_instances, 5u);
  for (const char* data : {"{}", "[", R"({"host_id":"N1","component_id":"shop","image_ref":"shop:1"})"})
    EXPECT_FALSE(parse_scale({.name = "component_scaled", .data = data}));
}

}  // namespace
}  // namespace wattle::lattice
