// Components on one host and on two, linked to each other; the hosts' data sides with a real bus between
// them.
#include "host/data_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "engine/engine.h"
#include "host/run_on.h"
#include "lattice/names.h"
#include "lattice/nats_bus.h"
#include "nats/test_server.h"
#include "runtime/runtime.h"
#include "telemetry/log.h"
#include "wrpc/call_codec.h"

namespace wattle::host {
namespace {

using ::testing::HasSubstr;

constexpr const char* kLattice = "test";
constexpr const char* kCaller = "wattle:caller/caller@1.0.0";

std::shared_ptr<const runtime::Component> load_guest(const std::string& name) {
  EXPECT_TRUE(engine::start({}));
  std::ifstream file("build/guests/" + name + ".wasm", std::ios::binary);
  auto loaded = runtime::Component::load({std::istreambuf_iterator<char>(file), {}}, {});
  EXPECT_TRUE(loaded) << name << " (run tools/guests " << name << ")";
  return loaded ? *loaded : nullptr;
}

lattice::Link link(const std::string& source, const std::string& target, const std::string& package,
                   const std::string& interface) {
  return {.source_id = source,
          .target = target,
          .wit_namespace = "wattle",
          .wit_package = package,
          .interfaces = {interface}};
}

// A host's data side on a bus of its own for each worker.
struct TestHost {
  TestHost(const std::string& id, const std::string& url)
      : plane(*DataPlane::start(
            {.host_id = id,
             .lattice = kLattice,
             .workers = 2,
             .log = &log,
             .connect = [url](async::Worker& worker) -> Result<std::unique_ptr<lattice::Bus>> {
               WATTLE_TRY(auto bus, lattice::NatsBus::connect(worker, {.client = {.urls = {url}}}));
               return bus;
             }})) {}
  telemetry::Log log{{.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = {}}};
  std::unique_ptr<DataPlane> plane;
};

// Who calls from outside, with a link to "caller".
struct Outside {
  explicit Outside(const std::string& url)
      : bus(*lattice::NatsBus::connect(async::Fiber::current().worker(), {.client = {.urls = {url}}})),
        client(*wrpc::Client::start(*bus)) {}
  template <class R, class... Args>
  Result<std::tuple<R>> call(const std::string& function, const Args&... arguments) {
    const std::string prefix = lattice::call_prefix(kLattice, "caller");
    const lattice::Headers headers{{"source-id", source}, {"link-name", "default"}};
    return wrpc::call_typed<R>(
        *client, {.prefix = prefix, .instance = kCaller, .function = function, .headers = &headers},
        arguments...);
  }
  std::string source = "outside";
  std::unique_ptr<lattice::NatsBus> bus;
  std::unique_ptr<wrpc::Client> client;
};

std::shared_ptr<const lattice::LinkTable> all_links() {
  return lattice::LinkTable::build({link("outside", "caller", "caller", "caller"),
                                    link("caller", "library", "demo", "calc"),
                                    link("caller", "library", "demo", "counters")});
}

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

TEST_F(DataPlaneTest, CallsGoAlongALinkOnOneHost) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "library", .component = load_guest("library-c")}));
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_TRUE(sum) << sum.error().full_message();
    EXPECT_EQ(std::get<0>(*sum), 42u);
    host.plane->drain();
  });
}

TEST_F(DataPlaneTest, CallsGoToTheHostThatRunsTheTarget) {
  on_fiber([&] {
    TestHost near("NHOST1", server_.url()), far("NHOST2", server_.url());
    for (auto* host : {&near, &far}) host->plane->set_links(all_links());
    ASSERT_TRUE(near.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    ASSERT_TRUE(far.plane->put_component({.id = "library", .component = load_guest("library-c")}));
    Outside outside(server_.url());
    auto text = outside.call<std::string>("run-echo", std::string("over there"));
    ASSERT_TRUE(text) << text.error().full_message();
    EXPECT_EQ(std::get<0>(*text), "over there");
    near.plane->drain();
    far.plane->drain();
  });
}

TEST_F(DataPlaneTest, WhoHasNoLinkIsRefused) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    outside.source = "stranger";
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_FALSE(sum);
    EXPECT_THAT(sum.error().full_message(), HasSubstr("stranger"));
    host.plane->drain();
  });
}

TEST_F(DataPlaneTest, ATargetThatRunsNowhereIsNamed) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(all_links());
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("caller-c")}));
    Outside outside(server_.url());
    auto sum = outside.call<uint32_t>("run-add", uint32_t{2}, uint32_t{40});
    ASSERT_FALSE(sum);
    EXPECT_THAT(sum.error().full_message(), HasSubstr("\"library\" runs on no host"));
    host.plane->drain();
  });
}

}  // namespace
}  // namespace wattle::host
