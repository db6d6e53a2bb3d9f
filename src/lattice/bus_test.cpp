// One suite for every bus, and what happens when it is cut.
#include "lattice/bus.h"

#include <atomic>
#include <map>
#include <thread>

#include "lattice/bus_test_support.h"

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;
using nats::eventually;
using nats::Reason;
using nats::reason_of;
using nats::run_test;

std::string told(BucketWatch& watch) {
  auto event = watch.next();
  if (!event) return event.error().full_message();
  if (event->kind == WatchEvent::Kind::replayed) return "replayed";
  if (event->kind == WatchEvent::Kind::restarted) return "restarted";
  if (event->entry.operation != Entry::Operation::put) return event->entry.key + "-";
  return event->entry.key + "=" + event->entry.value;
}

class BusTest : public testing::TestWithParam<BusKind> {
 protected:
  static void TearDownTestSuite() { places().clear(); }
  static BusPlace& here() { return places().try_emplace(GetParam(), GetParam()).first->second; }
  // Runs `test(bus, other)` with two buses of one worker.
  template <class Test>
  void with_buses(Test test) {
    run_test([&](async::Worker& worker) {
      const auto bus = here().connect(worker);
      const auto other = here().connect(worker);
      test(*bus, *other);
    });
  }
  // In a cluster a watch may be on a replica that is behind: it says "replayed" earlier, and older values
  // first.
  static void expect_told(BucketWatch& watch, std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) {
      if (GetParam() == BusKind::cluster && text == "replayed") continue;
      std::string next = told(watch);
      for (int i = 0; i < 10 && GetParam() == BusKind::cluster && next != text; ++i) next = told(watch);
      EXPECT_EQ(next, text);
    }
  }
  std::string name(std::string_view of = "b") {
    static int count = 0;
    return fmt::format("{}{}", of, ++count);
  }

 private:
  static std::map<BusKind, BusPlace>& places() {
    static std::map<BusKind, BusPlace> places;
    return places;
  }
};

std::string kind_name(const testing::TestParamInfo<BusKind>& info) {
  if (info.param == BusKind::memory) return "Memory";
  return info.param == BusKind::nats ? "OneServer" : "Cluster";
}

INSTANTIATE_TEST_SUITE_P(, BusTest, testing::Values(BusKind::memory, BusKind::nats, BusKind::cluster),
                         kind_name);

TEST_P(BusTest, CarriesMessagesInOrderToEverySubscriber) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    std::vector<std::string> exact;
    std::vector<std::string> one_word;
    std::vector<std::string> all;
    const auto take = [](std::vector<std::string>& into) {
      return [&into](const Message& message) { into.push_back(message.subject + " " + message.payload); };
    };
    auto first = other.subscribe(subject + ".a", {}, take(exact)).value();
    auto second = other.subscribe(subject + ".*", {}, take(one_word)).value();
    auto third = bus.subscribe(subject + ".>", {}, take(all)).value();
    ASSERT_TRUE(other.flush());
    ASSERT_TRUE(bus.flush());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(bus.publish(subject + ".a", std::to_string(i)));
      ASSERT_TRUE(bus.publish(subject + ".b.c", std::to_string(i)));
    }
    ASSERT_TRUE(eventually([&] { return exact.size() == 20 && one_word.size() == 20 && all.size() == 40; }));
    for (size_t i = 0; i < 20; ++i) EXPECT_EQ(exact[i], fmt::format("{}.a {}", subject, i));
    EXPECT_EQ(all[1], subject + ".b.c 0");
    first.reset();
    ASSERT_TRUE(other.flush());
    ASSERT_TRUE(bus.publish(subject + ".a", "late"));
    ASSERT_TRUE(eventually([&] { return one_word.size() == 21 && all.size() == 41; }));
    EXPECT_EQ(exact.size(), 20U);
  });
}

TEST_P(BusTest, AQueueGroupSharesMessagesOut) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    int here_count = 0;
    int there_count = 0;
    int outside_count = 0;
    auto one = bus.subscribe(subject, {.queue_group = "g"}, [&](auto) { ++here_count; }).value();
    auto two = other.subscribe(subject, {.queue_group = "g"}, [&](auto) { ++there_count; }).value();
    auto three = other.subscribe(subject, {.queue_group = "outside"}, [&](auto) { ++outside_count; }).value();
    ASSERT_TRUE(other.flush());
    ASSERT_TRUE(bus.flush());
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(bus.publish(subject, ""));
    ASSERT_TRUE(eventually([&] { return here_count + there_count == 200 && outside_count == 200; }));
    EXPECT_GT(here_count, 0);
    EXPECT_GT(there_count, 0);
  });
}

TEST_P(BusTest, AnswersRequestsWithHeaders) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    auto served =
        other
            .subscribe(subject, {.fibers_max = 4},
                       [&](const Message& message) {
                         Headers headers = message.headers;
                         headers.set("seen", "yes");
                         ASSERT_TRUE(async::sleep_for(1ms));
                         (void)other.publish(message.reply, message.payload + "!", {.headers = &headers});
                       })
            .value();
    ASSERT_TRUE(other.flush());
    const Headers headers{{"source-id", "shop"}};
    const std::string bytes("\0\xff\r\n", 4);
    const Message reply = bus.request(subject, bytes, {.headers = &headers}).value();
    EXPECT_EQ(reply.payload, bytes + "!");
    EXPECT_EQ(reply.headers.find("source-id"), "shop");
    EXPECT_EQ(reply.headers.find("seen"), "yes");
    EXPECT_EQ(reply.headers.find("link-name"), std::nullopt);
  });
}

TEST_P(BusTest, SaysAtOnceThatNobodyResponds) {
  with_buses([&](Bus& bus, Bus&) {
    const auto started = Clock::now();
    const auto reply = bus.request(name("nobody"), "");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(reason_of(reply.error()), Reason::no_responders);
    EXPECT_LT(Clock::now() - started, 5s);
  });
}

TEST_P(BusTest, SaysWithStatus503ThatNobodyHearsWhatAsksForAnAnswer) {
  with_buses([&](Bus& bus, Bus&) {
    int status = 0;
    const std::string inbox = bus.new_inbox();
    auto answers =
        bus.subscribe(inbox, {}, [&](const Message& message) { status = message.headers.status(); });
    ASSERT_TRUE(answers);
    ASSERT_TRUE(bus.publish("nobody.hears", "?", {.reply = inbox}));
    EXPECT_TRUE(eventually([&] { return status == 503; }));
  });
}

TEST_P(BusTest, ARequestEndsAtItsDeadline) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    auto served = other.subscribe(subject, {}, [](auto) {}).value();
    ASSERT_TRUE(other.flush());
    const auto by_timeout = bus.request(subject, "", {.timeout = 20ms});
    EXPECT_EQ(by_timeout.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(reason_of(by_timeout.error()), std::nullopt);
    const async::DeadlineScope scope(Clock::now() + 20ms);
    EXPECT_EQ(bus.request(subject, "").error().code(), ErrorCode::deadline_exceeded);
  });
}

TEST_P(BusTest, GathersAnswers) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    std::vector<std::unique_ptr<BusSubscription>> served;
    for (int i = 0; i < 3; ++i)
      served.push_back(other
                           .subscribe(subject, {},
                                      [&other, i](const Message& message) {
                                        (void)other.publish(message.reply, std::to_string(i));
                                      })
                           .value());
    ASSERT_TRUE(other.flush());
    EXPECT_EQ(bus.request_many(subject, "", {.count_max = 3}).value().size(), 3U);
    EXPECT_EQ(bus.request_many(subject, "", {.count_max = 2}).value().size(), 2U);
    EXPECT_EQ(bus.request_many(subject, "", {.timeout = 50ms}).value().size(), 3U);
    EXPECT_EQ(bus.request_many(subject, "", {.timeout = 10s, .quiet = 50ms}).value().size(), 3U);
    EXPECT_TRUE(bus.request_many(name("nobody"), "").value().empty());
  });
}

TEST_P(BusTest, RefusesWhatCannotBeSent) {
  with_buses([&](Bus& bus, Bus&) {
    for (const char* bad : {"", "a b", "a..b", ".a", "a."}) {
      EXPECT_EQ(bus.publish(bad, "").error().code(), ErrorCode::invalid_argument) << bad;
      EXPECT_EQ(bus.subscribe(bad, {}, [](auto) {}).error().code(), ErrorCode::invalid_argument) << bad;
    }
    EXPECT_EQ(bus.publish("a.*", "").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(bus.subscribe("a", {}, nullptr).error().code(), ErrorCode::invalid_argument);
    const Headers broken{{"a b", "c"}};
    EXPECT_EQ(bus.publish("a", "", {.headers = &broken}).error().code(), ErrorCode::invalid_argument);
    const auto large = bus.publish("a", std::string(bus.max_payload_bytes() + 1, 'x'));
    EXPECT_EQ(reason_of(large.error()), Reason::payload_too_large);
    EXPECT_TRUE(bus.publish("a", std::string(bus.max_payload_bytes(), 'x')));
  });
}

TEST_P(BusTest, ASubscriptionDrains) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    int handled = 0;
    auto served = other
                      .subscribe(subject, {.fibers_max = 2},
                                 [&](auto) {
                                   (void)async::sleep_for(1ms);
                                   ++handled;
                                 })
                      .value();
    ASSERT_TRUE(other.flush());
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(bus.publish(subject, ""));
    ASSERT_TRUE(bus.flush());
    ASSERT_TRUE(served->drain());
    EXPECT_EQ(handled, 20);
    ASSERT_TRUE(bus.publish(subject, ""));
    EXPECT_EQ(reason_of(bus.request(subject, "").error()), Reason::no_responders);
    EXPECT_EQ(handled, 20);
  });
}

TEST_P(BusTest, DrainsAsAWhole) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string subject = name("s");
    auto served = other
                      .subscribe(subject, {.fibers_max = 8},
                                 [&](const Message& message) {
                                   (void)async::sleep_for(2ms);
                                   EXPECT_TRUE(other.publish(message.reply, "done"));
                                 })
                      .value();
    ASSERT_TRUE(other.flush());
    int answered = 0;
    for (int i = 0; i < 16; ++i)
      bus.worker().spawn([&] {
        if (bus.request(subject, "", {.timeout = 10s})) ++answered;
      });
    // The requests are on their way when they have been flushed.
    async::Fiber::current().yield();
    ASSERT_TRUE(bus.flush());
    ASSERT_TRUE(other.drain());
    EXPECT_TRUE(eventually([&] { return answered == 16; })) << answered;
    EXPECT_FALSE(other.connected());
    EXPECT_EQ(reason_of(other.publish("a", "").error()), Reason::closed);
    EXPECT_EQ(reason_of(other.request("a", "").error()), Reason::closed);
    EXPECT_EQ(reason_of(other.subscribe("a", {}, [](auto) {}).error()), Reason::closed);
  });
}

TEST_P(BusTest, WorkersOnThreadsTalk) {
  // The thread that made a server must live as long as the server.
  run_test([&](async::Worker& worker) { (void)here().connect(worker); });
  const std::string subject = name("s");
  std::atomic<int> ready = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> servers;
  for (int i = 0; i < 2; ++i)
    servers.emplace_back([&] {
      run_test([&](async::Worker& worker) {
        const auto bus = here().connect(worker);
        auto served = bus->subscribe(subject, {.queue_group = "g"},
                                     [&](const Message& message) {
                                       (void)bus->publish(message.reply, message.payload);
                                     })
                          .value();
        ASSERT_TRUE(bus->flush());
        ++ready;
        ASSERT_TRUE(eventually([&] { return stop.load(); }));
      });
    });
  int answered = 0;
  run_test([&](async::Worker& worker) {
    const auto bus = here().connect(worker);
    ASSERT_TRUE(eventually([&] { return ready.load() == 2; }));
    // In a cluster interest travels between servers.
    ASSERT_TRUE(eventually([&] { return bus->request(subject, "").has_value(); }));
    for (int i = 0; i < 500; ++i) {
      const std::string text = std::to_string(i);
      answered += bus->request(subject, text).value().payload == text ? 1 : 0;
    }
  });
  stop = true;
  for (std::thread& server : servers) server.join();
  EXPECT_EQ(answered, 500);
}

TEST_P(BusTest, ABucketKeepsRevisions) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string bucket_name = name();
    const auto bucket = BusPlace::make_bucket(bus, {.bucket = bucket_name});
    const auto same = BusPlace::make_bucket(other, {.bucket = bucket_name, .history = 3});
    EXPECT_EQ(bucket->created_ns().value(), same->created_ns().value());
    EXPECT_EQ(bucket->get("a").error().code(), ErrorCode::not_found);
    const uint64_t first = bucket->create("a", "1").value();
    EXPECT_EQ(same->get("a")->value, "1");
    EXPECT_EQ(same->get("a")->revision, first);
    EXPECT_EQ(same->create("a", "2").error().code(), ErrorCode::already_exists);
    const uint64_t second = same->update("a", "2", first).value();
    EXPECT_EQ(bucket->update("a", "3", first).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(bucket->remove("a", first).error().code(), ErrorCode::already_exists);
    EXPECT_EQ(bucket->get("a")->value, "2");
    ASSERT_TRUE(bucket->put("b/c=d", std::string("\0\xff", 2)));
    EXPECT_EQ(same->get("b/c=d")->value, std::string("\0\xff", 2));
    auto keys = bucket->keys().value();
    std::ranges::sort(keys);
    EXPECT_EQ(keys, (std::vector<std::string>{"a", "b/c=d"}));
    ASSERT_TRUE(bucket->remove("a", second));
    EXPECT_EQ(bucket->get("a").error().code(), ErrorCode::not_found);
    EXPECT_EQ(bucket->keys("a").value().size(), 0U);
    EXPECT_TRUE(bucket->create("a", "again"));
    EXPECT_TRUE(bucket->update("fresh", "1", 0));
    EXPECT_EQ(bucket->update("fresh", "1", 0).error().code(), ErrorCode::already_exists);
    for (const char* bad : {"", "a b", "a.", "a*"})
      EXPECT_EQ(bucket->put(bad, "").error().code(), ErrorCode::invalid_argument) << bad;
    EXPECT_EQ(bus.bucket({.bucket = "a.b"}).error().code(), ErrorCode::invalid_argument);
  });
}

// Also where a replica is behind.
TEST_P(BusTest, KeysAreThoseOfNow) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string bucket_name = name();
    const auto bucket = BusPlace::make_bucket(bus, {.bucket = bucket_name});
    const auto same = BusPlace::make_bucket(other, {.bucket = bucket_name});
    for (size_t i = 0; i < 20; ++i) {
      const std::string key = fmt::format("k{}", i);
      ASSERT_TRUE(bucket->put(key, "1"));
      EXPECT_EQ(same->keys().value().size(), 1U) << i;
      ASSERT_TRUE(bucket->remove(key));
      EXPECT_EQ(same->keys().value().size(), 0U) << i;
    }
  });
}

TEST_P(BusTest, OnlyOneOfManyWritersWins) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string bucket_name = name();
    const auto bucket = BusPlace::make_bucket(bus, {.bucket = bucket_name});
    const auto same = BusPlace::make_bucket(other, {.bucket = bucket_name});
    int done = 0;
    int made = 0;
    for (int i = 0; i < 8; ++i)
      bus.worker().spawn([&, i] {
        made += (i % 2 == 0 ? *bucket : *same).create("n", "0").has_value() ? 1 : 0;
        ++done;
      });
    ASSERT_TRUE(eventually([&] { return done == 8; }));
    EXPECT_EQ(made, 1);
    done = 0;
    for (int i = 0; i < 8; ++i)
      bus.worker().spawn([&, i] {
        Bucket& mine = i % 2 == 0 ? *bucket : *same;
        for (bool written = false; !written;) {
          const Entry entry = mine.get("n").value();
          written = mine.update("n", std::to_string(std::stoi(entry.value) + 1), entry.revision).has_value();
          (void)mine.put("other" + std::to_string(i), "");
        }
        ++done;
      });
    ASSERT_TRUE(eventually([&] { return done == 8; }));
    EXPECT_EQ(bucket->get("n")->value, "8");
  });
}

TEST_P(BusTest, ABucketHasBounds) {
  with_buses([&](Bus& bus, Bus&) {
    const auto bucket = BusPlace::make_bucket(
        bus, {.bucket = name(), .time_to_live = 300ms, .value_bytes_max = 100, .bytes_max = 4096});
    EXPECT_EQ(bucket->put("a", std::string(200, 'x')).error().code(), ErrorCode::invalid_argument);
    ASSERT_TRUE(bucket->put("a", "x"));
    EXPECT_TRUE(eventually([&] { return !bucket->get("a"); }));
    Result<uint64_t> put = 0;
    for (int i = 0; i < 100 && put; ++i) put = bucket->put("k" + std::to_string(i), std::string(90, 'x'));
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code(), ErrorCode::overloaded);
  });
}

TEST_P(BusTest, AWatchReplaysThenFollows) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string bucket_name = name();
    const auto bucket = BusPlace::make_bucket(bus, {.bucket = bucket_name, .history = 2});
    const auto same = BusPlace::make_bucket(other, {.bucket = bucket_name});
    auto empty = same->watch().value();
    EXPECT_EQ(told(*empty), "replayed");
    for (const char* value : {"0", "1", "2"}) ASSERT_TRUE(bucket->put("a", value));
    ASSERT_TRUE(bucket->put("b.c", "3"));
    auto all = same->watch().value();
    expect_told(*all, {"a=2", "b.c=3", "replayed"});
    auto history = same->watch({.keys = "a", .history = true}).value();
    expect_told(*history, {"a=1", "a=2", "replayed"});
    auto updates = same->watch({.updates_only = true}).value();
    auto some = same->watch({.keys = "b.*", .ignore_deletes = true, .keys_only = true}).value();
    expect_told(*some, {"b.c=", "replayed"});
    ASSERT_TRUE(bucket->remove("b.c"));
    expect_told(*all, {"b.c-"});
    EXPECT_EQ(told(*updates), "b.c-");
    ASSERT_TRUE(bucket->put("b.c", "4"));
    expect_told(*all, {"b.c=4"});
    expect_told(*some, {"b.c="});
    const auto none = some->next_until(Clock::now() + 10ms);
    EXPECT_TRUE(none && !*none);
  });
}

TEST_P(BusTest, KeepsObjects) {
  with_buses([&](Bus& bus, Bus& other) {
    const std::string store = name("o");
    Result<std::unique_ptr<Objects>> made = failure(ErrorCode::unavailable, "not tried");
    ASSERT_TRUE(eventually([&] { return (made = bus.objects(store)).has_value(); }));
    const auto same = other.objects(store).value();
    std::string large(3 * bus.max_payload_bytes() + 17, '\0');
    for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31 >> 3);
    ASSERT_TRUE((*made)->put("app/one.wasm", large));
    EXPECT_TRUE(same->get("app/one.wasm", large.size()).value() == large);
    EXPECT_EQ(same->get("app/one.wasm", large.size() - 1).error().code(), ErrorCode::memory_exceeded);
    ASSERT_TRUE(same->put("app/one.wasm", "small"));
    EXPECT_EQ((*made)->get("app/one.wasm", 100).value(), "small");
    ASSERT_TRUE((*made)->put("empty", ""));
    EXPECT_EQ(same->get("empty", 100).value(), "");
    ASSERT_TRUE(same->remove("app/one.wasm"));
    EXPECT_EQ((*made)->get("app/one.wasm", 100).error().code(), ErrorCode::not_found);
    EXPECT_EQ((*made)->remove("app/one.wasm").error().code(), ErrorCode::not_found);
    EXPECT_EQ((*made)->put("", "x").error().code(), ErrorCode::invalid_argument);
  });
}

TEST_P(BusTest, HandlesOutliveTheirBus) {
  run_test([&](async::Worker& worker) {
    auto bus = here().connect(worker);
    auto bucket = BusPlace::make_bucket(*bus, {.bucket = name()});
    auto watch = bucket->watch().value();
    EXPECT_EQ(told(*watch), "replayed");
    auto subscription = bus->subscribe(name("s"), {}, [](auto) {}).value();
    EXPECT_NE(bus->new_inbox(), bus->new_inbox());
    bus.reset();
    EXPECT_EQ(reason_of(bucket->get("a").error()), Reason::closed);
    EXPECT_EQ(reason_of(watch->next().error()), Reason::closed);
    EXPECT_TRUE(subscription->drain());
  });
}

// ---- cut off

// Over a connection that stays, NATS tells so with the heartbeats that do not come.
void a_bucket_made_anew_is_told(BusKind kind) {
  BusPlace place(kind);
  run_test([&](async::Worker& worker) {
    const auto bus = place.connect(worker);
    const std::string bucket_name = "b";
    const auto bucket = BusPlace::make_bucket(*bus, {.bucket = bucket_name});
    ASSERT_TRUE(bucket->put("a", "1"));
    const int64_t created_ns = bucket->created_ns().value();
    auto watch = bucket->watch({.heartbeat = 100ms}).value();
    EXPECT_EQ(told(*watch), "a=1");
    EXPECT_EQ(told(*watch), "replayed");
    ASSERT_TRUE(bus->remove_bucket(bucket_name));
    EXPECT_EQ(bucket->get("a").error().code(), ErrorCode::not_found);
    EXPECT_EQ(bucket->put("a", "1").error().code(), ErrorCode::not_found);
    EXPECT_EQ(bus->remove_bucket(bucket_name).error().code(), ErrorCode::not_found);
    const auto fresh = BusPlace::make_bucket(*bus, {.bucket = bucket_name});
    ASSERT_TRUE(fresh->put("b", "2"));
    EXPECT_NE(fresh->created_ns().value(), created_ns);
    // A look while there was no bucket says so, and the next one goes on.
    std::string first = told(*watch);
    while (first.find("restarted") == std::string::npos && first.find("no") != std::string::npos)
      first = told(*watch);
    EXPECT_EQ(first, "restarted");
    EXPECT_EQ(told(*watch), "b=2");
    EXPECT_EQ(told(*watch), "replayed");
  });
}

TEST(MemoryBus, TellsThatABucketWasMadeAnew) {
  a_bucket_made_anew_is_told(BusKind::memory);
}

TEST(NatsBus, TellsThatABucketWasMadeAnew) {
  a_bucket_made_anew_is_told(BusKind::nats);
}

TEST(MemoryBus, CutOffBehavesAsABrokenNetwork) {
  run_test([](async::Worker& worker) {
    int changes = 0;  // also while the bus ends
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    MemoryBus other(worker, broker);
    std::vector<std::string> heard;
    auto subscription =
        bus.subscribe("a", {}, [&](const Message& message) { heard.push_back(message.payload); }).value();
    auto silent = other.subscribe("silent", {}, [](auto) {}).value();
    auto bucket = bus.bucket({.bucket = "b"}).value();
    auto watch = bucket->watch().value();
    EXPECT_EQ(told(*watch), "replayed");

    std::optional<Reason> in_flight;
    worker.spawn([&] { in_flight = reason_of(bus.request("silent", "").error()); });
    async::Fiber::current().yield();
    bus.changed().set_listener([&] { ++changes; });
    bus.cut();
    EXPECT_FALSE(bus.connected());
    EXPECT_TRUE(eventually([&] { return in_flight == Reason::connection_lost; }));

    EXPECT_EQ(reason_of(other.request("a", "").error()), Reason::no_responders);
    ASSERT_TRUE(other.publish("a", "lost"));
    ASSERT_TRUE(bus.publish("a", "kept"));
    auto& answered = heard;
    const auto request = bus.request("a", "", {.timeout = 10ms});
    EXPECT_EQ(request.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(reason_of(request.error()), Reason::not_connected);
    {
      const async::DeadlineScope scope(Clock::now() + 10ms);
      EXPECT_EQ(reason_of(bucket->put("k", "1").error()), Reason::not_connected);
    }
    const auto same = other.bucket({.bucket = "b"}).value();
    ASSERT_TRUE(same->put("k", "2"));
    EXPECT_FALSE(watch->next_until(Clock::now() + 10ms).value());
    while (bus.publish("a", std::string(1024 * 1024, 'x'))) {
    }
    EXPECT_EQ(reason_of(bus.publish("a", std::string(1024 * 1024, 'x')).error()), Reason::not_connected);

    bus.restore();
    EXPECT_EQ(changes, 2);
    EXPECT_EQ(told(*watch), "k=2");
    EXPECT_TRUE(eventually([&] { return !answered.empty(); }));
    EXPECT_EQ(heard.front(), "kept");
    const size_t before = heard.size();
    ASSERT_TRUE(other.publish("a", "again"));
    EXPECT_TRUE(eventually([&] { return heard.size() > before && heard.back() == "again"; }));
  });
}

TEST(MemoryBus, ErasedDataIsTold) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto bucket = bus.bucket({.bucket = "b"}).value();
    auto objects = bus.objects("o").value();
    ASSERT_TRUE(bucket->put("a", "1"));
    auto watch = bucket->watch().value();
    EXPECT_EQ(told(*watch), "a=1");
    EXPECT_EQ(told(*watch), "replayed");
    broker.erase_data();
    EXPECT_EQ(watch->next().error().code(), ErrorCode::not_found);
    EXPECT_EQ(bucket->get("a").error().code(), ErrorCode::not_found);
    EXPECT_EQ(objects->put("x", "").error().code(), ErrorCode::not_found);
    ASSERT_TRUE(bus.bucket({.bucket = "b"}));
    EXPECT_EQ(told(*watch), "restarted");
    EXPECT_EQ(told(*watch), "replayed");
  });
}

TEST(NatsBusReconnect, SubscriptionsAndWatchesGoOn) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    NatsBusOptions options;
    options.client.urls = {server.url()};
    options.client.reconnect_wait_min = 5ms;
    options.client.reconnect_wait_max = 50ms;
    auto bus = NatsBus::connect(worker, options).value();
    auto bucket = bus->bucket({.bucket = "b"}).value();
    ASSERT_TRUE(bucket->put("a", "1"));
    auto watch = bucket->watch().value();
    EXPECT_EQ(told(*watch), "a=1");
    EXPECT_EQ(told(*watch), "replayed");
    auto served = bus->subscribe("echo", {.queue_group = "g"},
                                 [&](const Message& message) {
                                   if (message.payload != "silence")
                                     (void)bus->publish(message.reply, message.payload);
                                 })
                      .value();
    EXPECT_EQ(bus->request("echo", "1").value().payload, "1");

    std::optional<Reason> in_flight;
    worker.spawn([&] { in_flight = reason_of(bus->request("echo", "silence").error()); });
    async::Fiber::current().yield();
    ASSERT_TRUE(bus->flush());
    server.kill();
    EXPECT_TRUE(eventually([&] { return in_flight == Reason::connection_lost; }));
    EXPECT_FALSE(bus->connected());
    const auto cut_off = bus->request("echo", "2", {.timeout = 20ms});
    EXPECT_EQ(cut_off.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(reason_of(cut_off.error()), Reason::not_connected);
    std::string late;
    worker.spawn([&] { late = bus->request("echo", "3", {.timeout = 20s}).value().payload; });
    server.start();
    EXPECT_TRUE(eventually([&] { return late == "3"; }));
    ASSERT_TRUE(eventually([&] { return bucket->put("a", "2").has_value(); }));
    EXPECT_EQ(told(*watch), "a=2");
  });
}

TEST(NatsBusReconnect, DataThatIsGoneIsTold) {
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    NatsBusOptions options;
    options.client.urls = {server.url()};
    options.client.reconnect_wait_min = 5ms;
    auto bus = NatsBus::connect(worker, options).value();
    auto bucket = bus->bucket({.bucket = "b"}).value();
    ASSERT_TRUE(bucket->put("a", "1"));
    auto watch = bucket->watch().value();
    EXPECT_EQ(told(*watch), "a=1");
    EXPECT_EQ(told(*watch), "replayed");
    server.kill();
    server.erase_data();
    server.start();
    EXPECT_EQ(watch->next().error().code(), ErrorCode::not_found);
    EXPECT_EQ(bucket->get("a").error().code(), ErrorCode::not_found);
    ASSERT_TRUE(bus->bucket({.bucket = "b"}));
    ASSERT_TRUE(bucket->put("a", "3"));
    EXPECT_EQ(told(*watch), "restarted");
    EXPECT_EQ(told(*watch), "a=3");
    EXPECT_EQ(told(*watch), "replayed");
  });
}

}  // namespace
}  // namespace wattle::lattice
