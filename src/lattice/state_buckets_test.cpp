#include "lattice/state_buckets.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

TEST(StateBuckets, NamesAreThoseOfVersion1) {
  EXPECT_EQ(lattice_data_bucket("default"), "LATTICEDATA_default");
  EXPECT_EQ(config_data_bucket("default"), "CONFIGDATA_default");
  EXPECT_EQ(component_key("shop-api"), "COMPONENT_shop-api");
  EXPECT_EQ(observed_hosts_key("default"), "host_default");
}

TEST(StateBuckets, ComponentRecordsHoldImageAndLinks) {
  const std::string json =
      R"({"url":"file:///a.wasm","links":[{"source_id":"a","target":"b","name":"default","wit_namespace":"n",)"
      R"("wit_package":"p","interfaces":["i"],"source_config":[],"target_config":[]}]})";
  const auto record = parse_component_record(json);
  ASSERT_TRUE(record) << record.error().message();
  EXPECT_EQ(record->links[0].target, "b");
  EXPECT_EQ(to_json(*record), json);
}

TEST(StateBuckets, ObservedStateIsThatOfWadm) {
  ObservedState state;
  state.add({.components = {{.id = "a",
                             .image_ref = "file:///a.wasm",
                             .name = {},
                             .annotations = StringMap{{"k", "v"}},
                             .revision = 1,
                             .max_instances = 4,
                             .limits = {}}},
             .providers =
                 {{.id = "kv", .image_ref = "builtin://m", .name = "KV", .revision = 0, .annotations = {}}},
             .host_id = "NA",
             .friendly_name = "calm-reed",
             .labels = {{"l", "m"}},
             .version = "0.1.0",
             .uptime_human = "1s",
             .uptime_seconds = 1},
            "2026-01-01T00:00:00Z");
  const std::string hosts =
      R"({"NA":{"id":"NA","friendly_name":"calm-reed","components":{"a":4},"labels":{"l":"m"},)"
      R"("providers":[{"provider_id":"kv","provider_ref":"builtin://m","annotations":{}}],"uptime_seconds":1,)"
      R"("version":"0.1.0","last_seen":"2026-01-01T00:00:00Z"}})";
  EXPECT_EQ(to_json(state.hosts), hosts);
  EXPECT_EQ(to_json(state.components),
            R"({"a":{"id":"a","name":"a","issuer":"","reference":"file:///a.wasm",)"
            R"("instances":{"NA":[{"annotations":{"k":"v"},"count":4}]}}})");
  EXPECT_EQ(
      to_json(state.providers),
      R"({"kv":{"id":"kv","name":"KV","issuer":"","reference":"builtin://m","hosts":{"NA":"Running"}}})");
  EXPECT_EQ(to_json(*parse_observed_hosts(hosts)), hosts);
  EXPECT_FALSE(parse_observed_hosts(R"({"NA":[]})"));
}

}  // namespace
}  // namespace wattle::lattice
