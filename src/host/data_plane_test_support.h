// For tests of the data side: hosts' data sides with a real bus between them, the guests of tests/guests, and
// who calls them from outside.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "engine/engine.h"
#include "host/data_plane.h"
#include "host/run_on.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "wrpc/call_codec.h"

namespace wattle::host {

inline constexpr const char* kLattice = "test";
inline constexpr const char* kCaller = "wattle:caller/caller@1.0.0";

inline std::shared_ptr<const runtime::Component> load_guest(const std::string& name) {
  EXPECT_TRUE(engine::start({}));
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  auto loaded = runtime::Component::load({std::istreambuf_iterator<char>(file), {}}, {});
  EXPECT_TRUE(loaded) << name << " (run tools/guests " << name << ")";
  return loaded ? *loaded : nullptr;
}

inline lattice::Link link(const std::string& source, const std::string& target, const std::string& package,
                          const std::string& interface) {
  return {.source_id = source,
          .target = target,
          .wit_namespace = "wattle",
          .wit_package = package,
          .interfaces = {interface}};
}

// A host's data side on a bus of its own for each worker.
struct TestHost {
  TestHost(const std::string& id, const std::string& url,
           std::vector<capability::ProviderFactory*> factories = {},
           std::function<void(const RevisionKey&)> on_parked_called = {})
      : plane(*DataPlane::start(
            {.host_id = id,
             .lattice = kLattice,
             .workers = 2,
             .log = &log,
             .factories = std::move(factories),
             .connect = [url](async::Worker& worker) -> Result<std::unique_ptr<lattice::Bus>> {
               WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = {.urls = {url}}}));
               return bus;
             },
             .on_parked_called = std::move(on_parked_called)})) {}
  telemetry::Log log{{.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = {}}};
  std::unique_ptr<DataPlane> plane;
};

// Who calls from outside, with a link to "caller" unless another target is named.
struct Outside {
  explicit Outside(const std::string& url)
      : bus(*lattice::NatsBus::connect(async::Fiber::current().worker(), {.client = {.urls = {url}}})),
        client(*wrpc::Client::start(*bus)) {}
  template <class R, class... Args>
  Result<std::tuple<R>> call(const std::string& function, const Args&... arguments) {
    const std::string prefix = lattice::call_prefix(kLattice, target);
    const lattice::Headers headers{{"source-id", source}, {"link-name", "default"}};
    return wrpc::call_typed<R>(
        *client, {.prefix = prefix, .instance = instance, .function = function, .headers = &headers},
        arguments...);
  }
  std::string source = "outside";
  std::string target = "caller";
  std::string instance = kCaller;
  std::unique_ptr<lattice::NatsBus> bus;
  std::unique_ptr<wrpc::Client> client;
};

class DataPlaneTest : public ::testing::Test {
 protected:
  void on_fiber(const std::function<void()>& body) {
    async::Worker worker;
    worker.spawn([&] {
      async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
      body();
    });
    worker.run();
  }
  nats::TestServer server_;
};

}  // namespace wattle::host
