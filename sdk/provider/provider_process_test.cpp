#include "provider_process.h"

#include <wattle/provider.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lattice/memory_bus.h"
#include "lattice/names.h"
#include "nats/nkey.h"
#include "nats/test_server.h"
#include "wrpc/call_codec.h"

namespace wattle::sdk {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Greets; its links say how, and "refuse" is none that it can work with.
class Greeter final : public Provider {
 public:
  explicit Greeter(const ProviderContext& context) : context_(context) {
    last = this;
    functions_.add("test:greet/greeter@1.0.0", "greet",
                   [this](const Caller& caller, const std::string& name) -> Result<std::string> {
                     return fmt::format("{} {}", links.at(std::string(caller.source_id)).config.at("word"),
                                        name);
                   });
    functions_.add("test:greet/greeter@1.0.0", "ask-back", [this](const Caller& caller) {
      return call_component<uint32_t>(context_.components, caller.source_id, "test:greet/guest@1.0.0", "age",
                                      std::string("years"));
    });
    functions_.add("test:greet/greeter@1.0.0", "wait", [this](const Caller& caller) -> Result<std::string> {
      is_waiting = true;
      while (!may_go) WATTLE_CHECK(async::sleep_for(std::chrono::milliseconds(5)));
      return links.at(std::string(caller.source_id)).config.at("word");
    });
    functions_.add("test:greet/greeter@1.0.0", "fail",
                   [](const Caller&) -> Result<void> { return failure(ErrorCode::io, "the disk is full"); });
  }
  ~Greeter() override { last = nullptr; }
  Result<void> put_link(const ProviderLink& link) override {
    if (link.config.contains("refuse")) return failure(ErrorCode::invalid_argument, "no such word");
    links[link.source_id] = link;
    return {};
  }
  void delete_link(const ProviderLink& link) override { links.erase(link.source_id); }
  Result<void> update_config(const std::map<std::string, std::string>& config) override {
    configs.push_back(config);
    return {};
  }
  Health health() override { return {.healthy = is_well, .message = is_well ? "" : "tired"}; }
  CustomFunctions* custom_functions() override { return &functions_; }
  const ProviderContext& context() const { return context_; }

  static inline Greeter* last = nullptr;
  std::map<std::string, ProviderLink> links;
  std::vector<std::map<std::string, std::string>> configs;
  bool is_well = true;
  bool is_waiting = false, may_go = false;

 private:
  const ProviderContext context_;
  CustomFunctions functions_;
};

class GreeterFactory final : public capability::ProviderFactory {
 public:
  std::string_view name() const override { return "greeter"; }
  std::vector<std::string> interfaces() const override { return {}; }
  Result<std::unique_ptr<Provider>> make(const ProviderContext& context) override {
    return std::make_unique<Greeter>(context);
  }
};

class ProviderProcessTest : public testing::Test {
 protected:
  template <class Test>
  void with_provider(Test test) {
    nats::run_test([&](async::Worker& worker) {
      lattice::MemoryBroker broker;
      lattice::MemoryBus host(worker, broker), bus(worker, broker);
      host_ = &host;
      auto client = wrpc::Client::start(host);
      ASSERT_TRUE(client);
      client_ = client->get();
      auto process = ProviderProcess::start(bus, data_, factory_, log_, {.link_patience = 300ms});
      ASSERT_TRUE(process) << process.error().full_message();
      process_ = process->get();
      test();
      process_->stop();
      process->reset();
      EXPECT_EQ(Greeter::last, nullptr);
      client->reset();
      EXPECT_TRUE(host.drain());
      EXPECT_TRUE(bus.drain());
    });
  }
  static lattice::ProviderLinkDefinition link(std::string source, lattice::StringMap config) {
    lattice::ProviderLinkDefinition definition;
    definition.source_id = std::move(source);
    definition.target = "greeter";
    definition.wit_namespace = "test";
    definition.wit_package = "greet";
    definition.interfaces = {"greeter"};
    definition.target_config = std::move(config);
    return definition;
  }
  Result<std::string> greet(std::string_view source, std::string_view link_name = "default") {
    return call<std::string>(source, link_name, "greet", std::string("Ann"));
  }
  template <class R, class... P>
  Result<R> call(std::string_view source, std::string_view link_name, std::string_view function,
                 P... parameters) {
    const lattice::Headers headers{{"source-id", std::string(source)}, {"link-name", std::string(link_name)}};
    const std::string prefix = lattice::call_prefix("default", "greeter");
    auto answer = wrpc::call_typed<R>(
        *client_,
        {.prefix = prefix, .instance = "test:greet/greeter@1.0.0", .function = function, .headers = &headers},
        parameters...);
    if (!answer) return failure(answer.error());
    return std::move(std::get<0>(*answer));
  }
  void say(std::string_view id, std::string_view verb, std::string_view body) {
    ASSERT_TRUE(host_->publish(lattice::provider_subject("default", id, verb), body));
  }
  std::string ask(std::string_view id, std::string_view verb, std::string_view body = "",
                  Duration timeout = 5s) {
    const auto answer = host_->request(lattice::provider_subject("default", id, verb), body,
                                       {.headers = nullptr, .timeout = timeout});
    return answer ? answer->payload : answer.error().message();
  }

  const nats::CurveKeyPair host_key_ = nats::CurveKeyPair::generate();
  const nats::CurveKeyPair own_key_ = nats::CurveKeyPair::generate();
  lattice::HostData data_{.host_id = "NHOST",
                          .lattice_rpc_prefix = "default",
                          .provider_key = "greeter",
                          .link_definitions = {link("shop", {{"word", "Hello"}})},
                          .config = {{"colour", "red"}},
                          .secrets = {{"token", "s3cret"}},
                          .host_xkey_public_key = host_key_.public_key(),
                          .provider_xkey_private_key = own_key_.seed()};
  GreeterFactory factory_;
  const telemetry::Log log_{
      {.level = telemetry::LogLevel::off, .format = telemetry::LogFormat::text, .file = ""}};
  lattice::Bus* host_ = nullptr;
  wrpc::Client* client_ = nullptr;
  ProviderProcess* process_ = nullptr;
};

TEST_F(ProviderProcessTest, ServesWhoHasALink) {
  with_provider([&] {
    EXPECT_EQ(greet("shop").value(), "Hello Ann");
    EXPECT_EQ(Greeter::last->context().config.at("colour"), "red");
    EXPECT_EQ(Greeter::last->context().secrets.at("token"), "s3cret");
  });
}

TEST_F(ProviderProcessTest, RefusesWhoHasNoneWhateverItSaysItIs) {
  with_provider([&] {
    for (const auto& [source, name] :
         {std::pair("thief", "default"), std::pair("", "default"), std::pair("shop", "other")}) {
      const auto answer = greet(source, name);
      ASSERT_FALSE(answer) << source;
      EXPECT_EQ(answer.error().code(), ErrorCode::permission_denied);
      EXPECT_THAT(answer.error().full_message(), HasSubstr("has no link"));
    }
  });
}

TEST_F(ProviderProcessTest, FailuresOfAFunctionReachItsCaller) {
  with_provider([&] {
    EXPECT_THAT(call<std::string>("shop", "default", "fail").error().full_message(),
                HasSubstr("the disk is full"));
    EXPECT_EQ(call<std::string>("shop", "default", "no-such").error().code(), ErrorCode::unsupported);
  });
}

TEST_F(ProviderProcessTest, CallsComponents) {
  with_provider([&] {
    auto server = wrpc::Server::start(*host_, {.host = "NOTHER"}).value();
    std::string heard;
    const std::string prefix = lattice::call_prefix("default", "shop");
    auto service = server->serve(prefix, prefix, [&](wrpc::IncomingCall& call) -> Result<wrpc::Reply> {
      WATTLE_TRY(const auto parameters, wrpc::parameters_of<std::string>(call));
      heard = fmt::format("{} {} {}", call.source_id, call.operation, std::get<0>(parameters));
      return wrpc::reply_with(uint32_t{42});
    });
    ASSERT_TRUE(service);
    EXPECT_EQ(call<uint32_t>("shop", "default", "ask-back").value(), 42u);
    EXPECT_EQ(heard, "greeter test:greet/guest@1.0.0.age years");
    service->reset();
    server.reset();
  });
}

TEST_F(ProviderProcessTest, ACallWaitsForALinkThatIsOnItsWay) {
  with_provider([&] {
    Result<std::string> answer = failure(ErrorCode::internal, "not yet");
    auto caller = host_->worker().spawn([&] { answer = greet("desk"); });
    ASSERT_TRUE(async::sleep_for(20ms));
    say(own_key_.public_key(), "linkdefs.put", to_json(link("desk", {{"word", "Hi"}})));
    EXPECT_TRUE(nats::eventually([&] { return caller->finished(); }));
    EXPECT_EQ(answer.value_or(""), "Hi Ann");
  });
}

TEST_F(ProviderProcessTest, FollowsItsLinks) {
  with_provider([&] {
    say("greeter", "linkdefs.put", to_json(link("shop", {{"word", "Bye"}})));
    EXPECT_TRUE(nats::eventually([&] { return greet("shop").value_or("") == "Bye Ann"; }));
    say("greeter", "linkdefs.del", to_json(link("shop", {})));
    EXPECT_TRUE(nats::eventually([&] { return Greeter::last->links.empty(); }));
    EXPECT_EQ(greet("shop").error().code(), ErrorCode::permission_denied);
    say("greeter", "linkdefs.put", "{");
    say("greeter", "linkdefs.put", to_json(link("shop", {{"word", "Again"}})));
    EXPECT_TRUE(nats::eventually([&] { return greet("shop").value_or("") == "Again Ann"; }));
  });
}

TEST_F(ProviderProcessTest, ALinkThatIsPutAgainStays) {
  with_provider([&] {
    say("greeter", "linkdefs.del", to_json(link("shop", {})));
    say("greeter", "linkdefs.put", to_json(link("shop", {{"word", "Hello"}})));
    say("greeter", "linkdefs.put", to_json(link("desk", {{"word", "Hi"}})));
    EXPECT_TRUE(nats::eventually([&] { return Greeter::last->links.contains("desk"); }));
    ASSERT_TRUE(async::sleep_for(400ms));  // longer than a deleted link serves
    EXPECT_EQ(greet("shop").value_or(""), "Hello Ann");
  });
}

TEST_F(ProviderProcessTest, ADeletedLinkStaysUntilItsLastCallHasEnded) {
  with_provider([&] {
    Result<std::string> answer = failure(ErrorCode::internal, "not yet");
    auto caller = host_->worker().spawn([&] { answer = call<std::string>("shop", "default", "wait"); });
    EXPECT_TRUE(nats::eventually([&] { return Greeter::last->is_waiting; }));
    say("greeter", "linkdefs.del", to_json(link("shop", {})));
    ASSERT_TRUE(async::sleep_for(400ms));  // longer than a deleted link serves
    EXPECT_TRUE(Greeter::last->links.contains("shop"));
    Greeter::last->may_go = true;
    EXPECT_TRUE(nats::eventually([&] { return caller->finished(); }));
    EXPECT_EQ(answer.value_or(""), "Hello");
    EXPECT_TRUE(nats::eventually([&] { return Greeter::last->links.empty(); }));
  });
}

TEST_F(ProviderProcessTest, CallsThroughARefusedLinkAreToldWhy) {
  data_.link_definitions.push_back(link("desk", {{"refuse", ""}}));
  with_provider([&] {
    EXPECT_THAT(greet("desk").error().full_message(), HasSubstr("no such word"));
    say("greeter", "linkdefs.put", to_json(link("desk", {{"word", "Hi"}})));
    EXPECT_TRUE(nats::eventually([&] { return greet("desk").value_or("") == "Hi Ann"; }));
  });
}

TEST_F(ProviderProcessTest, OpensSecrets) {
  with_provider([&] {
    auto definition = link("desk", {{"word", "Hi"}});
    const std::string sealed =
        host_key_.seal(lattice::to_json(lattice::SecretMap{{"key", "k1"}}), own_key_.public_key()).value();
    definition.target_secrets.emplace(sealed.begin(), sealed.end());
    say(own_key_.public_key(), "linkdefs.put", to_json(definition));
    EXPECT_TRUE(nats::eventually([&] { return Greeter::last->links.contains("desk"); }));
    EXPECT_EQ(Greeter::last->links["desk"].secrets.at("key"), "k1");
  });
}

TEST_F(ProviderProcessTest, TellsItsHealthAndHearsOfItsConfig) {
  with_provider([&] {
    for (const std::string& id : {std::string("greeter"), own_key_.public_key()})
      EXPECT_EQ(ask(id, "health"), R"({"healthy":true})");
    Greeter::last->is_well = false;
    EXPECT_EQ(ask("greeter", "health"), R"({"healthy":false,"message":"tired"})");
    say("greeter", "config.update", R"({"colour":"blue"})");
    EXPECT_TRUE(nats::eventually([&] { return !Greeter::last->configs.empty(); }));
    EXPECT_EQ(Greeter::last->configs.back().at("colour"), "blue");
  });
}

TEST_F(ProviderProcessTest, ShutsDownForItsOwnHostOnly) {
  with_provider([&] {
    bool ended = false;
    auto waiter = host_->worker().spawn([&] {
      process_->wait();
      ended = true;
    });
    ask("greeter", "default.shutdown", R"({"host_id":"NOTHER"})", 50ms);
    EXPECT_FALSE(ended);
    EXPECT_EQ(ask("greeter", "default.shutdown", R"({"host_id":"NHOST"})"), "shutting down");
    EXPECT_TRUE(nats::eventually([&] { return ended; }));
  });
}

}  // namespace
}  // namespace wattle::sdk
