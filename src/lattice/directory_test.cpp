// Leases on a bus: in memory, and on NATS with processes that are stopped, killed servers and a busy machine.
#include "lattice/directory.h"

#include <atomic>
#include <thread>

#include "lattice/bus_test_support.h"

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;
using nats::eventually;
using nats::run_test;

HostLease describe(const std::string& id) {
  HostLease lease;
  lease.host_id = id;
  lease.friendly_name = "quiet-meadow";
  lease.components = {{{.id = "shop", .digest = "sha256:1", .capacity = 5}}};
  lease.providers.emplace();
  return lease;
}

// Counts what a directory tells.
struct Tally {
  explicit Tally(Directory& directory) {
    directory.set_listener([this](const LeaseChange& change) { ++count[static_cast<size_t>(change.kind)]; });
  }
  int of(LeaseChange::Kind kind) const { return count[static_cast<size_t>(kind)]; }
  std::array<int, 4> count{};
};

NatsBusOptions options_for(const nats::TestServer& server) {
  NatsBusOptions options;
  options.client.urls = {server.url()};
  options.client.reconnect_wait_min = 5ms;
  options.client.reconnect_wait_max = 50ms;
  return options;
}

TEST(Directory, KnowsWhoLives) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    MemoryBus other(worker, broker);
    auto directory = Directory::start(bus, "default").value();
    const Tally tally(*directory);
    EXPECT_TRUE(directory->snapshot()->hosts().empty());
    EXPECT_FALSE(directory->settled());
    HostLease first = describe("a");
    auto one = LeasePublisher::start(other, "default", [&] { return first; }, 20ms);
    auto two = LeasePublisher::start(other, "default", [] { return describe("b"); }, 20ms);
    auto elsewhere = LeasePublisher::start(other, "elsewhere", [] { return describe("c"); }, 20ms);
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->hosts().size() == 2; }));
    EXPECT_EQ(directory->snapshot()->places("shop").size(), 2U);
    EXPECT_GT(directory->snapshot()->find("a")->incarnation, 0U);

    (*first.components)[0].in_flight = 3;
    ASSERT_TRUE(
        eventually([&] { return directory->snapshot()->places("shop")[0].component->in_flight == 3; }));
    first.draining = true;
    one->announce();
    ASSERT_TRUE(directory->changed().wait());
    EXPECT_TRUE(directory->snapshot()->find("a")->draining);

    const TimePoint stopped = Clock::now();
    one->stop();
    ASSERT_TRUE(eventually([&] { return tally.of(LeaseChange::Kind::left) == 1; }));
    EXPECT_LT(Clock::now() - stopped, kDeadAfter);
    const TimePoint killed = Clock::now();
    two.reset();
    ASSERT_TRUE(eventually([&] { return tally.of(LeaseChange::Kind::died) == 1; }));
    EXPECT_GE(Clock::now() - killed, kDeadAfter - 100ms);
    EXPECT_TRUE(directory->snapshot()->hosts().empty());
    EXPECT_TRUE(directory->settled());
    EXPECT_EQ(tally.of(LeaseChange::Kind::joined), 2);
  });
}

TEST(Directory, LeavesOutNewerFormatsWithOneWarning) {
  const nats::TestFolder folder;
  const std::string file = folder.path() + "/log";
  const auto log = telemetry::Log::open({.file = file}).value();
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto directory = Directory::start(bus, "default", {.log = &log}).value();
    const std::string newer = R"({"version":3,"readable_by":2,"host_id":"a","incarnation":1,"sequence":1})";
    const std::string next = R"({"version":2,"readable_by":1,"host_id":"b","incarnation":1,"sequence":1})";
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(bus.publish("wattle.default.lease.a", newer));
    ASSERT_TRUE(bus.publish("wattle.default.lease.a", "nonsense"));
    ASSERT_TRUE(bus.publish("wattle.default.lease.b", next));
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->hosts().size() == 1; }));
    EXPECT_NE(directory->snapshot()->find("b"), nullptr);
  });
  log.flush();
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  EXPECT_NE(text.find("format 3"), std::string::npos) << text;
}

TEST(Directory, MoreThanOneMessageHoldsIsStillALife) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker, {.max_payload_bytes = 1000});
    auto directory = Directory::start(bus, "default").value();
    HostLease lease = describe("a");
    for (int i = 0; i < 100; ++i)
      lease.components->push_back({.id = "c" + std::to_string(i), .digest = "sha256:1"});
    auto publisher = LeasePublisher::start(bus, "default", [&] { return lease; }, 20ms);
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->find("a") != nullptr; }));
    EXPECT_TRUE(directory->snapshot()->places("shop").empty());
  });
}

TEST(Directory, WhoDoesNotHearItselfJudgesNobody) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto directory =
        Directory::start(bus, "default",
                         {.book = {.dead_after = 100ms, .gap_max = 20ms, .grace_after_cut = 50ms},
                          .own_host = "a",
                          .echo_max = 60ms})
            .value();
    const Tally tally(*directory);
    auto own = LeasePublisher::start(bus, "default", [] { return describe("a"); }, 5ms);
    auto other = LeasePublisher::start(bus, "default", [] { return describe("b"); }, 5ms);
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->hosts().size() == 2; }));
    // As a bus whose server is stopped.
    own.reset();
    other.reset();
    ASSERT_TRUE(async::sleep_for(500ms));
    EXPECT_EQ(tally.of(LeaseChange::Kind::died), 0);
    own = LeasePublisher::start(bus, "default", [] { return describe("a"); }, 5ms);
    EXPECT_TRUE(eventually([&] { return tally.of(LeaseChange::Kind::died) == 1; }));
    EXPECT_NE(directory->snapshot()->find("a"), nullptr);
  });
}

TEST(Directory, NobodyDiesWithTheServer) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    auto bus = NatsBus::connect(worker, options_for(server)).value();
    auto other = NatsBus::connect(worker, options_for(server)).value();
    auto directory = Directory::start(*bus, "default").value();
    const Tally tally(*directory);
    auto publisher = LeasePublisher::start(*other, "default", [] { return describe("a"); });
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->find("a") != nullptr; }));
    server.kill();
    ASSERT_TRUE(eventually([&] { return !bus->connected(); }));
    (void)async::sleep_for(1500ms);
    server.start();
    // Alive is who is heard again.
    ASSERT_TRUE(eventually([&] { return bus->connected() && other->connected(); }));
    const uint64_t before = directory->snapshot()->find("a")->sequence;
    ASSERT_TRUE(eventually([&] { return directory->snapshot()->find("a")->sequence > before + 2; }));
    EXPECT_EQ(tally.of(LeaseChange::Kind::died), 0);
    EXPECT_EQ(tally.of(LeaseChange::Kind::joined), 1);
  });
}

// What a listener in a process of its own reports over a pipe: one byte for each death.
void listen_in_child(const nats::TestServer& server, int report) {
  run_test([&](async::Worker& worker) {
    auto bus = NatsBus::connect(worker, options_for(server)).value();
    auto directory = Directory::start(*bus, "default").value();
    bool over = false;
    directory->set_listener([&](const LeaseChange& change) {
      if (change.kind == LeaseChange::Kind::changed) return;
      const char letter = "jcld"[static_cast<size_t>(change.kind)];
      over = ::write(report, &letter, 1) != 1 || letter == 'l';
    });
    eventually([&] { return over; });
  });
}

TEST(Directory, AProcessThatWasStoppedDeclaresNobodyDead) {
  nats::TestServer server;
  int report[2];
  ASSERT_EQ(::pipe2(report, O_CLOEXEC | O_NONBLOCK), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    listen_in_child(server, report[1]);
    ::_exit(0);
  }
  std::string said;
  const auto read_report = [&] {
    char bytes[64];
    const ssize_t count = ::read(report[0], bytes, sizeof bytes);
    if (count > 0) said.append(bytes, static_cast<size_t>(count));
  };
  run_test([&](async::Worker& worker) {
    auto bus = NatsBus::connect(worker, options_for(server)).value();
    auto one = LeasePublisher::start(*bus, "default", [] { return describe("a"); });
    auto two = LeasePublisher::start(*bus, "default", [] { return describe("b"); });
    auto three = LeasePublisher::start(*bus, "default", [] { return describe("c"); });
    EXPECT_TRUE(eventually([&] {
      read_report();
      return said == "jjj";
    })) << said;
    ::kill(child, SIGSTOP);
    (void)async::sleep_for(2s);
    ::kill(child, SIGCONT);
    (void)async::sleep_for(300ms);
    // One that dies from here on is known in time, and the two others have lived on.
    const TimePoint killed = Clock::now();
    one.reset();
    EXPECT_TRUE(eventually([&] {
      read_report();
      return said == "jjjd";
    })) << said;
    EXPECT_GE(Clock::now() - killed, kDeadAfter - kLeaseInterval - 50ms);
    two->stop();
    EXPECT_TRUE(eventually([&] {
      read_report();
      return said == "jjjdl";
    })) << said;
  });
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(report[0]);
  ::close(report[1]);
}

TEST(Directory, NobodyDiesOnABusyMachine) {
  nats::TestServer server;
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (unsigned i = 0; i < 4 * std::max(1U, std::thread::hardware_concurrency()); ++i)
    busy.emplace_back([&] {
      while (!stop) {
      }
    });
  std::vector<std::thread> hosts;
  std::atomic<int> ready = 0;
  for (int i = 0; i < 3; ++i)
    hosts.emplace_back([&, i] {
      run_test([&](async::Worker& worker) {
        auto bus = NatsBus::connect(worker, options_for(server)).value();
        auto publisher =
            LeasePublisher::start(*bus, "default", [&] { return describe("h" + std::to_string(i)); });
        ++ready;
        eventually([&] { return stop.load(); });
      });
    });
  run_test([&](async::Worker& worker) {
    auto bus = NatsBus::connect(worker, options_for(server)).value();
    auto directory = Directory::start(*bus, "default").value();
    const Tally tally(*directory);
    EXPECT_TRUE(eventually([&] { return directory->snapshot()->hosts().size() == 3; }));
    (void)async::sleep_for(2s);
    EXPECT_EQ(tally.of(LeaseChange::Kind::died), 0);
    EXPECT_EQ(tally.of(LeaseChange::Kind::joined), 3);
    EXPECT_EQ(ready, 3);
    stop = true;
  });
  stop = true;
  for (std::thread& thread : hosts) thread.join();
  for (std::thread& thread : busy) thread.join();
}

}  // namespace
}  // namespace wattle::lattice
