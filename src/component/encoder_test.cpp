#include "component/encoder.h"

#include <gtest/gtest.h>

#include "component/core_module.h"
#include "component/reader.h"

namespace wattle::component {
namespace {

using wit::Kind;

wit::FunctionType function_of(const wit::TypeRef& parameter, const wit::TypeRef& result) {
  wit::FunctionType type;
  type.parameters = {{"p", parameter}};
  type.result = result;
  return type;
}

TEST(ByteWriter, NumbersReadBack) {
  for (const int64_t value : {0L, 1L, -1L, 63L, 64L, -64L, -65L, 1L << 31, -(1L << 31)}) {
    ByteWriter out;
    out.signed_leb(value);
    EXPECT_EQ(Reader(out.bytes()).s64(), value);
  }
  for (const uint32_t value : {0u, 127u, 128u, 0xffffffffu}) {
    ByteWriter out;
    out.u32(value);
    EXPECT_EQ(Reader(out.bytes()).u32(), value);
  }
}

TEST(Encoder, ImportedTypesComeBack) {
  const auto record = wit::record_of({{"a", wit::primitive(Kind::u8)}, {"b", wit::primitive(Kind::string)}});
  const auto type = function_of(wit::list_of(record), wit::result_of(nullptr, record));
  InstanceTypeEncoder host;
  host.function("f", type);
  Encoder encoder;
  encoder.import_instance("test:demo/host", host);
  const auto component = decode(encoder.finish());
  ASSERT_TRUE(component) << component.error().full_message();
  const auto& import = (*component)->type.imports.at(0);
  EXPECT_EQ(import.name, "test:demo/host");
  const auto& exports = import.type->instance->exports;
  ASSERT_EQ(exports.size(), 2u);
  EXPECT_TRUE(wit::equal(exports[0].type->type.value_type, record));
  EXPECT_TRUE(wit::equal(*exports[1].type->function, type));
}

TEST(Encoder, ResourcesComeBack) {
  InstanceTypeEncoder host;
  host.resource("blob", 5);
  host.function("open", function_of(wit::borrow_of(5), wit::own_of(5)));
  Encoder encoder;
  encoder.import_instance("test:demo/host", host);
  const auto component = decode(encoder.finish());
  ASSERT_TRUE(component) << component.error().full_message();
  const auto& exports = (*component)->type.imports.at(0).type->instance->exports;
  const auto resource = exports.at(0).type->type.resource;
  ASSERT_TRUE(resource);
  EXPECT_EQ(exports.at(1).type->function->result->resource, *resource);
}

TEST(Encoder, NestedComponentsAreInstantiated) {
  Encoder inner;
  InstanceTypeEncoder host;
  host.function("f", function_of(wit::primitive(Kind::u32), nullptr));
  const uint32_t given = inner.import_instance("host", host);
  inner.export_item("again", Sort::instance, given);
  Encoder outer;
  const uint32_t import = outer.import_instance("host", host);
  const uint32_t component = outer.component(inner.finish());
  const Instantiate::Argument argument{"host", Sort::instance, import};
  const uint32_t instance = outer.instantiate(component, {&argument, 1});
  outer.export_item("result", Sort::instance, outer.alias_export(instance, "again", Sort::instance));
  const auto decoded = decode(outer.finish());
  ASSERT_TRUE(decoded) << decoded.error().full_message();
  EXPECT_EQ((*decoded)->type.exports.at(0).type->instance->exports.at(0).name, "f");
}

TEST(Encoder, ImportedTypesAreExportedUnderNamesAndFunctionsUseThem) {
  const auto function = [](wit::ResourceId id) {
    const auto record = wit::record_of({{"item", wit::own_of(id)}});
    return std::pair(record, wit::FunctionType{{{"p", record}}, record});
  };
  Encoder encoder;
  const uint32_t thing = encoder.import_resource("thing", 0);
  const auto [inside, imported] = function(0);
  encoder.bind(inside, encoder.import_type("record", encoder.define(inside)));
  const uint32_t given = encoder.import_function("f", imported);
  encoder.bind(wit::ResourceId{1}, encoder.export_item("thing-out", Sort::type, thing));
  const auto [outside, exported] = function(1);
  encoder.bind(outside, encoder.export_item("record-out", Sort::type, encoder.define(outside)));
  encoder.export_function("f-out", given, exported);
  const auto decoded = decode(encoder.finish());
  ASSERT_TRUE(decoded) << decoded.error().full_message();
  EXPECT_EQ((*decoded)->type.exports.size(), 3u);
}

}  // namespace
}  // namespace wattle::component
