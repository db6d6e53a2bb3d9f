// One conformance script: a JSON file with commands, and the binaries beside it.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace wattle::conformance {

struct Command {
  std::string type;  // "component", "assert_invalid", ...
  int64_t line = 0;
  std::string text;      // start of the expected message; assert_* only
  std::string filename;  // beside the script; may be empty
  std::string kind;      // "component" or "module"; assert_* only
  bool is_text = false;  // a case for text parsers: there is no binary
  std::string name;      // of a definition or an instance
  std::string definition;
  std::vector<std::string> features;  // later features that the command itself needs
  boost::json::value json;            // all of it, for action and expected
};

struct Script {
  std::filesystem::path path;
  std::string name;           // path below the suite's folder, without .json
  std::string feature_class;  // "p2", "mixed" or "post-p2"
  std::vector<std::string> features;
  std::vector<std::string> switched_off;  // features that the suite runs without, such as "simd"
  std::vector<Command> commands;
};

// Reads one script. Refuses files that are no JSON or not in the format; nullopt-like: a JSON file without
// commands (statistics) gives an empty class.
Result<Script> read_script(const std::filesystem::path& path, const std::filesystem::path& root);

// All scripts below a folder, by name.
Result<std::vector<Script>> find_scripts(const std::filesystem::path& root);

Result<std::vector<uint8_t>> read_file(const std::filesystem::path& path);

}  // namespace wattle::conformance
