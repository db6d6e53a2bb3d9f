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
    return with_images(manifest(image), {}, folder_, [](const manager::Part&, const std::string& path) {
      return Result<std::string>("file://" + path);
    });
  }

  std::string folder_;
};

TEST_F(AppManifest, DocumentsAreTakenApart) {
  EXPECT_THAT(split_documents("a: 1\n---\nb: 2\n--- c\n"), ElementsAre("a: 1\n", "---\nb: 2\n", "--- c\n"));
  EXPECT_THAT(split_documents("# shop\n%YAML 1.2\n---\na: 1\n"),
              ElementsAre("# shop\n%YAML 1.2\n---\na: 1\n"));
  EXPECT_THAT(split_documents("a: |\n  ---\n  b\n---x: 1"), ElementsAre("a: |\n  ---\n  b\n---x: 1"));
  EXPECT_THAT(split_documents("---"), ElementsAre("---"));
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
  EXPECT_THAT(*changed,
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
