// The store with one and more copies, on the bus in memory and on NATS: agreeing, losing the bucket, being
// cut, refusing what is newer.
#include "lattice/store.h"

#include <algorithm>

#include "lattice/bus_test_support.h"
#include "lattice/store_record.h"
#include "lattice/store_test_disk.h"

namespace wattle::lattice {
namespace {

using namespace std::chrono_literals;
using nats::eventually;
using nats::Reason;
using nats::reason_of;
using nats::run_test;
using nats::TestFolder;

using Content = std::map<std::string, std::string>;

Content content_of(Store& store) {
  Content content;
  const auto now = store.snapshot();
  for (const auto& [key, value] : now->values()) content[key] = *value;
  return content;
}

StoreOptions options_for(const TestFolder& folder, std::string_view file) {
  StoreOptions options;
  options.path = fmt::format("{}/{}", folder.path(), file);
  options.copies.dead_after = 200ms;
  options.copies.grace_after_cut = 200ms;
  return options;
}

// A bus whose data can be taken away.
class Place {
 public:
  explicit Place(BusKind kind) {
    if (kind == BusKind::nats) server_ = std::make_unique<nats::TestServer>();
  }
  std::unique_ptr<Bus> connect(async::Worker& worker) {
    if (!server_) return std::make_unique<MemoryBus>(worker, broker_);
    NatsBusOptions options;
    options.client.urls = {server_->url()};
    options.client.reconnect_wait_min = 5ms;
    options.client.reconnect_wait_max = 50ms;
    return NatsBus::connect(worker, options).value();
  }
  void erase_data() {
    if (!server_) return broker_.erase_data();
    server_->kill();
    server_->erase_data();
    server_->start();
  }

 private:
  MemoryBroker broker_;
  std::unique_ptr<nats::TestServer> server_;
};

class StoreTest : public testing::TestWithParam<BusKind> {
 protected:
  // Runs `test(bus, other)` with two buses of one worker.
  template <class Test>
  void with_buses(Test test) {
    run_test([&](async::Worker& worker) {
      const auto bus = place_.connect(worker);
      const auto other = place_.connect(worker);
      test(*bus, *other);
    });
  }
  std::unique_ptr<Store> open(Bus& bus, std::string_view file) {
    auto store = Store::open(bus, options_for(folder_, file));
    EXPECT_TRUE(store) << store.error().full_message();
    return std::move(store).value();
  }
  // As open(), and knows of every other copy.
  std::unique_ptr<Store> open_beside(Bus& bus, std::string_view file, size_t others) {
    auto store = open(bus, file);
    EXPECT_TRUE(eventually([&] { return store->ready() && store->other_copies() == others; }));
    return store;
  }

  TestFolder folder_;
  Place place_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(, StoreTest, testing::Values(BusKind::memory, BusKind::nats),
                         [](const auto& test) { return test.param == BusKind::memory ? "Memory" : "Nats"; });

TEST_P(StoreTest, KeepsAndForgets) {
  with_buses([&](Bus& bus, Bus&) {
    const std::string key = "link/a.b c/\xc3\xa4:x=*>";
    {
      auto store = open(bus, "one");
      EXPECT_TRUE(store->snapshot()->values().empty());
      ASSERT_TRUE(store->put(key, std::string("\0\n\xff", 3)));
      const auto before = store->snapshot();
      EXPECT_EQ(*before->find(key), std::string("\0\n\xff", 3));
      ASSERT_TRUE(store->put("config/c", "1"));
      ASSERT_TRUE(store->put("config/d", ""));
      ASSERT_TRUE(store->put("configs", "not one of them"));
      size_t configs = 0;
      const auto now = store->snapshot();
      for (const auto& [name, value] : now->prefix("config/")) configs += name.size();
      EXPECT_EQ(configs, 16U);
      ASSERT_TRUE(store->remove("configs"));
      ASSERT_TRUE(store->remove("configs"));
      ASSERT_TRUE(store->remove("never"));
      EXPECT_EQ(store->snapshot()->find("configs"), nullptr);
      EXPECT_EQ(before->values().size(), 1U);
      for (const std::string& bad : {std::string(), std::string(501, 'k')})
        EXPECT_EQ(store->put(bad, "").error().code(), ErrorCode::invalid_argument);
      EXPECT_EQ(reason_of(store->put("a", std::string(bus.max_payload_bytes() + 1, 'x')).error()),
                Reason::payload_too_large);
    }
    auto again = open(bus, "one");
    EXPECT_EQ(content_of(*again),
              (Content{{"config/c", "1"}, {"config/d", ""}, {key, std::string("\0\n\xff", 3)}}));
  });
}

TEST_P(StoreTest, CopiesAgree) {
  with_buses([&](Bus& bus, Bus& other) {
    auto one = open(bus, "one");
    auto two = open_beside(other, "two", 1);
    auto memory_only = Store::open(other, {}).value();
    for (int i = 0; i < 20; ++i) {
      Store& writer = i % 2 == 0 ? *one : *two;
      ASSERT_TRUE(writer.put("k" + std::to_string(i % 7), std::to_string(i)));
    }
    ASSERT_TRUE(memory_only->remove("k3"));
    const Content wanted = {{"k0", "14"}, {"k1", "15"}, {"k2", "16"},
                            {"k4", "18"}, {"k5", "19"}, {"k6", "13"}};
    for (Store* store : {one.get(), two.get(), memory_only.get()})
      EXPECT_TRUE(eventually([&] { return content_of(*store) == wanted; }))
          << store->snapshot()->values().size();
    EXPECT_TRUE(eventually([&] { return one->other_copies() == 1; }));
    two.reset();
    EXPECT_TRUE(eventually([&] { return one->other_copies() == 0; }));
    EXPECT_TRUE(one->put("alone", "1"));
  });
}

TEST_P(StoreTest, ChangesAreMadeOneAfterTheOther) {
  with_buses([&](Bus& bus, Bus& other) {
    auto one = open(bus, "one");
    auto two = open_beside(other, "two", 1);
    int done = 0;
    for (int i = 0; i < 6; ++i)
      bus.worker().spawn([&, i] {
        for (int round = 0; round < 5; ++round) {
          const auto counted =
              (i % 2 == 0 ? *one : *two)
                  .update("n",
                          [](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
                            return std::to_string(std::stoi(std::string(value.value_or("0"))) + 1);
                          });
          EXPECT_TRUE(counted) << counted.error().full_message();
        }
        ++done;
      });
    ASSERT_TRUE(eventually([&] { return done == 6; }));
    EXPECT_TRUE(eventually([&] { return content_of(*one)["n"] == "30" && content_of(*two)["n"] == "30"; }))
        << content_of(*one)["n"];
    const auto refused =
        one->update("n", [](std::optional<std::string_view>) -> Result<std::optional<std::string>> {
          return failure(ErrorCode::already_exists, "taken");
        });
    EXPECT_EQ(refused.error().message(), "taken");
    EXPECT_EQ(content_of(*one)["n"], "30");
  });
}

TEST_P(StoreTest, ALostBucketIsFilledAgain) {
  with_buses([&](Bus& bus, Bus& other) {
    auto one = open(bus, "one");
    auto two = open_beside(other, "two", 1);
    ASSERT_TRUE(one->put("a", "1"));
    ASSERT_TRUE(two->put("b", "2"));
    ASSERT_TRUE(one->put("gone", "3"));
    ASSERT_TRUE(two->remove("gone"));
    place_.erase_data();
    // Writing goes on by itself.
    ASSERT_TRUE(eventually([&] { return one->put("c", "4").has_value(); }));
    ASSERT_TRUE(eventually([&] { return two->put("a", "5").has_value(); }));
    auto three = open_beside(bus, "three", 2);
    const Content wanted = {{"a", "5"}, {"b", "2"}, {"c", "4"}};
    for (Store* store : {one.get(), two.get(), three.get()})
      EXPECT_TRUE(eventually([&] { return content_of(*store) == wanted; }))
          << testing::PrintToString(content_of(*store));
  });
}

TEST_P(StoreTest, AnOldCopyBringsNothingBack) {
  with_buses([&](Bus& bus, Bus& other) {
    auto one = open(bus, "one");
    {
      auto old = open_beside(other, "two", 1);
      ASSERT_TRUE(one->put("deleted", "1"));
      ASSERT_TRUE(one->put("changed", "1"));
      ASSERT_TRUE(old->put("kept", "1"));
    }
    ASSERT_TRUE(eventually([&] { return one->other_copies() == 0; }));
    ASSERT_TRUE(one->remove("deleted"));
    ASSERT_TRUE(one->put("changed", "2"));
    one.reset();
    place_.erase_data();
    // The old copy is the first to fill the new bucket.
    auto old = open_beside(other, "two", 0);
    EXPECT_EQ(content_of(*old), (Content{{"changed", "1"}, {"deleted", "1"}, {"kept", "1"}}));
    one = open_beside(bus, "one", 1);
    const Content wanted = {{"changed", "2"}, {"kept", "1"}};
    EXPECT_TRUE(eventually([&] { return content_of(*one) == wanted && content_of(*old) == wanted; }));
    auto third = open_beside(bus, "three", 2);
    EXPECT_EQ(content_of(*third), wanted);
  });
}

TEST_P(StoreTest, WhatAnotherProgramDeletesComesBack) {
  with_buses([&](Bus& bus, Bus& other) {
    auto store = open(bus, "one");
    ASSERT_TRUE(store->put("a", "1"));
    const auto bucket = other.bucket({.bucket = "wattle_store_default"}).value();
    ASSERT_TRUE(bucket->remove("k.a"));
    EXPECT_TRUE(eventually([&] { return bucket->get("k.a").has_value(); }));
    ASSERT_TRUE(bucket->put("k.a", "nonsense"));
    EXPECT_TRUE(eventually([&] { return decode_record(bucket->get("k.a")->value).has_value(); }));
    ASSERT_TRUE(bucket->put("somebody-else", "1"));
    ASSERT_TRUE(store->put("b", "2"));
    EXPECT_EQ(content_of(*store), (Content{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(bucket->get("somebody-else")->value, "1");
  });
}

TEST_P(StoreTest, ACopyThatDoesNotSyncIsWaitedFor) {
  with_buses([&](Bus& bus, Bus& other) {
    StoreOptions options = options_for(folder_, "one");
    options.write_timeout = 300ms;
    auto store = Store::open(bus, options).value();
    ASSERT_TRUE(eventually([&] { return store->put("a", "1").has_value(); }));
    uint64_t sequence = 0;
    const auto report = [&](uint64_t epoch, uint64_t revision) {
      const std::string text = fmt::format(R"({{"format":1,"readable_by":1,"copy":"another","sequence":{},)"
                                           R"("durable":true,"epoch":{},"revision":{}}})",
                                           ++sequence, epoch, revision);
      ASSERT_TRUE(other.publish("wattle.default.store.another", text));
    };
    bool over = false;
    bus.worker().spawn([&] {
      while (!over && async::sleep_for(20ms)) report(1, 1'000'000);
    });
    ASSERT_TRUE(eventually([&] { return store->other_copies() == 1; }));
    const auto alone = store->put("a", "2");
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(store_reason_of(alone.error()), StoreReason::not_replicated);
    EXPECT_FALSE(alone.error().remedy().empty());
    // Trying again is right, and works when that copy has died.
    over = true;
    EXPECT_TRUE(eventually([&] { return store->put("a", "2").has_value(); }));
    EXPECT_EQ(content_of(*store), (Content{{"a", "2"}}));
  });
}

TEST_P(StoreTest, WhatIsSoAlreadyIsNotWrittenAgain) {
  with_buses([&](Bus& bus, Bus& other) {
    auto one = open(bus, "one");
    auto two = open_beside(other, "two", 1);
    ASSERT_TRUE(one->put("a", "1"));
    ASSERT_TRUE(one->put("b", "1"));
    ASSERT_TRUE(one->remove("b"));
    const auto bucket = bus.bucket({.bucket = "wattle_store_default"}).value();
    const uint64_t revision = bucket->get("k.a")->revision, removal = bucket->get("k.b")->revision;
    const auto as_it_is = [](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
      return std::string(value.value_or("none"));
    };
    for (Store* store : {one.get(), two.get()}) {
      ASSERT_TRUE(store->put("a", "1"));
      ASSERT_TRUE(store->update("a", as_it_is));
      ASSERT_TRUE(store->remove("b"));
    }
    EXPECT_EQ(bucket->get("k.a")->revision, revision);
    EXPECT_EQ(bucket->get("k.b")->revision, removal);
    place_.erase_data();
    EXPECT_TRUE(eventually([&] { return one->put("a", "1").has_value(); }));
    EXPECT_EQ(content_of(*one), (Content{{"a", "1"}}));
  });
}

TEST_P(StoreTest, ANewerBucketIsLeftAsItIs) {
  with_buses([&](Bus& bus, Bus& other) {
    const auto bucket = other.bucket({.bucket = "wattle_store_default"}).value();
    const std::string newer = R"({"format":3,"readable_by":2,"new":"form"})";
    const uint64_t revision = bucket->put("meta", newer).value();
    ASSERT_TRUE(bucket->put("k.a", R"({"format":3,"readable_by":2})"));
    auto store = open(bus, "one");
    const auto refused = store->put("b", "1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::unsupported);
    EXPECT_NE(refused.error().full_message().find("format 3"), std::string::npos);
    EXPECT_EQ(store->wait_ready().error().code(), ErrorCode::unsupported);
    EXPECT_TRUE(store->snapshot()->values().empty());
    EXPECT_EQ(bucket->get("meta")->revision, revision);
    EXPECT_EQ(bucket->keys().value().size(), 2U);
  });
}

TEST_P(StoreTest, NeighbouringFormatsShareABucket) {
  with_buses([&](Bus& bus, Bus& other) {
    auto store = open(bus, "one");
    ASSERT_TRUE(store->put("a", "1"));
    const auto bucket = other.bucket({.bucket = "wattle_store_default"}).value();
    // What the next version writes is read, and what only it may read is neither read nor overwritten.
    ASSERT_TRUE(bucket->put("k.a", "{\"format\":2,\"readable_by\":1,\"id\":\"x\",\"new\":true}\n2"));
    const uint64_t revision = bucket->put("k.b", "{\"format\":2,\"readable_by\":2}\n2").value();
    ASSERT_TRUE(eventually([&] { return content_of(*store)["a"] == "2"; }));
    EXPECT_EQ(store->put("b", "1").error().code(), ErrorCode::unsupported);
    EXPECT_EQ(store->remove("b").error().code(), ErrorCode::unsupported);
    EXPECT_EQ(bucket->get("k.b")->revision, revision);
    EXPECT_EQ(content_of(*store), (Content{{"a", "2"}}));
  });
}

TEST(Store, ReadingGoesOnWhileCutOffAndWritingEnds) {
  const TestFolder folder;
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    MemoryBus other(worker, broker);
    StoreOptions options = options_for(folder, "one");
    options.write_timeout = 100ms;
    auto store = Store::open(bus, options).value();
    auto beside = Store::open(other, options_for(folder, "two")).value();
    ASSERT_TRUE(eventually([&] { return store->put("a", "1").has_value(); }));
    bus.cut();
    const auto written = store->put("a", "2");
    EXPECT_EQ(written.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(content_of(*store), (Content{{"a", "1"}}));
    ASSERT_TRUE(eventually([&] { return beside->put("b", "3").has_value(); }));
    bus.restore();
    ASSERT_TRUE(eventually([&] { return content_of(*store).contains("b"); }));
    ASSERT_TRUE(eventually([&] { return store->put("a", "2").has_value(); }));
    EXPECT_TRUE(eventually([&] { return content_of(*beside) == (Content{{"a", "2"}, {"b", "3"}}); }));
  });
}

TEST(Store, ChangesSurviveAServerThatIsKilledAgainAndAgain) {
  const TestFolder folder;
  nats::TestServer server;
  run_test([&](async::Worker& worker) {
    NatsBusOptions to;
    to.client.urls = {server.url()};
    to.client.reconnect_wait_min = 5ms;
    to.client.reconnect_wait_max = 20ms;
    const auto bus = NatsBus::connect(worker, to).value();
    const auto other = NatsBus::connect(worker, to).value();
    auto one = Store::open(*bus, options_for(folder, "one")).value();
    auto two = Store::open(*other, options_for(folder, "two")).value();
    int tried = 0;
    int acknowledged = 0;
    bool over = false;
    int running = 0;
    for (int i = 0; i < 4; ++i) {
      ++running;
      worker.spawn([&, i] {
        while (!over) {
          ++tried;
          const auto counted =
              (i % 2 == 0 ? *one : *two)
                  .update("n",
                          [](std::optional<std::string_view> value) -> Result<std::optional<std::string>> {
                            return std::to_string(std::stoi(std::string(value.value_or("0"))) + 1);
                          });
          acknowledged += counted ? 1 : 0;
        }
        --running;
      });
    }
    for (int round = 0; round < 3; ++round) {
      const int before = acknowledged;
      ASSERT_TRUE(eventually([&] { return acknowledged > before + 20; })) << acknowledged;
      server.kill();
      if (round == 2) server.erase_data();
      server.start();
    }
    const int before = acknowledged;
    ASSERT_TRUE(eventually([&] { return acknowledged > before + 20; })) << acknowledged;
    over = true;
    ASSERT_TRUE(eventually([&] { return running == 0; }));
    const int counted = std::stoi(content_of(*one)["n"]);
    EXPECT_GE(counted, acknowledged);
    EXPECT_LE(counted, tried);
  });
}

// As after a power cut of the server's machine: nats-server does not sync what it acknowledges.
TEST(Store, ABucketThatLostItsLastWritesGetsThemBack) {
  namespace fs = std::filesystem;
  const TestFolder folder;
  nats::TestServer server;
  const std::string data = server.folder().path() + "/data";
  const std::string kept = server.folder().path() + "/kept";
  run_test([&](async::Worker& worker) {
    NatsBusOptions to;
    to.client.urls = {server.url()};
    to.client.reconnect_wait_min = 5ms;
    to.client.reconnect_wait_max = 20ms;
    const auto bus = NatsBus::connect(worker, to).value();
    auto store = Store::open(*bus, options_for(folder, "one")).value();
    ASSERT_TRUE(store->put("a", "1"));
    ASSERT_TRUE(store->put("gone", "1"));
    const auto bucket = bus->bucket({.bucket = "wattle_store_default"}).value();
    const int64_t created_ns = bucket->created_ns().value();
    server.stop();
    fs::copy(data, kept, fs::copy_options::recursive);
    server.start();
    ASSERT_TRUE(eventually([&] { return store->put("a", "2").has_value(); }));
    ASSERT_TRUE(store->remove("gone"));
    ASSERT_TRUE(store->put("b", "3"));
    server.stop();
    fs::remove_all(data);
    fs::rename(kept, data);
    server.start();
    ASSERT_TRUE(eventually([&] { return store->put("c", "4").has_value(); }));
    EXPECT_EQ(bucket->created_ns().value(), created_ns);
    const Content wanted = {{"a", "2"}, {"b", "3"}, {"c", "4"}};
    EXPECT_EQ(content_of(*store), wanted);
    // Whoever comes new finds it so too.
    auto fresh = Store::open(*bus, options_for(folder, "two")).value();
    ASSERT_TRUE(fresh->wait_ready());
    EXPECT_TRUE(eventually([&] { return content_of(*fresh) == wanted; }))
        << testing::PrintToString(content_of(*fresh));
  });
}

TEST(Store, AFullDiskIsSaidAndGotOver) {
  const TestFolder folder;
  TestDisk::install();
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = Store::open(bus, options_for(folder, "one")).value();
    ASSERT_TRUE(store->put("a", "1"));
    TestDisk::full = true;
    const auto written = store->put("a", "2");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code(), ErrorCode::io);
    EXPECT_EQ(store_reason_of(written.error()), StoreReason::disk_full);
    EXPECT_NE(written.error().message().find(folder.path()), std::string::npos);
    EXPECT_FALSE(written.error().remedy().empty());
    // What is there already is not on the disk.
    const auto same = store->update("a", [](std::optional<std::string_view> value) {
      return Result<std::optional<std::string>>(std::string(value.value_or("none")));
    });
    ASSERT_FALSE(same);
    EXPECT_EQ(store_reason_of(same.error()), StoreReason::disk_full);
    TestDisk::full = false;
    EXPECT_TRUE(eventually([&] { return store->put("b", "3").has_value(); }));
  });
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = Store::open(bus, options_for(folder, "one")).value();
    EXPECT_EQ(content_of(*store), (Content{{"a", "2"}, {"b", "3"}}));
  });
  TestDisk::uninstall();
}

TEST(Store, KeysAreBounded) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = Store::open(bus, {.keys_max = 3, .copies = {.dead_after = 1ms}}).value();
    for (const char* key : {"a", "b", "c", "a"}) ASSERT_TRUE(store->put(key, "1"));
    EXPECT_EQ(store->put("d", "1").error().code(), ErrorCode::overloaded);
    EXPECT_TRUE(store->remove("a"));
  });
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), {}};
}

TEST(StoreFile, RefusesWhatIsNotItsOwnAndLeavesItAsItIs) {
  const TestFolder folder;
  const std::string path = folder.path() + "/store";
  {
    ASSERT_TRUE(StoreFile::open(path, "wattle_store_default"));
  }
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string fine = bytes_of(path);

  const auto refusal = [&](const std::string& content, std::string_view owner = "wattle_store_default") {
    folder.write("store", content);
    auto opened = StoreFile::open(path, owner);
    EXPECT_FALSE(opened);
    EXPECT_EQ(bytes_of(path), content);
    EXPECT_FALSE(opened.error().remedy().empty());
    return opened.error().code();
  };
  std::string newer = fine;
  newer[63] = 2;  // SQLite's user_version
  EXPECT_EQ(refusal(newer), ErrorCode::unsupported);
  std::string other_program = fine;
  other_program[71] ^= 1;  // application_id
  EXPECT_EQ(refusal(other_program), ErrorCode::malformed);
  EXPECT_EQ(refusal("just some text"), ErrorCode::malformed);
  EXPECT_EQ(refusal(fine, "wattle_store_elsewhere"), ErrorCode::invalid_argument);
  std::string damaged = fine;
  for (size_t i = 100; i < damaged.size(); ++i) damaged[i] = static_cast<char>(i * 7);
  EXPECT_EQ(refusal(damaged), ErrorCode::malformed);
  EXPECT_EQ(StoreFile::open(folder.path() + "/no/store", "x").error().code(), ErrorCode::not_found);
  folder.write("store", fine);
  EXPECT_TRUE(StoreFile::open(path, "wattle_store_default"));
}

// The format's number may lie in the log only.
TEST(StoreFile, RefusesANewerFormatThatIsOnlyInTheLog) {
  const TestFolder folder;
  const std::string path = folder.path() + "/store";
  {
    ASSERT_TRUE(StoreFile::open(path, "x"));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    sqlite3* database = nullptr;
    sqlite3_open(path.c_str(), &database);
    sqlite3_exec(database, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA user_version=2", nullptr, nullptr, nullptr);
    ::_exit(0);  // the log is not moved into the file
  }
  ::waitpid(child, nullptr, 0);
  const std::string file = bytes_of(path);
  const std::string log = bytes_of(path + "-wal");
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(StoreFile::open(path, "x").error().code(), ErrorCode::unsupported);
  EXPECT_EQ(bytes_of(path), file);
  EXPECT_EQ(bytes_of(path + "-wal"), log);
}

TEST(StoreFile, IsOpenInOneProcess) {
  const TestFolder folder;
  const std::string path = folder.path() + "/store";
  int ready[2];
  int over[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(over), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto file = StoreFile::open(path, "x");
    char byte = file ? 'y' : 'n';
    (void)!::write(ready[1], &byte, 1);
    (void)!::read(over[0], &byte, 1);
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  const auto second = StoreFile::open(path, "x");
  EXPECT_EQ(second.error().code(), ErrorCode::already_exists);
  EXPECT_NE(second.error().message().find("another process"), std::string::npos);
  ASSERT_EQ(::write(over[1], &byte, 1), 1);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(StoreFile::open(path, "x"));
  for (const int descriptor : {ready[0], ready[1], over[0], over[1]}) ::close(descriptor);
}

TEST(StoreRecord, ComesBackAsItWasWritten) {
  StoreRecord record{.id = "x", .deleted = false, .value = std::string("\n{\0", 3), .origin = std::nullopt};
  EXPECT_EQ(decode_record(encode(record)).value(), record);
  record = {.id = "", .deleted = true, .value = "", .origin = StoreVersion{3, 9}};
  EXPECT_EQ(decode_record(encode(record)).value(), record);
  EXPECT_EQ(decode_meta(encode(StoreMeta{17}))->epoch, 17U);
  for (const char* bad : {"", "\n", "{}\n", "{\"format\":1}\n", "{\"format\":1,\"readable_by\":1}"})
    EXPECT_EQ(decode_record(bad).error().code(), ErrorCode::malformed) << bad;
  EXPECT_EQ(decode_meta("{\"format\":1,\"readable_by\":1}\n").error().code(), ErrorCode::malformed);
}

TEST(StoreRecord, AnyTextIsAKey) {
  for (const std::string& key :
       {std::string("link/a-b_c"), std::string("a.b"), std::string("=3D"), std::string("\0\xff *>", 5)}) {
    const std::string encoded = bucket_key(key).value();
    EXPECT_TRUE(nats::check_key(encoded)) << encoded;
    EXPECT_EQ(store_key(encoded), key);
  }
  for (const char* bad : {"", "k.", "k.a=", "k.a=1", "k.a=xy", "meta", "skip"})
    EXPECT_EQ(store_key(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace wattle::lattice
