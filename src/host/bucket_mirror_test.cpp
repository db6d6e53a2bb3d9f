#include "host/bucket_mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/bus_test_support.h"
#include "lattice/events.h"
#include "lattice/test_state.h"

namespace wattle::host {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kNone = "(no value)";

// A mirror, and a client of wasmCloud v1 that reads the buckets. Hosts answer for their inventories.
class BucketMirrorTest : public testing::TestWithParam<lattice::BusKind> {
 protected:
  static void TearDownTestSuite() { places_.clear(); }

  template <class Test>
  void with_mirror(Test test, std::string lattice, BucketMirrorOptions options = {}) {
    nats::run_test([&](async::Worker& worker) {
      auto& place = places_[GetParam()];
      if (!place) place = std::make_unique<lattice::BusPlace>(GetParam());
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
      auto mirror = BucketMirror::start(
          *bus_, *state_, log, "NA",
          [&] {
            ++rounds_;
            return BucketMirror::Hosts{{"NA"}, writer_};
          },
          options);
      ASSERT_TRUE(mirror) << mirror.error().full_message();
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
      lattice::BucketConfig config;
      config.bucket = bucket;
      auto opened = bus_->bucket(config);
      auto entry = opened ? (*opened)->get(key) : failure(opened.error());
      value = entry ? entry->value : std::string(kNone);
      return value.find(part) != std::string::npos;
    })) << value;
    return value;
  }
  void tell_scaled() {
    (void)lattice::publish(*bus_, lattice_, "NA", lattice::component_scaled({.component_id = "shop"}));
  }

  std::unique_ptr<lattice::Bus> bus_;
  lattice::LatticeState* state_ = nullptr;
  std::string lattice_;
  std::string writer_ = "NA";
  int rounds_ = 0;
  std::string inventory_ =
      R"({"components":[{"id":"shop","image_ref":"file:///a.wasm","annotations":{"k":"v"},"revision":1,)"
      R"("max_instances":4}],"providers":[{"id":"kv","image_ref":"builtin://m","revision":0}],"host_id":"NA",)"
      R"("friendly_name":"calm-reed","labels":{"zone":"a"},"version":"0.1.0","uptime_seconds":61})";
  static inline std::map<lattice::BusKind, std::unique_ptr<lattice::BusPlace>> places_;
};

const lattice::Link kLink{.source_id = "shop",
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
        lattice::BucketConfig config;
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

INSTANTIATE_TEST_SUITE_P(Buses, BucketMirrorTest,
                         testing::Values(lattice::BusKind::memory, lattice::BusKind::nats),
                         [](const auto& test) {
                           return test.param == lattice::BusKind::memory ? "memory" : "nats";
                         });

}  // namespace
}  // namespace wattle::host
