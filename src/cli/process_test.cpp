#include "cli/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace wattle::cli {
namespace {

// A process that waits for a signal.
class Sleeper {
 public:
  Sleeper() : pid_(fork()) {
    if (pid_ != 0) return;
    for (;;) pause();
  }
  ~Sleeper() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  void reap() {
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

TEST(Process, IsFoundEndedAndGone) {
  Sleeper sleeper;
  const ProcessMark mark = mark_of("sleeper", sleeper.pid());
  EXPECT_TRUE(lives(mark));
  EXPECT_FALSE(wait_for_end(mark, Clock::now()));
  EXPECT_TRUE(send_signal(mark, SIGKILL));
  EXPECT_TRUE(wait_for_end(mark, Clock::now() + std::chrono::seconds(20)));
  EXPECT_FALSE(lives(mark)) << "a zombie does not live";
  sleeper.reap();
  EXPECT_FALSE(lives(mark));
  EXPECT_FALSE(send_signal(mark, SIGKILL));
}

TEST(Process, AnotherOneWithTheSameIdIsLeftAlone) {
  Sleeper sleeper;
  ProcessMark other = mark_of("sleeper", sleeper.pid());
  const ProcessMark mark = other;
  --other.started;
  EXPECT_FALSE(lives(other));
  EXPECT_FALSE(send_signal(other, SIGKILL));
  EXPECT_TRUE(wait_for_end(other, Clock::now()));
  EXPECT_TRUE(lives(mark));
}

TEST(Process, NobodyIsNoProcess) {
  EXPECT_FALSE(lives({}));
  EXPECT_FALSE(send_signal({.role = "", .pid = 0, .started = 1}, SIGKILL));
  EXPECT_FALSE(send_signal({.role = "", .pid = -1, .started = 1}, SIGKILL));
}

}  // namespace
}  // namespace wattle::cli
