#include "manager/schema.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace wattle::manager {
namespace {

namespace json = boost::json;

const json::value& at(const json::value& schema, std::string_view pointer) {
  return schema.at_pointer(pointer);
}

TEST(Schema, SaysWhatTheReaderReads) {
  const json::value schema = json::parse(manifest_schema());
  EXPECT_EQ(schema.at("oneOf").as_array().size(), 4u);
  const json::value& component = at(schema, "/oneOf/0/properties/spec/properties/components/items");
  EXPECT_EQ(component.at("additionalProperties"), json::value(false));
  EXPECT_EQ(json::serialize(component.at("required")), R"(["name","type","properties"])");
  EXPECT_EQ(json::serialize(at(component, "/properties/properties/oneOf")),
            R"([{"required":["image"]},{"required":["application"]}])");
  const json::value& traits = at(component, "/properties/traits/items");
  EXPECT_EQ(traits.at("oneOf").as_array().size(), 2u);
  const json::value& weight =
      at(traits, "/oneOf/1/properties/properties/properties/spread/items/properties/weight");
  EXPECT_EQ(weight.at("type"), "integer");
  EXPECT_FALSE(weight.at("description").as_string().empty());
  const json::value& memory =
      at(component, "/properties/properties/properties/resources/properties/requests");
  EXPECT_EQ(json::serialize(at(memory, "/properties/memory/type")), R"(["string","number"])");
  EXPECT_EQ(at(schema, "/oneOf/1/properties/kind/enum/0"), "WorkloadDeployment");
  EXPECT_EQ(at(component, "/properties/name/minLength"), 1);
  EXPECT_EQ(at(traits, "/oneOf/1/properties/properties/properties/instances/maximum"), 1'000'000);
}

// Every field explains itself to who writes it.
void check_descriptions(const json::value& value, bool is_field) {
  if (const auto* array = value.if_array())
    for (const json::value& item : *array) check_descriptions(item, false);
  const auto* object = value.if_object();
  if (object == nullptr) return;
  if (is_field && object->contains("type")) {
    EXPECT_TRUE(object->contains("description")) << json::serialize(value).substr(0, 200);
  }
  for (const auto& [key, inner] : *object) {
    if (key == "properties" && inner.is_object() && object->contains("additionalProperties"))
      for (const auto& field : inner.get_object()) check_descriptions(field.value(), true);
    else
      check_descriptions(inner, false);
  }
}

TEST(Schema, ExplainsEveryField) {
  check_descriptions(json::parse(manifest_schema()), false);
}

}  // namespace
}  // namespace wattle::manager
