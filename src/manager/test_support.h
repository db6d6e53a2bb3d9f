// Manifests as tests write them: read, checked, and what was found as text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "manager/check.h"
#include "manager/read.h"

namespace wattle::manager {

struct Read {
  std::vector<Application> applications;
  Problems problems;

  // Every problem in a line of its own: "3:7: error: ...".
  std::string told() {
    problems.sort();
    std::string out;
    for (const Problem& problem : problems.list()) out += to_string(problem, "m") + "\n";
    return out;
  }
  const Application& only() const { return applications.at(0); }
};

inline Read read(std::string_view text, const ImageTable& images = default_images()) {
  Read read;
  read.applications = read_manifests(text, images, read.problems);
  return read;
}

// The first application of `text`, checked beside those of `others`.
inline Read checked(std::string_view text, std::string_view others = {}, const CheckOptions& options = {}) {
  Read result = read(text);
  if (result.applications.empty()) return result;
  std::vector<Application> beside;
  if (!others.empty()) beside = read(others).applications;
  take_shared_ids(result.applications[0], pointers_to(beside));
  const std::vector<Application> as_declared = beside;
  for (Application& other : beside) take_shared_ids(other, pointers_to(as_declared));
  check(result.applications[0], pointers_to(beside), options, result.problems);
  return result;
}

inline std::string file_text(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// An application with these components, indented by two.
inline std::string application(std::string_view name, std::string_view components,
                               std::string_view annotations = "{}") {
  return fmt::format(
      "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: {}, annotations: {}}}\nspec:\n "
      " components:\n{}",
      name, annotations, components);
}

}  // namespace wattle::manager
