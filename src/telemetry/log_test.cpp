#include "telemetry/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace wattle::telemetry {
namespace {

// What a log with these options writes.
class LogFile {
 public:
  LogFile() : path_("/tmp/wattle_log_test_" + std::to_string(::getpid())) { ::unlink(path_.c_str()); }
  ~LogFile() { ::unlink(path_.c_str()); }
  Log open(LogFormat format, LogLevel level = LogLevel::info) {
    auto log = Log::open({level, format, path_});
    EXPECT_TRUE(log);
    return *log;
  }
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path_).rdbuf();
    return all.str();
  }

 private:
  std::string path_;
};

TEST(Log, WritesOneJsonObjectALine) {
  LogFile file;
  file.open(LogFormat::json).warn("say \"hi\"\n", {{"path", "/a\\b"}});
  const std::string text = file.text();
  EXPECT_TRUE(text.starts_with("{\"time\":\"2")) << text;
  EXPECT_TRUE(
      text.ends_with(",\"level\":\"warning\",\"message\":\"say \\\"hi\\\"\\n\",\"path\":\"/a\\\\b\"}\n"))
      << text;
}

TEST(Log, TextCannotForgeASecondLine) {
  LogFile file;
  file.open(LogFormat::text).info("one\nerror two", {{"name", "\x1b[31m"}});
  EXPECT_TRUE(file.text().ends_with(" info one\\x0aerror two name=\\x1b[31m\n")) << file.text();
}

TEST(Log, LeavesOutWhatIsBelowItsLevel) {
  LogFile file;
  Log log = file.open(LogFormat::text, LogLevel::error);
  log.warn("quiet");
  EXPECT_FALSE(log.enabled(LogLevel::warn));
  EXPECT_EQ(file.text(), "");
}

TEST(Log, TellsCausesAndRemedyOfAnError) {
  LogFile file;
  file.open(LogFormat::text)
      .error(Error(ErrorCode::io, "cannot serve", Error(ErrorCode::io, "no disk")).with_remedy("buy one"));
  EXPECT_TRUE(file.text().ends_with(" error cannot serve: no disk (buy one)\n")) << file.text();
}

TEST(Log, BadUtf8BecomesReplacementCharacters) {
  std::string out;
  append_json_string(out,
                     "a\xff\xed\xa0\x80"
                     "\xc3\xa9");
  EXPECT_EQ(out, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\"");
}

TEST(Log, RefusesAnUnknownLevelWithTheKnownOnes) {
  EXPECT_EQ(parse_log_level("warn").value(), LogLevel::warn);
  EXPECT_NE(parse_log_level("loud").error().remedy().find("debug"), std::string::npos);
}

TEST(Log, RefusesAFileThatCannotBeWritten) {
  EXPECT_EQ(Log::open({LogLevel::info, LogFormat::text, "/dev/null/log"}).error().code(), ErrorCode::io);
}

}  // namespace
}  // namespace wattle::telemetry
