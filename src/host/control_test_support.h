// For tests of a host's control side: a host with a data side that runs nothing, and beside it a client that
// was written for wasmCloud v1.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>

#include "host/control.h"
#include "lattice/bus_test_support.h"
#include "lattice/test_state.h"

namespace wattle::host {

inline constexpr std::string_view kHost = "NHOST";

// A data side that runs nothing, and keeps what it is told.
class KeepingData final : public DataPlane {
 public:
  Result<void> put_component(const ComponentSpec& spec) override {
    if (slow) (void)async::sleep_for(std::chrono::milliseconds(20));
    ++puts_begun;
    while (held && async::sleep_for(std::chrono::milliseconds(1))) {
    }
    if (!secrets->of(spec.id, spec.config)) return failure(ErrorCode::internal, "its secrets are not here");
    components[spec.id] = spec;
    revisions[{spec.id, spec.digest}] = spec;
    return {};
  }
  void refuse_calls(const RevisionKey& key, const Error& reason, TimePoint) override {
    refused[key] = reason.full_message();
  }
  bool serves_http(const std::string&) override { return false; }
  void remove_component(const std::string& id) override {
    components.erase(id);
    std::erase_if(revisions, [&](const auto& each) { return each.first.id == id; });
  }
  void remove_revision(const RevisionKey& key) override { revisions.erase(key); }
  Result<void> put_provider(const BuiltinProviderSpec& spec) override {
    if (spec.name != "keyvalue-memory") return failure(ErrorCode::not_found, "no provider \"{}\"", spec.name);
    providers[spec.id] = spec;
    return {};
  }
  void remove_provider(const std::string& id) override { providers.erase(id); }
  std::vector<Refusal> set_links(std::shared_ptr<const lattice::LinkTable> table) override {
    ++links_told;
    links = std::move(table);
    for (const auto& entry : links->entries()) was_held = was_held || !entry.hold.empty();
    if (refusals == 0 || links->entries().empty()) return {};
    --refusals;
    return refuse_link();
  }
  std::vector<Refusal> refuse_link() const {
    const lattice::Link& link = links->entries().front().link;
    return {{.provider_id = link.target,
             .link = {.source_id = link.source_id, .target = link.target, .name = link.name},
             .reason = Error(ErrorCode::already_exists, "the port is in use " + long_name)}};
  }
  std::vector<Refusal> set_configs(std::shared_ptr<const lattice::ConfigTable> table) override {
    configs = std::move(table);
    return {};
  }
  bool links_settled(const lattice::LinkKey&) override { return true; }
  Result<lattice::LinkRecords> take_records(const lattice::LinkKey&, const std::string&, size_t) override {
    return std::exchange(records, {});
  }
  std::vector<Refusal> set_secrets(std::shared_ptr<const SecretTable> table) override {
    secrets = std::move(table);
    if (!refuses_secrets || links->entries().empty()) return {};
    links_told = 0;
    return refuse_link();
  }
  void set_weights(std::shared_ptr<const lattice::WeightTable> table) override { weights = std::move(table); }
  void set_directory(std::shared_ptr<const lattice::DirectorySnapshot> hosts) override {
    directory = std::move(hosts);
  }
  void set_spies(std::shared_ptr<const SpyTable>) override {}
  std::map<RevisionKey, ComponentLoad> loads() const override { return load; }
  void drain() override { drained = true; }

  std::map<std::string, ComponentSpec> components;  // as they were put last
  std::map<RevisionKey, ComponentSpec> revisions;
  std::map<RevisionKey, ComponentLoad> load;
  std::map<RevisionKey, std::string> refused;
  std::map<std::string, BuiltinProviderSpec> providers;
  std::shared_ptr<const lattice::LinkTable> links;
  std::shared_ptr<const lattice::ConfigTable> configs;
  std::shared_ptr<const lattice::WeightTable> weights;
  std::shared_ptr<const lattice::DirectorySnapshot> directory;
  lattice::LinkRecords records;
  bool was_held = false;
  std::string long_name{};  // in what is refused
  int refusals = 0;         // of links, the next times that they are told
  bool refuses_secrets = false;
  size_t links_told = 0;  // how often, since secrets were refused
  std::shared_ptr<const SecretTable> secrets = std::make_shared<const SecretTable>();
  bool drained = false;
  bool slow = false;
  bool held = false;  // no component is put until it is let go
  int puts_begun = 0;
};

// Nothing is run here, so nothing is compiled: what begins as WebAssembly does is taken for it.
inline Result<std::shared_ptr<const runtime::Component>> compile(const Image& image, const ComponentLimits&) {
  if (image.bytes->size() < 4 || (*image.bytes)[0] != 0)
    return failure(ErrorCode::malformed, "{} is no WebAssembly component", image.digest);
  return std::shared_ptr<const runtime::Component>();
}

// A host, and beside it a client that was written for wasmCloud v1: subjects, JSON, and the events it hears.
class HostControlTest : public ::testing::TestWithParam<lattice::BusKind> {
 protected:
  template <class Test>
  void with_host(Test test, HostOptions options = {}) {
    std::ofstream(folder_.path() + "/one.wasm") << std::string("\0asm-one", 8);
    std::ofstream(folder_.path() + "/two.wasm") << std::string("\0asm-two", 8);
    std::ofstream(folder_.path() + "/three.wasm") << std::string("\0asm-three", 10);
    std::ofstream(folder_.path() + "/text.txt") << "text";
    nats::run_test([&](async::Worker& worker) {
      lattice::BusPlace place(GetParam());
      const auto connected = place.connect(worker);
      lattice::Bus& bus = *connected;
      bus_ = &bus;
      auto heard = bus.subscribe("wasmbus.evt.default.>", {}, [&](const lattice::Message& message) {
        events_.push_back(message.payload);
      });
      async::OffloadPool pool(1);
      telemetry::Log log(
          {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""});
      auto state = open_test_state(bus);
      Images images(bus, pool, {.lattice = "default", .allow_file_load = true});
      SecretKeeper secrets(
          *state, log,
          [](const lattice::SecretReference& reference, const std::string&) -> Result<capability::Secret> {
            if (reference.backend != "kept") return failure(ErrorCode::not_found, "there is no such backend");
            return capability::Secret{.version = reference.version, .value = "value of " + reference.key};
          });
      options.host_id = kHost;
      options.version = "0.1.0";
      auto host = HostControl::start({.bus = bus,
                                      .state = *state,
                                      .data = data_,
                                      .images = images,
                                      .log = log,
                                      .compile = compile,
                                      .processes = nullptr,
                                      .secrets = &secrets,
                                      .on_stop = [&](Duration time) { asked_to_stop_ = time; },
                                      .on_registries = {}},
                                     options);
      ASSERT_TRUE(host) << host.error().full_message();
      host_ = host->get();
      test();
      (*host)->stop();
      host->reset();
      state.reset();
      EXPECT_TRUE(data_.drained);
      expect_event("host_stopped", R"({"labels":{)");
      heard->reset();
      EXPECT_TRUE(bus.drain());
    });
  }
  std::string ask(std::string_view subject, std::string_view payload = "") {
    const auto reply = bus_->request(fmt::format("wasmbus.ctl.v1.default.{}", subject), payload);
    return reply ? reply->payload : reply.error().full_message();
  }
  std::string scale(std::string_view image, int count, std::string_view more = "") {
    return ask("component.scale.NHOST",
               fmt::format(R"({{"component_ref":"{}","component_id":"shop","count":{},"host_id":"NHOST"{}}})",
                           image.empty() ? "" : file(image), count, more));
  }
  std::string file(std::string_view name) { return fmt::format("file://{}/{}", folder_.path(), name); }
  // Waits for the next event of this name, and looks for `part` in its data.
  void expect_event(std::string_view name, std::string_view part) {
    const std::string type = fmt::format(R"("type":"com.wasmcloud.lattice.{}")", name);
    const auto next = [&] {
      return std::find_if(events_.begin(), events_.end(),
                          [&](const std::string& event) { return event.find(type) != std::string::npos; });
    };
    ASSERT_TRUE(nats::eventually([&] { return next() != events_.end(); })) << name;
    const std::string event = *next();
    EXPECT_THAT(event, ::testing::HasSubstr(R"("specversion":"1.0")"));
    EXPECT_THAT(event, ::testing::HasSubstr(std::string(part)));
    events_.erase(events_.begin(), next() + 1);
  }

  nats::TestFolder folder_;
  KeepingData data_;
  lattice::Bus* bus_ = nullptr;
  HostControl* host_ = nullptr;
  std::deque<std::string> events_;
  std::optional<Duration> asked_to_stop_;
};

inline constexpr std::string_view kDone = R"({"success":true,"message":""})";
inline constexpr std::string_view kRefused = R"({"success":false,"message":")";

inline const auto kBuses = ::testing::Values(lattice::BusKind::memory, lattice::BusKind::nats);
inline std::string bus_name(const ::testing::TestParamInfo<lattice::BusKind>& test) {
  return test.param == lattice::BusKind::memory ? "memory" : "nats";
}

}  // namespace wattle::host
