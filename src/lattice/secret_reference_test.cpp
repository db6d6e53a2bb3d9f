#include "lattice/secret_reference.h"

#include <gtest/gtest.h>

#include "lattice/links.h"

namespace wattle::lattice {
namespace {

const StringMap kValues{{"name", "password"}, {"type", "secret.wasmcloud.dev/v1alpha1"},
                        {"backend", "nats"},  {"key", "db/main"},
                        {"version", "3"},     {"policy", R"({"type":"x"})"}};

TEST(SecretReference, ReadsWhatItWrites) {
  const auto reference = parse_secret_reference("SECRET_db", kValues);
  ASSERT_TRUE(reference) << reference.error().message();
  EXPECT_EQ(reference->name, "password");
  EXPECT_EQ(reference->key, "db/main");
  EXPECT_EQ(reference->version, "3");
  EXPECT_EQ(to_map(*reference), kValues);
}

TEST(SecretReference, TheConfigsNameStandsForAMissingOne) {
  StringMap values = kValues;
  values.erase("name");
  values.erase("policy");
  const auto reference = parse_secret_reference("SECRET_db", values);
  ASSERT_TRUE(reference);
  EXPECT_EQ(reference->name, "db");
  EXPECT_EQ(reference->policy, "{}");
}

TEST(SecretReference, RefusesWhatLeadsNowhere) {
  for (const char* missing : {"type", "backend", "key"}) {
    StringMap values = kValues;
    values.erase(missing);
    const auto refused = parse_secret_reference("SECRET_db", values);
    ASSERT_FALSE(refused) << missing;
    EXPECT_EQ(refused.error().code(), ErrorCode::malformed);
    EXPECT_NE(refused.error().message().find(missing), std::string::npos) << refused.error().message();
  }
}

TEST(SecretReference, IsNobodysConfiguration) {
  EXPECT_TRUE(names_secret(secret_config("db")));
  EXPECT_FALSE(names_secret("SECRETARY"));
  const ConfigTable configs{{"plain", {{"url", "u"}}}, {"SECRET_db", kValues}};
  EXPECT_EQ(merge_configs(configs, {"plain", "SECRET_db"}), (StringMap{{"url", "u"}}));
}

}  // namespace
}  // namespace wattle::lattice
