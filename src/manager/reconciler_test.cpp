#include "manager/reconciler.h"

#include "manager/test_support.h"

namespace wattle::manager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A lattice of a few hosts on which every command succeeds at once, unless a test says otherwise.
class Lattice : public testing::Test {
 protected:
  struct Running {
    std::string host{}, id{}, reference{};
    auto operator<=>(const Running&) const = default;
  };

  Lattice() {
    for (const char* id : {"N1", "N2", "N3"}) hosts_.insert(id);
    begin();
  }

  // A manager that knows nothing yet, and leads.
  void begin() {
    reconciler_ = std::make_unique<Reconciler>();
    for (const std::string& id : hosts_) tell(see(id));
    tell_lattice();
    tell_applications();
    tell(Leading{true});
    settle();
  }
  HostSeen see(const std::string& id, CallCounts counts = {}) const {
    HostReport report;
    report.id = report.friendly_name = id;
    report.incarnation = 1;
    if (const auto labels = labels_.find(id); labels != labels_.end()) report.labels = labels->second;
    for (const auto& [running, count] : components_)
      if (running.host == id) report.components.push_back({running.id, running.reference, counts, calls_, 0});
    return {std::move(report), true};
  }
  void tell(Event event) {
    for (Command& command : reconciler_->step(std::move(event), now_)) waiting_.push_back(std::move(command));
  }
  void tell_lattice() {
    LatticeChanged all;
    for (const lattice::Link& link : links_) all.links[group_of(link)].push_back(link);
    all.configs.insert(configs_.begin(), configs_.end());
    all.weights = weights_;
    all.borders.insert(borders_.begin(), borders_.end());
    tell(std::move(all));
  }
  void tell_applications() {
    ApplicationsChanged all;
    for (const auto& [name, deployed] : deployed_) {
      ApplicationInput input;
      input.name = name;
      input.version_name = deployed;
      if (!deployed.empty()) input.version = versions_.at(name + deployed);
      input.note = notes_[name];
      if (!input.note.stable.empty()) input.stable = versions_.at(name + input.note.stable);
      all.applications.push_back(std::move(input));
    }
    tell(std::move(all));
  }
  void deploy(const std::string& version, const std::string& components,
              const std::string& annotations = "{}", const std::string& name = "shop") {
    deploy_text(version, application(name, components, annotations), name);
  }
  void deploy_text(const std::string& version, const std::string& manifest,
                   const std::string& name = "shop") {
    auto read = manager::read(manifest);
    ASSERT_EQ(read.told(), "");
    versions_[name + version] = std::make_shared<const Application>(read.only());
    deployed_[name] = version;
    tell_applications();
  }
  void undeploy(const std::string& name = "shop") {
    deployed_[name].clear();
    tell_applications();
  }
  void set_label(const std::string& host, const std::string& key, const std::string& value) {
    labels_[host][key] = value;
    HostSeen seen = see(host);
    seen.changed = false;
    tell(std::move(seen));
  }
  // Does what is commanded until nothing is, for a while.
  void settle(Duration time = seconds(2)) {
    for (const TimePoint end = now_ + time; now_ < end; now_ += milliseconds(5)) {
      for (auto commands = std::exchange(waiting_, {}); Command & command : commands) obey(command);
      if (reconciler_->next_step() <= now_) tell(TimePassed{});
    }
  }
  void obey(Command& command) {
    done_.push_back(command.object);
    CommandDone done{.command = command.id, .result = {}, .inventory = {}};
    if (refused_ && command.object.find(*refused_) != std::string::npos)
      done.result = failure(ErrorCode::not_found, "there is no such image");
    else
      std::visit([&](const auto& action) { act(action, done); }, command.action);
    tell(std::move(done));
  }
  void act(const Ask& ask, CommandDone& done) {
    done.inventory.emplace();
    for (const auto& [running, count] : components_) {
      if (running.host != ask.host_id) continue;
      lattice::ComponentDescription one;
      one.id = running.id, one.image_ref = running.reference, one.max_instances = count;
      one.interfaces = interfaces_[running.reference];
      if (!by_hand_.contains(running.id))
        one.annotations = {{std::string(kApplicationAnnotation), running.id.substr(0, running.id.find('-'))},
                           {std::string(kScalerAnnotation), scalers_[running]}};
      done.inventory->components.push_back(std::move(one));
    }
    for (const auto& [running, annotations] : providers_) {
      if (running.host != ask.host_id) continue;
      lattice::ProviderDescription one;
      one.id = running.id, one.image_ref = running.reference, one.annotations = annotations;
      done.inventory->providers.push_back(std::move(one));
    }
  }
  void act(const StartProvider& start, CommandDone&) {
    providers_[{start.host_id, start.id, start.reference}] = start.annotations;
    tell(HostActed{start.host_id});
  }
  void act(const StopProvider& stop, CommandDone&) {
    std::erase_if(providers_, [&](const auto& running) {
      return running.first.host == stop.host_id && running.first.id == stop.id;
    });
    tell(HostActed{stop.host_id});
  }
  void act(const Scale& scale, CommandDone&) {
    idle_after_ = scale.idle_after;
    const Running running{scale.host_id, scale.id, scale.reference};
    if (scale.count == 0)
      components_.erase(running);
    else
      components_[running] = scale.count;
    if (const auto scaler = scale.annotations.find(std::string(kScalerAnnotation));
        scaler != scale.annotations.end())
      scalers_[running] = scaler->second;
    tell(HostActed{scale.host_id});
  }
  void act(const PutLink& put, CommandDone&) { links_.push_back(put.link), tell_lattice(); }
  void act(const DeleteLinks& links, CommandDone&) {
    std::erase_if(links_, [&](const lattice::Link& link) { return group_of(link) == links.group; });
    tell_lattice();
  }
  void act(const PutConfig& config, CommandDone&) {
    configs_[config.name] = config.values;
    tell_lattice();
  }
  void act(const DeleteConfig& config, CommandDone&) {
    configs_.erase(config.name);
    tell_lattice();
  }
  void act(const PutWeights& put, CommandDone&) {
    told_weights_.push_back(put.weights);
    if (put.weights.empty())
      weights_.erase(put.id);
    else
      weights_[put.id] = put.weights;
    tell_lattice();
  }
  void act(const PutBorder& put, CommandDone&) {
    forming_.push_back(put.border.forming);
    borders_[put.border.application] = put.border;
    tell_lattice();
  }
  void act(const DeleteBorder& border, CommandDone&) { borders_.erase(border.application), tell_lattice(); }
  void act(const SaveNote& save, CommandDone&) { notes_[save.application] = save.note, tell_applications(); }
  void act(const RemoveNote& remove, CommandDone&) { notes_.erase(remove.application), tell_applications(); }
  void act(const RollBack& back, CommandDone&) { deployed_[back.application] = back.to, tell_applications(); }
  template <class Action>
  void act(const Action&, CommandDone&) {}

  // From now on so many calls on each host that runs something.
  void call(uint32_t calls) {
    calls_ = calls;
    for (const std::string& id : hosts_) {
      HostSeen seen = see(id);
      seen.changed = false;
      tell(std::move(seen));
    }
  }

  uint32_t count(std::string_view reference) const {
    uint32_t sum = 0;
    for (const auto& [running, instances] : components_)
      if (running.reference == reference) sum += instances;
    return sum;
  }
  size_t position(std::string_view object) const {
    size_t at = 0;
    while (at < done_.size() && !done_[at].starts_with(object)) ++at;
    return at;
  }

  TimePoint now_{std::chrono::hours(1)};
  std::unique_ptr<Reconciler> reconciler_;
  std::set<std::string> hosts_, by_hand_;
  std::map<std::string, StringMap> labels_;  // by host
  std::map<Running, uint32_t> components_;
  std::map<Running, std::string> scalers_;
  std::map<Running, StringMap> providers_;  // annotations
  std::vector<lattice::Link> links_;
  lattice::ConfigTable configs_;
  lattice::WeightTable weights_;
  std::map<std::string, lattice::Border> borders_;
  std::vector<bool> forming_;                                       // of the borders that were put
  std::map<std::string, lattice::ComponentInterfaces> interfaces_;  // that hosts tell, by reference
  std::vector<std::map<std::string, uint32_t>> told_weights_;
  std::map<std::string, std::string> deployed_;
  std::map<std::string, std::shared_ptr<const Application>> versions_;
  std::map<std::string, Note> notes_;
  std::vector<Command> waiting_;
  std::vector<std::string> done_;
  std::optional<std::string> refused_;
  uint32_t calls_ = 0;
  Duration idle_after_{};
};

std::string component(std::string_view image, uint32_t instances, std::string_view more = {}) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits:\n        - "
      "type: "
      "spreadscaler\n          properties: {{instances: {}}}\n{}",
      image, instances, more);
}

TEST_F(Lattice, AFirstDeployRunsEverywhere) {
  deploy("v1", component("a:1", 6));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(components_.size(), 3u);
  EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
  EXPECT_EQ(notes_["shop"].stable, "v1");
}

TEST_F(Lattice, AHostThatDiesIsReplaced) {
  deploy("v1", component("a:1", 6));
  settle();
  hosts_.erase("N2");
  std::erase_if(components_, [](const auto& running) { return running.first.host == "N2"; });
  tell(HostGone{"N2"});
  settle();
  EXPECT_EQ(count("a:1"), 6u);
}

TEST_F(Lattice, WhatEndsBeforeAnyLeaseToldOfItRunsAgain) {
  deploy("v1", component("a:1", 3));
  settle(milliseconds(200));
  ASSERT_EQ(count("a:1"), 3u);
  components_.clear();
  settle(seconds(3));
  EXPECT_EQ(count("a:1"), 3u);
}

TEST_F(Lattice, FewerInstancesAreWhatIsDeclared) {
  deploy("v1", component("a:1", 9));
  settle();
  deploy("v2", component("a:1", 2));
  settle();
  EXPECT_EQ(count("a:1"), 2u);
}

TEST_F(Lattice, AConfigIsPutBeforeItsLink) {
  deploy(
      "v1",
      component(
          "a:1", 1,
          "        - type: link\n          properties: {target: {name: b, config: [{name: c, properties: "
          "{k: v}}]}, namespace: wasi, package: keyvalue, interfaces: [store]}\n    - name: b\n      type: "
          "component\n      properties: {image: \"b:1\"}\n      traits: [{type: spreadscaler, properties: "
          "{instances: 1}}]\n"));
  settle();
  ASSERT_EQ(links_.size(), 1u);
  EXPECT_LT(position("config "), position("link "));
}

TEST_F(Lattice, WhatOthersStartedIsLeftAlone) {
  by_hand_ = {"shop-api", "mine"};
  components_[{"N1", "shop-api", "other:1"}] = 3;
  components_[{"N2", "mine", "other:2"}] = 1;
  begin();
  deploy("v1", component("a:1", 2));
  settle();
  EXPECT_EQ(count("other:1"), 3u);
  EXPECT_EQ(count("a:1"), 0u);
  const auto status = reconciler_->status("shop")->status;
  EXPECT_EQ(status.kind, StatusKind::failed);
  EXPECT_THAT(status.message, testing::HasSubstr("something else runs under the id"));
  undeploy();
  settle();
  EXPECT_EQ(components_.size(), 2u);
}

TEST_F(Lattice, UndeployTakesDownWhatWasDeployed) {
  by_hand_ = {"mine"};
  components_[{"N2", "mine", "other:2"}] = 1;
  begin();
  deploy("v1", component("a:1", 4));
  settle();
  undeploy();
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(count("other:2"), 1u);
}

TEST_F(Lattice, WhatFailsIsTriedMoreAndMoreSeldomAndHoldsUpNothing) {
  refused_ = " bad:1 ";
  deploy(
      "v1",
      component(
          "bad:1", 1,
          "    - name: b\n      type: component\n      properties: {image: \"b:1\"}\n      traits: [{type: "
          "spreadscaler, properties: {instances: 2}}]\n"));
  settle(seconds(60));
  EXPECT_EQ(count("b:1"), 2u);
  const auto tries = std::count_if(done_.begin(), done_.end(), [](const std::string& object) {
    return object.find(" bad:1 ") != std::string::npos;
  });
  EXPECT_GE(tries, 4);
  EXPECT_LE(tries, 10);
  EXPECT_THAT(reconciler_->status("shop")->status.message, testing::HasSubstr("there is no such image"));
}

TEST_F(Lattice, ACanaryHasItsStagesInOrder) {
  deploy("v1", component("a:1", 8));
  settle();
  told_weights_.clear();
  deploy("v2", component("a:2", 8), "{wattle/update: canary, wattle/canary: \"10%,50%\"}");
  settle(seconds(10));
  std::vector<uint32_t> shares;
  for (const auto& weights : told_weights_)
    if (const auto fresh = weights.find("a:2"); fresh != weights.end()) shares.push_back(fresh->second);
  EXPECT_THAT(shares, testing::ElementsAre(0, 100, 500, 1000));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_TRUE(weights_.empty());
}

TEST_F(Lattice, AVersionThatCannotStartIsRolledBack) {
  deploy("v1", component("a:1", 4));
  settle();
  refused_ = " a:2 ";
  deploy("v2", component("a:2", 4));
  settle(seconds(10));
  EXPECT_EQ(deployed_["shop"], "v1");
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_THAT(reconciler_->status("shop")->rollout, testing::HasSubstr("cannot start"));
}

TEST_F(Lattice, AnotherManagerGoesOnWithARollout) {
  deploy("v1", component("a:1", 8));
  settle();
  deploy("v2", component("a:2", 8));
  settle(milliseconds(100));
  ASSERT_FALSE(notes_["shop"].target.empty());
  waiting_.clear();
  begin();
  settle(seconds(10));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Lattice, AfterAnUndeployNothingTakesOver) {
  deploy("v1", component("a:1", 4));
  settle();
  undeploy();
  settle();
  done_.clear();
  deploy("v2", component("a:2", 4));
  settle();
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_TRUE(std::none_of(done_.begin(), done_.end(), [](const std::string& object) {
    return object.find(" a:1 ") != std::string::npos;
  }));
}

std::string scaled(std::string_view image, uint32_t instances, std::string_view scaling) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits:\n        - "
      "{{type: spreadscaler, properties: {{instances: {}, scaling: {{{}}}}}}}\n",
      image, instances, scaling);
}

TEST_F(Lattice, InstancesFollowTheCalls) {
  deploy("v1", scaled("a:1", 3, "min: 3, max: 40, target: 50%, down-after: 60s"));
  settle();
  EXPECT_EQ(count("a:1"), 3u);
  call(5);
  settle();
  EXPECT_EQ(count("a:1"), 30u);
  const ObjectStatus status = reconciler_->status("shop")->objects.at(0);
  EXPECT_EQ(std::tuple(status.ready, status.least, status.most, status.in_flight),
            std::tuple(30u, 3u, 40u, 15u));
  EXPECT_EQ(status.status.kind, StatusKind::deployed);
  call(100);
  settle();
  EXPECT_EQ(count("a:1"), 40u);
  call(0);
  settle(seconds(58));
  EXPECT_EQ(count("a:1"), 40u);
  settle(seconds(5));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(idle_after_, Duration::zero());
  done_.clear();
  settle(seconds(70));
  for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
}

TEST_F(Lattice, WithoutCallsOneIsLeftAndMayBeParked) {
  deploy("v1", scaled("a:1", 6, "max: 40, idle-after: 90s, down-after: 10s"));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  settle(seconds(12));
  EXPECT_EQ(count("a:1"), 1u);
  EXPECT_EQ(idle_after_, seconds(90));
  deploy("v2", component("a:1", 1));
  settle();
  EXPECT_EQ(count("a:1"), 1u);
  EXPECT_EQ(idle_after_, Duration::zero());
}

TEST_F(Lattice, AnotherManagerTakesNothingAwayAtOnce) {
  deploy("v1", scaled("a:1", 3, "max: 40, target: 50%, down-after: 60s"));
  settle();
  call(5);
  settle();
  ASSERT_EQ(count("a:1"), 30u);
  calls_ = 0;
  begin();
  settle(seconds(50));
  EXPECT_EQ(count("a:1"), 30u);
  settle(seconds(20));
  EXPECT_EQ(count("a:1"), 1u);
}

TEST_F(Lattice, CallsOfAHostThatDiesAreNoneAnyMore) {
  deploy("v1", scaled("a:1", 3, "max: 40, target: 50%, down-after: 10s"));
  settle();
  call(4);
  settle();
  EXPECT_EQ(count("a:1"), 24u);
  for (const char* id : {"N1", "N2"}) {
    hosts_.erase(id);
    std::erase_if(components_, [&](const auto& running) { return running.first.host == id; });
    tell(HostGone{id});
    settle(seconds(1));
  }
  settle(seconds(15));
  EXPECT_EQ(count("a:1"), 8u);
}

TEST_F(Lattice, ARolloutEndsWithAsManyAsTheCallsNeed) {
  deploy("v1", scaled("a:1", 4, "min: 4, max: 40, target: 50%, down-after: 60s"));
  settle();
  deploy("v2", scaled("a:2", 4, "min: 4, max: 40, target: 50%, down-after: 60s"));
  settle(milliseconds(200));
  uint32_t most = 0;
  for (int step = 0; step < 200; ++step) {
    call(count("a:1") > 0 ? 2 : 5);  // of each revision
    settle(milliseconds(100));
    most = std::max(most, count("a:1") + count("a:2"));
  }
  EXPECT_LE(most, 50u);  // with a quarter beside them
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(count("a:2"), 30u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

// ---- Requests

// Three hosts, each with room for two instances of 64 MiB.
class Limited : public Lattice {
 protected:
  Limited() {
    for (const std::string& id : hosts_) set_label(id, "hostcore.memory", "128Mi");
    settle();
  }
  static std::string asking(std::string_view image, uint32_t instances, std::string_view memory = "64Mi") {
    return fmt::format(
        "    - name: api\n      type: component\n      properties: {{image: \"{}\", resources: {{requests: "
        "{{memory: {}}}}}}}\n      traits: [{{type: spreadscaler, properties: {{instances: {}}}}}]\n",
        image, memory, instances);
  }
  // Of instances, on one host.
  uint32_t most_on_a_host() const {
    std::map<std::string, uint32_t> counts;
    uint32_t most = 0;
    for (const auto& [running, count] : components_) most = std::max(most, counts[running.host] += count);
    return most;
  }
  // Nothing that runs is changed for so long.
  void rests(Duration time) {
    done_.clear();
    settle(time);
    for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
  }
  Status status(std::string_view name = "shop") const { return reconciler_->status(name)->status; }
};

TEST_F(Limited, WhatHasNoRoomWaitsSaysWhyAndComes) {
  deploy("v1", asking("a:1", 8));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
  EXPECT_THAT(status().message,
              testing::HasSubstr("spread default: 2 of 8 instances have no host: N1: 64 MiB "
                                 "asked, 0 B left of 128 MiB; N2: "));
  EXPECT_EQ(reconciler_->status("shop")->objects.at(0).wanted, 8u);
  rests(seconds(70));
  hosts_.insert("N4");
  tell(see("N4"));
  settle();
  EXPECT_EQ(count("a:1"), 8u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, AnotherApplicationMakesRoom) {
  deploy("v1", asking("b:1", 4), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 4));
  settle();
  EXPECT_EQ(count("a:1"), 2u);
  EXPECT_EQ(most_on_a_host(), 2u);
  undeploy("blog");
  settle(seconds(1));
  EXPECT_EQ(count("b:1"), 0u);
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, FewerInstancesOfAnotherMakeRoom) {
  deploy("v1", asking("b:1", 6), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  deploy("v2", asking("b:1", 3), "{}", "blog");
  settle(seconds(1));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
}

TEST_F(Limited, SmallerRequestsOfAnotherMakeRoom) {
  deploy("v1", asking("b:1", 3, "128Mi"), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 0u);
  deploy("v2", asking("b:1", 3), "{}", "blog");
  settle(seconds(1));
  EXPECT_EQ(count("a:1"), 3u);
  EXPECT_EQ(count("b:1"), 3u);
}

TEST_F(Limited, NothingIsTakenFromAHostThatHasLess) {
  deploy("v1", asking("a:1", 6));
  settle();
  set_label("N1", "hostcore.memory", "1Mi");
  rests(seconds(70));
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
  deploy("v2", asking("a:1", 7));
  settle();
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
}

TEST_F(Limited, AnotherManagerCountsWhatRuns) {
  deploy("v1", asking("a:1", 4));
  settle();
  deploy("v1", asking("b:1", 4), "{}", "blog");  // planned before shop
  settle();
  EXPECT_EQ(count("b:1"), 2u);
  begin();
  rests(seconds(70));
  EXPECT_EQ(count("a:1"), 4u);
  EXPECT_EQ(count("b:1"), 2u);
}

TEST_F(Limited, ThoseWhoWaitLeaveEachOtherAlone) {
  for (const char* name : {"a", "b", "c", "d"})
    deploy("v1", asking(fmt::format("{}:1", name), 5), "{}", name);
  settle();
  EXPECT_EQ(count("a:1") + count("b:1") + count("c:1") + count("d:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
  undeploy("a");
  settle(seconds(1));
  EXPECT_EQ(count("b:1") + count("c:1") + count("d:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  rests(seconds(70));
}

TEST_F(Limited, WhatIsUnevenForWantOfRoomIsEvenLater) {
  deploy("v1", asking("b:1", 1, "128Mi"), "{}", "blog");
  settle();
  deploy("v1", asking("a:1", 3));
  settle();
  EXPECT_EQ(count("a:1"), 3u);
  undeploy("blog");
  settle(seconds(1));
  for (const auto& [running, instances] : components_) EXPECT_EQ(instances, 1u) << running.host;
}

TEST_F(Limited, OnlyOtherRequestsStartNothingAnew) {
  deploy("v1", component("a:1", 3));
  settle();
  done_.clear();
  deploy("v2", asking("a:1", 3, "100Mi"));
  settle();
  for (const std::string& object : done_) EXPECT_FALSE(object.starts_with("component ")) << object;
  EXPECT_EQ(status().kind, StatusKind::deployed);
  deploy("v1", asking("b:1", 1), "{}", "blog");
  settle();
  EXPECT_EQ(count("b:1"), 0u);
}

TEST_F(Limited, AnUpdateHasBothRevisionsInTheRoom) {
  deploy("v1", asking("a:1", 4));
  settle();
  deploy("v2", asking("a:2", 4));
  for (int step = 0; step < 2000; ++step) {
    settle(milliseconds(5));
    ASSERT_LE(most_on_a_host(), 2u);
  }
  EXPECT_EQ(count("a:2"), 4u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Limited, AnUpdateWithoutRoomBesideTheFormerGoesBack) {
  deploy("v1", asking("a:1", 6));
  settle();
  deploy("v2", asking("a:2", 6));
  settle(seconds(65));
  EXPECT_EQ(deployed_["shop"], "v1");
  EXPECT_EQ(count("a:1"), 6u);
  EXPECT_EQ(most_on_a_host(), 2u);
  EXPECT_THAT(reconciler_->status("shop")->rollout, testing::HasSubstr("instances have no host"));
}

TEST_F(Limited, AnUpdateInPlaceNeedsNoMoreRoom) {
  deploy("v1", asking("a:1", 6));
  settle();
  deploy("v2", asking("a:2", 6), "{wattle/max-surge: \"0\", wattle/max-unavailable: \"1\"}");
  for (int step = 0; step < 4000; ++step) {
    settle(milliseconds(5));
    ASSERT_LE(most_on_a_host(), 2u);
  }
  EXPECT_EQ(count("a:2"), 6u);
  EXPECT_EQ(notes_["shop"].stable, "v2");
}

TEST_F(Limited, AVersionThatNeverFitWhollyIsReplaced) {
  deploy("v1", asking("a:1", 8));
  settle();
  ASSERT_EQ(count("a:1"), 6u);
  deploy("v2", asking("a:2", 8, "32Mi"));
  settle(seconds(5));
  EXPECT_EQ(count("a:2"), 8u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, WhatWaitsHasNoWeightsWhenNothingElseRuns) {
  deploy("v1", asking("a:1", 8));
  settle();
  deploy("v2", asking("a:2", 8));
  settle(seconds(5));
  EXPECT_EQ(count("a:2"), 6u);
  EXPECT_EQ(count("a:1"), 0u);
  EXPECT_EQ(status().kind, StatusKind::waiting);
  EXPECT_TRUE(weights_.empty());
}

TEST_F(Limited, ProvidersAskOnceOnAHost) {
  const std::string store =
      "    - name: store\n      type: capability\n      properties: {image: \"s:1\", resources: "
      "{requests: {memory: 60Mi}}}\n      traits: [{type: spreadscaler, properties: {instances: 2}}]\n";
  deploy("v1", asking("b:1", 5), "{}", "blog");
  settle();
  deploy("v1", store);
  settle();
  EXPECT_EQ(providers_.size(), 1u);
  EXPECT_THAT(status().message, testing::HasSubstr("1 of 2 instances has no host"));
  rests(seconds(70));
  EXPECT_EQ(providers_.size(), 1u);
  deploy("v2", asking("b:1", 7), "{}", "blog");
  settle();
  EXPECT_EQ(count("b:1"), 5u);  // beside the provider there is room for none
  undeploy("blog");
  settle(seconds(1));
  EXPECT_EQ(providers_.size(), 2u);
  EXPECT_EQ(status().kind, StatusKind::deployed);
}

TEST_F(Limited, ADiffTellsRequests) {
  deploy("v1", asking("a:1", 3));
  settle();
  const auto next = manager::read(application("shop", asking("a:1", 3, "32Mi")));
  const auto lines = reconciler_->differences(next.only());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0].detail,
              testing::HasSubstr("each asks for 32 MiB of memory instead of 64 MiB of memory"));

  // A Workload of two components.
  class Siblings : public Lattice {
   protected:
    Siblings() {
      interfaces_["web:1"] = {.imports = {"shop:pricing/prices@1.0.0"}, .exports = {}};
      interfaces_["web:2"] = {.imports = {"shop:pricing/prices@1.0.0", "shop:stock/counts"}, .exports = {}};
      interfaces_["back:1"] = {.imports = {}, .exports = {"shop:pricing/prices@1.2.0", "shop:stock/counts"}};
    }
    void deploy_workload(const std::string& version, std::string_view web = "web:1",
                         std::string_view back = "back:1") {
      deploy_text(version,
                  fmt::format("apiVersion: runtime.wasmcloud.dev/v1alpha1\nkind: Workload\nmetadata: "
                              "{{name: shop}}\nspec:\n  components: [{{name: web, image: \"{}\"}}, "
                              "{{name: back, image: \"{}\"}}]\n",
                              web, back));
    }
    std::vector<std::string> links() const {
      std::vector<std::string> told;
      for (const lattice::Link& link : links_) told.push_back(lattice::describe(link));
      return told;
    }
    static constexpr const char* kPricing = "shop-web --default--> shop-back (shop:pricing/prices)";
    static constexpr const char* kStock = "shop-web --default--> shop-back (shop:stock/counts)";
  };

  TEST_F(Siblings, AreLinkedByWhatHostsTell) {
    deploy_workload("v1");
    settle();
    EXPECT_THAT(links(), testing::ElementsAre(kPricing));
    EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::deployed);
    EXPECT_THAT(forming_, testing::ElementsAre(true, false));
    undeploy();
    settle();
    EXPECT_THAT(links(), testing::IsEmpty());
    EXPECT_THAT(notes_["shop"].interfaces, testing::IsEmpty());
  }

  TEST_F(Siblings, AreNotDeployedWithoutTheirLinks) {
    refused_ = "link ";
    deploy_workload("v1");
    settle();
    EXPECT_EQ(reconciler_->status("shop")->status.kind, StatusKind::failed);
    EXPECT_TRUE(borders_["shop"].forming);
  }

  TEST_F(Siblings, StayLinkedUnderAnotherManagerWhileNothingRuns) {
    deploy_workload("v1");
    settle();
    hosts_.clear();
    components_.clear();
    begin();
    settle(std::chrono::minutes(1));
    EXPECT_THAT(links(), testing::ElementsAre(kPricing));
    EXPECT_FALSE(borders_["shop"].forming);
  }

  TEST_F(Siblings, HaveTheLinksOfBothRevisionsInAnUpdate) {
    deploy_workload("v1", "web:2");
    settle();
    EXPECT_THAT(links(), testing::UnorderedElementsAre(kPricing, kStock));
    deploy_workload("v2", "web:1");
    while (notes_["shop"].stable != "v2") {
      ASSERT_THAT(links(), testing::UnorderedElementsAre(kPricing, kStock));
      settle(milliseconds(5));
      ASSERT_LT(now_, TimePoint(std::chrono::hours(2)));
    }
    settle();
    EXPECT_THAT(links(), testing::ElementsAre(kPricing));
  }

  TEST_F(Siblings, KeepTheirLinksUntilTheNewOnesAreKnown) {
    deploy_workload("v1");
    settle();
    refused_ = "web:2";              // never starts
    deploy_workload("v1", "web:2");  // as by another table of images
    begin();
    settle();
    EXPECT_EQ(count("web:2"), 0u);
    EXPECT_THAT(links(), testing::ElementsAre(kPricing));
  }

}  // namespace
}  // namespace wattle::manager
