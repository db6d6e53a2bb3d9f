#include "host/provider_processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "lattice/nats_bus.h"
#include "lattice/test_state.h"
#include "nats/nkey.h"
#include "nats/test_server.h"

namespace wattle::host {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// tests/providers/v1_provider.py, which was written against wasmCloud v1's start protocol.
const WantedSecrets kGiven{{{"kv", "SECRET_own"}, ""}, {{"kv", "SECRET_password"}, ""}};

class ProviderProcessesTest : public testing::Test {
 protected:
  template <class Test>
  void with_processes(Test test, ProviderProcessOptions options = {}) {
    ::setenv("RUST_LOG", "debug", 1);
    nats::run_test([&](async::Worker& worker) {
      auto bus = lattice::NatsBus::connect(worker, {.client = {.urls = {server_.url()}}});
      ASSERT_TRUE(bus) << bus.error().full_message();
      const telemetry::Log log(
          {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""});
      auto state = open_test_state(**bus);
      state_ = state.get();
      configure("");
      SecretKeeper secrets(
          *state, log,
          [](const lattice::SecretReference& reference, const std::string&) -> Result<capability::Secret> {
            if (reference.backend != "kept") return failure(ErrorCode::not_found, "there is no such backend");
            return capability::Secret{.version = reference.version, .value = "value of " + reference.key};
          });
      secrets.start(worker, [] { return kGiven; }, [](auto) {});
      options.host_id = "NHOST";
      async::OffloadPool blocking;
      Images images(**bus, blocking, {.allow_file_load = true});
      ProviderPrograms programs(images, blocking, {.allow_file_load = true});
      ProviderProcesses processes(
          {.bus = **bus,
           .state = *state,
           .log = log,
           .programs = programs,
           .connection = [&](std::string_view,
                             std::string_view) { return ProviderConnection{.url = server_.url()}; },
           .secrets = &secrets,
           .tell = [&](const lattice::Event& event) { events_.push_back(event.name); }},
          options);
      processes_ = &processes;
      secrets_ = &secrets;
      test();
      processes.stop("kv");
      secrets.stop();
      state.reset();
      EXPECT_TRUE((*bus)->drain());
    });
  }
  void configure(std::string_view mode, std::string_view more = "") {
    ASSERT_TRUE(state_->put_config(
        "kv", {{"log", log_file()}, {"mode", std::string(mode)}, {"more", std::string(more)}}));
  }
  Result<void> start(std::vector<std::string> config = {"kv"}) {
    return processes_->start({.provider_id = "kv",
                              .provider_ref = "file://" + std::filesystem::current_path().string() +
                                              "/tests/providers/v1_provider.py",
                              .host_id = "NHOST",
                              .config = std::move(config),
                              .annotations = {}});
  }
  std::string log_file() const { return folder_.path() + "/log"; }
  std::string heard() const {
    std::stringstream text;
    text << std::ifstream(log_file()).rdbuf();
    return text.str();
  }
  bool hears(const std::string& what) {
    return nats::eventually([&] { return heard().find(what) != std::string::npos; });
  }
  size_t starts() const {
    const std::string text = heard();
    size_t count = 0;
    for (size_t at = text.find("started"); at != std::string::npos; at = text.find("started", at + 1))
      ++count;
    return count;
  }

  nats::TestServer server_;
  nats::TestFolder folder_;
  lattice::LatticeState* state_ = nullptr;
  ProviderProcesses* processes_ = nullptr;
  SecretKeeper* secrets_ = nullptr;
  std::vector<std::string> events_;
};

const lattice::Link kLink{.source_id = "shop",
                          .target = "kv",
                          .name = "default",
                          .wit_namespace = "wasi",
                          .wit_package = "keyvalue",
                          .interfaces = {"store"},
                          .source_config = {},
                          .target_config = {"url"}};

TEST_F(ProviderProcessesTest, StartsWithItsLinksAndOnlyTheLoggingOfOurEnvironment) {
  with_processes([&] {
    ASSERT_TRUE(state_->put_config("url", {{"url", "redis://127.0.0.1"}}));
    ASSERT_TRUE(state_->put_link(kLink));
    const auto started = start();
    ASSERT_TRUE(started) << started.error().full_message();
    EXPECT_TRUE(processes_->running("kv"));
    EXPECT_THAT(heard(), HasSubstr("started debug"));
    EXPECT_THAT(heard(), HasSubstr(R"("target_config": {"url": "redis://127.0.0.1"})"));
    EXPECT_EQ(events_, std::vector<std::string>{"health_check_passed"});
  });
}

TEST_F(ProviderProcessesTest, HearsOfLinksAndConfigsAsTheyChange) {
  with_processes([&] {
    ASSERT_TRUE(start());
    ASSERT_TRUE(state_->put_config("url", {{"url", "one"}}));
    ASSERT_TRUE(state_->put_link(kLink));
    EXPECT_TRUE(hears(R"(linkdefs.put {"source_id":"shop","target":"kv")"));
    ASSERT_TRUE(state_->put_config("url", {{"url", "two"}}));
    EXPECT_TRUE(hears(R"("target_config":{"url":"two"})"));
    ASSERT_TRUE(state_->delete_links(
        {.source_id = "shop", .name = "default", .wit_namespace = "wasi", .wit_package = "keyvalue"}));
    EXPECT_TRUE(hears(R"(linkdefs.del {"source_id":"shop")"));
    configure("", "new");
    EXPECT_TRUE(hears("config.update"));
  });
}

// What of `from`, the JSON of a link, is sealed for the provider whose keys it has logged.
std::string opened(const std::string& heard, const std::string& from) {
  std::istringstream keys(heard.substr(heard.rfind("keys ") + 5));
  std::string host, provider;
  keys >> host >> provider;
  const auto link = lattice::parse_provider_link(from);
  if (!link || !link->target_secrets) return "no secrets";
  const auto text = nats::CurveKeyPair::from_seed(provider)->open(
      std::string(link->target_secrets->begin(), link->target_secrets->end()), host);
  return text ? *text : text.error().full_message();
}

TEST_F(ProviderProcessesTest, SecretsOfLinksAreSealedForTheProviderAlone) {
  with_processes([&] {
    const auto refer = [&](const char* config, const char* name, const char* key) {
      EXPECT_TRUE(state_->put_config(config, lattice::to_map({.name = name, .backend = "kept", .key = key})));
    };
    refer("SECRET_own", "own", "kv/own");
    refer("SECRET_password", "password", "first");
    lattice::Link link = kLink;
    link.target_config = {"SECRET_password"};
    ASSERT_TRUE(state_->put_link(link));
    ASSERT_TRUE(
        nats::eventually([&] { return secrets_->table()->of("kv", {"SECRET_own", "SECRET_password"}); }));
    const auto started = start({"kv", "SECRET_own"});
    ASSERT_TRUE(started) << started.error().full_message();
    EXPECT_TRUE(hears(R"(secrets {"own": {"kind": "String", "value": "value of kv/own"}})"));
    const std::string first = heard();
    EXPECT_THAT(first, HasSubstr(R"("target_config": {})"));
    EXPECT_EQ(first.find("value of first"), std::string::npos);
    const size_t begin = first.find('[', first.find("started")) + 1;
    EXPECT_EQ(opened(first, first.substr(begin, first.find("}]", begin) + 1 - begin)),
              R"({"password":{"kind":"String","value":"value of first"}})");

    refer("SECRET_password", "password", "second");
    ASSERT_TRUE(hears("linkdefs.put {"));
    const std::string second = heard();
    const size_t put = second.find("linkdefs.put ") + 13;
    EXPECT_EQ(opened(second, second.substr(put, second.find('\n', put) - put)),
              R"({"password":{"kind":"String","value":"value of second"}})");
  });
}

TEST_F(ProviderProcessesTest, ALinkStaysAsItWasUntilItsSecretsAreKnown) {
  with_processes([&] {
    ASSERT_TRUE(state_->put_config("url", {{"url", "redis://127.0.0.1"}}));
    ASSERT_TRUE(state_->put_link(kLink));
    ASSERT_TRUE(start());
    const auto refer = [&](const char* backend) {
      ASSERT_TRUE(state_->put_config(
          "SECRET_password", lattice::to_map({.name = "password", .backend = backend, .key = "first"})));
    };
    refer("nowhere");
    lattice::Link link = kLink;
    link.target_config = {"SECRET_password"};
    ASSERT_TRUE(state_->put_link(link));
    link.source_id = "other";
    link.target_config = {};
    ASSERT_TRUE(state_->put_link(link));
    EXPECT_TRUE(hears(R"("source_id":"other")"));
    EXPECT_EQ(heard().find("linkdefs.del"), std::string::npos);
    refer("kept");
    EXPECT_TRUE(hears(R"("target_secrets":[)"));
    EXPECT_EQ(heard().find("linkdefs.del"), std::string::npos);
  });
}

TEST_F(ProviderProcessesTest, AKilledProviderIsBackSoonAndReportedDownMeanwhile) {
  with_processes([&] {
    ASSERT_TRUE(start());
    const pid_t first = processes_->pid("kv");
    const TimePoint killed = Clock::now();
    ::kill(first, SIGKILL);
    EXPECT_TRUE(nats::eventually([&] { return !processes_->running("kv"); }));
    EXPECT_TRUE(nats::eventually([&] { return processes_->running("kv"); }));
    EXPECT_LT(Clock::now() - killed, 2s);
    EXPECT_NE(processes_->pid("kv"), first);
    EXPECT_EQ(events_, (std::vector<std::string>{"health_check_passed", "health_check_failed",
                                                 "health_check_passed"}));
  });
}

TEST_F(ProviderProcessesTest, WaitsLongerAfterEachCrash) {
  with_processes(
      [&] {
        ASSERT_TRUE(start());
        const TimePoint begun = Clock::now();
        for (size_t crashes = 1; crashes <= 4; ++crashes) {
          ::kill(processes_->pid("kv"), SIGKILL);
          ASSERT_TRUE(nats::eventually([&] { return starts() == crashes + 1 && processes_->running("kv"); }));
        }
        EXPECT_GT(Clock::now() - begun, 20ms + 40ms + 80ms + 160ms);
      },
      {.backoff_min = 20ms});
}

TEST_F(ProviderProcessesTest, TellsChangesOfHealth) {
  with_processes(
      [&] {
        ASSERT_TRUE(start());
        EXPECT_TRUE(nats::eventually([&] { return events_.size() >= 2; }));
        EXPECT_EQ(events_.back(), "health_check_status");
        configure("unwell");
        EXPECT_TRUE(nats::eventually([&] { return !processes_->running("kv"); }));
        EXPECT_EQ(std::count(events_.begin(), events_.end(), "health_check_failed"), 1);
        configure("");
        EXPECT_TRUE(nats::eventually([&] { return processes_->running("kv"); }));
      },
      {.health_interval = 20ms});
}

TEST_F(ProviderProcessesTest, AsksToShutDownAndThenKills) {
  with_processes([&] {
    ASSERT_TRUE(start());
    const pid_t pid = processes_->pid("kv");
    processes_->stop("kv");
    EXPECT_THAT(heard(), HasSubstr(R"(default.shutdown {"host_id":"NHOST"})"));
    EXPECT_NE(::kill(pid, 0), 0);
    configure("stubborn");
    ASSERT_TRUE(start());
    const pid_t stubborn = processes_->pid("kv");
    processes_->stop("kv");
    EXPECT_NE(::kill(stubborn, 0), 0);
    EXPECT_EQ(processes_->pid("kv"), 0);
  });
}

TEST_F(ProviderProcessesTest, SaysWhyOneDoesNotStart) {
  with_processes(
      [&] {
        EXPECT_EQ(
            processes_->start({.provider_id = "kv", .provider_ref = "file:///bin/false"}).error().code(),
            ErrorCode::unavailable);
        EXPECT_EQ(processes_->start({.provider_id = "kv", .provider_ref = "file:///no/such"}).error().code(),
                  ErrorCode::not_found);
        EXPECT_EQ(processes_->start({.provider_id = "kv", .provider_ref = "builtin://x"}).error().code(),
                  ErrorCode::invalid_argument);
        configure("silent");
        EXPECT_EQ(start().error().code(), ErrorCode::deadline_exceeded);
        EXPECT_EQ(processes_->pid("kv"), 0);
      },
      {.start_time = 300ms});
}

}  // namespace
}  // namespace wattle::host
