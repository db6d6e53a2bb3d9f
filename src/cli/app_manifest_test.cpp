#include "cli/app_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "manager/read.h"

namespace wattle::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AppManifest : public testing::Test {
 protected:
  AppManifest() {
    char name[] = "/tmp/wattle_manifest_test_XXXXXX";
    folder_ = ::mkdtemp(name);
    std::ofstream(folder_ + "/api.wasm") << "";
    std::ofstream(folder_ + "/a #b.wasm") << "";
  }
  ~AppManifest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  // A manifest whose one image is written so.
  static std::string manifest(std::string_view image) {
    return fmt::format(
        "# \xc3\xa4\napiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n"
        "  components:\n    - {{name: api, type: component, properties: {{image: {}}}}}  # ./api.wasm\n",
        image);
  }
  Result<std::string> put(std::string_view image) {
    WATTLE_TRY(auto put, with_images(manifest(image), {}, folder_, url_of));
    return std::move(put.text);
  }
  static Result<std::string> url_of(const manager::Part&, const std::string& path) {
    return "file://" + path;
  }
  // The manifests of one file, which lie in its folder.
  std::vector<ManifestText> read(std::string_view text) {
    const std::string path = folder_ + "/shop.yaml";
    std::ofstream(path) << text;
    auto manifests = manifests_to_put({path}, manager::default_images(), url_of, Output({}));
    EXPECT_TRUE(manifests) << manifests.error().full_message();
    return manifests ? *manifests : std::vector<ManifestText>();
  }

  std::string folder_;
};

TEST_F(AppManifest, DocumentsAreTakenApart) {
  EXPECT_THAT(split_documents("a: 1\n---\nb: 2\n--- c\n"), ElementsAre("a: 1\n", "---\nb: 2\n", "--- c\n"));
  EXPECT_THAT(split_documents("# shop\n%YAML 1.2\n---\na: 1\n"),
              ElementsAre("# shop\n%YAML 1.2\n---\na: 1\n"));
  EXPECT_THAT(split_documents("a: |\n  ---\n  b\n---x: 1"), ElementsAre("a: |\n  ---\n  b\n---x: 1"));
  EXPECT_THAT(split_documents("---"), ElementsAre("---"));
  EXPECT_THAT(split_documents("a: 1\n...\nb: 2\n...\n# c\n---\nc: 3\n..."),
              ElementsAre("a: 1\n...\n", "b: 2\n...\n", "# c\n---\nc: 3\n..."));
  EXPECT_THAT(split_documents(""), IsEmpty());
}

TEST_F(AppManifest, FilesBecomeWhatIsMadeOfThem) {
  const std::string url = "file://" + folder_ + "/api.wasm";
  for (const char* image : {"./api.wasm", "\"./api.wasm\"", "&a './api.wasm'", "../"}) {
    const bool is_above = std::string_view(image) == "../";
    const std::string written =
        is_above ? "../" + std::filesystem::path(folder_).filename().string() + "/api.wasm" : image;
    const auto changed = put(written);
    ASSERT_TRUE(changed) << changed.error().full_message();
    manager::Problems problems;
    EXPECT_EQ(manager::read_manifests(*changed, {}, problems).at(0).parts.at(0).image, url) << *changed;
    EXPECT_THAT(*changed, HasSubstr("# ./api.wasm\n"));
  }
}

TEST_F(AppManifest, AFileIsNamedByItsDigest) {
  std::ofstream(folder_ + "/api.wasm") << "bytes";
  const auto changed = with_images(manifest("./api.wasm"), {}, folder_, digest_of_file);
  ASSERT_TRUE(changed) << changed.error().full_message();
  EXPECT_THAT(changed->text,
              HasSubstr("image: wattle://sha256:277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b"
                        "06f1b206a9}"));
}

TEST_F(AppManifest, OtherImagesStay) {
  for (const char* image : {"ghcr.io/x/api:1", "file:///x.wasm", "builtin://http-server"})
    EXPECT_EQ(put(image).value(), manifest(image));
}

TEST_F(AppManifest, RefusesFilesThatAreNotThere) {
  const auto missing = put("./gone.wasm");
  EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  EXPECT_THAT(missing.error().message(), HasSubstr(folder_ + "/gone.wasm"));
}

TEST_F(AppManifest, RefusesImagesThatDoNotStandInTheirLine) {
  EXPECT_EQ(put(R"("./\x61pi.wasm")").error().code(), ErrorCode::unsupported);
  // As a URL without quotes, it would end at the "#".
  EXPECT_TRUE(put("\"./a #b.wasm\""));
}

TEST_F(AppManifest, PlacesInWhatIsPutAreThoseOfTheFile) {
  const auto at = [](uint32_t line, uint32_t column) { return manager::Place{"spec", line, column}; };
  std::ofstream(folder_ + "/\xc3\xa4.wasm") << "";
  const std::string two = fmt::format(
      "# first\n---\n{}---\n{}", manifest("ghcr.io/x/api:1"),
      "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: blog}\nspec: {components: [\n"
      "{name: \xc3\xa4, type: component, properties: {image: ./\xc3\xa4.wasm}}, "
      "{name: b, type: component, properties: {image: ./api.wasm, id: x}}]}\n");
  const auto manifests = read(two);
  ASSERT_EQ(manifests.size(), 2U);
  EXPECT_EQ(manifests[0].in_file(at(3, 7)), at(3, 7));
  EXPECT_EQ(manifests[0].in_file({"spec", 0, 0}), (manager::Place{"spec", 0, 0}));
  // Columns count characters, not bytes.
  const ManifestText& blog = manifests[1];
  const auto put_characters = static_cast<uint32_t>(std::string_view("file:///").size() + folder_.size() - 1 +
                                                    std::string_view("/a.wasm").size());
  EXPECT_EQ(blog.in_file(at(6, 1)), at(15, 1));
  EXPECT_EQ(blog.in_file(at(6, 48)), at(15, 48));
  EXPECT_EQ(blog.in_file(at(6, 49)), at(15, 48));
  EXPECT_EQ(blog.in_file(at(6, 48 + put_characters)), at(15, 48 + 8));
  manager::Problems problems;
  const auto applications = manager::read_manifests(two, manager::default_images(), problems);
  const auto put = manager::read_manifests(blog.text, manager::default_images(), problems);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(blog.in_file(put.at(0).parts.at(i).id_place), applications.at(1).parts.at(i).id_place) << i;
    EXPECT_EQ(blog.in_file(put.at(0).parts.at(i).image_place), applications.at(1).parts.at(i).image_place)
        << i;
  }
}

TEST_F(AppManifest, RefusalsAreByLinesOfTheFile) {
  const ManifestText shop{.name = "shop", .text = {}, .file = "all.yaml", .lines_before = 10, .images = {}};
  manager::Problems problems;
  const Error refusal(ErrorCode::already_exists, "there is one");
  EXPECT_EQ(refusal_in_file(shop, problems, refusal).message(), "there is one");
  problems.warning({"spec", 1, 2}, "old");
  EXPECT_EQ(refusal_in_file(shop, problems, refusal).message(), "there is one");
  problems.error({"spec", 2, 3}, "taken", "take another");
  problems.leave_out(2);
  const Error told = refusal_in_file(shop, problems, refusal);
  EXPECT_EQ(told.code(), ErrorCode::invalid);
  EXPECT_EQ(told.message(),
            "all.yaml is refused\n  all.yaml:12:3: error: spec: taken; take another\n  and 2 more");
}

TEST_F(AppManifest, LinesOfRefusedImagesAreThoseOfTheFile) {
  const std::string path = folder_ + "/shop.yaml";
  std::ofstream(path) << manifest("a:1") << "---\n" << manifest("\"./\\x61pi.wasm\"");
  const auto refused = manifests_to_put({path}, manager::default_images(), url_of, Output({}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().full_message(), HasSubstr("does not stand in line 15 as it is"));
}

TEST_F(AppManifest, ManifestsAreCheckedByTheManagersTable) {
  const std::string path = folder_ + "/forecast.yaml";
  std::ofstream(path)
      << "apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: {name: forecast}\n"
         "spec:\n  components: [{name: api, image: ./api.wasm}]\n"
         "  hostInterfaces: [{namespace: example, package: weather, interfaces: [forecast]}]\n";
  manager::ImageTable table = manager::default_images();
  const auto refused = manifests_to_put({path}, table, digest_of_file, Output({}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::invalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("no provider serves example:weather/forecast"));
  table.interfaces["example:weather"] = "builtin://weather";
  const auto manifests = manifests_to_put({path}, table, digest_of_file, Output({}));
  ASSERT_TRUE(manifests) << manifests.error().full_message();
  EXPECT_EQ(manifests->at(0).name, "forecast");
  EXPECT_THAT(manifests->at(0).text, HasSubstr("image: wattle://sha256:"));
}

TEST_F(AppManifest, FilesAndNames) {
  for (const char* file : {"-", "shop.yaml", "./shop", "a/b", ""})
    EXPECT_TRUE(is_manifest_file(file)) << file;
  for (const char* name : {"shop", "shop-2_b"}) EXPECT_FALSE(is_manifest_file(name)) << name;
}

}  // namespace
}  // namespace wattle::cli
