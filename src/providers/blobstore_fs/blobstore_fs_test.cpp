#include "providers/blobstore_fs/blobstore_fs.h"

#include <gtest/gtest.h>

#include "providers/blobstore_contract.h"
#include "providers/blobstore_fs/file_tree.h"

namespace wattle::providers {
namespace {

struct FileBackend {
  static constexpr bool kHasServer = false;
  std::unique_ptr<capability::ProviderFactory> factory() { return blobstore_fs_factory(); }
  std::map<std::string, std::string> link_config() { return {{"ROOT", folder.path()}}; }
  nats::TestFolder folder;
};
INSTANTIATE_TYPED_TEST_SUITE_P(Files, BlobstoreContract, FileBackend);

class FileTreeTest : public testing::Test {
 protected:
  FileTreeTest() : tree_(*FileTree::open(folder_.path() + "/tree")) {
    EXPECT_TRUE(tree_->make_container("c"));
  }
  Result<void> write(const std::string& object, std::string_view text = "x") {
    WATTLE_TRY(const auto file, tree_->new_object("c", object));
    WATTLE_CHECK(file->append(text));
    return file->commit(true);
  }
  struct Root {
    nats::TestFolder folder;
    Root() { std::filesystem::create_directory(folder.path() + "/tree"); }
    const std::string& path() const { return folder.path(); }
  };
  Root folder_;
  std::shared_ptr<const FileTree> tree_;
};

TEST_F(FileTreeTest, NamesNeverLeadOut) {
  std::ofstream(folder_.path() + "/outside") << "secret";
  std::filesystem::create_symlink(folder_.path(), folder_.path() + "/tree/c/link");
  std::filesystem::create_symlink("../../outside", folder_.path() + "/tree/c/file_link");
  for (const std::string name :
       {"../../outside", "..", ".", "/", "/etc/passwd", "a/../../../outside", "a//b", "a/", "/a"}) {
    EXPECT_FALSE(tree_->open_object("c", name)) << name;
    ASSERT_TRUE(write(name)) << name;
    EXPECT_TRUE(tree_->open_object("c", name)) << name;
    ASSERT_TRUE(tree_->remove_object("c", name)) << name;
  }
  EXPECT_FALSE(tree_->open_object("c", "link/outside"));
  EXPECT_FALSE(tree_->open_object("c", "file_link"));
  EXPECT_FALSE(write("link/new"));
  EXPECT_FALSE(tree_->has_container("c/link").value_or(false));
  EXPECT_FALSE(tree_->has_container("..").value_or(false));
  ASSERT_TRUE(tree_->make_container(".."));
  EXPECT_TRUE(tree_->clear_container("c"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/outside"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 2);
}

TEST_F(FileTreeTest, OtherProgramsFindTheFiles) {
  ASSERT_TRUE(write("images/cat.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/tree/c/images/cat.png"));
  ASSERT_TRUE(tree_->remove_object("c", "images/cat.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/tree/c/images"));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() + "/tree/c"));
}

TEST_F(FileTreeTest, AnObjectIsNoFolder) {
  ASSERT_TRUE(write("a"));
  auto below = write("a/b");
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().code(), ErrorCode::already_exists);
  ASSERT_TRUE(write("d/e"));
  auto above = write("d");
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().code(), ErrorCode::already_exists);
  EXPECT_FALSE(tree_->open_object("c", "d"));
  EXPECT_TRUE(tree_->remove_object("c", "d"));
  EXPECT_EQ(*tree_->objects("c"), (std::vector<std::string>{"a", "d/e"}));
}

TEST_F(FileTreeTest, NamesGoBackAndForth) {
  for (const std::string& name : std::vector<std::string>{
           "a", "a/b", "100%", "%", "%41", ".", "..", ".wattle-1", "a//b", "/", "a/", std::string("n\0l", 3)})
    EXPECT_EQ(object_of_path(path_of_object(name)), name);
}

TEST(BlobstoreFs, RootMustBeThere) {
  run_test([](async::Worker& worker) {
    TestPlace place(worker);
    auto provider = blobstore_fs_factory()->make(place.context());
    EXPECT_FALSE((*provider)->put_link(link_to_provider({})));
    auto missing = (*provider)->put_link(link_to_provider({{"root", "/nowhere/at/all"}}));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
  });
}

}  // namespace
}  // namespace wattle::providers
