#include <gmock/gmock.h>

#include <filesystem>

#include "host/control_test_support.h"
#include "host/identity.h"

namespace wattle::host {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

std::string refer(std::string_view backend) {
  return fmt::format(
      R"({{"name":"token","type":"secret.wasmcloud.dev/v1alpha1","backend":"{}","key":"shop/token"}})",
      backend);
}

TEST_P(HostControlTest, AComponentRunsOnceItsSecretsAreThere) {
  with_host([&] {
    EXPECT_EQ(ask("config.put.SECRET_token", refer("kept")), kDone);
    EXPECT_EQ(scale("one.wasm", 1, R"(,"config":["SECRET_token"])"), kDone);
    expect_event("component_scaled", R"("component_id":"shop")");
    EXPECT_EQ(data_.secrets->of("shop", {"SECRET_token"})->at("token").value, "value of shop/token");
    EXPECT_EQ(scale("one.wasm", 0), kDone);
    EXPECT_TRUE(nats::eventually([&] { return data_.secrets->held.empty(); }));
  });
}

TEST_P(HostControlTest, AComponentWhoseSecretsCannotBeHadIsNotStarted) {
  with_host([&] {
    EXPECT_EQ(ask("config.put.SECRET_token", refer("nowhere")), kDone);
    EXPECT_EQ(scale("one.wasm", 1, R"(,"config":["SECRET_token"])"), kDone);
    expect_event("component_scale_failed", "shop/token");
    EXPECT_TRUE(data_.components.empty());
  });
}

class LinkSecretsTest : public HostControlTest {
 protected:
  void start_linked_provider() {
    EXPECT_EQ(ask("config.put.SECRET_token", refer("kept")), kDone);
    EXPECT_EQ(ask("provider.start.NHOST",
                  R"({"provider_id":"kv","provider_ref":"builtin://keyvalue-memory","host_id":"NHOST"})"),
              kDone);
    expect_event("provider_started", R"("provider_id":"kv")");
  }
  void put_secret_link() {
    EXPECT_EQ(ask("link.put", R"({"source_id":"shop","target":"kv","name":"default","wit_namespace":"wasi",)"
                              R"("wit_package":"keyvalue","interfaces":["store"],"source_config":[],)"
                              R"("target_config":["SECRET_token"]})"),
              kDone);
    EXPECT_TRUE(nats::eventually([&] { return data_.secrets->of("kv", {"SECRET_token"}).has_value(); }));
  }
};

TEST_P(LinkSecretsTest, AreForTheProvider) {
  with_host([&] {
    start_linked_provider();
    put_secret_link();
    EXPECT_FALSE(data_.secrets->of("shop", {"SECRET_token"}));
  });
}

TEST_P(LinkSecretsTest, AreToldAgainWhenTheLinkIsRefused) {
  with_host([&] {
    start_linked_provider();
    data_.refuses_secrets = true;
    put_secret_link();
    EXPECT_TRUE(nats::eventually([&] { return data_.links_told > 0; }));
  });
}

TEST_P(HostControlTest, ALinkThatItsProviderRefusesIsToldAgain) {
  with_host([&] {
    EXPECT_EQ(ask("provider.start.NHOST",
                  R"({"provider_id":"kv","provider_ref":"builtin://keyvalue-memory","host_id":"NHOST"})"),
              kDone);
    expect_event("provider_started", R"("provider_id":"kv")");
    const auto refused = [&] {
      for (const auto& host : host_->directory().snapshot()->hosts())
        for (const auto& provider : host->providers.value_or(std::vector<lattice::ProviderLease>()))
          for (const auto& link : provider.refused) return link.reason;
      return std::string();
    };
    data_.refusals = 3;
    for (int i = 0; i < 300; ++i) data_.long_name += "\u00e9";  // beyond what a lease takes
    ASSERT_THAT(ask("link.put", R"({"source_id":"a","target":"kv","name":"default","wit_namespace":"wasi",
                                    "wit_package":"http","interfaces":["incoming-handler"]})"),
                HasSubstr("true"));
    // Told before the link was put, as far as anybody can see.
    EXPECT_THAT(refused(), HasSubstr("the port is in use"));
    EXPECT_TRUE(nats::eventually([&] { return data_.refusals == 0; }));
    EXPECT_TRUE(nats::eventually([&] { return refused().empty(); }));
  });
}

TEST_P(HostControlTest, TellsItsStartAndBeats) {
  with_host(
      [&] {
        expect_event("host_started", R"("uptime_seconds":0,"version":"0.1.0")");
        expect_event("host_heartbeat", R"("components":[],"providers":[],"host_id":"NHOST")");
        expect_event("host_heartbeat", R"("hostcore.os":"linux")");
        EXPECT_THAT(ask("host.ping"), HasSubstr(R"("id":"NHOST")"));
        EXPECT_THAT(ask("host.ping"), HasSubstr(R"("lattice":"default")"));
      },
      {.heartbeat_interval = 30ms});
}

TEST_P(HostControlTest, ScalesAComponentUpAndDown) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 4, R"(,"annotations":{"k":"v"})"), kDone);
    expect_event("component_scaled", R"("annotations":{"k":"v"},"host_id":"NHOST")");
    EXPECT_EQ(data_.components.at("shop").max_instances, 4u);
    EXPECT_THAT(data_.components.at("shop").digest, StartsWith("sha256:"));
    EXPECT_THAT(
        ask("host.get.NHOST"),
        HasSubstr(fmt::format(R"({{"id":"shop","image_ref":"{}","annotations":{{"k":"v"}},"revision":1,)"
                              R"("max_instances":4,"digest":"{}"}})",
                              file("one.wasm"), data_.components.at("shop").digest)));
    EXPECT_EQ(scale("one.wasm", 9), kDone);
    expect_event("component_scaled", R"("max_instances":9)");
    EXPECT_EQ(scale("one.wasm", 0), kDone);
    expect_event("component_scaled", R"("max_instances":0)");
    EXPECT_TRUE(data_.components.empty());
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("components":[])"));
  });
}

TEST_P(HostControlTest, ScalingTwiceAlikeChangesNothing) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 4), kDone);
    expect_event("component_scaled", R"("annotations":{},)");
    EXPECT_EQ(scale("one.wasm", 4, R"(,"annotations":{"k":"v"})"), kDone);
    expect_event("component_scaled", R"("annotations":{"k":"v"})");
    EXPECT_EQ(data_.puts_begun, 1);
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("annotations":{"k":"v"})"));
    EXPECT_EQ(scale("one.wasm", 4, R"(,"component_limits":{"max_execution_time":"1500"})"), kDone);
    expect_event("component_scaled", R"("max_instances":4)");
    EXPECT_EQ(data_.puts_begun, 2);
  });
}

TEST_P(HostControlTest, TellsHowAScaleFailed) {
  with_host([&] {
    EXPECT_EQ(scale("missing.wasm", 1), kDone);
    expect_event("component_scale_failed", "missing.wasm cannot be opened");
    EXPECT_EQ(scale("text.txt", 1), kDone);
    expect_event("component_scale_failed", "is no WebAssembly component");
    EXPECT_TRUE(data_.components.empty());
    EXPECT_THAT(scale("", 1), StartsWith(kRefused));
    EXPECT_THAT(scale("one.wasm", 1, R"(,"component_limits":{"max_memory_limit":"much"})"),
                StartsWith(kRefused));
  });
}

TEST_P(HostControlTest, KeepsLimitsInItsInventory) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 1,
                    R"(,"component_limits":{"max_memory_limit":"1048576","max_execution_time":"1500"})"),
              kDone);
    expect_event("component_scaled", "");
    EXPECT_EQ(data_.components.at("shop").limits.max_memory_bytes, 1048576u);
    EXPECT_EQ(data_.components.at("shop").limits.max_execution_time, 1500ms);
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("limits":{"max_execution_time":"1500")"));
  });
}

TEST_P(HostControlTest, AnotherImageNeedsLeave) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 1), kDone);
    expect_event("component_scaled", "one.wasm");
    EXPECT_THAT(scale("two.wasm", 2), HasSubstr(R"("success":true,"message":"component \"shop\" runs)"));
    expect_event("component_scaled", "one.wasm");
    EXPECT_EQ(scale("two.wasm", 2, R"(,"allow_update":true)"), kDone);
    expect_event("component_scaled", "two.wasm");
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("revision":2)"));
  });
}

TEST_P(HostControlTest, UpdatesWhatRuns) {
  with_host([&] {
    const auto update = [&](std::string_view image) {
      return ask("component.update.NHOST",
                 fmt::format(R"({{"component_id":"shop","host_id":"NHOST","new_component_ref":"{}"}})",
                             file(image)));
    };
    EXPECT_THAT(update("two.wasm"), StartsWith(kRefused));
    (void)scale("one.wasm", 3);
    expect_event("component_scaled", "one.wasm");
    EXPECT_EQ(update("two.wasm"), kDone);
    expect_event("component_scaled", "two.wasm");
    EXPECT_EQ(data_.components.at("shop").max_instances, 3u);
    EXPECT_EQ(update("text.txt"), kDone);
    expect_event("component_scale_failed", "text.txt");
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(file("two.wasm")));
  });
}

TEST_P(HostControlTest, DoesWhatIsAskedOfAComponentInOrder) {
  with_host([&] {
    data_.slow = true;
    for (int count = 1; count <= 5; ++count) EXPECT_EQ(scale("one.wasm", count), kDone);
    EXPECT_EQ(scale("one.wasm", 0), kDone);
    for (int count = 1; count <= 5; ++count)
      expect_event("component_scaled", fmt::format(R"("max_instances":{},)", count));
    expect_event("component_scaled", R"("max_instances":0,)");
  });
}

TEST_P(HostControlTest, RefusesMoreThanItCanQueue) {
  with_host([&] {
    data_.held = true;
    std::string last;
    for (int i = 0; i < 65; ++i) last = scale("one.wasm", i + 1);
    EXPECT_THAT(last, HasSubstr(R"("code":"overloaded")"));
    data_.held = false;
  });
}

TEST_P(HostControlTest, BidsForWhatItCanRun) {
  with_host(
      [&] {
        const auto auction = [&](std::string_view constraints) {
          lattice::GatherOptions options;
          options.timeout = 100ms;
          const auto bids = bus_->request_many(
              "wasmbus.ctl.v1.default.component.auction",
              fmt::format(R"({{"component_ref":"x","component_id":"shop","constraints":{}}})", constraints),
              options);
          return bids ? bids->size() : 99;
        };
        EXPECT_EQ(auction("{}"), 1u);
        EXPECT_EQ(auction(R"({"zone":"a","hostcore.os":"linux"})"), 1u);
        EXPECT_EQ(auction(R"({"zone":"b"})"), 0u);
        (void)scale("one.wasm", 1);
        expect_event("component_scaled", "");
        EXPECT_EQ(auction("{}"), 0u);
      },
      {.labels = {{"zone", "a"}}});
}

TEST_P(HostControlTest, StartsAndStopsProviders) {
  with_host([&] {
    const auto start = [&](std::string_view reference) {
      return ask("provider.start.NHOST",
                 fmt::format(R"({{"provider_id":"kv","provider_ref":"{}","host_id":"NHOST","config":[]}})",
                             reference));
    };
    EXPECT_EQ(start("wasmcloud+builtin://keyvalue-memory"), kDone);
    expect_event("provider_started", R"("provider_id":"kv")");
    EXPECT_EQ(data_.providers.at("kv").name, "keyvalue-memory");
    EXPECT_THAT(ask("host.get.NHOST"), HasSubstr(R"("providers":[{"id":"kv")"));
    EXPECT_THAT(start("builtin://keyvalue-memory"), HasSubstr(R"("code":"already-exists")"));
    EXPECT_EQ(ask("provider.stop.NHOST", R"({"host_id":"NHOST","provider_id":"kv"})"), kDone);
    expect_event("provider_stopped", R"("reason":"stopped")");
    EXPECT_TRUE(data_.providers.empty());
    EXPECT_THAT(ask("provider.stop.NHOST", R"({"host_id":"NHOST","provider_id":"kv"})"),
                StartsWith(kRefused));
    EXPECT_EQ(start("builtin://other"), kDone);
    expect_event("provider_start_failed", R"(no provider \"other\")");
    EXPECT_THAT(start("ghcr.io/x:1"), StartsWith(kRefused));
  });
}

constexpr std::string_view kLink =
    R"({"source_id":"shop","target":"kv","name":"default","wit_namespace":"wasi","wit_package":"keyvalue",)"
    R"("interfaces":["store"],"source_config":[],"target_config":["redis"]})";

TEST_P(HostControlTest, LinksNeedTheirConfigs) {
  with_host([&] {
    EXPECT_THAT(ask("link.put", kLink), HasSubstr(R"(there is no config \"redis\")"));
    expect_event("linkdef_set_failed", R"(there is no config \"redis\")");
    EXPECT_EQ(ask("config.put.redis", R"({"url":"redis://127.0.0.1"})"), kDone);
    expect_event("config_set", R"("data":{"config_name":"redis"})");
    EXPECT_EQ(ask("link.put", kLink), kDone);
    expect_event("linkdef_set", R"("target":"kv")");
    EXPECT_EQ(ask("link.get"), fmt::format(R"({{"success":true,"message":"","response":[{}]}})", kLink));
    ASSERT_TRUE(nats::eventually([&] { return data_.links->entries().size() == 1; }));
    EXPECT_EQ(data_.links->entries()[0].target_config.at("url"), "redis://127.0.0.1");
  });
}

TEST_P(HostControlTest, ReadyingAComponentHoldsUpNoLink) {
  with_host([&] {
    data_.held = true;
    EXPECT_EQ(scale("one.wasm", 1), kDone);
    ASSERT_TRUE(nats::eventually([&] { return data_.puts_begun == 1; }));
    EXPECT_EQ(ask("config.put.redis", R"({"url":"redis://127.0.0.1"})"), kDone);
    EXPECT_EQ(ask("link.put", kLink), kDone);
    EXPECT_TRUE(nats::eventually([&] { return data_.links->entries().size() == 1; }));
    EXPECT_TRUE(data_.components.empty());
    data_.held = false;
    expect_event("component_scaled", R"("component_id":"shop")");
  });
}

// What begins with this is wattle's own: v1 has no such requests.
constexpr std::string_view kOtherLink =
    R"({"source_id":"shop","target":"pg","name":"default","wit_namespace":"wasi","wit_package":"keyvalue",)"
    R"("interfaces":["store"],"source_config":[],"target_config":[]})";

TEST_P(HostControlTest, ALinkIsReplacedInOneStep) {
  with_host([&] {
    (void)ask("config.put.redis", "{}");
    EXPECT_EQ(ask("link.replace", kLink), kDone);
    expect_event("linkdef_set", R"("target":"kv")");
    EXPECT_THAT(ask("link.put", kOtherLink), HasSubstr(R"("code":"already-exists")"));
    EXPECT_EQ(ask("link.replace", kOtherLink), kDone);
    expect_event("linkdef_set", R"("target":"pg")");
    // v1's clients see the one that is in force; calls to the other are still taken.
    EXPECT_EQ(ask("link.get"), fmt::format(R"({{"success":true,"message":"","response":[{}]}})", kOtherLink));
    ASSERT_TRUE(nats::eventually([&] {
      const auto* entry = data_.links->find("shop", "default", "wasi:keyvalue/store");
      return entry != nullptr && entry->link.target == "pg";
    }));
    EXPECT_NE(data_.links->find_to("shop", "default", "kv", "wasi:keyvalue/store"), nullptr);
    EXPECT_TRUE(nats::eventually([&] { return data_.links->entries().size() == 1; }));
  });
}

// As a copier does.
class LinkCopyTest : public HostControlTest {
 protected:
  std::string step(std::string_view name, std::string_view attempt = "") {
    return ask("link.copy",
               fmt::format(R"({{"version":1,"step":"{}","link":{{"source_id":"shop","name":"default",)"
                           R"("wit_namespace":"wasi","wit_package":"keyvalue"}},"copy":{{"token":"one",)"
                           R"("attempt":"{}","target":"kv","next_target":"pg","next_target_config":[]}}}})",
                           name, attempt));
  }
  lattice::LinkStateRequest request() const {
    lattice::LinkStateRequest request;
    request.key = {
        .source_id = "shop", .name = "default", .wit_namespace = "wasi", .wit_package = "keyvalue"};
    return request;
  }
  bool obeys(const std::string& reply) {
    const auto parsed = lattice::parse_reply(reply);
    const auto ack = lattice::parse_link_copy_ack(parsed ? parsed->response : "");
    auto asked = request();
    asked.value = ack ? ack->value : "none";
    asked.settled = true;
    asked.timeout_ms = 10'000;
    return lattice::ask_link_state(*bus_, "default", kHost, asked).has_value();
  }
  Result<lattice::LinkRecords> records(uint64_t sequence) {
    auto asked = request();
    asked.copy = "one";
    asked.sequence = sequence;
    return lattice::ask_link_state(*bus_, "default", kHost, asked);
  }
  std::string target() const {
    const auto* entry = data_.links->find("shop", "default", "wasi:keyvalue/store");
    return entry == nullptr ? "nobody" : entry->link.target;
  }
};
TEST_P(LinkCopyTest, RecordsThenMovesTheLink) {
  with_host([&] {
    (void)ask("config.put.redis", "{}");
    EXPECT_EQ(ask("link.put", kLink), kDone);
    EXPECT_TRUE(obeys(step("begin")));
    EXPECT_EQ(data_.links->find("shop", "default", "wasi:keyvalue/store")->copy, "one");
    data_.records.records = {{"default", "key", false}};
    const auto first = records(1);
    ASSERT_TRUE(first) << first.error().full_message();
    EXPECT_EQ(first->records.size(), 1u);
    EXPECT_EQ(records(1)->records, first->records);  // for who did not hear it
    EXPECT_TRUE(records(2)->records.empty());
    EXPECT_FALSE(records(4));
    // A hold that nobody uses ends by itself, and then nothing moves.
    (void)step("hold", "1");
    ASSERT_TRUE(nats::eventually([&] {
      return data_.was_held && data_.links->find("shop", "default", "wasi:keyvalue/store")->hold.empty();
    }));
    EXPECT_THAT(step("commit", "1"), HasSubstr(R"("code":"deadline-exceeded")"));
    EXPECT_EQ(target(), "kv");
    std::string moved;
    for (int attempt = 2; attempt < 50 && moved.find(R"("success":true)") == std::string::npos; ++attempt) {
      (void)step("hold", std::to_string(attempt));
      moved = step("commit", std::to_string(attempt));
    }
    EXPECT_TRUE(obeys(moved));
    EXPECT_EQ(target(), "pg");
    EXPECT_FALSE(records(3));
  });
}

TEST_P(LinkCopyTest, ThatIsEndedLeavesTheLink) {
  with_host([&] {
    (void)ask("config.put.redis", "{}");
    EXPECT_EQ(ask("link.put", kLink), kDone);
    EXPECT_TRUE(obeys(step("begin")));
    EXPECT_THAT(ask("link.replace", kOtherLink), HasSubstr("is being copied"));
    EXPECT_TRUE(obeys(step("end")));
    EXPECT_EQ(target(), "kv");
    EXPECT_EQ(data_.links->entries().size(), 1u);
    EXPECT_FALSE(records(1));
    EXPECT_THAT(step("hold", "1"), HasSubstr("the copy has ended"));
  });
}

TEST_P(HostControlTest, ConflictingLinksAreRefusedAndDeletionsRepeated) {
  with_host([&] {
    (void)ask("config.put.redis", "{}");
    EXPECT_EQ(ask("link.put", kLink), kDone);
    EXPECT_EQ(ask("link.put", kLink), kDone);
    std::string other(kLink);
    other.replace(other.find("\"kv\""), 4, "\"pg\"");
    EXPECT_THAT(ask("link.put", other), HasSubstr(R"("code":"already-exists")"));
    const std::string_view key =
        R"({"source_id":"shop","name":"default","wit_namespace":"wasi","wit_package":"keyvalue"})";
    EXPECT_EQ(ask("link.del", key), kDone);
    expect_event("linkdef_deleted", R"("target":"kv","interfaces":["store"])");
    EXPECT_EQ(ask("link.del", key), kDone);
    expect_event("linkdef_deleted", R"("wit_package":"keyvalue"}})");
    EXPECT_EQ(ask("link.get"), R"({"success":true,"message":"","response":[]})");
    EXPECT_EQ(ask("link.put", other), kDone);
  });
}

TEST_P(HostControlTest, NamesOfLinksMayHoldWhatKeysOfBucketsMayNot) {
  with_host([&] {
    EXPECT_EQ(
        ask("link.put", R"({"source_id":"a/b","target":"kv","name":"my:link=\u00e4","wit_namespace":"wasi",)"
                        R"("wit_package":"keyvalue","interfaces":["store"]})"),
        kDone);
    EXPECT_THAT(ask("link.get"), HasSubstr("my:link=\xc3\xa4"));
  });
}

TEST_P(HostControlTest, KeepsConfigs) {
  with_host([&] {
    EXPECT_EQ(ask("config.get.redis"), R"({"success":true,"message":"Configuration not found"})");
    EXPECT_EQ(ask("config.put.redis", R"({"a":"1","b":"2"})"), kDone);
    EXPECT_EQ(ask("config.get.redis"), R"({"success":true,"message":"","response":{"a":"1","b":"2"}})");
    ASSERT_TRUE(nats::eventually([&] { return data_.configs->contains("redis"); }));
    EXPECT_THAT(ask("config.put.bad", R"({"wattle-timeout":"soon"})"), StartsWith(kRefused));
    EXPECT_EQ(ask("config.del.redis"), kDone);
    expect_event("config_deleted", R"("config_name":"redis")");
    EXPECT_EQ(ask("config.get.redis"), R"({"success":true,"message":"Configuration not found"})");
  });
}

TEST_P(HostControlTest, ConfigsOnTheirWayAreWaitedFor) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 1, R"(,"config":["late"])"), kDone);
    EXPECT_EQ(ask("config.put.late", R"({"a":"1"})"), kDone);
    expect_event("component_scaled", R"("component_id":"shop")");
    EXPECT_EQ(data_.components.at("shop").config, std::vector<std::string>{"late"});
  });
}

TEST_P(HostControlTest, LabelsCanBeChangedButNotTheHostsOwn) {
  with_host([&] {
    EXPECT_EQ(ask("label.put.NHOST", R"({"key":"zone","value":"a"})"), kDone);
    expect_event("labels_changed", R"("zone":"a")");
    EXPECT_THAT(ask("label.put.NHOST", R"({"key":"hostcore.os","value":"x"})"), StartsWith(kRefused));
    EXPECT_EQ(ask("label.del.NHOST", R"({"key":"zone"})"), kDone);
    expect_event("labels_changed", R"("host_id":"NHOST")");
    EXPECT_THAT(ask("host.ping"), testing::Not(HasSubstr("zone")));
  });
}

TEST_P(HostControlTest, TheDataSideKnowsWhoLivesAndWhatRuns) {
  with_host([&] {
    EXPECT_EQ(scale("one.wasm", 3), kDone);
    ASSERT_TRUE(
        nats::eventually([&] { return data_.directory && !data_.directory->places("shop").empty(); }));
    const auto place = data_.directory->places("shop")[0];
    EXPECT_EQ(place.host->host_id, kHost);
    EXPECT_EQ(place.component->capacity, 3u);
    EXPECT_EQ(place.component->image_ref, file("one.wasm"));
    EXPECT_EQ(place.component->digest, data_.components.at("shop").digest);
    data_.load[{"shop", place.component->digest}] = {.capacity = 3, .calls = 7, .failures = 2};
    host_->announce();
    EXPECT_TRUE(nats::eventually([&] {
      const auto* told = data_.directory->places("shop")[0].component;
      return told->calls == 7 && told->failures == 2;
    }));
    EXPECT_EQ(scale("one.wasm", 0), kDone);
    EXPECT_TRUE(nats::eventually([&] { return data_.directory->places("shop").empty(); }));
  });
}

TEST_P(HostControlTest, MirrorsItsStateForClientsOfVersion1) {
  with_host([&] {
    (void)ask("config.put.redis", R"({"url":"x"})");
    (void)scale("one.wasm", 2);
    const auto read = [&](const std::string& bucket, const std::string& key) {
      lattice::BucketConfig config;
      config.bucket = bucket;
      const auto opened = bus_->bucket(config);
      const auto entry = opened ? (*opened)->get(key) : failure(opened.error());
      return entry ? entry->value : std::string();
    };
    EXPECT_TRUE(nats::eventually([&] { return read("CONFIGDATA_default", "redis") == R"({"url":"x"})"; }));
    EXPECT_TRUE(nats::eventually([&] {
      return read("wadm_state", "host_default").find(R"("components":{"shop":2})") != std::string::npos;
    }));
  });
}

TEST_P(HostControlTest, IsAskedToStop) {
  with_host([&] {
    EXPECT_EQ(ask("host.stop.NHOST", R"({"host_id":"NHOST","timeout":2500})"), kDone);
    EXPECT_EQ(asked_to_stop_, Duration(2500ms));
    EXPECT_THAT(ask("host.stop.NHOST", "{}"), HasSubstr("stopping already"));
  });
}

TEST_P(HostControlTest, WhatOneHostIsToldEveryHostKnows) {
  with_host([&] {
    auto state = open_test_state(*bus_);
    KeepingData data;
    async::OffloadPool pool(1);
    const telemetry::Log log(
        {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""});
    Images images(*bus_, pool, {});
    auto other = HostControl::start(
        {.bus = *bus_, .state = *state, .data = data, .images = images, .log = log, .compile = compile},
        {.host_id = "NOTHER", .heartbeat_interval = 30s});
    ASSERT_TRUE(other) << other.error().full_message();
    EXPECT_TRUE(nats::eventually([&] { return data_.directory && data_.directory->hosts().size() == 2; }));
    EXPECT_EQ(ask("config.put.redis", R"({"url":"x"})"), kDone);
    EXPECT_EQ(ask("link.put", kLink), kDone);
    EXPECT_TRUE(nats::eventually([&] {
      return data_.links->entries().size() == 1 && data.links->entries().size() == 1 &&
             data.configs->contains("redis");
    }));
    EXPECT_EQ(ask("link.del", R"({"source_id":"shop","wit_namespace":"wasi","wit_package":"keyvalue"})"),
              kDone);
    EXPECT_TRUE(
        nats::eventually([&] { return data_.links->entries().empty() && data.links->entries().empty(); }));
    (*other)->stop();
    EXPECT_TRUE(nats::eventually([&] { return data_.directory->hosts().size() == 1; }));
    other->reset();
  });
}

INSTANTIATE_TEST_SUITE_P(Buses, HostControlTest, kBuses, bus_name);
INSTANTIATE_TEST_SUITE_P(Buses, LinkSecretsTest, kBuses, bus_name);
INSTANTIATE_TEST_SUITE_P(Buses, LinkCopyTest, kBuses, bus_name);

TEST(Identity, IsAnNkeyWithAName) {
  const std::string id = new_host_id();
  EXPECT_EQ(id.size(), 56u);
  EXPECT_EQ(id[0], 'N');
  EXPECT_EQ(friendly_name(id), friendly_name(id));
  EXPECT_EQ(describe_uptime(90061s), "1d 1h 1m 1s");
  EXPECT_EQ(describe_uptime(5s), "5s");
  EXPECT_EQ(core_labels().at("hostcore.osfamily"), "unix");
}

// Two hosts, of which one has fetched an image before the store lost it.
TEST(Images, AreGivenBackToTheStore) {
  nats::TestFolder folder;
  nats::run_test([&](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker), other_bus(worker, broker);
    async::OffloadPool pool(1);
    Images keeper(bus, pool, {.cache_folder = folder.path() + "/images"}), other(other_bus, pool, {});
    const std::string reference = keeper.publish("bytes").value();
    ASSERT_TRUE(keeper.fetch(reference));
    const auto store = bus.objects("WATTLE_IMAGES_default").value();
    ASSERT_TRUE(store->remove(reference.substr(9)));
    EXPECT_TRUE(keeper.fetch(reference)) << "it needs no store";
    const auto missing = other.fetch(reference);
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
    EXPECT_THAT(missing.error().remedy(), HasSubstr("wattle app put"));
    const auto giving = keeper.give_back().value();
    ASSERT_TRUE(bus.flush());
    const auto again = other.fetch(reference);
    ASSERT_TRUE(again) << again.error().full_message();
    EXPECT_EQ(again->bytes->size(), 5u);
    EXPECT_TRUE(keeper.is_published("bytes").value());
  });
}

TEST(ImageCache, KeepsWhatWasUsedLast) {
  nats::TestFolder folder;
  const ImageCache cache(folder.path() + "/images", 10);
  cache.keep(digest_of("one--"), "one--");
  cache.keep(digest_of("two--"), "two--");
  std::filesystem::last_write_time(folder.path() + "/images/" + digest_of("two--").substr(7),
                                   std::filesystem::file_time_type::clock::now() - 1min);
  EXPECT_EQ(cache.find(digest_of("one--")), "one--");
  cache.keep(digest_of("three"), "three");
  EXPECT_EQ(cache.find(digest_of("one--")), "one--");
  EXPECT_EQ(cache.find(digest_of("two--")), std::nullopt);
  cache.keep("sha256:../../x", "x");
  EXPECT_EQ(cache.find("sha256:../../x"), std::nullopt);
}

TEST(ImageCache, WhatIsDamagedIsNotUsed) {
  nats::TestFolder folder;
  const ImageCache cache(folder.path());
  cache.keep(digest_of("bytes"), "bytes");
  std::ofstream(folder.path() + "/" + digest_of("bytes").substr(7)) << "bites";
  EXPECT_EQ(cache.find(digest_of("bytes")), std::nullopt);
  cache.keep(digest_of("bytes"), "bytes");
  EXPECT_EQ(cache.find(digest_of("bytes")), "bytes");
}

TEST(Images, ArePublishedForEveryHost) {
  nats::run_test([](async::Worker& worker) {
    lattice::MemoryBroker broker;
    lattice::MemoryBus bus(worker, broker);
    async::OffloadPool pool(1);
    Images images(bus, pool, {});
    const auto reference = images.publish("bytes");
    ASSERT_TRUE(reference) << reference.error().full_message();
    EXPECT_EQ(*reference, "wattle://sha256:277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9");
    const auto image = images.fetch(*reference);
    ASSERT_TRUE(image) << image.error().full_message();
    EXPECT_EQ(std::string(image->bytes->begin(), image->bytes->end()), "bytes");
    EXPECT_EQ(images.fetch("file:///etc/hostname").error().code(), ErrorCode::permission_denied);
    EXPECT_EQ(images.fetch("wattle://sha256:00").error().code(), ErrorCode::not_found);
    EXPECT_EQ(images.fetch("ghcr.io/x").error().code(), ErrorCode::invalid_argument);
    EXPECT_TRUE(bus.drain());
  });
}

}  // namespace
}  // namespace wattle::host
