// From a file's text to applications: the one way in for the command line, the manager's API and tests.
//
//   Problems problems;
//   const auto applications = read_manifests(text, default_images(), problems);
//   check(applications, {}, problems);
//   if (problems.any_errors()) return failure(refusal(problems, "shop.yaml"));
#pragma once

#include <string_view>
#include <vector>

#include "manager/images.h"
#include "manager/manifest.h"
#include "manager/problem.h"

namespace wattle::manager {

// Every manifest of a file, images resolved. Objects of Kubernetes beside them are left out, with a warning.
std::vector<Application> read_manifests(std::string_view text, const ImageTable& images, Problems& problems);

}  // namespace wattle::manager
