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

}  // namespace
}  // namespace wattle::manager
