#include "host/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>

#include "nats/test_server.h"

namespace wattle::host {
namespace {

using namespace std::chrono_literals;

// Runs a shell's script and tells how it ended.
std::string ending_of(const std::string& script, const ChildOptions& more = {}) {
  std::string ending;
  nats::run_test([&](async::Worker& worker) {
    ChildOptions options = more;
    options.program = "/bin/sh";
    options.arguments = {"-c", script};
    auto child = ChildProcess::start(worker, options);
    ASSERT_TRUE(child) << child.error().full_message();
    const auto ended = (*child)->wait();
    ASSERT_TRUE(ended);
    ending = *ended;
  });
  return ending;
}

TEST(ChildProcess, TellsHowItEnded) {
  EXPECT_EQ(ending_of("exit 0"), "ended with code 0");
  EXPECT_EQ(ending_of("exit 7"), "ended with code 7");
  EXPECT_EQ(ending_of("kill -9 $$"), "was killed by signal 9");
}

TEST(ChildProcess, GetsItsInputAndNothingOfOurEnvironment) {
  ::setenv("WATTLE_TEST_MARKER", "there", 1);
  nats::TestFolder folder;
  const std::string file = folder.path() + "/out";
  const std::string long_line(200'000, 'x');
  EXPECT_EQ(ending_of("cat > " + file + "; echo \"$WATTLE_TEST_MARKER$ONE\" >> " + file,
                      {.program = {},
                       .arguments = {},
                       .environment = {"PATH=/bin:/usr/bin", "ONE=1"},
                       .input = long_line}),
            "ended with code 0");
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_EQ(text.str(), long_line + "1\n");
}

TEST(ChildProcess, EndsWithItsObject) {
  nats::run_test([&](async::Worker& worker) {
    auto child = ChildProcess::start(worker, {.program = "/bin/sleep", .arguments = {"1000"}});
    ASSERT_TRUE(child);
    const pid_t pid = (*child)->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
    child->reset();
    EXPECT_NE(::kill(pid, 0), 0);
  });
}

TEST(ChildProcess, CanBeSignalledAndWaitedForWithADeadline) {
  nats::run_test([&](async::Worker& worker) {
    auto child = ChildProcess::start(worker, {.program = "/bin/sleep", .arguments = {"1000"}});
    ASSERT_TRUE(child);
    {
      const async::DeadlineScope soon(Clock::now() + 20ms);
      EXPECT_FALSE((*child)->wait());
    }
    (*child)->signal(SIGTERM);
    EXPECT_EQ(*(*child)->wait(), "was killed by signal 15");
  });
}

TEST(ChildProcess, SaysWhyItCannotStart) {
  nats::run_test([&](async::Worker& worker) {
    EXPECT_EQ(ChildProcess::start(worker, {.program = "/no/such/program"}).error().code(),
              ErrorCode::not_found);
    EXPECT_EQ(ChildProcess::start(worker, {.program = "/etc"}).error().code(), ErrorCode::permission_denied);
  });
}

}  // namespace
}  // namespace wattle::host
