#include "manager/desired.h"

#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<const Application> version(std::string_view name, std::string_view id,
                                           std::string_view image) {
  return std::make_shared<const Application>(
      read(application(name, fmt::format("    - name: api\n      type: component\n      properties: {{id: "
                                         "{}, image: \"{}\", config: [{{name: c, properties: {{k: v}}}}]}}\n"
                                         "      traits: [{{type: spreadscaler, properties: {{instances: "
                                         "1}}}}]\n",
                                         id, image)))
          .only());
}

TEST(DesiredTable, OnlyWhatIsAnotherIsTold) {
  DesiredTable table;
  EXPECT_THAT(table.set({"shop", version("shop", "one", "a:1"), nullptr}).parts, ElementsAre("one"));
  EXPECT_THAT(table.set({"shop", version("shop", "one", "a:1"), nullptr}).parts, IsEmpty());
  const Belongings moved = table.set({"shop", version("shop", "two", "a:1"), nullptr});
  EXPECT_THAT(moved.parts, ElementsAre("one", "two"));
  EXPECT_THAT(moved.configs, IsEmpty());
  EXPECT_THAT(table.of("shop").parts, ElementsAre("two"));
  EXPECT_THAT(table.of_part("two"), ElementsAre("shop"));
  EXPECT_THAT(table.of_config("shop-c"), ElementsAre("shop"));
}

TEST(DesiredTable, TheFormerRevisionStaysBeside) {
  DesiredTable table;
  table.set({"shop", version("shop", "one", "a:2"), version("shop", "one", "a:1")});
  const WantedPart& part = table.desired().parts.at("one");
  EXPECT_EQ(part.revision.reference, "a:2");
  ASSERT_TRUE(part.former);
  EXPECT_EQ(part.former->reference, "a:1");
}

TEST(DesiredTable, WhoGoesLeavesWhatWasTakenToTheOther) {
  DesiredTable table;
  table.set({"blog", version("blog", "one", "a:1"), nullptr});
  table.set({"shop", version("shop", "one", "b:1"), nullptr});
  EXPECT_TRUE(table.desired().conflicts.contains({"shop", "one"}));
  EXPECT_THAT(table.set({"blog", nullptr, nullptr}).parts, ElementsAre("one"));
  EXPECT_EQ(table.desired().parts.at("one").revision.reference, "b:1");
  EXPECT_THAT(table.desired().conflicts, IsEmpty());
}

TEST(DesiredTable, ABackendIsToldThePropertiesOfItsPolicy) {
  const auto reference_of = [](std::string_view more) {
    const std::string manifest = application("shop", R"(    - name: api
      type: component
      properties: {image: i, secrets: [{name: key, properties: {policy: vault, key: k}}]}
      traits: [{type: spreadscaler, properties: {instances: 1}}]
)") + fmt::format("  policies: [{{name: vault, type: policy.secret.wasmcloud.dev/v1alpha1, properties: "
                  "{{backend: vault{}}}}}]\n",
                  more);
    const auto shop = std::make_shared<const Application>(read(manifest).only());
    return desired_of({{"shop", shop, nullptr}}).configs.at("SECRET_shop-key").values;
  };
  EXPECT_EQ(reference_of("").at("policy"), "{}");
  EXPECT_EQ(reference_of("").at("backend"), "vault");
  EXPECT_EQ(reference_of(", role: shop").at("policy"),
            R"({"type":"properties.secret.wasmcloud.dev/v1alpha1","properties":{"role":"shop"}})");
}

TEST(DesiredTable, LimitsArePartOfWhatRuns) {
  const auto revision_of = [](std::string_view limits) {
    const auto shop =
        std::make_shared<const Application>(read(application("shop", fmt::format(R"(    - name: api
      type: component
      properties: {{image: i, resources: {{limits: {{{}}}}}}}
      traits: [{{type: spreadscaler, properties: {{instances: 1}}}}]
)",
                                                                                 limits)))
                                                .only());
    return desired_of({{"shop", shop, nullptr}}).parts.at("shop-api").revision;
  };
  const WantedRevision limited = revision_of("memory: 64Mi, time: 2s");
  EXPECT_EQ(limited.limits, (StringMap{{"max_memory_limit", "67108864"}, {"max_execution_time", "2000"}}));
  EXPECT_NE(limited.scaler, revision_of("memory: 64Mi, time: 3s").scaler);
  EXPECT_THAT(revision_of("").limits, IsEmpty());
}

}  // namespace
}  // namespace wattle::manager
