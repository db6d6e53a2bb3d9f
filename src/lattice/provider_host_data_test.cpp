#include "lattice/provider_host_data.h"

#include <gtest/gtest.h>

namespace wattle::lattice {
namespace {

// As a wasmCloud v1 host writes it.
constexpr std::string_view kJson =
    R"({"host_id":"NA","lattice_rpc_prefix":"default","link_name":"default","lattice_rpc_user_jwt":"",)"
    R"("lattice_rpc_user_seed":"","lattice_rpc_url":"nats://127.0.0.1:4222","provider_key":"kv",)"
    R"("env_values":[],"instance_id":"0191","link_definitions":[{"source_id":"api","target":"kv",)"
    R"("name":"default","wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],)"
    R"("source_config":{},"target_config":{"URL":"redis://127.0.0.1"},"target_secrets":[1,255]}],)"
    R"("cluster_issuers":[],"config":{"a":"b"},"secrets":{"p":{"kind":"String","value":"s"},)"
    R"("q":{"kind":"Bytes","value":[0,255]}},"host_xkey_public_key":"XA","provider_xkey_private_key":"SX",)"
    R"("default_rpc_timeout_ms":2000,"structured_logging":true,"log_level":null,)"
    R"("otel_config":{"enable_observability":false}})";

TEST(ProviderHostData, IsReadAsAVersion1HostWritesIt) {
  const auto data = parse_host_data(kJson);
  ASSERT_TRUE(data) << data.error().message();
  EXPECT_EQ(data->provider_key, "kv");
  ASSERT_EQ(data->link_definitions.size(), 1u);
  EXPECT_EQ(data->link_definitions[0].target_config.at("URL"), "redis://127.0.0.1");
  EXPECT_EQ(data->link_definitions[0].target_secrets, (std::vector<uint8_t>{1, 255}));
  EXPECT_EQ(std::get<std::string>(data->secrets.at("p")), "s");
  EXPECT_EQ(std::get<std::vector<uint8_t>>(data->secrets.at("q")), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(data->default_rpc_timeout_ms, 2000u);
}

TEST(ProviderHostData, SurvivesTheLineOfStandardInput) {
  const HostData data = *parse_host_data(kJson);
  const std::string line = to_line(data);
  EXPECT_TRUE(line.ends_with("\r\n"));
  EXPECT_EQ(line.find_first_of("\r\n"), line.size() - 2);
  const auto again = parse_line(line);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->link_definitions, data.link_definitions);
  EXPECT_EQ(again->secrets, data.secrets);
  EXPECT_EQ(again->config, data.config);
  EXPECT_NE(to_json(data).find("\"env_values\":[]"), std::string::npos);
}

TEST(ProviderHostData, ReadsALineThatWasNotOurs) {
  // echo -n '{"host_id":"N","lattice_rpc_prefix":"d","lattice_rpc_url":"u","provider_key":"k"}' | base64 -w0
  const auto data = parse_line(
      "eyJob3N0X2lkIjoiTiIsImxhdHRpY2VfcnBjX3ByZWZpeCI6ImQiLCJsYXR0aWNlX3JwY191cmwiOiJ1IiwicHJvdmlkZXJfa2V5Ij"
      "oiayJ9"
      "\r\n");
  ASSERT_TRUE(data) << data.error().message();
  EXPECT_EQ(data->provider_key, "k");
}

TEST(ProviderHostData, RefusesWithoutQuotingSecrets) {
  const auto data = parse_host_data(
      R"({"host_id":"N","lattice_rpc_prefix":"d","lattice_rpc_url":"u","provider_key":"k","secrets":{"a":"marker"}})");
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().full_message().find("marker"), std::string::npos);
  EXPECT_FALSE(parse_secrets(R"({"a":{"kind":"Bytes","value":[256]}})"));
  EXPECT_FALSE(parse_line("%%%"));
  EXPECT_FALSE(parse_line(""));
}

TEST(ProviderHostData, ReadsHealth) {
  EXPECT_TRUE(parse_provider_health(R"({"healthy":true})")->healthy);
  EXPECT_EQ(to_json(ProviderHealth{.healthy = false, .message = "no Redis"}),
            R"({"healthy":false,"message":"no Redis"})");
}

}  // namespace
}  // namespace wattle::lattice
