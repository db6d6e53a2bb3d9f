// A reconciler beside a small lattice that does what it commands.
#pragma once

#include "manager/reconciler.h"
#include "manager/test_support.h"

namespace wattle::manager {

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
      if (running.host == id)
        report.components.push_back({running.id, running.reference, counts, calls_, 0, false, count});
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
  void settle(Duration time = std::chrono::seconds(2)) {
    for (const TimePoint end = now_ + time; now_ < end; now_ += std::chrono::milliseconds(5)) {
      for (auto commands = std::exchange(waiting_, {}); Command & command : commands) obey(command);
      end_scales();
      end_stops();
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
  void act(const StopProvider& stop, CommandDone&) { stopping_.emplace_back(now_ + stop_takes_, stop); }
  void end_stops() {
    for (auto stopping = std::exchange(stopping_, {}); const auto& one : stopping) {
      if (one.first > now_)
        stopping_.push_back(one);
      else
        end(one.second);
    }
  }
  void end(const StopProvider& stop) {
    std::erase_if(providers_, [&](const auto& running) {
      return running.first.host == stop.host_id && running.first.id == stop.id;
    });
    tell(HostActed{stop.host_id});
  }
  void act(const Scale& scale, CommandDone&) {
    if (scale_takes_.contains(scale.host_id))
      scaling_.emplace_back(now_ + scale_takes_.at(scale.host_id), scale);
    else
      end(scale);
  }
  void end_scales() {
    for (auto scaling = std::exchange(scaling_, {}); const auto& one : scaling) {
      if (one.first > now_)
        scaling_.push_back(one);
      else if (one.second.reference == never_starts_)
        tell(HostFailed{one.second.host_id, one.second.id, "it could not be started"});
      else
        end(one.second);
    }
  }
  void end(const Scale& scale) {
    idle_after_ = scale.idle_after;
    const Running running{scale.host_id, scale.id, scale.reference};
    if (scale.count == 0)
      components_.erase(running);
    else
      components_[running] = scale.count;
    uint32_t here = 0;
    for (const auto& [one, count] : components_)
      if (one.host == scale.host_id && one.id == scale.id) here += count;
    most_on_host_ = std::max(most_on_host_, here);
    if (const auto scaler = scale.annotations.find(std::string(kScalerAnnotation));
        scaler != scale.annotations.end())
      scalers_[running] = scaler->second;
    tell(HostScaled{scale.host_id, scale.id, scale.reference, scale.count});
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
  std::map<std::string, Duration> scale_takes_;  // by host; others scale at once
  std::vector<std::pair<TimePoint, Scale>> scaling_;
  Duration stop_takes_{};  // of a provider
  std::vector<std::pair<TimePoint, StopProvider>> stopping_;
  std::string never_starts_;  // a reference, on hosts that take some time
  uint32_t calls_ = 0;
  uint32_t most_on_host_ = 0;  // instances of one component, at any moment
  Duration idle_after_{};
};

inline std::string component(std::string_view image, uint32_t instances, std::string_view more = {}) {
  return fmt::format(
      "    - name: api\n      type: component\n      properties: {{image: \"{}\"}}\n      traits:\n        - "
      "type: "
      "spreadscaler\n          properties: {{instances: {}}}\n{}",
      image, instances, more);
}

}  // namespace wattle::manager
