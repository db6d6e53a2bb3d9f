#include "script.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace wattle::conformance {
namespace {

std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> texts_of(const boost::json::object& object, std::string_view key) {
  std::vector<std::string> texts;
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return texts;
  for (const auto& item : value->get_array())
    if (item.is_string()) texts.emplace_back(item.get_string());
  return texts;
}

Command read_command(const boost::json::object& object) {
  Command command;
  command.type = text_of(object, "type");
  if (const auto* line = object.if_contains("line"); line != nullptr && line->is_int64())
    command.line = line->get_int64();
  command.text = text_of(object, "text");
  command.filename = text_of(object, "filename");
  command.kind = text_of(object, "kind");
  command.is_text = text_of(object, "module_type") == "text";
  command.name = text_of(object, "name");
  command.definition = text_of(object, "definition");
  command.features = texts_of(object, "features");
  command.json = object;
  return command;
}

}  // namespace

Result<std::vector<uint8_t>> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(ErrorCode::not_found, "cannot open {}", path.string());
  std::ostringstream content;
  content << file.rdbuf();
  const std::string bytes = std::move(content).str();
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

Result<Script> read_script(const std::filesystem::path& path, const std::filesystem::path& root) {
  WATTLE_TRY(const auto bytes, read_file(path));
  boost::system::error_code error;
  const auto json = boost::json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, error);
  if (error) return failure(ErrorCode::malformed, "{}: {}", path.string(), error.message());
  Script script;
  script.path = path;
  script.name = path.lexically_relative(root).replace_extension().string();
  if (!json.is_object()) return script;
  const auto& object = json.get_object();
  script.feature_class = text_of(object, "class");
  script.features = texts_of(object, "features");
  for (const std::string& flag : texts_of(object, "run_flags"))
    if (flag.starts_with('-')) script.switched_off.push_back(flag.substr(1));
  const auto* commands = object.if_contains("commands");
  if (commands == nullptr || !commands->is_array())
    return failure(ErrorCode::malformed, "{}: no list of commands", path.string());
  for (const auto& command : commands->get_array())
    if (command.is_object()) script.commands.push_back(read_command(command.get_object()));
  return script;
}

Result<std::vector<Script>> find_scripts(const std::filesystem::path& root) {
  std::error_code error;
  std::vector<Script> scripts;
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::is_regular_file(root, error)) {
    paths.push_back(root);
  } else {
    std::filesystem::recursive_directory_iterator entries(root, error);
    if (error) return failure(ErrorCode::not_found, "cannot read {}: {}", root.string(), error.message());
    for (const auto& entry : entries)
      if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    WATTLE_TRY(auto script, read_script(path, path == root ? path.parent_path() : root));
    if (!script.feature_class.empty()) scripts.push_back(std::move(script));
  }
  return scripts;
}

}  // namespace wattle::conformance
