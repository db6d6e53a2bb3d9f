// The logic of leases by itself, and in a simulated network that loses, repeats, delays and reorders.
#include "lattice/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;

HostLease lease(const std::string& host, uint64_t sequence, uint64_t incarnation = 1) {
  HostLease made;
  made.host_id = host;
  made.incarnation = incarnation;
  made.sequence = sequence;
  made.components.emplace();
  made.providers.emplace();
  return made;
}

HostLease goodbye(const std::string& host, uint64_t sequence) {
  HostLease made = lease(host, sequence);
  made.gone = true;
  return made;
}

std::string told(const std::vector<LeaseChange>& changes) {
  std::string text;
  for (const LeaseChange& change : changes) {
    const char* kinds[] = {"joined", "changed", "left", "died"};
    text += (text.empty() ? "" : " ") + change.lease->host_id + ":" + kinds[static_cast<int>(change.kind)];
  }
  return text;
}

// A book that is stepped every 50 ms, as a directory does.
struct Listener {
  LeaseBook book;
  TimePoint now = TimePoint() + 1h;

  std::string hear(HostLease heard) { return told(book.step(std::move(heard), now)); }
  std::string wait(Duration duration) {
    std::string text;
    for (const TimePoint until = now + duration; now < until;) {
      now += 50ms;
      const std::string changes = told(book.step(now));
      text += (text.empty() || changes.empty() ? "" : " ") + changes;
    }
    return text;
  }
};

TEST(LeaseBook, AHostJoinsLivesAndDies) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 1)), "a:joined");
  for (uint64_t i = 2; i < 20; ++i) {
    EXPECT_EQ(listener.wait(300ms), "");
    EXPECT_EQ(listener.hear(lease("a", i)), "");
  }
  EXPECT_EQ(listener.book.next_death_in(), kDeadAfter);
  EXPECT_EQ(listener.wait(1150ms), "");
  EXPECT_EQ(listener.book.next_death_in(), 50ms);
  EXPECT_EQ(listener.wait(50ms), "a:died");
  EXPECT_EQ(listener.book.snapshot()->hosts().size(), 0U);
  EXPECT_EQ(listener.hear(lease("a", 30)), "a:joined");
  EXPECT_EQ(listener.book.snapshot()->hosts().size(), 1U);
}

TEST(LeaseBook, OneThatIsSharedCountsByItsMessages) {
  Listener listener;
  const auto shared = std::make_shared<const HostLease>(lease("a", 0));
  const auto hear = [&](uint64_t sequence) {
    return told(listener.book.step(shared, sequence, listener.now));
  };
  EXPECT_EQ(hear(1), "a:joined");
  for (uint64_t sequence = 2; sequence < 9; ++sequence) {
    EXPECT_EQ(listener.wait(300ms), "");
    EXPECT_EQ(hear(sequence), "");
  }
  EXPECT_EQ(listener.wait(1000ms), "");
  EXPECT_EQ(hear(8), "");  // late, so it does not count
  EXPECT_EQ(listener.wait(200ms), "a:died");
}

TEST(LeaseBook, AGoodbyeIsForGood) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 1)), "a:joined");
  EXPECT_EQ(listener.hear(goodbye("a", 3)), "a:left");
  EXPECT_EQ(listener.hear(lease("a", 2)), "");
  EXPECT_EQ(listener.hear(lease("a", 4)), "");
  EXPECT_EQ(listener.wait(2s), "");
  EXPECT_EQ(listener.hear(lease("a", 1, 2)), "a:joined");
  EXPECT_EQ(listener.hear(goodbye("unknown", 1)), "");
}

TEST(LeaseBook, ARestartIsAnotherHost) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 7, 10)), "a:joined");
  EXPECT_EQ(listener.hear(lease("a", 1, 11)), "a:left a:joined");
  EXPECT_EQ(listener.hear(lease("a", 8, 10)), "");
  EXPECT_EQ(listener.book.snapshot()->find("a")->incarnation, 11U);
}

TEST(LeaseBook, AClockThatWentBackOnlyDelaysARestart) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 7, 10)), "a:joined");
  EXPECT_EQ(listener.hear(lease("a", 1, 9)), "");
  EXPECT_EQ(listener.wait(1200ms), "a:died");
  EXPECT_EQ(listener.hear(lease("a", 2, 9)), "a:joined");
}

TEST(LeaseBook, AStopOfOurOwnKillsNobody) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 1)), "a:joined");
  EXPECT_EQ(listener.wait(300ms), "");
  listener.now += 5s;
  EXPECT_EQ(told(listener.book.step(listener.now)), "");
  EXPECT_EQ(listener.hear(lease("a", 2)), "");
  EXPECT_EQ(listener.wait(1150ms), "");
  EXPECT_EQ(listener.wait(50ms), "a:died");
}

TEST(LeaseBook, ACutKillsNobodyUntilOthersHadTimeToComeBack) {
  Listener listener;
  EXPECT_EQ(listener.hear(lease("a", 1)), "a:joined");
  EXPECT_EQ(listener.hear(lease("b", 1)), "b:joined");
  listener.book.set_connected(false, listener.now);
  EXPECT_EQ(listener.book.next_death_in(), Duration::max());
  EXPECT_EQ(listener.wait(10s), "");
  listener.book.set_connected(true, listener.now);
  EXPECT_EQ(listener.wait(2s), "");
  EXPECT_EQ(listener.hear(lease("a", 2)), "");
  EXPECT_EQ(listener.wait(1200ms), "a:died");
  EXPECT_EQ(listener.wait(500ms), "b:died");
}

TEST(LeaseBook, SaysWhatChanged) {
  Listener listener;
  HostLease first = lease("a", 1);
  first.components->push_back({.id = "shop", .digest = "sha256:1", .in_flight = 0, .capacity = 5});
  EXPECT_EQ(listener.hear(first), "a:joined");
  (void)listener.book.snapshot();
  first.sequence = 2;
  (*first.components)[0].in_flight = 4;
  EXPECT_EQ(listener.hear(first), "");
  EXPECT_TRUE(listener.book.news());
  EXPECT_EQ((*listener.book.snapshot()->find("a")->components)[0].in_flight, 4U);
  EXPECT_FALSE(listener.book.news());
  first.sequence = 3;
  (*first.components)[0].calls = 100;
  (*first.components)[0].failures = 1;
  EXPECT_EQ(listener.hear(first), "");
  first.sequence = 4;
  (*first.components)[0].image_ref = "file:///shop.wasm";
  EXPECT_EQ(listener.hear(first), "a:changed");
  first.sequence = 5;
  (*first.components)[0].parked = true;
  EXPECT_EQ(listener.hear(first), "a:changed");
  first.sequence = 6;
  first.draining = true;
  EXPECT_EQ(listener.hear(first), "a:changed");
  HostLease large = lease("a", 7);
  large.draining = true;
  large.components.reset();
  EXPECT_EQ(listener.hear(large), "");
  EXPECT_EQ(listener.book.snapshot()->places("shop").size(), 1U);
}

TEST(LeaseBook, IsSettledWhenEverybodyMustHaveBeenHeard) {
  Listener listener;
  (void)listener.wait(1200ms);
  EXPECT_FALSE(listener.book.settled());
  (void)listener.wait(50ms);
  EXPECT_TRUE(listener.book.settled());
}

TEST(LeaseBook, HostsAreBounded) {
  Listener listener;
  for (size_t i = 0; i < kHostsMax + 10; ++i) (void)listener.hear(lease("h" + std::to_string(i), 1));
  EXPECT_EQ(listener.book.snapshot()->hosts().size(), kHostsMax);
  (void)listener.wait(12s);
  EXPECT_EQ(listener.hear(lease("late", 1)), "late:joined");
}

TEST(DirectorySnapshot, FindsWhereATargetRuns) {
  Listener listener;
  HostLease a = lease("a", 1, 5);
  a.components = {{{.id = "shop", .digest = "sha256:1"}, {.id = "shop", .digest = "sha256:2"}}};
  a.draining = true;
  HostLease b = lease("b", 1, 9);
  b.components = {{{.id = "shop", .digest = "sha256:2"}}};
  b.providers = {{{.id = "shop-kv"}}};
  (void)listener.hear(a);
  (void)listener.hear(b);
  (void)listener.hear(lease("c", 1, 7));
  const auto hosts = listener.book.snapshot();
  ASSERT_EQ(hosts->places("shop").size(), 3U);
  EXPECT_EQ(hosts->places("shop")[1].component->digest, "sha256:2");
  ASSERT_EQ(hosts->places("shop-kv").size(), 1U);
  EXPECT_EQ(hosts->places("shop-kv")[0].host->host_id, "b");
  EXPECT_EQ(hosts->places("shop-kv")[0].component, nullptr);
  EXPECT_TRUE(hosts->places("other").empty());
  EXPECT_EQ(hosts->find("b")->host_id, "b");
  EXPECT_EQ(hosts->find("bb"), nullptr);
  EXPECT_EQ(hosts->eldest()->host_id, "c");
}

TEST(Lease, ComesBackAsItWasWritten) {
  HostLease written = lease("NABC", 7, 1234567890123);
  written.friendly_name = "quiet-\"meadow";
  written.draining = true;
  written.labels = {{"zone", "a"}};
  written.components = {{{.id = "shop", .digest = "sha256:1", .in_flight = 1, .capacity = 2, .queued = 3}}};
  written.providers = {{{.id = "shop-kv",
                         .healthy = false,
                         .refused = {{"web", "shop", "default", "wasi", "http", "the port is in use"}}}}};
  EXPECT_EQ(parse_lease(to_json(written)).value(), written);
  EXPECT_EQ(to_json(written).find("failures"), std::string::npos);
  (*written.components)[0].image_ref = "file:///shop.wasm";
  (*written.components)[0].calls = 1ULL << 40;
  (*written.components)[0].failures = 9;
  (*written.components)[0].parked = true;
  EXPECT_EQ(parse_lease(to_json(written)).value(), written);
  written.components.reset();
  EXPECT_EQ(parse_lease(to_json(written)).value(), written);
}

TEST(Lease, NeighbouringVersionsShareALattice) {
  const std::string next = R"({"version":2,"readable_by":1,"host_id":"NA","incarnation":1,"sequence":1,)"
                           R"("news":{"not":"known"},"components":[{"id":"a","digest":"d","weight":3}]})";
  EXPECT_EQ(parse_lease(next).value().components->size(), 1U);
  const auto newer = parse_lease(R"({"version":3,"readable_by":2,"host_id":{"other":"form"}})");
  EXPECT_EQ(newer.error().code(), ErrorCode::unsupported);
  EXPECT_NE(newer.error().message().find("format 3"), std::string::npos);
  EXPECT_FALSE(newer.error().remedy().empty());
}

TEST(Lease, RefusesWhatIsNone) {
  for (const char* bad :
       {"", "[]", "{}", R"({"version":1,"readable_by":1})",
        R"({"version":1,"readable_by":1,"host_id":"a b","incarnation":1,"sequence":1})",
        R"({"version":1,"readable_by":1,"host_id":"a","incarnation":-1,"sequence":1})",
        R"({"version":1,"readable_by":1,"host_id":"a","incarnation":1,"sequence":1,"components":[{}]})"})
    EXPECT_EQ(parse_lease(bad).error().code(), ErrorCode::malformed) << bad;
}

// ---- simulation

// Hosts that come, go, stop and restart; listeners that stop; a network that loses, repeats and delays.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {}

  void run(Duration duration) {
    for (int i = 0; i < 8; ++i) start("h" + std::to_string(i));
    for (const TimePoint until = now_ + duration; now_ < until; now_ += 10ms) turn();
    // In the end nothing happens any more, and what the listener believes must be so.
    calm_ = true;
    for (const TimePoint until = now_ + 12s; now_ < until; now_ += 10ms) turn();
    std::set<std::string> believed;
    const auto last = book_.snapshot();
    for (const auto& host : last->hosts()) believed.insert(host->host_id);
    std::set<std::string> alive;
    for (const auto& [id, host] : hosts_)
      if (host.running) alive.insert(id);
    EXPECT_EQ(believed, alive);
  }

 private:
  struct Host {
    uint64_t incarnation = 0;
    uint64_t sequence = 0;
    uint64_t heard_sequence = 0;
    TimePoint next_beat{};
    TimePoint paused_until{};   // SIGSTOP
    TimePoint unheard_since{};  // since when no lease of it has arrived
    TimePoint ended{};
    bool running = false;
  };
  struct Flying {
    TimePoint arrives;
    HostLease lease;
  };

  bool chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }
  Duration between(Duration low, Duration high) {
    return Duration(std::uniform_int_distribution<int64_t>(low.count(), high.count())(random_));
  }

  void start(const std::string& id) {
    Host& host = hosts_[id];
    ++host.incarnation;
    host.sequence = host.heard_sequence = 0;
    host.running = true;
    host.next_beat = now_;
    host.unheard_since = now_;
  }

  void send(const std::string& id, Host& host, bool gone) {
    HostLease made = lease(id, ++host.sequence, host.incarnation);
    made.gone = gone;
    const int copies = chance(0.02) ? 2 : 1;
    // Goodbyes and beats may be lost, but never three beats in a row: that is silence.
    const bool lost = chance(0.1) && host.sequence % 3 == 0;
    for (int i = 0; i < copies && !lost; ++i) flying_.push_back({now_ + between(0ms, 150ms), made});
  }

  void turn() {
    for (auto& [id, host] : hosts_) {
      if (!calm_) disturb(id, host);
      if (!host.running || now_ < host.paused_until || now_ < host.next_beat) continue;
      send(id, host, false);
      host.next_beat = now_ + 300ms;
    }
    if (!calm_ && chance(0.0005)) listener_paused_until_ = now_ + between(1s, 6s);
    if (now_ >= listener_paused_until_) listen();
  }

  void disturb(const std::string& id, Host& host) {
    if (!host.running) {
      if (chance(0.005)) start(id);
    } else if (chance(0.001)) {
      if (chance(0.5)) send(id, host, true);
      host.running = false;
      host.ended = now_;
    } else if (chance(0.0005)) {
      host.paused_until = now_ + between(100ms, 4s);
    }
  }

  void listen() {
    std::vector<Flying> due;
    std::erase_if(flying_, [&](const Flying& flying) {
      if (flying.arrives <= now_) due.push_back(flying);
      return flying.arrives <= now_;
    });
    std::shuffle(due.begin(), due.end(), random_);
    for (const Flying& flying : due) {
      Host& host = hosts_[flying.lease.host_id];
      const bool fresh = flying.lease.sequence > host.heard_sequence;
      if (flying.lease.incarnation == host.incarnation && fresh) {
        host.unheard_since = now_;
        host.heard_sequence = flying.lease.sequence;
      }
      check(book_.step(flying.lease, now_));
    }
    check(book_.step(now_));
    // The dead are known in time, counted from when the listener listened.
    const auto snapshot = book_.snapshot();
    for (const auto& host : snapshot->hosts()) {
      const Host& truth = hosts_[host->host_id];
      const TimePoint since = std::max(truth.ended, listener_paused_until_);
      EXPECT_TRUE(truth.running || now_ - since <= kDeadAfter + 400ms) << host->host_id;
    }
  }

  void check(const std::vector<LeaseChange>& changes) {
    for (const LeaseChange& change : changes) {
      const Host& truth = hosts_[change.lease->host_id];
      const bool is_it = truth.incarnation == change.lease->incarnation;
      if (change.kind == LeaseChange::Kind::died && is_it && truth.running) {
        EXPECT_GE(now_ - truth.unheard_since, kDeadAfter) << change.lease->host_id;
      }
      EXPECT_FALSE(change.kind == LeaseChange::Kind::left && is_it && truth.running);
      EXPECT_LE(change.lease->incarnation, truth.incarnation);
    }
  }

  std::mt19937_64 random_;
  TimePoint now_ = TimePoint() + 1h;
  TimePoint listener_paused_until_{};
  bool calm_ = false;
  std::map<std::string, Host> hosts_;
  std::vector<Flying> flying_;
  LeaseBook book_;
};

TEST(LeaseBook, HoldsInASimulatedLattice) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Simulation(seed).run(60s);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace wattle::lattice
