#include "manager/schema.h"

#include <boost/json.hpp>

#include "manager/oam_fields.h"
#include "manager/workload_fields.h"

namespace wattle::manager {
namespace {

namespace json = boost::json;

class SchemaWriter {
 public:
  template <class T>
  void required(const Field& field, T& value) {
    required_.push_back(json::string(field.name));
    optional(filled(field), value);
  }
  template <class T>
  void optional(const Field& field, T&) {
    json::object schema = schema_of<T>(field);
    schema["description"] = field.text;
    if (field.deprecated) schema["deprecated"] = true;
    properties_[field.name] = std::move(schema);
  }
  template <class T>
  void alias(const Field& field, T& value) {
    optional(field, value);
  }
  template <class T>
  void required_or(const Field& field, std::string_view older, T& value) {
    optional(field, value);
    exactly_one(field.name, older);
  }
  void left_out(const Field& field) { properties_[field.name] = {{"description", field.text}}; }
  void exactly_one(std::string_view a, std::string_view b) {
    one_of_ = {{{"required", json::array{json::string(a)}}}, {{"required", json::array{json::string(b)}}}};
  }
  template <class... Cases>
  void tagged(const Field& tag, Text& tag_value, const Field& properties, const Cases&... cases) {
    required(tag, tag_value);
    required_.push_back(json::string(properties.name));
    properties_[properties.name] = {{"description", properties.text}};
    (add_case(tag, properties, cases), ...);
  }

  json::object take() {
    json::object schema{
        {"type", "object"}, {"properties", std::move(properties_)}, {"additionalProperties", false}};
    if (!required_.empty()) schema["required"] = std::move(required_);
    if (!one_of_.empty()) schema["oneOf"] = std::move(one_of_);
    return schema;
  }

  // Of an object with the fields that T lists.
  template <class T>
  static json::object object_of() {
    T value;
    SchemaWriter writer;
    list_fields(writer, value);
    return writer.take();
  }

 private:
  template <class T>
  void add_case(const Field& tag, const Field& properties, const Case<T>& one) {
    json::object inner = object_of<T>();
    inner["description"] = one.text;
    one_of_.push_back(
        json::object{{"properties", {{tag.name, {{"enum", words(one.tags)}}}, {properties.name, inner}}}});
  }

  static json::array words(std::string_view one_of) {
    json::array out;
    for (const std::string_view word : words_of(one_of)) out.push_back(json::string(word));
    return out;
  }

  static json::object text_schema(const Field& field) {
    json::object schema{{"type", "string"}};
    if (!field.one_of.empty()) schema["enum"] = words(field.one_of);
    if (field.form != nullptr) schema["pattern"] = field.form->pattern;
    if (field.filled && field.form == nullptr && field.one_of.empty()) schema["minLength"] = 1;
    return schema;
  }

  template <class T>
  static json::object schema_of(const Field& field) {
    if constexpr (std::is_same_v<T, Text>)
      return text_schema(field);
    else if constexpr (std::is_same_v<T, Quantity>)
      return {{"type", json::array{"string", "number"}}, {"pattern", field.form->pattern}, {"minimum", 0}};
    else if constexpr (std::is_same_v<T, Number>)
      return {{"type", "integer"}, {"minimum", field.least}, {"maximum", field.most}};
    else if constexpr (std::is_same_v<T, Flag>)
      return {{"type", "boolean"}};
    else if constexpr (std::is_same_v<T, TextMap>)
      return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    else if constexpr (requires(T value) { value.has_value(); })
      return schema_of<typename T::value_type>(field);
    else if constexpr (requires(T value) { value.push_back({}); })
      return {
          {"type", "array"}, {"minItems", field.least}, {"items", schema_of<typename T::value_type>(field)}};
    else if constexpr (requires(T value) { value.text_alone(); })
      return {{"anyOf",
               json::array{object_of<T>(), {{"type", "string"}, {"minLength", 1}, {"deprecated", true}}}}};
    else
      return object_of<T>();
  }

  json::object properties_;
  json::array required_;
  json::array one_of_;
};

}  // namespace

std::string manifest_schema() {
  const json::object schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "Manifest of a wattle application"},
      {"oneOf",
       json::array{SchemaWriter::object_of<oam::Manifest>(), SchemaWriter::object_of<workload::Deployment>(),
                   SchemaWriter::object_of<workload::ReplicaSet>(),
                   SchemaWriter::object_of<workload::Workload>()}},
  };
  return json::serialize(schema);
}

}  // namespace wattle::manager
