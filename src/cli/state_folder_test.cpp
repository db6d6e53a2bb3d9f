#include "cli/state_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/lattice_connection.h"

namespace wattle::cli {
namespace {

class StateFolderTest : public testing::Test {
 protected:
  StateFolderTest() {
    std::string pattern = testing::TempDir() + "wattle-state-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    setenv("XDG_STATE_HOME", folder_.c_str(), 1);
  }
  ~StateFolderTest() override {
    unsetenv("XDG_STATE_HOME");
    std::filesystem::remove_all(folder_);
  }
  static Result<ManagerFolder> take(std::string_view url = "nats://127.0.0.1:4222") {
    return take_manager_folder("shop", url);
  }
  static void write_manifests(const ManagerFolder& folder, std::chrono::hours age) {
    const std::string path = folder.path + "/" + std::string(kManifestsFile);
    std::ofstream(path) << "x";
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - age);
  }

  std::string folder_;
};

TEST_F(StateFolderTest, IsUnderTheUsersState) {
  EXPECT_EQ(default_state_folder("shop", "--data-dir").value(), folder_ + "/wattle/shop");
  unsetenv("XDG_STATE_HOME");
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  setenv("HOME", "/home/ann", 1);
  EXPECT_EQ(default_state_folder("shop", "--data-dir").value(), "/home/ann/.local/state/wattle/shop");
  unsetenv("HOME");
  const auto none = default_state_folder("shop", "--data-dir");
  EXPECT_EQ(none.error().code(), ErrorCode::not_found);
  EXPECT_NE(none.error().remedy().find("--data-dir"), std::string::npos);
  setenv("HOME", home.c_str(), 1);
}

TEST_F(StateFolderTest, EveryManagerHasAFolderOfItsOwn) {
  const auto one = take().value();
  const auto two = take().value();
  EXPECT_EQ(one.path, folder_ + "/wattle/shop/lone-manager-localhost-4222-0");
  EXPECT_EQ(two.path, folder_ + "/wattle/shop/lone-manager-localhost-4222-1");
  struct stat status{};
  stat(one.path.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  // So that `wattle up` takes it for its state.
  EXPECT_TRUE(make_private_folder(folder_ + "/wattle/shop"));
}

TEST_F(StateFolderTest, AManagerFindsWhatWasKeptLast) {
  {
    const auto one = take().value(), two = take().value(), three = take().value();
    write_manifests(one, std::chrono::hours(3));
    write_manifests(two, std::chrono::hours(1));
  }
  const auto first = take().value(), second = take().value();
  EXPECT_TRUE(first.path.ends_with("-1")) << first.path;
  EXPECT_TRUE(second.path.ends_with("-0")) << second.path;
}

TEST_F(StateFolderTest, LatticesOfOneNameOnTwoBusesAreTwo) {
  const std::string here = take("nats://localhost:4333").value().path;
  EXPECT_EQ(take("nats://127.0.0.1:4333").value().path, here);
  EXPECT_NE(take("nats://127.0.0.1:4222").value().path, here);
  const std::string there = take("tls://ann:secret@bus.example.com:4222").value().path;
  EXPECT_TRUE(there.ends_with("lone-manager-bus.example.com-4222-0")) << there;
}

TEST_F(StateFolderTest, TooManyAreSaidSo) {
  std::vector<ManagerFolder> taken;
  Result<ManagerFolder> next = take();
  for (int i = 0; i < 100 && next; ++i, next = take()) taken.push_back(std::move(*next));
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::already_exists);
  EXPECT_NE(next.error().remedy().find("--data-dir"), std::string::npos);
}

}  // namespace
}  // namespace wattle::cli
