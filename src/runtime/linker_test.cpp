// What the linker says of imports whose types were declared.
#include <gmock/gmock.h>

#include "component/encoder.h"
#include "runtime/guest_test_support.h"

namespace wattle::runtime {
namespace {

constexpr std::string_view kInterface = "test:demo/host";

// func(level: enum { level-0, ..., `last` }): with so many cases its text is longer than what is shown.
wit::FunctionType function_of_many_cases(const std::string& last) {
  constexpr int kCases = 3000;
  std::vector<std::string> names;
  for (int index = 0; index < kCases; ++index) names.push_back("level-l" + std::to_string(index));
  names.push_back(last);
  wit::FunctionType type;
  type.parameters.push_back({"level", wit::enumeration_of(std::move(names))});
  return type;
}

Result<std::shared_ptr<const LinkedComponent>> link(const wit::FunctionType& imported,
                                                    const wit::FunctionType& declared) {
  component::InstanceTypeEncoder host;
  host.function("set", imported);
  component::Encoder encoder;
  encoder.import_instance(kInterface, host);
  WATTLE_TRY(auto component, Component::load(encoder.finish(), {}));
  Linker linker;
  linker.function(kInterface, "set", [](Host&, uint32_t) {});
  linker.declare(kInterface, "set", std::make_shared<const wit::FunctionType>(declared), nullptr);
  return linker.link(component);
}

TEST(Linker, TakesTheTypeThatWasDeclared) {
  auto linked = link(function_of_many_cases("last"), function_of_many_cases("last"));
  EXPECT_TRUE(linked) << testing::text_of(linked.error());
}

TEST(Linker, RefusesATypeThatDiffersWhereItsTextIsNotShownAnyMore) {
  auto linked = link(function_of_many_cases("last"), function_of_many_cases("other"));
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code(), ErrorCode::unlinkable);
  EXPECT_THAT(testing::text_of(linked.error()), ::testing::HasSubstr("another type than the host's"));
}

}  // namespace
}  // namespace wattle::runtime
