#include "manager/siblings.h"

#include "manager/note.h"
#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A Workload of components a, b and c.
Application workload(std::string_view interfaces = "[]") {
  return read(fmt::format("apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: {{name: "
                          "w}}\nspec:\n  components: [{{name: a, image: i}}, {{name: b, image: i}}, {{name: "
                          "c, image: i}}]\n  hostInterfaces: {}\n",
                          interfaces),
              {.images = {}, .interfaces = {{"x:y", "builtin://y"}}})
      .only();
}

KnownInterfaces known(const std::string& image, std::vector<std::string> a_imports,
                      std::vector<std::string> b_exports, std::vector<std::string> c_exports = {}) {
  KnownInterfaces all;
  merge(all["w-a"][image], {std::move(a_imports), {}});
  merge(all["w-b"][image], {{}, std::move(b_exports)});
  merge(all["w-c"][image], {{}, std::move(c_exports)});
  return all;
}

std::vector<std::string> links(const Application& application, const KnownInterfaces& known) {
  std::vector<std::string> told;
  for (const SiblingLink& one : sibling_links({&application}, known))
    told.push_back(lattice::describe(one.link) + (one.remark.empty() ? "" : ": " + one.remark));
  return told;
}

TEST(SiblingLinks, LeadToWhoExportsWhatIsImported) {
  EXPECT_THAT(links(workload(), known("i", {"x:y/two@1.0.0", "x:y/one@1.0.0", "x:z/one", "x:n/none"},
                                      {"x:y/one@1.3.0", "x:y/two@1.3.0"}, {"x:z/one"})),
              ElementsAre("w-a --default--> w-b (x:y/one,two)", "w-a --default--> w-c (x:z/one)"));
}

TEST(SiblingLinks, LeadToNoOtherVersion) {
  EXPECT_THAT(links(workload(), known("i", {"x:y/one@1.0.0", "x:z/one"}, {"x:y/one@2.0.0", "x:z/one@1.0.0"})),
              IsEmpty());
}

TEST(SiblingLinks, LeadNowhereThatTheManifestLinks) {
  const auto interfaces = "[{namespace: x, package: y, interfaces: [one]}]";
  EXPECT_THAT(links(workload(interfaces), known("i", {"x:y/one", "x:y/two"}, {"x:y/one", "x:y/two"})),
              ElementsAre("w-a --default--> w-b (x:y/two)"));
}

TEST(SiblingLinks, LeadToTheFirstOfSeveral) {
  EXPECT_THAT(
      links(workload(), known("i", {"x:y/one"}, {"x:y/one"}, {"x:y/one"})),
      ElementsAre("w-a --default--> w-b (x:y/one): c exports one too; b is the first in the manifest"));
}

TEST(SiblingLinks, AreOfAllRevisions) {
  KnownInterfaces both = known("i", {"x:y/one"}, {"x:y/one"});
  both["w-a"]["j"] = {.imports = {"x:y/two"}, .exports = {}};
  both["w-b"]["j"] = {.imports = {}, .exports = {"x:y/two"}};
  EXPECT_THAT(links(workload(), both), ElementsAre("w-a --default--> w-b (x:y/one,two)"));
}

TEST(SiblingLinks, AreOfWorkloadsAlone) {
  Application apart = workload();
  apart.together = false;
  EXPECT_THAT(links(apart, known("i", {"x:y/one"}, {"x:y/one"})), IsEmpty());
}

TEST(Note, KeepsInterfaces) {
  Note note;
  note.interfaces = known("i", {"x:y/two", "x:y/one"}, {"x:y/one"});
  const auto read = parse_note(to_json(note));
  ASSERT_TRUE(read) << read.error().full_message();
  EXPECT_EQ(*read, note);
  EXPECT_FALSE(parse_note(R"({"format":1,"interfaces":["x"]})"));
}

}  // namespace
}  // namespace wattle::manager
