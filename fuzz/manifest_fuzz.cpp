// What anybody may put as a manifest, or as a table of images. What passes every check can be put into a
// lattice as it is: each of its links is one that hosts take.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "manager/check.h"
#include "manager/read.h"
#include "manager/yaml_document.h"

namespace {

using namespace wattle::manager;

void check_places(const Problems& problems) {
  for (const Problem& problem : problems.list())
    for (const char c : to_string(problem, "fuzz"))
      if (static_cast<unsigned char>(c) < 0x20) std::abort();
  if (problems.any_errors()) (void)refusal(problems, "fuzz");
}

void read_table(std::string_view text) {
  Problems problems;
  const ImageTable table = read_images(text, problems);
  check_places(problems);
  if (problems.any_errors()) return;
  Problems again;
  const ImageTable same = read_images(to_yaml(table), again);
  if (again.any_errors() || same.images != table.images || same.interfaces != table.interfaces) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ImageTable images = default_images();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Problems problems;
  auto applications = read_manifests(text, images, problems);
  const auto together = pointers_to(applications);
  for (Application& application : applications) take_shared_ids(application, together);
  for (const Application& application : applications) check(application, together, {}, problems);
  check_places(problems);
  if (problems.any_errors()) return read_table(text), 0;
  for (const Application& application : applications)
    for (const Link& link : application.links)
      if (!wattle::lattice::check(lattice_link(application, link))) std::abort();
  return 0;
}
