#include "engine/code_cache.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace wattle::engine {
namespace {

namespace fs = std::filesystem;

class CodeCacheTest : public ::testing::Test {
 protected:
  CodeCacheTest() {
    char name[] = "/tmp/wattle-cache-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~CodeCacheTest() override { fs::remove_all(directory_); }
  fs::path entry(const std::string& key) const { return directory_ + "/" + key + ".code"; }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(directory_), {})); }

  std::string directory_;
  const std::vector<uint8_t> code_ = std::vector<uint8_t>(10'000, 7);
};

TEST_F(CodeCacheTest, GivesBackWhatWasStored) {
  CodeCache cache(directory_ + "/deeper");
  ASSERT_TRUE(cache.store("k", {.resettable = true}, code_));
  auto loaded = cache.load("k");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->facts.resettable);
  EXPECT_EQ(loaded->code, code_);
  EXPECT_FALSE(cache.load("other"));
}

TEST_F(CodeCacheTest, IgnoresDamage) {
  CodeCache cache(directory_);
  ASSERT_TRUE(cache.store("k", {}, code_));
  const auto bytes = fs::file_size(entry("k"));
  for (uint64_t at : {uint64_t{0}, uint64_t{20}, uint64_t{46}, bytes / 2, bytes - 1}) {
    ASSERT_TRUE(cache.store("k", {}, code_));
    std::fstream file(entry("k"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('\xee');
    file.close();
    EXPECT_FALSE(cache.load("k")) << at;
  }
  for (uint64_t left : {uint64_t{0}, uint64_t{10}, uint64_t{47}, bytes - 1}) {
    ASSERT_TRUE(cache.store("k", {}, code_));
    fs::resize_file(entry("k"), left);
    EXPECT_FALSE(cache.load("k")) << left;
  }
}

TEST_F(CodeCacheTest, IgnoresAnEntryUnderAnotherName) {
  CodeCache cache(directory_);
  ASSERT_TRUE(cache.store("k", {}, code_));
  fs::rename(entry("k"), entry("stranger"));
  EXPECT_FALSE(cache.load("stranger"));
}

TEST_F(CodeCacheTest, KeepsWithinItsBoundTheMostRecentlyUsed) {
  CodeCache cache(directory_, 35'000);
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(cache.store(key, {}, code_));
    fs::last_write_time(entry(key),
                        fs::file_time_type::clock::now() - std::chrono::hours(key[0] == 'b' ? 2 : 1));
  }
  ASSERT_TRUE(cache.store("d", {}, code_));
  EXPECT_FALSE(cache.load("b"));
  EXPECT_TRUE(cache.load("a") && cache.load("c") && cache.load("d"));
}

TEST_F(CodeCacheTest, FailsWithAReasonWhereItCannotWrite) {
  std::ofstream(directory_ + "/file") << "x";
  CodeCache cache(directory_ + "/file/cache");
  auto stored = cache.store("k", {}, code_);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), ErrorCode::io);
  EXPECT_FALSE(cache.load("k"));
}

TEST_F(CodeCacheTest, ManyWritersLeaveOneWholeEntry) {
  CodeCache cache(directory_);
  std::vector<std::thread> writers;
  for (int index = 0; index < 4; ++index) {
    writers.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        EXPECT_TRUE(cache.store("k", {}, code_));
        EXPECT_TRUE(cache.load("k"));
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(files(), 1u);
}

TEST_F(CodeCacheTest, KeysTellModulesAndBuildsApart) {
  const std::vector<uint8_t> other = {1};
  EXPECT_NE(CodeCache::key_of(code_, "v1"), CodeCache::key_of(code_, "v2"));
  EXPECT_NE(CodeCache::key_of(code_, "v1"), CodeCache::key_of(other, "v1"));
  EXPECT_EQ(CodeCache::key_of(code_, "v1"), CodeCache::key_of(code_, "v1"));
}

}  // namespace
}  // namespace wattle::engine
