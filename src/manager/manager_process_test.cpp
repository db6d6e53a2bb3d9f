#include "manager/manager_process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "lattice/nats_bus.h"
#include "nats/test_server.h"

namespace wattle::manager {
namespace {

// A manager in a process of its own, which begins when it may read from `start`.
pid_t fork_manager(const std::string& url, int start) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  char begin = 0;
  if (::read(start, &begin, 1) != 1) ::_exit(1);
  const telemetry::Log log(
      {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = {}});
  ManagerSetup setup;
  setup.client.urls = {url};
  setup.log = &log;
  ::_exit(run_manager(setup) ? 0 : 1);
}

TEST(ManagerProcess, EndsAtTheFirstSignalWhileItWaitsForTheBus) {
  nats::TestServer server({.jetstream = false});
  int start[2];
  ASSERT_EQ(::pipe(start), 0);
  const pid_t child = fork_manager(server.url(), start[0]);
  int status = -1;
  nats::run_test([&](async::Worker& worker) {
    lattice::NatsBusOptions options;
    options.client.urls = {server.url()};
    const auto bus = lattice::NatsBus::connect(worker, options).value();
    bool has_begun = false;
    const auto reports =
        bus->subscribe("wattle.default.manifests.*", {}, [&](const lattice::Message&) { has_begun = true; });
    ASSERT_TRUE(reports && bus->flush());
    ASSERT_EQ(::write(start[1], "s", 1), 1);
    EXPECT_TRUE(nats::eventually([&] { return has_begun; }));
    ::kill(child, SIGTERM);
    EXPECT_TRUE(nats::eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  });
  for (const int end : start) ::close(end);
  if (status == -1) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace wattle::manager
