// Revisions of components on the data side: which one a call goes to, and what is counted of them. Here each
// revision is the same binary under a digest and an image reference of its own.
#include "capability/messaging.h"
#include "host/data_plane_test_support.h"

namespace wattle::host {
namespace {

std::shared_ptr<const lattice::LinkTable> relay_links() {
  return lattice::LinkTable::build(
      {link("outside", "caller", "linking", "relay"), link("caller", "library", "linked", "work")});
}

std::shared_ptr<const lattice::WeightTable> weighed(lattice::RevisionWeights weights) {
  return std::make_shared<const lattice::WeightTable>(lattice::WeightTable{{"library", std::move(weights)}});
}

// That these hosts run these revisions of "library".
std::shared_ptr<const lattice::DirectorySnapshot> directory(
    const std::map<std::string, std::vector<std::string>>& images, const std::string& draining = "") {
  std::vector<std::shared_ptr<const lattice::HostLease>> hosts;
  for (const auto& [id, image_refs] : images) {
    lattice::HostLease lease;
    lease.host_id = id;
    lease.draining = id == draining;
    lease.components.emplace();
    for (const std::string& image_ref : image_refs)
      lease.components->push_back(
          {.id = "library", .digest = "of " + image_ref, .capacity = 1, .image_ref = image_ref});
    hosts.push_back(std::make_shared<const lattice::HostLease>(std::move(lease)));
  }
  return std::make_shared<const lattice::DirectorySnapshot>(std::move(hosts));
}

class RevisionsOfLibrary : public DataPlaneTest {
 protected:
  static void put(TestHost& host, const std::string& image_ref, uint32_t max_instances = 10) {
    static const auto library = load_guest("linked-callee-c");
    const auto put = host.plane->put_component({.id = "library",
                                                .digest = "of " + image_ref,
                                                .image_ref = image_ref,
                                                .component = library,
                                                .max_instances = max_instances});
    ASSERT_TRUE(put) << put.error().full_message();
  }
  static void put_caller(TestHost& host) {
    ASSERT_TRUE(host.plane->put_component({.id = "caller", .component = load_guest("linked-caller-c")}));
  }
  static uint64_t calls(const TestHost& host, const std::string& image_ref) {
    const auto loads = host.plane->loads();
    const auto found = loads.find({"library", "of " + image_ref});
    return found == loads.end() ? 0 : found->second.calls;
  }
  // Calls "library" so often, one after the other.
  static void call(Outside& outside, uint32_t times) {
    outside.instance = "wattle:linking/relay@1.0.0";
    const auto sum = outside.call<uint32_t>("add-often", times);
    ASSERT_TRUE(sum) << sum.error().full_message();
    EXPECT_EQ(std::get<0>(*sum), times * (times - 1) / 2);
  }
  void with_one_host(const std::function<void(TestHost&, Outside&)>& body) {
    on_fiber([&] {
      TestHost host("NHOST1", server_.url());
      host.plane->set_links(relay_links());
      put_caller(host);
      Outside outside(server_.url());
      body(host, outside);
      host.plane->drain();
    });
  }
  // A caller on the one, and nothing else yet.
  void with_two_hosts(const std::function<void(TestHost& near, TestHost& far, Outside&)>& body) {
    on_fiber([&] {
      TestHost near("NNEAR", server_.url()), far("NFAR", server_.url());
      for (auto* host : {&near, &far}) host->plane->set_links(relay_links());
      put_caller(near);
      Outside outside(server_.url());
      body(near, far, outside);
      near.plane->drain();
      far.plane->drain();
    });
  }
};

TEST_F(RevisionsOfLibrary, WithoutWeightsTheNewestIsCalled) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    put(host, "two");
    call(outside, 10);
    EXPECT_EQ(calls(host, "two"), 10u);
    put(host, "one", 20);  // does not make it the newest
    call(outside, 10);
    EXPECT_EQ(calls(host, "two"), 20u);
    host.plane->remove_revision({"library", "of two"});
    call(outside, 10);
    EXPECT_EQ(calls(host, "one"), 10u);
  });
}

TEST_F(RevisionsOfLibrary, ShareCallsByWeight) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    put(host, "two");
    put(host, "three");
    host.plane->set_weights(weighed({{"one", 90}, {"two", 10}, {"none", 500}}));
    call(outside, 2000);
    EXPECT_EQ(calls(host, "one") + calls(host, "two"), 2000u);
    EXPECT_GT(calls(host, "two"), 100u);  // seven times the spread from the 200 that are meant
    EXPECT_LT(calls(host, "two"), 300u);
    EXPECT_EQ(calls(host, "three"), 0u);
  });
}

TEST_F(RevisionsOfLibrary, ThatAreNotWeighedServeWhileNoneThatIsRuns) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    host.plane->set_weights(weighed({{"two", 1}, {"one", 0}}));
    call(outside, 10);
    EXPECT_EQ(calls(host, "one"), 10u);
    put(host, "two");
    call(outside, 10);
    EXPECT_EQ(calls(host, "two"), 10u);
    host.plane->remove_revision({"library", "of two"});
    call(outside, 10);
    EXPECT_EQ(calls(host, "one"), 20u);
  });
}

TEST_F(RevisionsOfLibrary, KeepTheirInstancesUnderAnotherName) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    call(outside, 10);
    static const auto library = load_guest("linked-callee-c");
    ComponentSpec spec{.id = "library", .digest = "same", .image_ref = "a", .component = library};
    ASSERT_TRUE(host.plane->put_component(spec));
    spec.image_ref = "b";
    ASSERT_TRUE(host.plane->put_component(spec));
    host.plane->set_weights(weighed({{"one", 0}, {"a", 0}, {"b", 1}}));
    call(outside, 10);
    EXPECT_EQ(host.plane->loads().at({"library", "same"}).calls, 10u);
  });
}

TEST_F(RevisionsOfLibrary, ComeAndGoUnderCalls) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    host.plane->set_weights(weighed({{"one", 1}, {"two", 1}}));
    static constexpr int kCallers = 4, kRounds = 10;
    int left = kCallers;
    bool enough = false;
    async::Signal over;
    for (int caller = 0; caller < kCallers; ++caller)
      async::Fiber::current().worker().spawn([&] {
        async::Fiber::current().set_deadline(Clock::now() + std::chrono::seconds(60));
        while (!enough && !HasFailure()) call(outside, 500);
        --left;
        over.notify();
      });
    for (int round = 0; round < kRounds; ++round) {
      put(host, "two");
      EXPECT_TRUE(nats::eventually([&] { return calls(host, "two") > 0; }));
      host.plane->remove_revision({"library", "of two"});
    }
    enough = true;
    while (left > 0) (void)over.wait();
  });
}

TEST_F(RevisionsOfLibrary, AreChosenBeforeTheHost) {
  with_two_hosts([&](TestHost& near, TestHost& far, Outside& outside) {
    put(near, "one");
    put(far, "two");
    put(far, "one");  // the newest there
    near.plane->set_directory(directory({{"NNEAR", {"one"}}, {"NFAR", {"one", "two"}}}));
    near.plane->set_weights(weighed({{"one", 0}, {"two", 1}}));
    call(outside, 20);
    EXPECT_EQ(calls(far, "two"), 20u);
    near.plane->set_weights(weighed({{"one", 1}, {"two", 1}}));
    call(outside, 200);
    EXPECT_GT(calls(near, "one"), 50u);
    EXPECT_GT(calls(far, "two"), 70u);
    EXPECT_EQ(calls(far, "one"), 0u);  // the caller's own host runs it
  });
}

TEST_F(RevisionsOfLibrary, OnAHostThatDrainsAreNotChosen) {
  with_two_hosts([&](TestHost& near, TestHost& far, Outside& outside) {
    put(near, "one");
    put(far, "two");
    near.plane->set_directory(directory({{"NFAR", {"two"}}}, "NFAR"));
    near.plane->set_weights(weighed({{"two", 1}}));
    call(outside, 10);
    EXPECT_EQ(calls(near, "one"), 10u);
  });
}

TEST_F(RevisionsOfLibrary, ThatHaveJustGoneAreAnsweredForByOthers) {
  with_two_hosts([&](TestHost& near, TestHost& far, Outside& outside) {
    put(far, "one");
    near.plane->set_directory(directory({{"NFAR", {"one", "two"}}}));
    near.plane->set_weights(weighed({{"two", 1}}));
    call(outside, 10);
    EXPECT_EQ(calls(far, "one"), 10u);
  });
}

// As between two versions of which never both run.
TEST_F(RevisionsOfLibrary, ThatAnApplicationDeclaresAreWaitedFor) {
  with_two_hosts([&](TestHost& near, TestHost& far, Outside& outside) {
    lattice::StoredLinks links;
    const auto undeclared = relay_links();
    for (const auto& entry : undeclared->entries()) links.push_back({entry.link, entry.phase, {}, {}});
    const lattice::BorderTable borders({{.application = "shop", .parts = {"caller", "library"}}});
    const auto declared = lattice::LinkTable::build_stored(links, {}, borders);
    EXPECT_TRUE(declared->is_declared("library"));
    EXPECT_FALSE(declared->is_declared("outside"));
    for (auto* host : {&near, &far}) host->plane->set_links(declared);
    bool called = false;
    async::Fiber::current().worker().spawn([&] {
      const async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(20));
      call(outside, 3);
      called = true;
    });
    ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(30)));
    EXPECT_FALSE(called);
    put(far, "one");
    near.plane->set_directory(directory({{"NFAR", {"one"}}}));
    EXPECT_TRUE(nats::eventually([&] { return called; }));
    EXPECT_EQ(calls(far, "one"), 3u);
  });
}

// Its manager learns what a component imports when it runs.
TEST_F(RevisionsOfLibrary, ALinkThatIsStillToComeIsWaitedFor) {
  with_one_host([&](TestHost& host, Outside& outside) {
    put(host, "one");
    const auto set_links = [&](bool there, bool forming) {
      lattice::StoredLinks links{
          {link("outside", "caller", "linking", "relay"), lattice::LinkPhase::in_force, {}, {}}};
      if (there)
        links.push_back({link("caller", "library", "linked", "work"), lattice::LinkPhase::in_force, {}, {}});
      const lattice::BorderTable borders(
          {{.application = "shop", .parts = {"caller", "library"}, .forming = forming}});
      host.plane->set_links(lattice::LinkTable::build_stored(links, {}, borders));
    };
    set_links(false, false);
    outside.instance = "wattle:linking/relay@1.0.0";
    EXPECT_FALSE(outside.call<uint32_t>("add-often", uint32_t{1}));
    set_links(false, true);
    bool called = false;
    async::Fiber::current().worker().spawn([&] {
      const async::DeadlineScope deadline(Clock::now() + std::chrono::seconds(20));
      call(outside, 3);
      called = true;
    });
    ASSERT_TRUE(async::sleep_for(std::chrono::milliseconds(30)));
    EXPECT_FALSE(called);
    set_links(true, false);
    EXPECT_TRUE(nats::eventually([&] { return called; }));
  });
}

TEST_F(RevisionsOfLibrary, ThatNobodyDeclaresAreNotWaitedFor) {
  with_two_hosts([&](TestHost&, TestHost&, Outside& outside) {
    outside.instance = "wattle:linking/relay@1.0.0";
    const TimePoint begun = Clock::now();
    EXPECT_FALSE(outside.call<uint32_t>("add-often", uint32_t{1}));
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));
  });
}

TEST_F(RevisionsOfLibrary, AreChosenByTheCalleeForForeignCallers) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(lattice::LinkTable::build({link("outside", "library", "linked", "work")}));
    put(host, "one");
    put(host, "two");
    host.plane->set_weights(weighed({{"one", 5}, {"two", 0}}));
    Outside outside(server_.url());
    outside.instance = "wattle:linked/work@1.0.0";
    outside.target = "library";
    for (uint32_t i = 0; i < 10; ++i) ASSERT_TRUE(outside.call<uint32_t>("add", i, i));
    EXPECT_EQ(calls(host, "one"), 10u);
    host.plane->drain();
  });
}

// A provider that calls components when the test says so.
class CallingFactory final : public capability::ProviderFactory {
 public:
  class Calling final : public capability::Provider {
   public:
    Result<void> put_link(const capability::ProviderLink&) override { return {}; }
    void delete_link(const capability::ProviderLink&) override {}
  };
  std::string_view name() const override { return "calling"; }
  std::vector<std::string> interfaces() const override { return {}; }
  Result<std::unique_ptr<capability::Provider>> make(const capability::ProviderContext& context) override {
    worker = &context.worker;
    components = &context.components;
    return std::make_unique<Calling>();
  }
  async::Worker* worker = nullptr;  // of the last worker that made one
  capability::ComponentCalls* components = nullptr;
};

TEST_F(DataPlaneTest, MessagesAndKeysGoToTheRevisionThatWasChosen) {
  on_fiber([&] {
    CallingFactory factory;
    TestHost near("NNEAR", server_.url(), {&factory}), far("NFAR", server_.url());
    lattice::Link messages = link("calling", "library", "messaging", "handler");
    messages.wit_namespace = "wasmcloud";
    lattice::Link keys = link("calling", "library", "keyvalue", "watcher");
    keys.wit_namespace = "wasi";
    const auto component = load_guest("messaging-c");
    for (auto* host : {&near, &far}) {
      host->plane->set_links(lattice::LinkTable::build({messages, keys}));
      const std::string image_ref = host == &near ? "one" : "two";
      ASSERT_TRUE(host->plane->put_component(
          {.id = "library", .digest = "of " + image_ref, .image_ref = image_ref, .component = component}));
    }
    ASSERT_TRUE(near.plane->put_provider({.id = "calling", .name = "calling"}));
    near.plane->set_directory(directory({{"NNEAR", {"one"}}, {"NFAR", {"two"}}}));
    const auto send = [&](const char* subject) {
      const capability::BrokerMessage message{.subject = subject, .body = "body", .reply_to = {}};
      return run_on(*factory.worker, [&] { return factory.components->handle_message("library", message); });
    };
    const auto set = [&] {
      return run_on(*factory.worker,
                    [&] { return factory.components->key_was_set("library", "bucket", "key", "value"); });
    };
    const auto counted = [](const TestHost& host, const char* digest) {
      const auto load = host.plane->loads().at({"library", digest});
      return std::pair(load.calls, load.failures);
    };
    using Counts = std::pair<uint64_t, uint64_t>;
    EXPECT_TRUE(send("news"));
    EXPECT_EQ(counted(near, "of one"), Counts(1, 0));
    near.plane->set_weights(weighed({{"two", 1}}));
    EXPECT_TRUE(send("news"));
    EXPECT_FALSE(send("trap"));
    EXPECT_FALSE(set());  // it has no bucket to write to, and traps
    EXPECT_EQ(counted(near, "of one"), Counts(1, 0));
    EXPECT_EQ(counted(far, "of two"), Counts(3, 2));
    near.plane->drain();
    far.plane->drain();
  });
}

TEST_F(DataPlaneTest, CallsAreCountedAndTheFailuresOfTheComponentItself) {
  on_fiber([&] {
    TestHost host("NHOST1", server_.url());
    host.plane->set_links(relay_links());
    ASSERT_TRUE(host.plane->put_component(
        {.id = "caller", .digest = "sha256:1", .component = load_guest("linked-caller-c")}));
    ASSERT_TRUE(host.plane->put_component(
        {.id = "library", .digest = "sha256:2", .component = load_guest("linked-callee-c")}));
    Outside outside(server_.url());
    outside.instance = "wattle:linking/relay@1.0.0";
    const auto counted = [&](const char* id, const char* digest) {
      const auto load = host.plane->loads().at({id, digest});
      EXPECT_EQ(load.in_flight, 0u);
      return std::pair(load.calls, load.failures);
    };
    ASSERT_TRUE(outside.call<uint32_t>("add", uint32_t{1}, uint32_t{2}));
    ASSERT_TRUE(outside.call<uint32_t>("add-often", uint32_t{10}));
    EXPECT_EQ(counted("caller", "sha256:1"), std::pair(uint64_t{2}, uint64_t{0}));
    EXPECT_EQ(counted("library", "sha256:2"), std::pair(uint64_t{11}, uint64_t{0}));
    using Outcome = tl::expected<uint32_t, std::string>;
    const auto told = outside.call<Outcome>("trap-with-room");
    ASSERT_TRUE(told) << told.error().full_message();
    EXPECT_FALSE(std::get<0>(*told));
    EXPECT_EQ(counted("caller", "sha256:1"), std::pair(uint64_t{3}, uint64_t{0}));
    EXPECT_EQ(counted("library", "sha256:2"), std::pair(uint64_t{12}, uint64_t{1}));
    // What is no text is the caller's own mistake.
    EXPECT_FALSE(outside.call<std::string>("echo-broken"));
    EXPECT_EQ(counted("caller", "sha256:1"), std::pair(uint64_t{4}, uint64_t{1}));
    EXPECT_EQ(counted("library", "sha256:2"), std::pair(uint64_t{13}, uint64_t{1}));
    host.plane->remove_component("library");
    EXPECT_FALSE(host.plane->loads().contains({"library", "sha256:2"}));
    EXPECT_FALSE(outside.call<uint32_t>("add", uint32_t{1}, uint32_t{2}));
    EXPECT_EQ(counted("caller", "sha256:1"), std::pair(uint64_t{5}, uint64_t{1}));
    host.plane->drain();
  });
}

}  // namespace
}  // namespace wattle::host
