#include "lattice/control_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/bus_test_support.h"
#include "lattice/control_client.h"
#include "lattice/links.h"

namespace wattle::lattice {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kPrefix = "wasmbus.ctl.v1.default.";

// A host that keeps what it is told in memory and runs nothing.
class KeepingHost final : public ControlHandler {
 public:
  explicit KeepingHost(std::string id) : id_(std::move(id)) {}

  Result<Host> describe_host() override {
    Host host;
    host.id = id_;
    host.friendly_name = "calm-reed";
    host.labels = labels;
    host.lattice = "default";
    host.uptime_seconds = 5;
    return host;
  }
  Result<HostInventory> inventory() override {
    HostInventory inventory;
    inventory.host_id = id_;
    inventory.friendly_name = long_name;
    inventory.labels = labels;
    for (const auto& [component, count] : components)
      inventory.components.push_back({.id = component,
                                      .image_ref = "x",
                                      .name = {},
                                      .annotations = {},
                                      .revision = 0,
                                      .max_instances = count,
                                      .limits = {}});
    return inventory;
  }
  Result<Ack> stop_host(const StopHost& request) override {
    stopped_after_ms = request.timeout_ms.value_or(10'000);
    return Ack{};
  }
  Result<Ack> put_label(const Label& label) override {
    labels[label.key] = label.value;
    return Ack{};
  }
  Result<Ack> delete_label(const LabelKey& label) override {
    labels.erase(label.key);
    return Ack{};
  }
  Result<std::optional<ComponentAuctionAck>> bid(const ComponentAuction& auction) override {
    for (const auto& [key, value] : auction.constraints)
      if (!labels.contains(key) || labels[key] != value) return std::optional<ComponentAuctionAck>();
    return ComponentAuctionAck{.component_ref = auction.component_ref,
                               .component_id = auction.component_id,
                               .host_id = id_,
                               .constraints = auction.constraints};
  }
  Result<std::optional<ProviderAuctionAck>> bid(const ProviderAuction& auction) override {
    return ProviderAuctionAck{.host_id = id_,
                              .provider_ref = auction.provider_ref,
                              .provider_id = auction.provider_id,
                              .constraints = {}};
  }
  Result<Ack> scale_component(const ScaleComponent& request) override {
    components[request.component_id] = request.count;
    return Ack{};
  }
  Result<Ack> update_component(const UpdateComponent& request) override {
    return failure(ErrorCode::not_found, "no component \"{}\" runs here", request.component_id);
  }
  Result<Ack> start_provider(const StartProvider& request) override {
    provider = request.provider_id;
    return Ack{"a warning"};
  }
  Result<Ack> stop_provider(const StopProvider&) override { return Ack{}; }
  Result<Ack> replace_link(const Link& link) override {
    std::erase_if(links_, [&](const Link& other) { return other.name == link.name; });
    return put_link(link);
  }
  Result<LinkCopyAck> copy_link(const LinkCopyRequest& request) override {
    if (request.copy.token.empty()) return failure(ErrorCode::invalid_argument, "a copy needs a token");
    return LinkCopyAck{request.copy.token};
  }
  Result<Ack> put_link(const Link& link) override {
    WATTLE_CHECK(check(link));
    WATTLE_CHECK(LinkTable::build(links_)->check_put(link));
    links_.push_back(link);
    return Ack{};
  }
  Result<Ack> delete_link(const LinkKey&) override {
    links_.clear();
    return Ack{};
  }
  Result<std::vector<Link>> links() override { return links_; }
  Result<Ack> put_config(const std::string& name, const StringMap& values) override {
    configs[name] = values;
    return Ack{};
  }
  Result<Ack> delete_config(const std::string& name) override {
    configs.erase(name);
    return Ack{};
  }
  Result<std::optional<StringMap>> config(const std::string& name) override {
    const auto found = configs.find(name);
    return found == configs.end() ? std::optional<StringMap>() : found->second;
  }
  Result<std::vector<StringMap>> claims() override { return std::vector<StringMap>{{{"name", "shop"}}}; }
  Result<Ack> put_weights(const PutWeights& request) override {
    told_weights[request.component_id] = request.weights;
    return Ack{};
  }
  Result<WeightTable> weights() override { return told_weights; }
  Result<Ack> put_registries(const RegistryCredentials& credentials) override {
    registries = credentials.size();
    return Ack{};
  }

  StringMap labels{{"zone", "a"}};
  std::map<std::string, uint32_t> components;
  std::map<std::string, StringMap> configs;
  std::string provider;
  std::string long_name = "calm-reed";
  WeightTable told_weights;
  size_t registries = 0;
  uint64_t stopped_after_ms = 0;

 private:
  std::string id_;
  std::vector<Link> links_;
};

// Two hosts on one bus, and a client that knows nothing but subjects and JSON.
class ControlServerTest : public testing::TestWithParam<BusKind> {
 protected:
  static void TearDownTestSuite() { places_.clear(); }

  template <class Test>
  void with_hosts(Test test) {
    nats::run_test([&](async::Worker& worker) {
      auto& place = places_[GetParam()];
      if (!place) place = std::make_unique<BusPlace>(GetParam());
      bus_ = place->connect(worker);
      first_.emplace("NA");
      second_.emplace("NB");
      second_->labels["zone"] = "b";
      auto server = ControlServer::start(*bus_, *first_, {.host_id = "NA"});
      auto other = ControlServer::start(*bus_, *second_, {.host_id = "NB"});
      ASSERT_TRUE(server) << server.error().full_message();
      ASSERT_TRUE(other) << other.error().full_message();
      test();
      EXPECT_TRUE((*server)->drain());
      EXPECT_TRUE((*other)->drain());
      EXPECT_TRUE(bus_->drain());
      bus_.reset();
    });
  }
  std::string ask(std::string_view subject, std::string_view payload = "") {
    const auto reply = bus_->request(fmt::format("{}{}", kPrefix, subject), payload);
    return reply ? reply->payload : reply.error().full_message();
  }
  std::vector<std::string> ask_all(std::string_view subject, std::string_view payload = "") {
    GatherOptions options;
    options.quiet = 200ms;
    options.timeout = 1s;
    std::vector<std::string> answers;
    const auto replies = bus_->request_many(fmt::format("{}{}", kPrefix, subject), payload, options);
    if (replies)
      for (const Message& reply : *replies) answers.push_back(reply.payload);
    std::sort(answers.begin(), answers.end());
    return answers;
  }

  std::unique_ptr<Bus> bus_;
  std::optional<KeepingHost> first_, second_;
  static inline std::map<BusKind, std::unique_ptr<BusPlace>> places_;
};

constexpr std::string_view kDone = R"({"success":true,"message":""})";

TEST_P(ControlServerTest, EveryHostAnswersAPing) {
  with_hosts([&] {
    const auto answers = ask_all("host.ping");
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0], R"({"success":true,"message":"","response":{"friendly_name":"calm-reed","id":"NA",)"
                          R"("labels":{"zone":"a"},"lattice":"default","uptime_seconds":5}})");
  });
}

TEST_P(ControlServerTest, TellsTheInventoryOfTheHostThatIsAsked) {
  with_hosts([&] {
    second_->components["shop"] = 3;
    EXPECT_EQ(ask("host.get.NB"),
              R"({"success":true,"message":"","response":{"components":[{"id":"shop","image_ref":"x",)"
              R"("revision":0,"max_instances":3}],"providers":[],"host_id":"NB","friendly_name":"calm-reed",)"
              R"("labels":{"zone":"b"},"version":"","uptime_human":"","uptime_seconds":0}})");
    EXPECT_THAT(ask("host.get.NC"), HasSubstr("nobody"));
  });
}

TEST_P(ControlServerTest, ScalesWhereItIsTold) {
  with_hosts([&] {
    EXPECT_EQ(ask("component.scale.NA",
                  R"({"component_ref":"file:///a.wasm","component_id":"shop","count":4,"host_id":"NA"})"),
              kDone);
    EXPECT_EQ(first_->components["shop"], 4u);
    EXPECT_TRUE(second_->components.empty());
  });
}

TEST_P(ControlServerTest, TheIdInTheBodyIsEnough) {
  with_hosts([&] {
    EXPECT_EQ(
        ask("provider.start", R"({"provider_id":"kv","provider_ref":"x","host_id":"NB","annotations":{}})"),
        R"({"success":true,"message":"a warning"})");
    EXPECT_EQ(second_->provider, "kv");
    EXPECT_EQ(first_->provider, "");
    EXPECT_EQ(ask("host.stop.NA", "{}"), kDone);
    EXPECT_EQ(first_->stopped_after_ms, 10'000u);
  });
}

TEST_P(ControlServerTest, LosersOfAnAuctionAreSilent) {
  with_hosts([&] {
    const auto answers = ask_all("component.auction",
                                 R"({"component_ref":"x","component_id":"shop","constraints":{"zone":"b"}})");
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0],
              R"({"success":true,"message":"","response":{"component_ref":"x","component_id":"shop",)"
              R"("host_id":"NB","constraints":{"zone":"b"}}})");
    EXPECT_EQ(
        ask_all("provider.auction", R"({"provider_ref":"x","provider_id":"kv","constraints":{}})").size(),
        2u);
  });
}

TEST_P(ControlServerTest, OneHostAnswersForTheLattice) {
  with_hosts([&] {
    EXPECT_EQ(ask_all("link.get").size(), 1u);
    EXPECT_EQ(ask_all("config.put.redis", R"({"url":"redis://127.0.0.1"})").size(), 1u);
    EXPECT_EQ(first_->configs.size() + second_->configs.size(), 1u);
    EXPECT_EQ(ask("claims.get"), R"({"success":true,"message":"","response":[{"name":"shop"}]})");
  });
}

TEST_P(ControlServerTest, EveryHostTakesRegistries) {
  with_hosts([&] {
    EXPECT_EQ(ask_all("registry.put", R"({"ghcr.io":{"username":"u","password":"p"}})").size(), 2u);
    EXPECT_EQ(first_->registries + second_->registries, 2u);
  });
}

TEST_P(ControlServerTest, BadRequestsAreAnsweredWithTheReason) {
  with_hosts([&] {
    const auto refused = [&](std::string_view subject, std::string_view payload, std::string_view reason) {
      const std::string answer = ask(subject, payload);
      EXPECT_THAT(answer, HasSubstr(R"({"success":false,"message":")")) << subject;
      EXPECT_THAT(answer, HasSubstr(std::string(reason))) << subject;
    };
    refused("component.scale.NA", "nonsense", "is not JSON");
    refused("component.scale.NA", R"({"count":1})", R"(\"component_id\" is missing)");
    refused("component.scale.NA", R"({"component_id":"a","host_id":"NB"})", "names host");
    refused("component.update.NA", R"({"component_id":"a","new_component_ref":"b"})", "no component");
    refused("link.put", R"({"source_id":"a"})", "missing");
    refused("link.frob", "", "unsupported subject");
    refused("config.put.a.b", "{}", "unsupported subject");
    refused("host.frob.NA", "", "unsupported subject");
    refused("label.put.NA", R"({"key":"a"})", R"(\"value\" is missing)");
    refused("config.put.a", R"({"a":1})", R"(\"request.a\" must be text)");
  });
}

TEST_P(ControlServerTest, AnswersCarryTheTrace) {
  with_hosts([&] {
    const Headers headers{{"traceparent", "00-1-2-01"}, {"other", "x"}};
    const auto reply = bus_->request("wasmbus.ctl.v1.default.link.get", "",
                                     {.headers = &headers, .timeout = Duration::max()});
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->headers.find("traceparent"), "00-1-2-01");
    EXPECT_FALSE(reply->headers.find("other"));
  });
}

TEST_P(ControlServerTest, AnAnswerThatIsTooLongIsRefused) {
  with_hosts([&] {
    first_->long_name.assign(bus_->max_payload_bytes() + 1, 'x');
    EXPECT_THAT(ask("host.get.NA"), HasSubstr("max_payload"));
  });
}

TEST_P(ControlServerTest, TheClientSpeaksIt) {
  with_hosts([&] {
    ControlClient control(*bus_);
    const auto hosts = control.hosts();
    ASSERT_TRUE(hosts) << hosts.error().full_message();
    ASSERT_EQ(hosts->size(), 2u);
    EXPECT_EQ((*hosts)[1].id, "NB");
    EXPECT_EQ(control.inventory("NA")->host_id, "NA");
    EXPECT_EQ(control.auction(ComponentAuction{"x", "shop", {{"zone", "a"}}})->front().host_id, "NA");
    EXPECT_EQ(*control.start_provider({"kv", "x", "NA", {}, {}}), "a warning");
    EXPECT_TRUE(control.put_label("NA", {"k", "v"}));
    EXPECT_EQ(first_->labels["k"], "v");
    EXPECT_TRUE(control.delete_label("NA", "k"));
    EXPECT_TRUE(control.stop_host("NA", 1500ms));
    EXPECT_EQ(first_->stopped_after_ms, 1500u);
    EXPECT_EQ(control.claims()->size(), 1u);
    EXPECT_TRUE(control.put_registries({{"ghcr.io", {}}}));
    EXPECT_EQ(control.put_weights("a.b", {}).error().code(), ErrorCode::invalid_argument);
    EXPECT_TRUE(control.put_weights("shop", {{"x", 1}}));
    EXPECT_EQ(first_->told_weights.size() + second_->told_weights.size(), 1u);
    EXPECT_TRUE(control.weights());
  });
}

TEST_P(ControlServerTest, TheClientGetsTheErrorsOfHosts) {
  with_hosts([&] {
    ControlClient control(*bus_);
    const auto updated = control.update_component({"shop", {}, "NA", "y"});
    ASSERT_FALSE(updated);
    EXPECT_EQ(updated.error().code(), ErrorCode::not_found);
    EXPECT_THAT(updated.error().message(), HasSubstr("no component \"shop\" runs here"));
    EXPECT_EQ(control.config("missing").error().code(), ErrorCode::not_found);
    const auto gone = control.inventory("NC");
    EXPECT_EQ(gone.error().code(), ErrorCode::unavailable);
    EXPECT_THAT(gone.error().message(), HasSubstr("host NC does not answer"));
    EXPECT_FALSE(control.inventory("a.b"));
    EXPECT_FALSE(control.scale_component({}));
  });
}

TEST_P(ControlServerTest, TheClientSaysWhatToStart) {
  with_hosts([&] {
    ControlClient control(*bus_, {.lattice = "empty", .request_timeout = 200ms});
    for (const Error& error : {control.hosts().error(), control.links().error(), control.claims().error()}) {
      EXPECT_EQ(error.code(), ErrorCode::unavailable);
      EXPECT_THAT(error.message(), HasSubstr("no host of the lattice \"empty\" answers"));
      EXPECT_THAT(error.remedy(), HasSubstr("wattle up"));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Buses, ControlServerTest, testing::Values(BusKind::memory, BusKind::nats),
                         [](const auto& test) { return test.param == BusKind::memory ? "memory" : "nats"; });

}  // namespace
}  // namespace wattle::lattice
