#include "cli/function_name.h"

#include <gtest/gtest.h>

namespace wattle::cli {
namespace {

void expect(std::string_view text, std::string_view interface, std::string_view function) {
  auto name = parse_function_name(text);
  ASSERT_TRUE(name) << text;
  EXPECT_EQ(name->interface, interface);
  EXPECT_EQ(name->function, function);
}

TEST(FunctionName, SplitsBehindTheVersion) {
  expect("wattle:demo/calc@1.0.0.add", "wattle:demo/calc@1.0.0", "add");
  expect("wattle:demo/calc.add", "wattle:demo/calc", "add");
  expect("wattle:demo/calc@1.0.0#add", "wattle:demo/calc@1.0.0", "add");
}

TEST(FunctionName, KeepsMethodsWhole) {
  expect("a:b/c@1.0.0.[method]counter.get", "a:b/c@1.0.0", "[method]counter.get");
  expect("a:b/c.[constructor]counter", "a:b/c", "[constructor]counter");
}

TEST(FunctionName, TakesAComponentsOwnFunction) {
  expect("run-add", "", "run-add");
}

TEST(FunctionName, RefusesAnInterfaceWithoutFunction) {
  for (const char* text : {"", "a:b/c", "a:b/c@1.0.0", "a:b/c.", ".add#", "#add"})
    EXPECT_FALSE(parse_function_name(text)) << text;
}

}  // namespace
}  // namespace wattle::cli
