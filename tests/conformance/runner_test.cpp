#include "runner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace wattle::conformance {
namespace {

// A folder with one script of one command about one binary.
class RunnerTest : public testing::Test {
 protected:
  RunnerTest()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("wattle-runner-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~RunnerTest() override { std::filesystem::remove_all(folder_); }

  Tally run(std::string_view feature_class, std::string_view command, std::string_view binary) {
    std::ofstream(folder_ / "a.0.wasm", std::ios::binary) << binary;
    std::ofstream(folder_ / "a.json")
        << R"({"class":")" << feature_class
        << R"(","features":[],"run_flags":[],"commands":[{"line":1,"filename":"a.0.wasm",)"
           R"("module_type":"binary","kind":"component",)"
        << command << "}]}";
    const auto scripts = find_scripts(folder_);
    EXPECT_TRUE(scripts);
    Runner runner([](std::span<const uint8_t>) { return Result<void>(); }, nullptr,
                  [](const Script&, const Command&, const std::string&) {});
    return runner.run(scripts->at(0));
  }

  std::filesystem::path folder_;
};

constexpr std::string_view kEmpty("\0asm\x0d\0\1\0", 8);
// (type (stream u8)), and then a list of it
constexpr std::string_view kLater("\0asm\x0d\0\1\0\7\6\2\x66\1\x7d\x70\0", 16);

TEST_F(RunnerTest, ValidComponentsPass) {
  EXPECT_EQ(run("p2", R"("type":"component")", kEmpty).passed, 1);
}

TEST_F(RunnerTest, RefusalsNeedTheRightRule) {
  constexpr std::string_view kTruncated("\0asm\x0d\0\1\0\7", 9);
  EXPECT_EQ(run("p2", R"("type":"assert_malformed","text":"unexpected end-of-file")", kTruncated).passed, 1);
  EXPECT_EQ(run("p2", R"("type":"assert_malformed","text":"section out of order")", kTruncated).failed, 1);
  EXPECT_EQ(run("p2", R"("type":"assert_malformed","text":"")", kEmpty).failed, 1);
}

TEST_F(RunnerTest, LaterFeaturesAreSkippedOutsideP2) {
  EXPECT_EQ(run("mixed", R"("type":"component")", kLater).skipped_count(), 1);
  EXPECT_EQ(run("p2", R"("type":"component")", kLater).failed, 1);
}

TEST_F(RunnerTest, ExecutionIsSkippedWithoutExecutor) {
  const Tally tally = run("p2", R"("type":"assert_return","action":{},"expected":[])", kEmpty);
  EXPECT_EQ(tally.skipped.at("execution"), 1);
}

}  // namespace
}  // namespace wattle::conformance
