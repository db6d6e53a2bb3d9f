// wadm's API as a client of wadm's sees it, by nothing but subjects and JSON; then wattle's own, by
// ApiClient.
#include "manager/api_server.h"

#include "lattice/memory_bus.h"
#include "manager/api_client.h"
#include "manager/test_support.h"
#include "nats/error.h"
#include "nats/test_server.h"

namespace wattle::manager {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

namespace json = boost::json;

std::string shop(std::string_view version, std::string_view image = "ghcr.io/x/api:1",
                 std::string_view more_annotations = "") {
  return application(
      "shop",
      fmt::format("    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n"
                  "      traits: [{{type: spreadscaler, properties: {{instances: 2}}}}]\n",
                  image),
      fmt::format("{{version: \"{}\", description: A shop{}}}", version, more_annotations));
}

// One component, with an id of its own.
std::string with_id(std::string_view name, std::string_view id) {
  return application(
      name,
      fmt::format("    - {{name: one, type: component, properties: {{image: \"a:1\", id: \"{}\"}}}}\n", id),
      "{version: \"1\"}");
}

std::string user_of(std::string_view owner) {
  return application("user",
                     fmt::format("    - {{name: api, type: component, properties: {{application: {{name: {}, "
                                 "component: api}}}}}}\n",
                                 owner),
                     "{version: \"1\"}");
}

constexpr std::string_view kShared = ", experimental.wasmcloud.dev/shared: \"true\"";

class ApiServerTest : public testing::Test {
 protected:
  // Runs `test()` with a manager that says of everything that it is reconciling.
  template <class Test>
  void with_manager(Test test, ImageTable images = default_images()) {
    nats::run_test([&](async::Worker& worker) {
      lattice::MemoryBroker broker;
      lattice::MemoryBus bus(worker, broker);
      lattice::StoreOptions options;
      options.copies.dead_after = Duration::zero();
      auto store = ApplicationStore::open(bus, std::move(options), std::move(images)).value();
      ASSERT_TRUE(store->wait_ready());
      auto server = ApiServer::start(bus, *store, {.lattice = "default", .hooks = hooks()});
      ASSERT_TRUE(server) << server.error().full_message();
      bus_ = &bus, store_ = store.get();
      client_.emplace(bus);
      test();
      EXPECT_TRUE((*server)->drain());
      client_.reset();
    });
  }

  ApiHooks hooks() {
    return {.status = [this](std::string_view) { return status_; },
            .differences = [](const Application& next) -> Result<std::vector<api::Difference>> {
              return std::vector<api::Difference>{{"add", "component " + next.parts.at(0).id, "2 instances"}};
            },
            .leads = [this] { return leads_; }};
  }

  json::value ask(std::string_view operation, std::string_view body = {}) {
    const auto reply = bus_->request(fmt::format("wadm.api.default.model.{}", operation), body);
    return json::parse(reply ? reply->payload : "\"" + reply.error().message() + "\"");
  }
  // The answer's result and message, as "error: ...".
  std::string told(std::string_view operation, std::string_view body = {}) {
    const json::value answer = ask(operation, body);
    return fmt::format("{}: {}", answer.at("result").as_string().c_str(),
                       answer.at("message").as_string().c_str());
  }
  std::string put(std::string_view text) { return told("put", text); }
  // What a client makes of a manager that answers every question so.
  Result<ImageTable> images_of(std::string_view answer) {
    const auto other = bus_->subscribe("wadm.api.other.model.>", {}, [&](const lattice::Message& message) {
      (void)bus_->publish(message.reply, answer);
    });
    return ApiClient(*bus_, {.lattice = "other"}).images();
  }

  bool leads_ = true;
  ApplicationStatus status_{.status = {StatusKind::reconciling, "on its way"}};
  lattice::Bus* bus_ = nullptr;
  ApplicationStore* store_ = nullptr;
  std::optional<ApiClient> client_;
};

// ---- wadm's

TEST_F(ApiServerTest, PutsAManifest) {
  with_manager([&] {
    EXPECT_EQ(ask("put", shop("1")),
              json::parse(R"({"result":"created","message":"shop 1 is put","total_versions":1,
                              "current_version":"1","name":"shop","warnings":[]})"));
    const json::value second = ask("put", shop("2"));
    EXPECT_EQ(second.at("result"), "newversion");
    EXPECT_EQ(second.at("total_versions"), 2);
    EXPECT_EQ(second.at("current_version"), "2");
  });
}

TEST_F(ApiServerTest, PutsAManifestInJson) {
  with_manager([&] {
    EXPECT_EQ(
        ask("put", R"({"apiVersion":"core.oam.dev/v1beta1","kind":"Application","metadata":{"name":"shop",
        "annotations":{"description":"x"}},"spec":{"components":[{"name":"api","type":"component",
        "properties":{"image":"a:1"},"traits":[{"type":"spreadscaler","properties":{"instances":1}}]}]}})")
            .at("current_version")
            .as_string()
            .size(),
        26U);
  });
}

TEST_F(ApiServerTest, RefusesAManifestWithTheReason) {
  with_manager([&] {
    EXPECT_THAT(put("a: ["), HasSubstr("error: "));
    EXPECT_THAT(put(""), HasSubstr("the file is empty"));
    EXPECT_THAT(put(shop("latest")), HasSubstr("\"latest\" is no version"));
    EXPECT_THAT(put(shop("1") + "---\n" + with_id("other", "x")), HasSubstr("declares 2 applications"));
    ASSERT_THAT(put(shop("1")), HasSubstr("created"));
    const json::value changed = ask("put", shop("1", "ghcr.io/x/api:2"));
    EXPECT_EQ(changed.at("result"), "error");
    EXPECT_EQ(changed.at("code"), "already-exists");
    EXPECT_THAT(changed.at("message").as_string().c_str(), HasSubstr("another version"));
    EXPECT_EQ(ask("put", shop("1")).at("unchanged"), true);
  });
}

TEST_F(ApiServerTest, ListsEveryApplication) {
  with_manager([&] {
    EXPECT_EQ(ask("get"), json::parse(R"({"result":"success","message":"","models":[]})"));
    EXPECT_EQ(ask("list"), json::parse("[]"));
    put(shop("1")), put(shop("2"));
    ASSERT_THAT(told("deploy.shop", R"({"version":"1"})"), HasSubstr("acknowledged"));
    const auto models =
        json::parse(R"([{"name":"shop","version":"2","description":"A shop","deployed_version":"1",
        "detailed_status":{"status":{"type":"reconciling","message":"on its way"},"scalers":[],"uses":[],"rollout":"","host_names":{}},
        "status":"reconciling","status_message":"on its way"}])");
    EXPECT_EQ(ask("get").at("models"), models);
    EXPECT_EQ(ask("list"), models);
  });
}

TEST_F(ApiServerTest, GetsAManifest) {
  with_manager([&] {
    put(shop("1")), put(shop("2"));
    const json::value newest = ask("get.shop");
    EXPECT_EQ(newest.at("result"), "success");
    EXPECT_EQ(newest.at("manifest"), json::parse(R"({"apiVersion":"core.oam.dev/v1beta1","kind":"Application",
        "metadata":{"name":"shop","annotations":{"version":"2","description":"A shop"}},
        "spec":{"components":[{"name":"api","type":"component","properties":{"image":"ghcr.io/x/api:1"},
        "traits":[{"type":"spreadscaler","properties":{"instances":2}}]}]}})"));
    const json::value first = ask("get.shop", R"({"version":"1"})");
    EXPECT_EQ(first.at_pointer("/manifest/metadata/annotations/version"), "1");
    EXPECT_EQ(first.at("text"), json::string(shop("1")));
    EXPECT_EQ(ask("get.shop", R"({"version":"3"})").at("result"), "notfound");
    EXPECT_THAT(told("get.shop", R"({"version":"3"})"), HasSubstr("there are 1, 2"));
    const json::value missing = ask("get.shpo", R"({"version":null})");
    EXPECT_EQ(missing.at("result"), "notfound");
    EXPECT_FALSE(missing.as_object().contains("manifest"));
  });
}

TEST_F(ApiServerTest, AVersionThatWasMadeIsInTheManifest) {
  with_manager([&] {
    const auto version =
        ask("put", application("shop", "    - {name: a, type: component, properties: {image: \"a:1\"}}\n"))
            .at("current_version");
    EXPECT_EQ(ask("get.shop").at_pointer("/manifest/metadata/annotations/version"), version);
  });
}

TEST_F(ApiServerTest, TellsVersions) {
  with_manager([&] {
    put(shop("1")), put(shop("2"));
    (void)ask("deploy.shop", R"({"version":"1"})");
    const json::value answer = ask("versions.shop");
    EXPECT_EQ(answer.at("result"), "success");
    const auto& versions = answer.at("versions").as_array();
    ASSERT_EQ(versions.size(), 2U);
    EXPECT_EQ(versions[0].at("version"), "1");
    EXPECT_EQ(versions[0].at("deployed"), true);
    EXPECT_EQ(versions[1].at("deployed"), false);
    EXPECT_EQ(ask("versions.shpo").at("versions"), json::array());
    EXPECT_EQ(ask("versions.shpo").at("result"), "notfound");
  });
}

TEST_F(ApiServerTest, DeploysAndUndeploys) {
  with_manager([&] {
    put(shop("1")), put(shop("2"));
    EXPECT_EQ(ask("deploy.shop"),
              json::parse(R"({"result":"acknowledged","message":"shop 2 is to be deployed",
                                                  "name":"shop","version":"2"})"));
    EXPECT_EQ(ask("deploy.shop", R"({"version":"1"})").at("version"), "1");
    EXPECT_EQ(ask("deploy.shop", R"({"version":null})").at("version"), "2");
    EXPECT_EQ(ask("deploy.shop", R"({"version":"latest"})").at("version"), "2");
    EXPECT_EQ(ask("deploy.shop", R"({"version":"3"})").at("result"), "notfound");
    EXPECT_EQ(ask("deploy.shpo").at("result"), "notfound");
    EXPECT_EQ(ask("deploy.shop", R"({"version":3})").at("result"), "error");
    EXPECT_EQ(store_->find("shop")->deployed, "2");
    EXPECT_EQ(ask("undeploy.shop", "{}").at("result"), "acknowledged");
    EXPECT_FALSE(store_->find("shop")->deployed);
    EXPECT_EQ(ask("undeploy.shop", "{}").at("result"), "acknowledged");
    EXPECT_EQ(ask("undeploy.shpo", "{}").at("result"), "notfound");
  });
}

TEST_F(ApiServerTest, Deletes) {
  with_manager([&] {
    put(shop("1")), put(shop("2"));
    (void)ask("deploy.shop");
    EXPECT_EQ(ask("del.shop", R"({"version":"1"})"),
              json::parse(R"({"result":"deleted","message":"shop 1 is deleted","undeploy":false})"));
    EXPECT_EQ(ask("del.shop", R"({"version":"1"})").at("result"), "noop");
    const json::value last = ask("del.shop", "{}");
    EXPECT_EQ(last.at("result"), "deleted");
    EXPECT_EQ(last.at("undeploy"), true);
    EXPECT_EQ(ask("del.shop").at("result"), "noop");
    EXPECT_EQ(ask("status.shop").at("result"), "notfound");
  });
}

TEST_F(ApiServerTest, TellsTheStatus) {
  with_manager([&] {
    put(shop("1"));
    status_ = {
        .status = {StatusKind::unhealthy, "api: one host is gone"},
        .objects = {{.id = "5e1f",
                     .kind = "SpreadScaler",
                     .name = "shop-api",
                     .status = {StatusKind::unhealthy, "one host is gone"},
                     .wanted = 2,
                     .ready = 1,
                     .revisions = {{.image = "a:1", .ready = 1, .weight = 100, .hosts = {{"NA", 1}}}}}},
        .uses = {{"shop", "api", "platform", "kv", "wasi:keyvalue/store"}},
        .rollout = "canary"};
    EXPECT_EQ(ask("status.shop").at("status"), json::parse(R"({
        "status":{"type":"unhealthy","message":"api: one host is gone"},
        "scalers":[{"id":"5e1f","kind":"SpreadScaler","name":"shop-api",
          "status":{"type":"unhealthy","message":"one host is gone"},"wanted":2,"ready":1,
          "revisions":[{"image":"a:1","ready":1,"weight":100,"hosts":{"NA":1}}]}],
        "uses":[{"user":"shop","source":"api","owner":"platform","target":"kv","interface":"wasi:keyvalue/store"}],
        "rollout":"canary","host_names":{}})"));
    EXPECT_EQ(ask("status.shop").at("result"), "ok");
    EXPECT_EQ(client_->status("shop").value().status, status_);
    EXPECT_EQ(client_->status("shop").value().deployed_version, std::nullopt);
    const json::value missing = ask("status.shpo");
    EXPECT_EQ(missing.at("result"), "notfound");
    EXPECT_FALSE(missing.as_object().contains("status"));
  });
}

TEST_F(ApiServerTest, AnswersWhatItDoesNotKnow) {
  with_manager([&] {
    for (const char* operation : {"deploy", "put.shop", "fly.shop", "get.shop.now"})
      EXPECT_EQ(told(operation), "error: unsupported subject") << operation;
    EXPECT_THAT(told("deploy.a*b"), HasSubstr("can be no application's name"));
    EXPECT_THAT(told("deploy.shop", "{"), HasSubstr("not JSON"));
  });
}

TEST_F(ApiServerTest, OneOfTwoManagersAnswers) {
  with_manager([&] {
    auto second = ApiServer::start(*bus_, *store_, {.lattice = "default", .hooks = hooks()}).value();
    lattice::GatherOptions options;
    options.quiet = 100ms;
    const auto answers = bus_->request_many("wadm.api.default.model.put", shop("1"), options).value();
    EXPECT_THAT(answers, SizeIs(1));
    EXPECT_TRUE(second->drain());
  });
}

TEST_F(ApiServerTest, AManagerThatDoesNotLeadAnswersNothingAndDoesNothing) {
  with_manager([&] {
    put(shop("1"));
    leads_ = false;
    for (const char* operation : {"deploy.shop", "get", "undeploy.shop"}) {
      const auto answer = bus_->request(fmt::format("wadm.api.default.model.{}", operation), {},
                                        {.headers = nullptr, .timeout = 100ms});
      ASSERT_FALSE(answer) << operation;
      EXPECT_EQ(answer.error().code(), ErrorCode::deadline_exceeded);
    }
    EXPECT_FALSE(store_->find("shop")->deployed);
    leads_ = true;
    EXPECT_THAT(told("deploy.shop"), HasSubstr("acknowledged"));
  });
}

// It is looked at when the request comes, when its turn has come, and before anything is written.
TEST_F(ApiServerTest, AManagerThatLeadsNoMoreWritesNothing) {
  with_manager([&] {
    put(shop("1"));
    int looks = 0, leads_for = 0;
    ApiHooks hooks;
    hooks.leads = [&] { return ++looks <= leads_for; };
    auto second = ApiServer::start(*bus_, *store_, {.lattice = "other", .hooks = hooks}).value();
    ApiClient client(*bus_, {.lattice = "other"});
    const auto lead_for = [&](int count) { looks = 0, leads_for = count; };
    for (int count : {1, 2}) {
      lead_for(count);
      EXPECT_EQ(client.deploy("shop").error().code(), ErrorCode::unavailable);
      EXPECT_FALSE(store_->find("shop")->deployed);
    }
    lead_for(1);
    EXPECT_EQ(client.put(shop("2")).error().code(), ErrorCode::unavailable);
    EXPECT_THAT(store_->find("shop")->versions, SizeIs(1));
    lead_for(3);
    EXPECT_TRUE(client.deploy("shop"));
    EXPECT_TRUE(second->drain());
  });
}

// ---- checks

TEST_F(ApiServerTest, PutIsCheckedBesideWhatIsDeployed) {
  with_manager([&] {
    ASSERT_THAT(put(with_id("one", "x")), HasSubstr("created"));
    // Of two that are not deployed, either may be.
    ASSERT_THAT(put(with_id("two", "x")), HasSubstr("created"));
    ASSERT_THAT(told("deploy.one"), HasSubstr("acknowledged"));
    EXPECT_THAT(told("deploy.two"),
                AllOf(HasSubstr("error: "), HasSubstr("the id \"x\" is that of \"one\"")));
    EXPECT_THAT(put(with_id("three", "x")),
                HasSubstr("the id \"x\" is that of \"one\" in the application \"one\""));
    ASSERT_THAT(told("undeploy.one"), HasSubstr("acknowledged"));
    EXPECT_THAT(told("deploy.two"), HasSubstr("acknowledged"));
  });
}

TEST_F(ApiServerTest, WhatIsUsedMustBeSharedAndDeployed) {
  with_manager([&] {
    // In any order.
    ASSERT_THAT(put(user_of("shop")), HasSubstr("created"));
    EXPECT_THAT(told("deploy.user"), HasSubstr("there is no application \"shop\""));
    ASSERT_THAT(put(shop("1", "a:1", kShared)), HasSubstr("created"));
    EXPECT_THAT(told("deploy.user"), HasSubstr("deploy it first: wattle app deploy shop"));
    ASSERT_THAT(told("deploy.shop"), HasSubstr("acknowledged"));
    EXPECT_THAT(told("deploy.user"), HasSubstr("acknowledged"));
    ASSERT_THAT(put(shop("2", "a:2")), HasSubstr("newversion"));
    EXPECT_THAT(
        told("deploy.shop"),
        AllOf(HasSubstr("error: "), HasSubstr("the application \"user\", which is deployed, uses it")));
    ASSERT_THAT(told("deploy.shop", R"({"force": true})"), HasSubstr("acknowledged"));
    EXPECT_THAT(told("deploy.user"), HasSubstr("the application \"shop\" is not shared"));
  });
}

TEST_F(ApiServerTest, WhatOthersUseIsTakenDownOnlyByForce) {
  with_manager([&] {
    ASSERT_THAT(put(shop("1", "a:1", kShared)), HasSubstr("created"));
    ASSERT_THAT(put(shop("2", "a:1", kShared)), HasSubstr("newversion"));
    ASSERT_THAT(put(user_of("shop")), HasSubstr("created"));
    ASSERT_THAT(told("deploy.shop"), HasSubstr("acknowledged"));
    ASSERT_THAT(told("deploy.user"), HasSubstr("acknowledged"));
    for (const char* asked : {"undeploy.shop", "del.shop"})
      EXPECT_THAT(told(asked),
                  AllOf(HasSubstr("error: other applications use what \"shop\" shares: \"user\" (api)"),
                        HasSubstr("--force")));
    EXPECT_THAT(told("del.shop", R"({"version":"1"})"), HasSubstr("deleted: shop 1"));
    EXPECT_EQ(store_->find("shop")->deployed, "2");
    EXPECT_THAT(told("undeploy.shop", R"({"force":true})"), HasSubstr("acknowledged"));
    ASSERT_THAT(told("deploy.shop"), HasSubstr("acknowledged"));
    EXPECT_TRUE(client_->remove("shop", {}, true));
    EXPECT_THAT(told("undeploy.user"), HasSubstr("acknowledged"));
  });
}

TEST_F(ApiServerTest, AUseThatIsNotAllowedIsRefusedWhenItIsPut) {
  with_manager([&] {
    ASSERT_THAT(put(shop("1")), HasSubstr("created"));
    EXPECT_THAT(put(user_of("shop")), HasSubstr("the application \"shop\" is not shared"));
    ASSERT_THAT(put(shop("2", "a:1", std::string(kShared) + ", wattle/shared-with: blog")),
                HasSubstr("newversion"));
    EXPECT_THAT(put(user_of("shop")), HasSubstr("the application \"shop\" is not shared with \"user\""));
  });
}

TEST_F(ApiServerTest, DeploysAreCheckedOneAfterTheOther) {
  with_manager([&] {
    constexpr int kCount = 6;
    int done = 0, acknowledged = 0;
    for (int i = 0; i < kCount; ++i) put(with_id(fmt::format("app{}", i), "x"));
    for (int i = 0; i < kCount; ++i)
      bus_->worker().spawn([&, i] {
        acknowledged += client_->deploy(fmt::format("app{}", i)).has_value() ? 1 : 0;
        ++done;
      });
    ASSERT_TRUE(nats::eventually([&] { return done == kCount; }));
    EXPECT_EQ(acknowledged, 1);
  });
}

// ---- wattle's own

TEST_F(ApiServerTest, RollsBack) {
  with_manager([&] {
    for (const char* version : {"1", "2", "3"}) put(shop(version));
    EXPECT_THAT(told("rollback.shop"), HasSubstr("no other version of \"shop\" was deployed before"));
    (void)ask("deploy.shop", R"({"version":"1"})");
    (void)ask("deploy.shop", R"({"version":"3"})");
    EXPECT_EQ(ask("rollback.shop").at("version"), "1");
    EXPECT_THAT(told("rollback.shop"), HasSubstr("no other version of \"shop\" was deployed before"));
    EXPECT_EQ(ask("rollback.shop", R"({"version":"2"})").at("version"), "2");
    EXPECT_EQ(store_->find("shop")->deployed, "2");
    const auto history = client_->history("shop").value();
    ASSERT_EQ(history.size(), 7U);
    EXPECT_EQ(history[5].what, "rolled back");
    EXPECT_EQ(history[5].version, "1");
  });
}

TEST_F(ApiServerTest, TellsWhatADeployWouldChange) {
  with_manager([&] {
    put(shop("1"));
    const auto stored = client_->diff("shop").value();
    EXPECT_EQ(stored.version, "1");
    EXPECT_THAT(stored.differences,
                testing::ElementsAre(api::Difference{"add", "component shop-api", "2 instances"}));
    EXPECT_EQ(client_->diff_manifest("shop", shop("2")).value().version, "2");
    EXPECT_EQ(client_->diff_manifest("new", with_id("new", "x")).value().differences[0].object,
              "component x");
    EXPECT_THAT(client_->diff_manifest("blog", shop("2")).error().message(),
                HasSubstr("is that of \"shop\""));
    EXPECT_EQ(client_->diff("shpo").error().code(), ErrorCode::not_found);
    EXPECT_THAT(store_->find("shop")->versions, SizeIs(1));
  });
}

TEST_F(ApiServerTest, RefusedManifestsHaveEachProblemByItself) {
  with_manager([&] {
    ASSERT_THAT(put(with_id("one", "x")), HasSubstr("created"));
    ASSERT_THAT(put(with_id("two", "x")), HasSubstr("created"));
    ASSERT_THAT(told("deploy.one"), HasSubstr("acknowledged"));
    const std::string three = with_id("three", "x");
    for (const auto& [operation, body] :
         {std::pair<std::string, std::string>{"put", three}, {"diff.three", three}, {"deploy.two", ""}}) {
      const json::value answer = ask(operation, body);
      EXPECT_EQ(answer.at("result"), "error") << operation;
      const json::array& problems = answer.at("problems").as_array();
      const auto error = std::find_if(problems.begin(), problems.end(),
                                      [](const json::value& one) { return one.at("severity") == "error"; });
      ASSERT_NE(error, problems.end()) << operation;
      const json::object& problem = error->as_object();
      const std::string line =
          fmt::format("{}:{}: error: {}: {}; {}", problem.at("line").to_number<int>(),
                      problem.at("column").to_number<int>(), problem.at("path").as_string().c_str(),
                      problem.at("message").as_string().c_str(), problem.at("remedy").as_string().c_str());
      EXPECT_THAT(answer.at("message").as_string().c_str(), HasSubstr(line));
      EXPECT_FALSE(answer.as_object().contains("more_problems"));
    }
    Problems problems;
    EXPECT_FALSE(client_->deploy("two", {}, false, &problems));
    EXPECT_FALSE(client_->put(three, &problems));
    EXPECT_FALSE(client_->diff_manifest("three", three, &problems));
    EXPECT_EQ(problems.errors(), 3U);
    for (const Problem& problem : problems.list())
      if (problem.severity == Severity::error) {
        EXPECT_THAT(problem.message, HasSubstr("the id \"x\" is that of \"one\""));
        EXPECT_GT(problem.place.line, 0U);
      }
  });
}

TEST_F(ApiServerTest, OtherRefusalsHaveNoProblems) {
  with_manager([&] {
    ASSERT_THAT(put(shop("1")), HasSubstr("created"));
    EXPECT_FALSE(ask("put", shop("1", "b:1")).as_object().contains("problems"));
    EXPECT_FALSE(ask("deploy.shop", R"({"version":"2"})").as_object().contains("problems"));
  });
}

TEST_F(ApiServerTest, AsManyProblemsAsThereIsRoomFor) {
  // Labels that are no texts.
  const auto labels = [](size_t key_bytes) {
    std::string text =
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  labels:\n";
    for (int i = 100; i < 220; ++i) text += fmt::format("    {}{}: []\n", std::string(key_bytes - 3, 'k'), i);
    return text + "spec: {components: [{name: a, type: component, properties: {image: \"a:1\"}}]}\n";
  };
  with_manager([&] {
    const json::value some = ask("put", labels(10));
    EXPECT_THAT(some.at("message").as_string().c_str(), HasSubstr("\n  and 20 more"));
    EXPECT_EQ(some.at("problems").as_array().size(), 100U);
    EXPECT_EQ(some.at("more_problems"), 20);
    Problems problems;
    EXPECT_EQ(client_->put(labels(10), &problems).error().code(), ErrorCode::invalid);
    EXPECT_EQ(problems.left_out(), 20U);
    const json::value many = ask("put", labels(500));  // whose names are too long besides
    EXPECT_THAT(many.at("message").as_string().c_str(), HasSubstr("\n  and 140 more"));
    EXPECT_FALSE(many.as_object().contains("problems"));
    EXPECT_FALSE(many.as_object().contains("more_problems"));
  });
}

TEST_F(ApiServerTest, ValidatesWithoutPutting) {
  with_manager([&] {
    const auto good = client_->validate(shop("1")).value();
    EXPECT_EQ(good.result, "ok");
    EXPECT_THAT(good.problems, IsEmpty());
    const auto bad = client_->validate(shop("latest")).value();
    EXPECT_EQ(bad.result, "error");
    ASSERT_THAT(bad.problems, SizeIs(1));
    EXPECT_EQ(bad.problems[0].severity, "error");
    EXPECT_GT(bad.problems[0].line, 0U);
    EXPECT_TRUE(store_->snapshot()->empty());
  });
}

TEST_F(ApiServerTest, TellsItsTableOfImages) {
  const ImageTable own{.images = {{"example.com/web", "builtin://http-server"}},
                       .interfaces = {{"example:weather", "builtin://weather"}}};
  with_manager(
      [&] {
        EXPECT_EQ(ask("images"), json::parse(R"({"result":"success","message":"","table":)" +
                                             json::serialize(json::string(to_yaml(own))) + "}"));
        const ImageTable table = client_->images().value();
        EXPECT_EQ(table.images, own.images);
        EXPECT_EQ(table.interfaces, own.interfaces);
      },
      own);
}

TEST_F(ApiServerTest, AManagerWithoutTheQuestionHasWattlesOwnTable) {
  with_manager([&] {
    for (const char* answer :
         {R"({"result":"error","message":"unsupported subject","code":"unsupported"})",
          R"({"result":"error","message":"Unsupported subject: wadm.api.other.model.images"})"}) {
      const auto table = images_of(answer);
      ASSERT_TRUE(table) << table.error().full_message();
      EXPECT_EQ(table->interfaces, default_images().interfaces);
    }
  });
}

TEST_F(ApiServerTest, ATableThatCannotBeHadIsNotWattlesOwn) {
  with_manager([&] {
    EXPECT_EQ(ApiClient(*bus_, {.lattice = "other"}).images().error().code(), ErrorCode::unavailable);
    const auto large = images_of(R"({"result":"error","message":"too large","code":"unsupported"})");
    EXPECT_EQ(large.error().message(), "too large");
    const auto newer = images_of(R"({"result":"success","message":"","table":"hosts: {}"})");
    EXPECT_EQ(newer.error().code(), ErrorCode::malformed);
    EXPECT_THAT(newer.error().full_message(), HasSubstr("no field \"hosts\""));
  });
}

TEST_F(ApiServerTest, ClientsGetErrorsWithTheirCodes) {
  with_manager([&] {
    EXPECT_EQ(client_->put("a: [").error().code(), ErrorCode::invalid);
    const auto missing = client_->get("shop");
    EXPECT_EQ(missing.error().code(), ErrorCode::not_found);
    EXPECT_EQ(missing.error().message(), "there is no application \"shop\"");
    EXPECT_EQ(missing.error().remedy(), "\"wattle app list\" names those there are");
    EXPECT_EQ(client_->get("a.b").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(client_->remove("shop").value().result, "noop");
    ApiClient elsewhere(*bus_, {.lattice = "other"});
    const auto nobody = elsewhere.list();
    EXPECT_EQ(nobody.error().code(), ErrorCode::unavailable);
    EXPECT_THAT(nobody.error().remedy(), AllOf(HasSubstr("wattle up"), HasSubstr("wattle manager")));
  });
}

TEST_F(ApiServerTest, AnAnswerThatIsTooLargeIsToldSo) {
  with_manager([&] {
    put(shop("1"));
    status_.status.message = std::string(2 << 20, 'm');
    const auto status = client_->status("shop");
    EXPECT_EQ(status.error().code(), ErrorCode::unsupported);
    EXPECT_THAT(status.error().message(), HasSubstr("the bus carries at most"));
  });
}

TEST_F(ApiServerTest, AListHasLessInItThatIsTooLarge) {
  with_manager([&] {
    for (const char* name : {"one", "two", "three"})
      put(application(name, "    - {name: api, type: component, properties: {image: \"a:1\"}}\n",
                      "{version: \"1\", description: a name}"));
    status_.rollout = std::string(400 * 1024, 'r');
    for (const char* operation : {"get", "list"}) {
      const json::value answer = ask(operation);
      const auto& models = answer.is_array() ? answer.as_array() : answer.at("models").as_array();
      ASSERT_EQ(models.size(), 3U) << operation;
      EXPECT_EQ(models[0].at_pointer("/detailed_status/status/type"), "reconciling");
      EXPECT_EQ(models[0].at("description"), "a name");
      EXPECT_EQ(models[0].at_pointer("/detailed_status/rollout"), "");
    }
  });
}

TEST_F(ApiServerTest, AManifestThatIsTooLargeTwiceIsToldOnce) {
  with_manager([&] {
    const std::string text = shop("1", "a:1", ", note: \"" + std::string(600 * 1024, 'a') + "\"");
    ASSERT_THAT(put(text), HasSubstr("created"));
    const json::value answer = ask("get.shop");
    EXPECT_EQ(answer.at("result"), "success");
    EXPECT_TRUE(answer.as_object().contains("manifest"));
    EXPECT_FALSE(answer.as_object().contains("text"));
  });
}

TEST_F(ApiServerTest, ClientsAskAgainWhatMayBeAskedTwice) {
  with_manager([&] {
    int asked = 0;
    const auto other = bus_->subscribe("wadm.api.other.model.>", {}, [&](const lattice::Message& message) {
      if (++asked % 2 == 0)
        (void)bus_->publish(message.reply, R"({"result":"success","message":"","history":[]})");
    });
    ApiClient client(*bus_, {.lattice = "other", .request_timeout = 2s});
    for (const auto& done : {client.history("shop").has_value(), client.deploy("shop").has_value(),
                             client.put(shop("1")).has_value()})
      EXPECT_TRUE(done);
    EXPECT_EQ(asked, 6);
    const auto back = client.roll_back("shop");
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code(), ErrorCode::deadline_exceeded);
    EXPECT_EQ(asked, 7);
    EXPECT_TRUE(client.remove("shop"));
    EXPECT_FALSE(client.put(
        application("shop", "    - {name: api, type: component, properties: {image: \"a:1\"}}\n")));
    EXPECT_EQ(asked, 9) << "each would be a version of its own";
  });
}

TEST_F(ApiServerTest, StatusIsFollowed) {
  with_manager([&] {
    std::vector<ApplicationStatus> seen;
    const auto following =
        client_->follow("shop", [&](const ApplicationStatus& status) { seen.push_back(status); }).value();
    ASSERT_TRUE(bus_->flush());
    ASSERT_TRUE(publish_status(*bus_, "default", "shop", status_));
    ASSERT_TRUE(publish_status(*bus_, "default", "blog", status_));
    ASSERT_TRUE(bus_->publish(api::status_subject("default", "shop"), "not JSON"));
    ASSERT_TRUE(nats::eventually([&] { return !seen.empty(); }));
    EXPECT_THAT(seen, testing::ElementsAre(status_));
  });
}

}  // namespace
}  // namespace wattle::manager
