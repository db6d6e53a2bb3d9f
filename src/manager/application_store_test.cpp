// The store of manifests: versions that never change, what is deployed, what happened; with one copy and two,
// with a bucket that was lost, with records of a newer wattle, and killed at every single write.
#include "manager/application_store.h"

#include <sys/wait.h>

#include "lattice/memory_bus.h"
#include "lattice/store_test_disk.h"
#include "lattice/test_state.h"
#include "manager/commands.h"
#include "manager/test_support.h"
#include "nats/test_server.h"

namespace wattle::manager {
namespace {

using namespace std::chrono_literals;
using lattice::MemoryBroker;
using lattice::MemoryBus;
using nats::eventually;
using nats::run_test;
using nats::TestFolder;
using testing::AllOf;
using testing::HasSubstr;

lattice::StoreOptions options_for(const TestFolder& folder, std::string_view file) {
  lattice::StoreOptions options;
  options.path = fmt::format("{}/{}", folder.path(), file);
  options.copies.dead_after = 200ms;
  options.copies.grace_after_cut = 200ms;
  return options;
}

// Of a store without other copies that a write would wait for.
lattice::StoreOptions alone() {
  lattice::StoreOptions options;
  options.name = "manifests";
  options.copies.dead_after = Duration::zero();
  return options;
}

std::unique_ptr<ApplicationStore> open(lattice::Bus& bus, lattice::StoreOptions options = alone()) {
  auto store = ApplicationStore::open(bus, std::move(options));
  EXPECT_TRUE(store) << store.error().full_message();
  EXPECT_TRUE((*store)->wait_ready());
  return std::move(store).value();
}

struct Manifest {
  std::string text;
  Application application;
};

Manifest manifest(std::string_view name, std::string_view version, std::string_view image = "a:1") {
  std::string text = application(
      name,
      fmt::format("    - {{name: api, type: component, properties: {{image: "
                  "\"ghcr.io/x/{}\"}}}}\n",
                  image),
      version.empty() ? std::string("{description: a shop}") : fmt::format("{{version: \"{}\"}}", version));
  Read read_back = read(text);
  EXPECT_FALSE(read_back.problems.any_errors()) << read_back.told();
  return {text, read_back.only()};
}

Result<ApplicationStore::Put> put(ApplicationStore& store, const Manifest& what) {
  return store.put(what.application, what.text);
}

std::string history(ApplicationStore& store, std::string_view name) {
  std::string told;
  for (const HistoryEntry& entry : store.find(name)->history)
    told += fmt::format("{} {}{}{}; ", entry.what, entry.version, entry.why.empty() ? "" : ": ", entry.why);
  return told;
}

template <class Test>
void with_store(Test test) {
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = open(bus);
    test(*store);
  });
}

TEST(ApplicationStore, KeepsVersions) {
  with_store([](ApplicationStore& store) {
    const Manifest one = manifest("shop", "1"), two = manifest("shop", "2", "a:2");
    const auto first = put(store, one).value();
    EXPECT_TRUE(first.is_new_application && first.is_new_version);
    EXPECT_EQ(first.version, "1");
    const auto second = put(store, two).value();
    EXPECT_TRUE(!second.is_new_application && second.is_new_version);
    EXPECT_EQ(second.total_versions, 2U);
    EXPECT_EQ(store.manifest("shop", "1").value(), one.text);
    EXPECT_EQ(store.application("shop", "2").value()->parts[0].image, "ghcr.io/x/a:2");
    const auto record = store.find("shop");
    EXPECT_EQ(record->newest().version, "2");
    EXPECT_FALSE(record->deployed);
    EXPECT_THAT(record->versions[0].created, testing::MatchesRegex("20..-..-..T..:..:...*Z"));
  });
}

TEST(ApplicationStore, AVersionNeverChanges) {
  with_store([](ApplicationStore& store) {
    ASSERT_TRUE(put(store, manifest("shop", "1")));
    const auto again = put(store, manifest("shop", "1")).value();
    EXPECT_FALSE(again.is_new_version);
    EXPECT_EQ(again.total_versions, 1U);
    EXPECT_EQ(history(store, "shop"), "put 1; ");
    const auto other = put(store, manifest("shop", "1", "a:2"));
    EXPECT_EQ(other.error().code(), ErrorCode::already_exists);
    EXPECT_THAT(other.error().remedy(), HasSubstr("another version"));
    EXPECT_EQ(store.manifest("shop", "1").value(), manifest("shop", "1").text);
  });
}

TEST(ApplicationStore, AMissingVersionIsMade) {
  with_store([](ApplicationStore& store) {
    const auto one = put(store, manifest("shop", "")).value();
    const auto two = put(store, manifest("shop", "")).value();
    EXPECT_EQ(one.version.size(), 26U);
    EXPECT_NE(one.version, two.version);
    EXPECT_EQ(store.application("shop", two.version).value()->version, two.version);
    EXPECT_EQ(store.find("shop")->versions[0].description, "a shop");
  });
}

TEST(ApplicationStore, RefusesWhatCanBeNoNameOrVersion) {
  with_store([](ApplicationStore& store) {
    Manifest one = manifest("shop", "1");
    for (const std::string& version : {std::string("latest"), std::string("a b"), std::string(129, 'v')}) {
      one.application.version = version;
      EXPECT_EQ(put(store, one).error().code(), ErrorCode::invalid_argument) << version;
    }
    for (const std::string& name :
         {std::string(), std::string("a/b"), std::string("a.b"), std::string(129, 'n')}) {
      EXPECT_EQ(store.deploy(name, {}).error().code(), ErrorCode::invalid_argument) << name;
      one.application.name = name;
      EXPECT_EQ(put(store, one).error().code(), ErrorCode::invalid_argument) << name;
    }
    one = manifest("shop", "1");
    one.text += "# " + std::string(1024 * 1024, 'x');
    EXPECT_THAT(put(store, one).error().message(), HasSubstr("the bus carries at most"));
  });
}

TEST(ApplicationStore, DeploysAndUndeploys) {
  with_store([](ApplicationStore& store) {
    for (const char* version : {"1", "2", "3"}) ASSERT_TRUE(put(store, manifest("shop", version)));
    EXPECT_EQ(store.deploy("shop", "1").value(), "1");
    EXPECT_EQ(store.deploy("shop", {}).value(), "3");
    EXPECT_EQ(store.deploy("shop", {}).value(), "3");
    EXPECT_EQ(store.find("shop")->previous(), "1");
    ASSERT_TRUE(store.roll_back("shop", "3", "1", "2 % of the calls failed"));
    EXPECT_EQ(store.find("shop")->deployed, "1");
    ASSERT_TRUE(store.undeploy("shop"));
    ASSERT_TRUE(store.undeploy("shop"));
    EXPECT_FALSE(store.find("shop")->deployed);
    EXPECT_EQ(history(store, "shop"),
              "put 1; put 2; put 3; deployed 1; deployed 3; rolled back 1: 2 % of the calls failed; "
              "undeployed 1; ");
  });
}

TEST(ApplicationStore, GoesBackOnlyFromWhatIsDeployed) {
  with_store([](ApplicationStore& store) {
    for (const char* version : {"1", "2", "3"}) ASSERT_TRUE(put(store, manifest("shop", version)));
    ASSERT_TRUE(store.deploy("shop", "3"));
    EXPECT_TRUE(store.roll_back("shop", "2", "1", "it failed"));
    EXPECT_EQ(store.find("shop")->deployed, "3");
    EXPECT_EQ(store.roll_back("shop", "3", "4", "it failed").error().code(), ErrorCode::not_found);
    EXPECT_TRUE(store.roll_back("shop", {}, "1", "asked for"));
    EXPECT_EQ(store.find("shop")->deployed, "1");
    EXPECT_TRUE(store.roll_back("blog", "2", "1", "it failed"));
    EXPECT_EQ(store.roll_back("blog", {}, "1", "asked for").error().code(), ErrorCode::not_found);
  });
}

TEST(ApplicationStore, GoesBackToNoVersionThatWasLeftSo) {
  with_store([](ApplicationStore& store) {
    for (const char* version : {"1", "2", "3"}) ASSERT_TRUE(put(store, manifest("shop", version)));
    const auto previous = [&] { return store.find("shop")->previous().value_or("none"); };
    ASSERT_TRUE(store.deploy("shop", "1"));
    EXPECT_EQ(previous(), "none");
    ASSERT_TRUE(store.deploy("shop", "2"));
    EXPECT_EQ(previous(), "1");
    ASSERT_TRUE(store.roll_back("shop", "2", "1", "it failed"));
    EXPECT_EQ(previous(), "none");
    ASSERT_TRUE(store.deploy("shop", "3"));
    EXPECT_EQ(previous(), "1");
    ASSERT_TRUE(store.deploy("shop", "2"));
    EXPECT_EQ(previous(), "3");
    ASSERT_TRUE(store.deploy("shop", "3"));
    ASSERT_TRUE(store.deploy("shop", "2"));
    ASSERT_TRUE(store.roll_back("shop", "2", "3", "it failed"));
    EXPECT_EQ(previous(), "1") << "2 has failed, however often it was deployed";
    ASSERT_TRUE(store.undeploy("shop"));
    EXPECT_EQ(previous(), "3");
    ASSERT_TRUE(store.remove("shop", "3"));
    EXPECT_EQ(previous(), "1");
  });
}

TEST(ApplicationStore, SaysWhatThereIs) {
  with_store([](ApplicationStore& store) {
    for (const char* version : {"1", "2"}) ASSERT_TRUE(put(store, manifest("shop", version)));
    const auto missing = store.manifest("shop", "3");
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
    EXPECT_EQ(missing.error().remedy(), "there are 1, 2");
    EXPECT_EQ(store.deploy("shop", "3").error().remedy(), "there are 1, 2");
    EXPECT_EQ(store.manifest("shpo", "3").error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.deploy("shpo", {}).error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.undeploy("shpo").error().code(), ErrorCode::not_found);
    EXPECT_EQ(store.find("shpo"), nullptr);
  });
}

TEST(ApplicationStore, Removes) {
  with_store([](ApplicationStore& store) {
    for (const char* version : {"1", "2"}) ASSERT_TRUE(put(store, manifest("shop", version)));
    ASSERT_TRUE(store.deploy("shop", "1"));
    ASSERT_TRUE(store.put_note("shop", "left"));
    const auto refused = store.remove("shop", {});
    EXPECT_EQ(refused.error().code(), ErrorCode::invalid_argument);
    EXPECT_THAT(refused.error().remedy(), HasSubstr("wattle app undeploy shop"));
    const auto other = store.remove("shop", "2").value();
    EXPECT_TRUE(other.found && !other.undeployed);
    EXPECT_EQ(store.find("shop")->deployed, "1");
    EXPECT_FALSE(store.manifest("shop", "2"));
    const auto all = store.remove("shop", {}, ApplicationStore::IfDeployed::undeploy).value();
    EXPECT_TRUE(all.found && all.undeployed);
    EXPECT_EQ(store.find("shop"), nullptr);
    EXPECT_EQ(store.note("shop"), "left");
    EXPECT_FALSE(store.remove("shop", {}).value().found);
    EXPECT_TRUE(put(store, manifest("shop", "1", "a:9")).value().is_new_application);
  });
}

TEST(ApplicationStore, KeepsNotes) {
  with_store([](ApplicationStore& store) {
    EXPECT_EQ(store.note("shop"), std::nullopt);
    ASSERT_TRUE(store.put_note("shop", std::string("\0x", 2)));
    EXPECT_EQ(store.note("shop"), std::string("\0x", 2));
    EXPECT_EQ(store.changed_since(nullptr), std::set<std::string>{"shop"});
    ASSERT_TRUE(store.remove_note("shop"));
    EXPECT_EQ(store.note("shop"), std::nullopt);
    EXPECT_TRUE(store.snapshot()->empty());
  });
}

TEST(ApplicationStore, TheHistoryIsBounded) {
  with_store([](ApplicationStore& store) {
    ASSERT_TRUE(put(store, manifest("shop", "1")));
    for (size_t i = 0; i < kHistoryMax / 2; ++i) {
      ASSERT_TRUE(store.deploy("shop", "1"));
      ASSERT_TRUE(store.undeploy("shop", std::string(2000, 'w')));
    }
    const auto record = store.find("shop");
    EXPECT_EQ(record->history.size(), kHistoryMax);
    EXPECT_EQ(record->history.front().what, "deployed");
    EXPECT_EQ(record->history.back().why.size(), kWhyBytesMax);
  });
}

TEST(ApplicationStore, PutsLeaveRoomInTheHistory) {
  with_store([](ApplicationStore& store) {
    ASSERT_TRUE(put(store, manifest("shop", "1")));
    ASSERT_TRUE(put(store, manifest("shop", "2")));
    ASSERT_TRUE(store.deploy("shop", "1"));
    ASSERT_TRUE(store.deploy("shop", "2"));
    for (size_t i = 3; i < kHistoryMax + 5; ++i) ASSERT_TRUE(put(store, manifest("shop", std::to_string(i))));
    auto record = store.find("shop");
    EXPECT_EQ(record->history.size(), kHistoryMax);
    EXPECT_EQ(record->previous(), "1");
    for (size_t i = 0; i < kHistoryMax; ++i) ASSERT_TRUE(store.deploy("shop", i % 2 == 0 ? "1" : "2"));
    record = store.find("shop");
    EXPECT_EQ(record->history.size(), kHistoryMax);
  });
}

TEST(ApplicationStore, DescriptionsAreCut) {
  with_store([](ApplicationStore& store) {
    Manifest one = manifest("shop", "1");
    one.application.description = std::string(kDescriptionBytesMax - 1, 'd') + "\xc3\xa4" + "more";
    ASSERT_TRUE(put(store, one));
    EXPECT_EQ(store.find("shop")->newest().description, std::string(kDescriptionBytesMax - 1, 'd'));
  });
}

TEST(ApplicationStore, WhatIsDeployedCanBeUndeployed) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker, {.max_payload_bytes = 64 * 1024});
    auto store = open(bus);
    Manifest one = manifest("shop", "");
    one.application.description = std::string(kDescriptionBytesMax, 'd');
    Result<ApplicationStore::Put> done = ApplicationStore::Put();
    size_t count = 0;
    for (; done && count < kVersionsMax; ++count) {
      one.application.version = std::to_string(count);
      done = put(*store, one);
    }
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::overloaded);
    EXPECT_THAT(done.error().remedy(), HasSubstr("wattle app delete shop"));
    const std::string why(kWhyBytesMax, 'w');
    for (size_t i = 0; i < 100; ++i) {
      const auto deployed = store->deploy("shop", "0", why);
      ASSERT_TRUE(deployed) << deployed.error().full_message();
      const auto undeployed = store->undeploy("shop", why);
      ASSERT_TRUE(undeployed) << undeployed.error().full_message();
    }
    EXPECT_GE(store->find("shop")->history.size(), 10U);
    for (const char* version : {"0", "1"}) ASSERT_TRUE(store->remove("shop", version));
    EXPECT_TRUE(put(*store, one)) << "there is room again";
  });
}

TEST(ApplicationStore, SnapshotsShareWhatIsTheSame) {
  with_store([](ApplicationStore& store) {
    ASSERT_TRUE(put(store, manifest("shop", "1")));
    ASSERT_TRUE(put(store, manifest("blog", "1")));
    const auto before = store.snapshot();
    EXPECT_EQ(store.snapshot(), before);
    ASSERT_TRUE(store.deploy("shop", {}));
    const auto after = store.snapshot();
    EXPECT_EQ(before->at("blog"), after->at("blog"));
    EXPECT_FALSE(before->at("shop")->deployed);
    EXPECT_EQ(after->at("shop")->deployed, "1");
  });
}

TEST(ApplicationStore, ANewerRecordIsLeftAlone) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    const std::string newer = R"({"format":2,"versions":"of another shape"})";
    auto raw = lattice::Store::open(bus, alone()).value();
    ASSERT_TRUE(raw->put("app/shop", newer));
    ASSERT_TRUE(raw->put("app/torn", "{"));
    auto store = open(bus);
    ASSERT_TRUE(eventually([&] { return store->snapshot()->size() == 2; }));
    EXPECT_THAT(store->find("shop")->unreadable, HasSubstr("format 2"));
    EXPECT_THAT(store->find("torn")->unreadable, HasSubstr("not JSON"));
    EXPECT_EQ(put(*store, manifest("shop", "1")).error().code(), ErrorCode::unsupported);
    EXPECT_EQ(store->deploy("shop", "1").error().code(), ErrorCode::unsupported);
    EXPECT_EQ(store->undeploy("shop").error().code(), ErrorCode::unsupported);
    EXPECT_EQ(store->remove("shop", {}).error().code(), ErrorCode::unsupported);
    EXPECT_EQ(store->manifest("shop", "1").error().code(), ErrorCode::unsupported);
    EXPECT_EQ(*raw->snapshot()->find("app/shop"), newer);
  });
}

TEST(ApplicationStore, TwoManagersAgree) {
  run_test([](async::Worker& worker) {
    const TestFolder folder;
    MemoryBroker broker;
    MemoryBus bus(worker, broker), other_bus(worker, broker);
    auto one = open(bus, options_for(folder, "one"));
    auto two = open(other_bus, options_for(folder, "two"));
    // The same version with two texts: one of them is it.
    int accepted = 0, done = 0;
    const auto put_one = [&](ApplicationStore* store, std::string_view image) {
      worker.spawn([&, store, image] {
        accepted += put(*store, manifest("shop", "1", image)).has_value() ? 1 : 0;
        ++done;
      });
    };
    put_one(one.get(), "a:1");
    put_one(two.get(), "a:2");
    ASSERT_TRUE(eventually([&] { return done == 2; }));
    EXPECT_EQ(accepted, 1);
    ASSERT_TRUE(two->deploy("shop", {}));
    EXPECT_TRUE(eventually([&] { return one->find("shop") && one->find("shop")->deployed == "1"; }));
    EXPECT_EQ(one->manifest("shop", "1").value(), two->manifest("shop", "1").value());
    broker.erase_data();
    ASSERT_TRUE(eventually([&] { return one->undeploy("shop").has_value(); }));
    EXPECT_TRUE(eventually([&] { return !two->find("shop")->deployed; }));
    EXPECT_TRUE(two->manifest("shop", "1"));
  });
}

// As when a rollback is decided, and another version deployed while it is written.
TEST(ApplicationStore, ARollbackLeavesWhatWasDeployedMeanwhile) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker), other_bus(worker, broker);
    auto store = open(bus), other = open(other_bus);
    for (const char* version : {"1", "2", "3"}) ASSERT_TRUE(put(*store, manifest("shop", version)));
    for (const char* version : {"1", "2"}) ASSERT_TRUE(store->deploy("shop", version));
    const auto state = lattice::open_test_state(bus);
    CommandRunner runner(bus, *store, *state, "default");
    std::optional<CommandDone> done;
    bus.cut();
    worker.spawn([&] { done = runner.run({.id = 1, .action = RollBack{"shop", "2", "1", "it failed"}}); });
    const auto deployed = other->deploy("shop", "3");
    ASSERT_TRUE(deployed) << deployed.error().full_message();
    bus.restore();
    ASSERT_TRUE(eventually([&] { return done.has_value(); }));
    EXPECT_TRUE(done->result) << done->result.error().full_message();
    EXPECT_TRUE(eventually([&] { return store->find("shop")->deployed == "3"; }));
    EXPECT_EQ(history(*other, "shop"), "put 1; put 2; put 3; deployed 1; deployed 2; deployed 3; ");
  });
}

// The writes lie in the bucket, and in the snapshot.
TEST(ApplicationStore, WhatIsNotOnTheDiskIsNotAcknowledgedTheSecondTimeEither) {
  const TestFolder folder;
  lattice::TestDisk::install();
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto options = alone();
    options.path = folder.path() + "/store";
    auto store = open(bus, std::move(options));
    for (const char* version : {"1", "2"}) ASSERT_TRUE(put(*store, manifest("shop", version)));
    const auto refused_while_full = [&](const auto& work) {
      lattice::TestDisk::full = true;
      for (int i = 0; i < 2; ++i) {
        const auto done = work();
        EXPECT_FALSE(done);
        if (!done) {
          EXPECT_EQ(lattice::store_reason_of(done.error()), lattice::StoreReason::disk_full);
        }
      }
      lattice::TestDisk::full = false;
      EXPECT_TRUE(eventually([&] { return work().has_value(); }));
    };
    refused_while_full([&] { return store->deploy("shop", "1"); });
    refused_while_full([&] { return store->roll_back("shop", "1", "2", "it failed"); });
    refused_while_full([&] { return store->undeploy("shop"); });
    refused_while_full([&] { return store->remove("shop", "2"); });
    EXPECT_FALSE(store->find("shop")->deployed);
    EXPECT_EQ(store->find("shop")->versions.size(), 1U);
  });
  lattice::TestDisk::uninstall();
}

// The text was synced, and the record that names it was not.
TEST(ApplicationStore, AVersionThatIsNotOnTheDiskIsNotThereAlready) {
  const TestFolder folder;
  lattice::TestDisk::install();
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker), other_bus(worker, broker);
    auto options = alone();
    options.path = folder.path() + "/store";
    auto store = open(bus, std::move(options)), beside = open(other_bus);
    lattice::TestDisk::full = true;
    ASSERT_TRUE(put(*beside, manifest("shop", "1"))) << "it has no disk";
    ASSERT_TRUE(eventually([&] { return store->find("shop") != nullptr; }));
    const auto again = put(*store, manifest("shop", "1"));
    lattice::TestDisk::full = false;
    EXPECT_FALSE(again);
    EXPECT_TRUE(eventually([&] { return put(*store, manifest("shop", "1")).has_value(); }));
    EXPECT_EQ(history(*store, "shop"), "put 1; ");
  });
  lattice::TestDisk::uninstall();
}

TEST(ApplicationStore, SweepsTextsThatNoRecordNames) {
  run_test([](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto raw = lattice::Store::open(bus, alone()).value();
    auto store = open(bus);
    ASSERT_TRUE(put(*store, manifest("shop", "1")));
    const std::string old_key = "manifest/shop/01ARZ3NDEKTSV4RRFFQ69G5FAV",
                      new_key = "manifest/shop/" + make_ulid();
    ASSERT_TRUE(raw->put(old_key, "x"));
    ASSERT_TRUE(raw->put(new_key, "x"));
    auto again = open(bus);
    EXPECT_TRUE(eventually([&] { return raw->snapshot()->find(old_key) == nullptr; }));
    EXPECT_NE(raw->snapshot()->find(new_key), nullptr);
    EXPECT_TRUE(again->manifest("shop", "1"));
  });
}

TEST(ApplicationStore, UlidsTellTheirTime) {
  EXPECT_EQ(ulid_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1469922850259);
  EXPECT_FALSE(ulid_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FA"));
  EXPECT_FALSE(ulid_time_ms("01ARZ3NDElTSV4RRFFQ69G5FAV"));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(static_cast<double>(ulid_time_ms(make_ulid()).value()),
              static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()),
              10'000);
}

// ---- killed

lattice::StoreOptions alone(const TestFolder& folder) {
  lattice::StoreOptions options = alone();
  options.path = folder.path() + "/store";
  return options;
}

// What is deployed after each step of run_steps().
constexpr std::string_view kDeployedAfter[] = {"", "1", "1", "2", "1", "", ""};

void run_steps(const TestFolder& folder, int acknowledged) {
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = ApplicationStore::open(bus, alone(folder)).value();
    const auto step = [&](const auto& done) {
      if (!done || ::write(acknowledged, ".", 1) != 1) ::_exit(1);
    };
    step(put(*store, manifest("shop", "1")));
    step(store->deploy("shop", {}));
    step(put(*store, manifest("shop", "2", std::string(6000, 'a'))));
    step(store->deploy("shop", {}));
    step(store->roll_back("shop", "2", "1", "it failed"));
    step(store->remove("shop", "1", ApplicationStore::IfDeployed::undeploy));
    step(store->remove("shop", {}));
  });
}

size_t run_in_child(const TestFolder& folder, int request, int& status) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    lattice::TestDisk::install();
    lattice::TestDisk::end_at(request, lattice::TestDisk::End::before);
    run_steps(folder, pipe[1]);
    ::_exit(0);
  }
  ::close(pipe[1]);
  size_t steps = 0;
  char step = 0;
  while (::read(pipe[0], &step, 1) == 1) ++steps;
  ::close(pipe[0]);
  ::waitpid(child, &status, 0);
  return steps;
}

void check_what_is_left(const TestFolder& folder, size_t acknowledged) {
  run_test([&](async::Worker& worker) {
    MemoryBroker broker;
    MemoryBus bus(worker, broker);
    auto store = open(bus, alone(folder));
    const auto record = store->find("shop");
    const std::string deployed = record == nullptr ? "" : record->deployed.value_or("");
    const size_t next = std::min(acknowledged, std::size(kDeployedAfter) - 1);
    EXPECT_TRUE((acknowledged == 0 && deployed.empty()) || deployed == kDeployedAfter[acknowledged - 1] ||
                deployed == kDeployedAfter[next])
        << deployed;
    if (record != nullptr) {
      for (const StoredVersion& version : record->versions)
        EXPECT_TRUE(store->application("shop", version.version)) << version.version;
    }
    if (acknowledged >= 1 && acknowledged < 5) {
      EXPECT_TRUE(store->manifest("shop", "1"));
    }
    if (acknowledged >= 3 && acknowledged < 6) {
      EXPECT_TRUE(store->manifest("shop", "2"));
    }
  });
}

// The thread sanitizer makes a process that ends so dear, and is after other things.
#ifdef WATTLE_SANITIZE_THREAD
constexpr int kRequestStep = 24;
#else
constexpr int kRequestStep = 2;
#endif

TEST(ApplicationStore, NothingAcceptedIsLostWhenItIsKilled) {
  int killed = 0;
  for (int request = 1;; request += kRequestStep) {
    SCOPED_TRACE(fmt::format("request {}", request));
    ASSERT_LT(request, 1000);
    const TestFolder folder;
    int status = 0;
    const size_t acknowledged = run_in_child(folder, request, status);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9);
    ++killed;
    check_what_is_left(folder, acknowledged);
    if (HasFailure()) return;
  }
  EXPECT_GT(killed, 40 / kRequestStep);
}

}  // namespace
}  // namespace wattle::manager
