#include "host/linked_interfaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wattle::host {
namespace {

using testing::ElementsAre;

component::NamedExtern named(std::string name, component::Sort sort = component::Sort::instance) {
  auto type = std::make_shared<component::ExternType>();
  type->sort = sort;
  return {std::move(name), std::move(type)};
}

TEST(LinkedInterfaces, AreThoseThatComponentsServe) {
  component::ComponentType type;
  type.imports = {named("shop:pricing/prices@1.0.0"), named("wasi:keyvalue/store@0.2.0-draft"),
                  named("wasmcloud:bus/lattice@2.0.0"), named("log", component::Sort::function),
                  named("helper")};
  type.exports = {named("wasi:http/incoming-handler@0.2.6"), named("shop:api/orders")};
  const auto interfaces = linked_interfaces(type);
  EXPECT_THAT(interfaces.imports, ElementsAre("shop:pricing/prices@1.0.0"));
  EXPECT_THAT(interfaces.exports, ElementsAre("shop:api/orders"));
}

}  // namespace
}  // namespace wattle::host
