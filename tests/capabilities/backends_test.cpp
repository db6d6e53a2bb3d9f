// The same component, unchanged, passes the same checks (tests/guests/capabilities-js) on every backend of a
// capability: only links change, while it runs. Once with the provider on the component's own host, and once
// over the bus, on another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "cli/builtin_providers.h"
#include "engine/engine.h"
#include "host/data_plane.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "providers/test_servers.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "wrpc/call_codec.h"

namespace wattle {
namespace {

constexpr const char* kLattice = "test";
constexpr const char* kChecks = "wattle:capabilities/checks@1.0.0";

std::shared_ptr<const runtime::Component> load_checks() {
  EXPECT_TRUE(engine::start({}));
  std::ifstream file("build/guests/capabilities-js.wasm", std::ios::binary);
  auto loaded = runtime::Component::load({std::istreambuf_iterator<char>(file), {}}, {});
  EXPECT_TRUE(loaded) << "run tools/guests capabilities-js";
  return loaded ? *loaded : nullptr;
}

class TestHost {
 public:
  TestHost(const std::string& id, const std::string& url) {
    auto started = host::DataPlane::start(
        {.host_id = id,
         .lattice = kLattice,
         .workers = 1,
         .log = &log_,
         .factories = providers_.factories(),
         .connect = [url](async::Worker& worker) -> Result<std::unique_ptr<lattice::Bus>> {
           WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = {.urls = {url}}}));
           return bus;
         }});
    EXPECT_TRUE(started) << started.error().full_message();
    plane_ = std::move(*started);
  }
  host::DataPlane* operator->() const { return plane_.get(); }

 private:
  telemetry::Log log_{
      {.level = telemetry::LogLevel::error, .format = telemetry::LogFormat::text, .file = {}}};
  cli::BuiltinProviders providers_;
  std::unique_ptr<host::DataPlane> plane_;
};

// A provider by its name, and the config of the link to it.
struct Backend {
  std::string provider;
  lattice::StringMap settings;
};

lattice::Link link_of(const std::string& source, const std::string& target, const std::string& wit_namespace,
                      const std::string& package, std::vector<std::string> interfaces) {
  return {.source_id = source,
          .target = target,
          .wit_namespace = wit_namespace,
          .wit_package = package,
          .interfaces = std::move(interfaces),
          .target_config = {"settings"}};
}

class CapabilitiesTest : public ::testing::Test {
 protected:
  // Every check on every backend, one after the other, the component being put once only.
  void run(const std::vector<Backend>& backends, const std::string& package,
           const std::vector<std::string>& interfaces, const std::vector<std::string>& checks,
           bool on_another_host = false) {
    async::Worker worker;
    worker.spawn([&] {
      async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(120));
      TestHost near("NHOST1", bus_server_.url()), far("NHOST2", bus_server_.url());
      TestHost& providers_host = on_another_host ? far : near;
      auto put = near->put_component({.id = "checks", .component = load_checks(), .max_instances = 2});
      ASSERT_TRUE(put) << put.error().full_message();
      for (const Backend& backend : backends) {
        const lattice::ConfigTable configs{{"settings", backend.settings}};
        auto link = link_of("checks", backend.provider, "wasi", package, interfaces);
        const auto links = lattice::LinkTable::build(
            {link_of("outside", "checks", "wattle", "capabilities", {"checks"}), std::move(link)}, configs);
        auto started = providers_host->put_provider({.id = backend.provider, .name = backend.provider});
        ASSERT_TRUE(started) << started.error().full_message();
        for (TestHost* host : {&near, &far}) {
          (*host)->set_configs(std::make_shared<const lattice::ConfigTable>(configs));
          for (const host::Refusal& each : (*host)->set_links(links))
            ADD_FAILURE() << each.reason.full_message();
        }
        for (const std::string& check : checks) ask(backend.provider, check);
        providers_host->remove_provider(backend.provider);
      }
      near->drain();
      far->drain();
    });
    worker.run();
  }

  void ask(const std::string& provider, const std::string& check) {
    auto bus = lattice::NatsBus::connect(async::Fiber::current().worker(),
                                         {.client = {.urls = {bus_server_.url()}}});
    ASSERT_TRUE(bus) << bus.error().full_message();
    auto client = wrpc::Client::start(**bus);
    const lattice::Headers headers{{"source-id", "outside"}, {"link-name", "default"}};
    const std::string prefix = lattice::call_prefix(kLattice, "checks");
    using Checked = tl::expected<std::string, std::string>;
    auto answer = wrpc::call_typed<Checked>(
        **client, {.prefix = prefix, .instance = kChecks, .function = "run", .headers = &headers}, check);
    ASSERT_TRUE(answer) << provider << ", " << check << ": " << answer.error().full_message();
    const Checked& checked = std::get<0>(*answer);
    EXPECT_TRUE(checked) << provider << ", " << check << ": " << (checked ? "" : checked.error());
  }

  nats::TestServer bus_server_;
};

const std::vector<std::string> kKeyValue{"store", "atomics", "batch"};
const std::vector<std::string> kKeyValueChecks{"key-value", "key-value-atomics", "key-value-batch"};

TEST_F(CapabilitiesTest, KeyValueOnEveryBackend) {
  providers::RedisServer redis;
  providers::PostgresServer postgres;
  run({{"keyvalue-memory", {}},
       {"keyvalue-nats", {{"cluster_uri", bus_server_.url()}}},
       {"keyvalue-redis", {{"URL", redis.url()}}},
       {"keyvalue-postgres", postgres.settings()}},
      "keyvalue", kKeyValue, kKeyValueChecks);
}

TEST_F(CapabilitiesTest, KeyValueOnAnotherHost) {
  run({{"keyvalue-memory", {}}}, "keyvalue", kKeyValue, kKeyValueChecks, true);
}

TEST_F(CapabilitiesTest, BlobstoreOnEveryBackend) {
  const nats::TestFolder folder;
  providers::S3Server s3;
  run({{"blobstore-fs", {{"root", folder.path()}}},
       {"blobstore-nats", {{"cluster_uris", bus_server_.url()}}},
       {"blobstore-s3", s3.settings()}},
      "blobstore", {"blobstore", "container", "types"}, {"blobstore", "blobstore-unfinished"});
}

TEST_F(CapabilitiesTest, BlobstoreOnAnotherHost) {
  const nats::TestFolder folder;
  run({{"blobstore-fs", {{"root", folder.path()}}}}, "blobstore", {"blobstore", "container", "types"},
      {"blobstore", "blobstore-unfinished"}, true);
}

}  // namespace
}  // namespace wattle
