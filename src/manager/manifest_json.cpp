#include "manager/manifest_json.h"

#include <algorithm>

#include "manager/oam_fields.h"
#include "manager/workload_fields.h"
#include "manager/yaml_document.h"

namespace wattle::manager {
namespace {

namespace json = boost::json;

json::value number(const std::string& text) {
  boost::system::error_code problem;
  json::value value = json::parse(text, problem);
  if (problem || !value.is_number()) return json::string(text);
  return value;
}

// No deeper than kYamlDepthMax.
json::value json_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlKind::nothing:
      return nullptr;
    case YamlKind::boolean:
      return node.text.starts_with('t') || node.text.starts_with('T');
    case YamlKind::number:
      return number(node.text);
    case YamlKind::text:
      return json::string(node.text);
    case YamlKind::list: {
      json::array list;
      for (const YamlNode& item : node.items) list.push_back(json_of(item));
      return list;
    }
    case YamlKind::map: {
      json::object map;
      for (const YamlField& field : node.fields) map[field.key] = json_of(field.value);
      return map;
    }
  }
  return nullptr;
}

bool declares_application(const YamlNode& document) {
  return std::any_of(document.fields.begin(), document.fields.end(), [](const YamlField& field) {
    return field.key == "apiVersion" &&
           (field.value.text == oam::kApiVersion || field.value.text == workload::kApiVersion);
  });
}

json::object& object_at(json::object& parent, std::string_view key) {
  json::value& value = parent[key];
  if (!value.is_object()) value = json::object();
  return value.get_object();
}

}  // namespace

Result<json::object> manifest_json(std::string_view text, std::string_view version) {
  Problems problems;
  const auto documents = read_yaml(text, problems);
  if (problems.any_errors()) return failure(refusal(problems, "the manifest"));
  const auto found = std::find_if(documents.begin(), documents.end(), declares_application);
  if (found == documents.end()) return failure(ErrorCode::invalid, "the manifest declares no application");
  json::object manifest = json_of(*found).as_object();
  object_at(object_at(manifest, "metadata"), "annotations")["version"] = version;
  return manifest;
}

}  // namespace wattle::manager
