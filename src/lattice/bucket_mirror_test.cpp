#include "lattice/bucket_mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/bus_test_support.h"
#include "lattice/events.h"
#include "lattice/test_state.h"

namespace wattle::lattice {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kNone = "(no value)";

// A mirror, and a client of wasmCloud v1 that reads the buckets. Hosts answer for their inventories.
class BucketMirrorTest : public testing::TestWithParam<BusKind> {
 protected:
  static void TearDownTestSuite() { places_.clear(); }

  template <class Test>
  void with_mirror(Test test, std::string lattice, BucketMirrorOptions options = {}) {
    nats::run_test([&](async::Worker& worker) {
      auto& place = places_[GetParam()];
      if (!place) place = std::make_unique<BusPlace>(GetParam());
      bus_ = place->connect(worker);
      lattice_ = lattice;
      auto state = open_test_state(*bus_, lattice);
      state_ = state.get();
      auto host = bus_->subscribe("wasmbus.ctl.v1." + lattice + ".host.get.NA", {}, [&](const auto& message) {
        (void)bus_->publish(message.reply, R"({"success":true,"message":"","response":)" + inventory_ + "}");
      });
      const telemetry::Log log(
          {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""});
      options.lattice = lattice;
      options.settle = 5ms;
      if (managed_) renew_lease();
      auto mirror = BucketMirror::start(
          *bus_, *state_, log, "NA",
          [&] {
            ++rounds_;
            return BucketMirror::Hosts{{"NA"}, writer_, failing_};
          },
          options);
      ASSERT_TRUE(mirror) << mirror.error().full_message();
      mirror_ = mirror->get();
      test();
      (*mirror)->stop();
      mirror->reset();
      state.reset();
      host->reset();
      EXPECT_TRUE(bus_->drain());
      bus_.reset();
    });
  }
  // What the key holds once `check` is satisfied with it.
  std::string read(const std::string& bucket, const std::string& key, std::string_view part) {
    std::string value;
    EXPECT_TRUE(nats::eventually([&] {
      BucketConfig config;
      config.bucket = bucket;
      auto opened = bus_->bucket(config);
      auto entry = opened ? (*opened)->get(key) : failure(opened.error());
      value = entry ? entry->value : std::string(kNone);
      return value.find(part) != std::string::npos;
    })) << value;
    return value;
  }
  void put(const std::string& bucket, std::string_view key, std::string_view value) {
    BucketConfig config;
    config.bucket = bucket;
    auto opened = bus_->bucket(config);
    ASSERT_TRUE(opened) << opened.error().full_message();
    ASSERT_TRUE((*opened)->put(key, value));
  }
  void renew_lease() { put(manager_lease_bucket(lattice_), kManagerLeaseKey, "{}"); }
  void tell_scaled() { (void)publish(*bus_, lattice_, "NA", component_scaled({.component_id = "shop"})); }

  std::unique_ptr<Bus> bus_;
  LatticeState* state_ = nullptr;
  std::string lattice_;
  BucketMirror* mirror_ = nullptr;
  std::string writer_ = "NA";
  std::set<std::pair<std::string, std::string>> failing_;
  bool managed_ = false;  // a manager leads when the mirror starts
  int rounds_ = 0;
  std::string inventory_ =
      R"({"components":[{"id":"shop","image_ref":"file:///a.wasm","annotations":{"k":"v"},"revision":1,)"
      R"("max_instances":4}],"providers":[{"id":"kv","image_ref":"builtin://m","revision":0}],"host_id":"NA",)"
      R"("friendly_name":"calm-reed","labels":{"zone":"a"},"version":"0.1.0","uptime_seconds":61})";
  static inline std::map<BusKind, std::unique_ptr<BusPlace>> places_;
};

const Link kLink{.source_id = "shop",
                 .target = "kv",
                 .name = "default",
                 .wit_namespace = "wasi",
                 .wit_package = "keyvalue",
                 .interfaces = {"store"},
                 .source_config = {},
                 .target_config = {}};

TEST_P(BucketMirrorTest, WritesWhatVersion1KeepsThere) {
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        ASSERT_TRUE(state_->put_link(kLink));
        EXPECT_EQ(
            read("LATTICEDATA_one", "COMPONENT_shop", "store"),
            R"({"url":"file:///a.wasm","links":[{"source_id":"shop","target":"kv","name":"default",)"
            R"("wit_namespace":"wasi","wit_package":"keyvalue","interfaces":["store"],"source_config":[],)"
            R"("target_config":[]}]})");
        EXPECT_EQ(read("LATTICEDATA_one", "COMPONENT_kv", "builtin"), R"({"url":"builtin://m","links":[]})");
        EXPECT_EQ(read("CONFIGDATA_one", "redis", "url"), R"({"url":"x"})");
        ASSERT_TRUE(state_->put_claims({.issuer = "AI", .subject = "MS", .name = "Shop", .revision = 3}));
        EXPECT_EQ(read("LATTICEDATA_one", "CLAIMS_MS", "Shop"),
                  R"({"call_alias":"","issuer":"AI","name":"Shop","revision":"3","subject":"MS","tags":[],)"
                  R"("version":""})");
        EXPECT_THAT(read("wadm_state", "host_one", "calm-reed"), HasSubstr(R"("components":{"shop":4})"));
        EXPECT_EQ(read("wadm_state", "component_one", "shop"),
                  R"({"shop":{"id":"shop","name":"shop","issuer":"","reference":"file:///a.wasm",)"
                  R"("instances":{"NA":[{"annotations":{"k":"v"},"count":4}]}}})");
        EXPECT_EQ(
            read("wadm_state", "provider_one", "kv"),
            R"({"kv":{"id":"kv","name":"kv","issuer":"","reference":"builtin://m","hosts":{"NA":"Running"}}})");
      },
      "one");
}

TEST_P(BucketMirrorTest, FollowsWhatChangesAndGoes) {
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        (void)read("CONFIGDATA_two", "redis", "x");
        ASSERT_TRUE(state_->put_config("redis", {{"url", "y"}}));
        (void)read("CONFIGDATA_two", "redis", "y");
        ASSERT_TRUE(state_->delete_config("redis"));
        (void)read("CONFIGDATA_two", "redis", kNone);
        (void)read("LATTICEDATA_two", "COMPONENT_shop", "a.wasm");
        inventory_ = R"({"components":[],"providers":[],"host_id":"NA"})";
        tell_scaled();
        (void)read("LATTICEDATA_two", "COMPONENT_shop", kNone);
        (void)read("wadm_state", "component_two", "{}");
      },
      "two");
}

TEST_P(BucketMirrorTest, TellsOfAProviderThatFails) {
  with_mirror(
      [&] {
        (void)read("wadm_state", "provider_nine", R"({"NA":"Running"})");
        HostLease lease;
        lease.host_id = "NA";
        lease.providers = {{.id = "well"}, {.id = "kv", .healthy = false}};
        BucketMirror::Hosts unhealthy, refused;
        unhealthy.add(lease);
        EXPECT_EQ(unhealthy.ids, std::vector<std::string>{"NA"});
        failing_ = unhealthy.failing;
        mirror_->hosts_changed();
        (void)read("wadm_state", "provider_nine", R"({"NA":"Failed"})");
        lease.providers = {{.id = "kv", .refused = {{.source_id = "web"}}}};
        refused.add(lease);
        EXPECT_EQ(refused.failing, unhealthy.failing);
        failing_.clear();
        mirror_->hosts_changed();
        (void)read("wadm_state", "provider_nine", R"({"NA":"Running"})");
      },
      "nine");
}

TEST_P(BucketMirrorTest, FillsABucketThatWasDeleted) {
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        (void)read("CONFIGDATA_three", "redis", "x");
        ASSERT_TRUE(bus_->remove_bucket("CONFIGDATA_three"));
        tell_scaled();
        (void)read("CONFIGDATA_three", "redis", "x");
      },
      "three");
}

TEST_P(BucketMirrorTest, LeavesAloneWhatIsNotItsOwn) {
  with_mirror(
      [&] {
        BucketConfig config;
        config.bucket = "LATTICEDATA_four";
        auto bucket = bus_->bucket(config);
        ASSERT_TRUE(bucket);
        ASSERT_TRUE((*bucket)->put("OTHER_MA", "other"));
        ASSERT_TRUE((*bucket)->put("COMPONENT_gone", "{}"));
        (void)read("LATTICEDATA_four", "COMPONENT_shop", "a.wasm");
        writer_ = "NA";
        tell_scaled();
        (void)read("LATTICEDATA_four", "OTHER_MA", "other");
      },
      "four");
}

TEST_P(BucketMirrorTest, OneHostWrites) {
  writer_ = "NB";
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        const int before = rounds_;
        ASSERT_TRUE(nats::eventually([&] { return rounds_ >= before + 2; }));
        (void)read("CONFIGDATA_five", "redis", kNone);
        writer_ = "NA";
        (void)read("CONFIGDATA_five", "redis", "x");
      },
      "five", {.interval = 20ms});
}

TEST_P(BucketMirrorTest, AHostLeavesObservedStateToAManagerWhileOneLeads) {
  managed_ = true;
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        for (const TimePoint end = Clock::now() + 2 * kManagerLeaseExpires; Clock::now() < end;) {
          renew_lease();
          ASSERT_TRUE(async::sleep_for(50ms));
        }
        (void)read("CONFIGDATA_six", "redis", "x");
        (void)read("LATTICEDATA_six", "COMPONENT_shop", "a.wasm");
        (void)read("wadm_state", "host_six", kNone);
        const TimePoint ended = Clock::now();
        (void)read("wadm_state", "host_six", "calm-reed");
        EXPECT_LT(Clock::now() - ended, 3 * kManagerLeaseExpires);
      },
      "six");
}

TEST_P(BucketMirrorTest, AfterAManagerAHostReadsWhatThatHasWritten) {
  with_mirror(
      [&] {
        (void)read("wadm_state", "component_seven", "a.wasm");
        renew_lease();
        const int before = rounds_;
        ASSERT_TRUE(nats::eventually([&] {
          tell_scaled();
          return rounds_ >= before + 6;
        }));
        put("wadm_state", "component_seven", "the manager's");
        (void)read("wadm_state", "component_seven", "a.wasm");
      },
      "seven");
}

TEST_P(BucketMirrorTest, AManagerWritesObservedStateAlone) {
  with_mirror(
      [&] {
        ASSERT_TRUE(state_->put_config("redis", {{"url", "x"}}));
        (void)read("wadm_state", "host_eight", "calm-reed");
        inventory_ = R"({"components":[],"providers":[],"host_id":"NA"})";
        tell_scaled();
        (void)read("wadm_state", "component_eight", "{}");
        EXPECT_EQ(bus_->remove_bucket("CONFIGDATA_eight").error().code(), ErrorCode::not_found);
        EXPECT_EQ(bus_->remove_bucket("LATTICEDATA_eight").error().code(), ErrorCode::not_found);
      },
      "eight", {.writer = MirrorWriter::manager});
}

INSTANTIATE_TEST_SUITE_P(Buses, BucketMirrorTest, testing::Values(BusKind::memory, BusKind::nats),
                         [](const auto& test) { return test.param == BusKind::memory ? "memory" : "nats"; });

}  // namespace
}  // namespace wattle::lattice
