// Keeps applications as declared: a pure machine of events in and commands out, without fibers, clock or bus,
// so that one process runs it on a lattice (manager_process.h) and the simulator a thousand hosts under
// faults.
//
//   Reconciler reconciler;
//   for (Command& command : reconciler.step(HostSeen{report}, now)) begin(std::move(command));
//   for (Command& command : reconciler.step(CommandDone{id, result}, now)) begin(std::move(command));
//   ... and again at reconciler.next_step(), with TimePassed
//
// Level-triggered: events say what is there, or that it may be different now; none of them must arrive. What
// is wanted is compared with what is there, and each difference is one object's work: at most one command at
// a time, repeated with growing pauses while it fails, without holding up any other object.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lattice/borders.h"
#include "lattice/control_types.h"
#include "lattice/membership.h"
#include "manager/agenda.h"
#include "manager/autoscale.h"
#include "manager/desired.h"
#include "manager/note.h"
#include "manager/placement.h"
#include "manager/status.h"

namespace wattle::manager {

// ---- Events

// What a lease tells of a host.
struct HostReport {
  struct Component {
    std::string id{};
    std::string reference{};
    CallCounts counts{};
    uint32_t in_flight = 0;
    uint32_t queued = 0;
    bool parked = false;
    uint32_t instances = 0;
  };
  std::string id{};
  std::string friendly_name{};
  uint64_t incarnation = 0;
  bool draining = false;
  StringMap labels{};
  std::vector<Component> components{};
  std::set<std::string> providers{};  // those that are not healthy too
  std::set<std::string> unhealthy_providers{};
  // By provider; without a source: its own configuration.
  std::map<std::string, std::vector<lattice::RefusedLink>, std::less<>> refused{};
};
struct HostSeen {
  HostReport report{};
  bool changed = false;  // what runs there is another than the lease before said
};
struct HostGone {
  std::string host_id{};
};
// Its inventory may be another than it was.
struct HostActed {
  std::string host_id{};
};
// So many instances of a revision run on the host now.
struct HostScaled {
  std::string host_id{};
  std::string id{};
  std::string reference{};
  uint32_t count = 0;
};
// A host could not do what it had acknowledged.
struct HostFailed {
  std::string host_id{};
  std::string id{};  // of the component or provider
  std::string error{};
};

struct ApplicationInput {
  std::string name{};
  std::string version_name{};                    // empty: not deployed
  std::shared_ptr<const Application> version{};  // null: not deployed
  std::shared_ptr<const Application> stable{};   // the manifest of note.stable; null: there is none
  Note note{};                                   // as it is stored
  // Why it cannot be read, of a newer manager's record above all: everything that it has is left alone.
  std::string unreadable{};
};
// Those that may be others than before, those too of which only a note is left.
struct ApplicationsChanged {
  bool all = true;  // who is not named is no more; false: is as before
  std::vector<ApplicationInput> applications{};
  std::vector<std::string> gone{};
};
// What may be another than before.
struct LatticeChanged {
  bool all = true;  // what is not named is not there; false: is as before
  std::map<LinkGroup, std::vector<lattice::Link>> links{};                 // in force; none: not there
  std::map<std::string, std::optional<StringMap>, std::less<>> configs{};  // nothing: not there
  lattice::WeightTable weights{};                                          // none: not there
  std::map<std::string, std::optional<lattice::Border>> borders{};         // by application
};
struct CommandDone {
  uint64_t command = 0;
  Result<void> result{};
  std::optional<lattice::HostInventory> inventory{};  // of an Ask
};
// Every live host has been heard, and what the stores hold is known: from now on it acts. False: somebody
// else leads.
struct Leading {
  bool leading = false;
};
struct TimePassed {};
using Event = std::variant<HostSeen, HostGone, HostActed, HostScaled, HostFailed, ApplicationsChanged,
                           LatticeChanged, CommandDone, Leading, TimePassed>;

// ---- Commands

struct Ask {  // for the inventory
  std::string host_id{};
};
// Of one revision beside others of the same id; `count` 0 ends it. `reference` empty: every revision.
struct Scale {
  std::string host_id{};
  std::string id{};
  std::string reference{};
  uint32_t count = 0;
  std::vector<std::string> configs{};
  StringMap annotations{};
  StringMap limits{};
  Duration idle_after{};  // without a call until it is parked; zero: never
};
struct StartProvider {
  std::string host_id{};
  std::string id{};
  std::string reference{};
  std::vector<std::string> configs{};
  StringMap annotations{};
};
struct StopProvider {
  std::string host_id{};
  std::string id{};
};
struct PutLink {
  lattice::Link link{};
  bool replaces = false;  // takes interfaces from another target
};
struct DeleteLinks {
  LinkGroup group{};
};
struct PutConfig {
  std::string name{};
  StringMap values{};
};
struct DeleteConfig {
  std::string name{};
};
struct PutWeights {
  std::string id{};
  std::map<std::string, uint32_t> weights{};  // empty: none
};
struct PutBorder {
  lattice::Border border{};
};
struct DeleteBorder {
  std::string application{};
};
struct SaveNote {
  std::string application{};
  Note note{};
};
struct RemoveNote {
  std::string application{};
};
// Makes an earlier version the deployed one.
struct RollBack {
  std::string application{};
  std::string from{};  // only while this one is deployed
  std::string to{};
  std::string why{};
};
using Action =
    std::variant<Ask, Scale, StartProvider, StopProvider, PutLink, DeleteLinks, PutConfig, DeleteConfig,
                 PutWeights, PutBorder, DeleteBorder, SaveNote, RemoveNote, RollBack>;
struct Command {
  uint64_t id = 0;
  std::string object{};  // whose work it is: "component shop-api file:///api.wasm on NAB..."
  Action action{};
};

struct ReconcilerOptions {
  Duration plan_interval = std::chrono::milliseconds(5);  // at most one plan in this time
  Duration first_pause = std::chrono::milliseconds(500);  // after a failure; doubled each time
  Duration longest_pause = std::chrono::seconds(60);
  // After no answer, which says nothing about the object: it may have been the bus.
  Duration longest_pause_unanswered = std::chrono::seconds(2);
  Duration answer_time = std::chrono::seconds(10);  // for a host to do what it acknowledged
  // Every host's inventory and every application's plan, whatever was heard.
  Duration ask_interval = std::chrono::seconds(30);
  // What lease and inventory say otherwise has changed between them, and is asked for again unless later
  // leases say the same.
  Duration doubt_time = std::chrono::seconds(2);
  Duration ask_patience = std::chrono::seconds(3);  // for all inventories, before it acts without some
  uint32_t failures_max = 3;  // of a host to start a new version, before that is rolled back
  size_t commands_max = 256;  // at once
  // What is not wanted and was not seen for so long is forgotten: a host that was cut off may still have it,
  // and what was asked for late may still come.
  Duration forget_after = std::chrono::minutes(10);
};

class Reconciler {
 public:
  explicit Reconciler(ReconcilerOptions options = {}) : options_(options) {}

  std::vector<Command> step(Event event, TimePoint now);
  bool leads() const { return leading_; }
  // When TimePassed is due; TimePoint::max(): not before another event.
  TimePoint next_step() const { return leading_ ? std::min(next_plan(), next_ask_) : TimePoint::max(); }

  // Of an application that is there. Refused: not_found.
  Result<ApplicationStatus> status(std::string_view application) const;
  // The names of those whose status is another than at the last call.
  std::vector<std::string> changed_statuses();
  // What deploying `next` would change, on hosts: lines for people.
  struct Difference {
    enum class Kind : uint8_t { add, change, remove } kind = Kind::change;
    std::string object{};
    std::string detail{};
  };
  std::vector<Difference> differences(const Application& next) const;

  // For tests and the simulator.
  const Desired& desired() const { return table_.desired(); }
  // Nothing is left to do, as far as this manager knows.
  bool is_settled() const;
  uint64_t plans() const { return plans_; }

 private:
  struct RunningComponent {
    std::string reference{};
    uint32_t count = 0;
    std::string scaler{};
    std::string application{};  // that its annotations name; empty: nobody manages it
    lattice::ComponentInterfaces interfaces{};
    bool operator==(const RunningComponent&) const = default;
  };
  struct RunningProvider {
    std::string reference{};
    std::string scaler{};
    std::string application{};
    bool operator==(const RunningProvider&) const = default;
  };
  struct ObservedHost {
    HostReport report{};
    bool known = false;  // its inventory is
    bool stale = true;   // and may be another by now
    bool moved = false;  // its lease has changed since it was asked
    uint64_t ask = 0;    // the command that asks for it; 0: none
    uint32_t ask_failures = 0;
    TimePoint ask_at{};                     // the next time
    TimePoint doubt_at = TimePoint::max();  // when its leases have to say the same
    std::map<std::string, std::vector<RunningComponent>, std::less<>> components{};
    std::map<std::string, RunningProvider, std::less<>> providers{};
  };
  // Of an object that is not as it should be.
  struct Work {
    std::string application{};  // whose plan wanted it last
    uint64_t command = 0;       // under way; 0: none
    std::string signature{};    // of the last command
    uint32_t count = 0;         // instances that it leads to, where it does
    uint32_t most = 0;          // the same, or more of an earlier one that is not seen done
    bool awaited = false;       // acknowledged, and not seen yet
    TimePoint until{};          // seen by then, else it failed
    bool overtaken = false;     // the store's object was another while the command was under way
    uint32_t failures = 0;
    uint32_t unanswered = 0;  // in a row
    TimePoint not_before{};
    std::string error{};
    uint64_t plan = 0;  // that wanted it last
  };
  struct Rollout {
    std::vector<std::string> parts{};  // ids that change
    UpdateStrategy strategy{};
    // Of fresh and former, by id: when it began, and when the stage did.
    std::map<std::string, std::pair<CallCounts, CallCounts>> at_beginning{}, at_stage{};
    std::set<std::string, std::less<>> judged{};  // parts whose fresh revision has been
    TimePoint stage_began{};
    std::optional<TimePoint> ready_since{};
  };
  struct Known {
    ApplicationInput input{};
    // input.version, with the ids that shared parts have where they are declared.
    std::shared_ptr<const Application> version{};
    Note note{};  // as it should be
    // Of what is noted and not wanted: when it was there last.
    std::map<std::string, TimePoint, std::less<>> parts_seen{}, configs_seen{};
    std::map<LinkGroup, TimePoint> links_seen{};
    std::optional<Rollout> rollout{};
  };
  // One component or provider in its last plan.
  struct Outcome {
    uint64_t plan = 0;
    ObjectStatus status{};
    std::vector<uint32_t> hosts{};  // that it is on
    bool stage_reached = true;
    uint32_t fresh_ready = 0;
    uint32_t fresh_failures = 0;  // the most of a host that cannot start the fresh revision
    std::string fresh_error{};
  };
  // Links of one group, or a config, in their last plan.
  struct Put {
    uint64_t plan = 0;
    std::vector<std::pair<std::string, ObjectStatus>> objects{};  // with their applications
  };
  // Instances of a revision that no version wants any more: there, or still on their way.
  struct Leftover {
    uint32_t host = 0;
    std::string reference{};
    uint32_t count = 0;
  };
  // What else there is of a component beside the revision that is kept.
  struct Beside {
    const std::vector<Leftover>& leftovers;  // of revisions that no version wants any more
    // Instances of the other revision that make room first, and how many of this one stay however few are
    // wanted. Of a daemon, by host.
    uint64_t surplus = 0, least = 0;
    Instances surplus_on{}, least_on{};
  };
  // Of one revision, how many instances may begin and end in this plan.
  struct Allowance {
    uint64_t begin = 0, end = 0;
  };
  // Of one revision on one host.
  struct OnHost {
    uint32_t host = 0;
    uint32_t wanted = 0;
    uint32_t have = 0;
    uint32_t expected = 0;  // when all that was commanded to begin has
    uint32_t staying = 0;   // when all that was commanded to end has
  };
  // Of one component, on all hosts.
  struct Load {
    uint64_t in_flight = 0;
    uint64_t queued = 0;
    uint32_t parked = 0;  // on so many hosts
    bool operator==(const Load&) const = default;
  };
  // How one revision was found, and what it lacks.
  struct Kept {
    uint32_t wanted = 0;
    uint32_t ready = 0;
    uint64_t running = 0;  // those too that are not where they should be, and not those that are ending
    uint32_t failures = 0;
    bool placed = false;   // exactly as it should be
    uint32_t lacking = 0;  // instances for which there is no room
    std::string error{};
    std::string shortage{};
    RevisionStatus status{};
  };

  // reconciler.cpp
  void take(HostSeen& event, TimePoint now);
  void take(HostGone& event, TimePoint now);
  void take(HostActed& event, TimePoint now);
  void take(HostScaled& event, TimePoint now);
  void take(HostFailed& event, TimePoint now);
  void take(ApplicationsChanged& event, TimePoint now);
  void take(LatticeChanged& event, TimePoint now);
  void take(CommandDone& event, TimePoint now);
  void take(Leading& event, TimePoint now);
  void take(TimePassed&, TimePoint) {}
  void take_answer(const std::string& host_id, const CommandDone& event, TimePoint now);
  void count_calls(const HostReport& before, const HostReport& now);
  void ask_hosts(TimePoint now);
  static bool lease_agrees(const ObservedHost& host);
  static bool is_told(const ObservedHost& host, const HostReport& report);
  // Begins the command unless the object has one, or has to wait. `count`: instances that it leads to.
  Work& want(const std::string& object, std::string signature, Action action, TimePoint now,
             uint32_t count = 0);
  // The same in two steps, for actions that cost more to make than to leave: true when its turn is now.
  std::pair<Work&, bool> is_due(const std::string& object, std::string signature, TimePoint now,
                                uint32_t count);
  void begin(Work& work, const std::string& object, Action action);
  void fail(Work& work, const std::string& object, std::string error, TimePoint now);
  void fail_unanswered(Work& work, const std::string& object, std::string error, TimePoint now);
  // What a store has of the object is another than before: what was acknowledged has come, or was undone by
  // somebody else, who may be a manager that thinks it leads.
  void stop_awaiting(std::string_view object, TimePoint now);
  void stop_awaiting(Work& work, TimePoint now) const;
  Duration pause_after(uint32_t failures, std::string_view object) const;
  void forget_works(const std::string& application);
  const Work* find_work(const std::string& object) const;

  // reconcile_changes.cpp: what an event concerns
  void touch(const std::string& application) { agenda_.add(application); }
  void touch_all();
  void touch_part(std::string_view id);
  void touch_link(const LinkGroup& group);
  void touch_config(std::string_view name);
  void touch_refused(const HostReport& report);
  void take_application(ApplicationInput input, TimePoint now);
  void remove_application(const std::string& name);
  void touch_users(const std::string& owner);
  // The same where their owners gave shared parts no other ids than they have by themselves.
  std::shared_ptr<const Application> with_shared_ids(const std::shared_ptr<const Application>& version) const;
  void set_noted(const std::string& application, const Note& before, const Note& now);
  void set_links(const LinkGroup& group, std::vector<lattice::Link> links, TimePoint now);
  void forget_counts(const std::string& id);
  void set_desired(const DeployedApplication& application);
  void set_inventory(ObservedHost& host, const lattice::HostInventory& inventory);
  void index_hosts();
  void index_part(const std::string& id, uint32_t index);
  void refresh_desired(TimePoint now);
  bool exists(std::string_view part) const { return running_.contains(part) || providers_on_.contains(part); }

  // reconcile_plan.cpp
  TimePoint next_plan() const;
  void plan(TimePoint now);
  void plan_application(const std::string& name, TimePoint now);
  void wake_at(TimePoint when) { agenda_.add(planned_, when); }
  void keep_note(Known& known, TimePoint now);
  Note wanted_note(Known& known, TimePoint now) const;

  // reconcile_parts.cpp
  void keep_part(const std::string& id, TimePoint now);
  void place_on(Outcome& outcome, uint32_t host);
  void displace(Outcome& outcome);
  static bool is_as_declared(const RunningProvider& running, const WantedRevision& revision);
  void keep_provider(const WantedPart& part, Outcome& outcome, TimePoint now);
  void end_part(const std::string& id, TimePoint now);
  void end_strays(TimePoint now);
  void end_running(const std::string& id, TimePoint now,
                   const std::function<bool(const std::string& application)>& is_meant);
  bool is_noted(const WantedPart& part) const;
  // Why a part cannot be kept at all; empty: it can.
  std::string obstacle(const WantedPart& part) const;
  std::string missing_config(const std::vector<std::string>& names) const;
  bool is_foreign(std::string_view id) const;
  std::vector<std::string_view> references_of(std::string_view id) const;
  Instances present_of(std::string_view id, std::string_view reference) const;
  Instances present_of(const WantedPart& provider) const;
  Instances staying_of(const WantedPart& provider) const;
  // With what will be there when what was commanded is done.
  Instances present_or_commanded(std::string_view id, std::string_view reference) const;
  void add_companions(const WantedPart& part, Instances& present) const;
  std::optional<uint32_t> find_usable(std::string_view host_id) const;
  bool each_commanded(std::string_view id, std::string_view reference,
                      const std::function<void(uint32_t host, const Work& work)>& take) const;
  bool add_commanded(std::string_view id, std::string_view reference, Instances& hosts) const;
  void remove_commanded(std::string_view id, std::string_view reference, Instances& hosts) const;

  // reconcile_components.cpp
  void keep_component(const WantedPart& part, Outcome& outcome, TimePoint now);
  void describe_component(const WantedPart& part, const Kept& fresh, Outcome& outcome);
  bool any_host_fits(const WantedPart& part);
  uint32_t former_until_placed(const WantedPart& part) const;
  uint32_t placeable(const WantedPart& part, uint32_t instances);
  Beside beside_fresh(const WantedPart& part, const std::optional<Stage>& stage,
                      const std::vector<Leftover>& leftovers);
  bool fits(const WantedPart& part, uint32_t host);
  Beside beside_former(const WantedPart& part, const std::optional<Stage>& stage, bool fresh_placed,
                       const std::vector<Leftover>& leftovers);
  Kept keep_revision(const WantedPart& part, const WantedRevision& revision, Outcome& outcome,
                     uint32_t instances, const Beside& beside, TimePoint now);
  Placement place_revision(const WantedPart& part, const WantedRevision& revision, uint32_t instances,
                           const Instances& hosts, const Instances& staying);
  // `expected`: how many there will be when what was commanded is done; of a daemon, on the hosts that it is
  // for.
  static Allowance allowance_of(const WantedPart& part, const Kept& kept, uint64_t expected,
                                const Beside& beside);
  static uint32_t next_count(const WantedPart& part, const OnHost& on, const Beside& beside,
                             Allowance& allowance);
  bool is_as_declared(const WantedPart& part, const WantedRevision& revision, uint32_t host) const;
  void scale_on(const WantedPart& part, const WantedRevision& revision, uint32_t host, uint32_t count,
                bool has_works, Kept& kept, TimePoint now);
  bool is_to_revoke(const WantedPart& part, const WantedRevision& revision, const OnHost& on, uint32_t next,
                    TimePoint now);
  bool keep_calls_away(const WantedPart& part, TimePoint now);
  bool keep_calls(const WantedPart& part, const std::optional<Stage>& stage, const Kept& fresh, bool others,
                  TimePoint now);
  bool leave_calls(const WantedPart& part) const;
  bool keep_weights(const WantedPart& part, std::map<std::string, uint32_t> weights, TimePoint now);
  std::vector<Leftover> leftovers_of(const WantedPart& part) const;
  void end_leftovers(const WantedPart& part, const Kept& fresh, const std::vector<Leftover>& leftovers,
                     TimePoint now);

  // reconcile_requests.cpp
  using Given = std::map<uint32_t, Usage>;  // by host
  void add_given(const std::string& id, const Requests& requests, const Instances& instances);
  // Of what is there and what was placed the more.
  void add_given(const std::string& id, const Requests& requests, const Placement& placement,
                 const Instances& there);
  void remove_given(const std::string& id, const Requests& requests, const Instances& instances);
  Given take_given(const std::string& id);  // all of it
  void give_running(const WantedPart& part);
  void hold_running(const std::string& application);
  void wake_limited(const Given& before, const Given& now);
  void free_if_gone(const std::string& id);
  void renumber_given(const std::optional<HostSet>& before);

  // reconcile_load.cpp
  void follow_calls(const HostReport& before, const HostReport& now, TimePoint at);
  Load load_of(std::string_view id) const;
  void follow_load(const WantedPart& part, TimePoint now);
  uint32_t instances_of(const WantedPart& part) const;
  void add_load(const WantedPart& part, ObjectStatus& status) const;

  // reconcile_links.cpp
  void keep_config(const std::string& name, TimePoint now);
  void keep_links(const LinkGroup& group, TimePoint now);
  void tell_changed(const Put& before, const Put& now);
  Status keep_link(const LinkGroup& group, const std::vector<WantedLink>& all, const WantedLink& wanted,
                   TimePoint now);
  bool is_foreign(const LinkGroup& group) const;
  // By which host and why; empty: by none.
  std::string refusal_of(const lattice::Link& link) const;
  std::string refusal_of_config(std::string_view provider) const;
  bool is_in_force(const LinkGroup& group, const lattice::Link& link) const;
  void end_links(const LinkGroup& group, TimePoint now);
  void stop_awaiting(const LinkGroup& group, TimePoint now);
  void end_config(const std::string& name, TimePoint now);

  // reconcile_siblings.cpp
  std::vector<const WantedPart*> siblings_of(std::string_view application) const;
  // From what runs of the application. True: something is known otherwise than before.
  bool learn_interfaces(Known& known) const;
  // Whether links between its components are still to come.
  bool is_forming(const Known& known) const;

  // reconcile_borders.cpp
  void keep_border(const std::string& name, const Known* known, TimePoint now);
  void add_own_passes(const Application& application, lattice::Border& border) const;

  // reconcile_rollouts.cpp
  void begin_rollout(Known& known, TimePoint now);
  // Which stage of its schedule a part is in; nothing: it does not change.
  std::optional<size_t> stage_index(const WantedPart& part) const;
  std::optional<Stage> stage_of(const WantedPart& part) const;
  size_t stages_of(const Rollout& rollout) const;
  void judge(Known& known, TimePoint now);
  void judge_rollout(Known& known, TimePoint now);
  std::string reason_to_roll_back(const Known& known, TimePoint now) const;
  bool is_judged(Known& known, TimePoint now);
  bool is_to_judge(const Known& known, const WantedPart& part) const;
  void next_stage(Known& known, TimePoint now);
  void count_stage(Rollout& rollout) const;
  std::pair<CallCounts, CallCounts> counts_of(const WantedPart& part) const;

  // reconcile_status.cpp
  void add_uses(ApplicationStatus& status, const Known& known) const;
  void add_border(ApplicationStatus& status, const std::string& application) const;
  std::string describe_rollout(const Known& known) const;

  // reconcile_differences.cpp
  std::vector<std::string> whereabouts(std::string_view id) const;
  void add_part_differences(std::string_view application, const Desired& after,
                            std::vector<Difference>& lines) const;
  void add_link_differences(std::string_view application, const Desired& after,
                            std::vector<Difference>& lines) const;
  void add_config_differences(std::string_view application, const Desired& after,
                              std::vector<Difference>& lines) const;

  ReconcilerOptions options_;
  bool leading_ = false;
  bool have_applications_ = false, have_lattice_ = false;
  uint64_t plans_ = 0;
  uint64_t commands_ = 0;
  TimePoint last_plan_{};
  TimePoint leading_since_{};
  TimePoint wait_until_{};  // for inventories
  TimePoint next_ask_ = TimePoint::max();
  std::vector<Command> issued_;

  // What is to be planned when: applications, those too that are no more, and under this name what runs
  // without being wanted by any.
  static constexpr std::string_view kStrays{};
  Agenda agenda_;
  TimePoint plan_all_at_{};
  std::string planned_;                                  // in the plan of this application
  std::set<std::string> stale_;                          // whose versions are not in table_ as they are now
  std::set<std::string> held_up_;                        // because there were commands_max commands
  std::set<std::string, std::less<>> statuses_to_tell_;  // may be others than told

  std::map<std::string, ObservedHost, std::less<>> hosts_;
  // Those that are gone: what was counted of them already, if they come back.
  struct Silent {
    HostReport report{};
    TimePoint since{};
  };
  std::map<std::string, Silent, std::less<>> silent_;
  std::set<std::string, std::less<>> refusing_;  // those whose providers refuse something
  std::map<std::string, Known, std::less<>> applications_;
  DesiredTable table_;
  // What is in force, and how often links name a config.
  std::map<LinkGroup, std::vector<lattice::Link>> links_;
  lattice::ConfigTable configs_;
  std::map<std::string, uint32_t, std::less<>> config_links_;
  lattice::WeightTable weights_;
  std::map<std::string, lattice::Border, std::less<>> borders_;
  // By key the applications that have noted it.
  std::map<std::string, std::set<std::string>, std::less<>> noted_parts_, noted_configs_;
  std::map<LinkGroup, std::set<std::string>> noted_links_;

  std::map<std::string, Work, std::less<>> work_;
  std::map<std::string, std::set<std::string>> works_of_;  // objects by application
  std::map<uint64_t, std::string> under_way_;              // objects by command
  // Acknowledged, and not wanted any more: done, or it may still come.
  std::map<std::string, Work, std::less<>> belated_;
  // By component id: its calls now, and what they need of those that follow them.
  std::map<std::string, Load, std::less<>> loads_;
  std::map<std::string, LoadFollower, std::less<>> followers_;
  // Calls by component id and reference, of all hosts.
  std::map<std::pair<std::string, std::string>, CallCounts> counts_;

  // Hosts that take work and whose inventory is known:
  bool hosts_stale_ = true;
  std::vector<std::pair<const std::string*, const ObservedHost*>> usable_;
  std::optional<HostSet> host_set_;
  struct RunsOn {
    uint32_t host = 0;
    const RunningComponent* component = nullptr;
  };
  std::map<std::string, std::vector<RunsOn>, std::less<>> running_;
  std::map<std::string, std::map<uint32_t, const RunningProvider*>, std::less<>> providers_on_;
  std::set<std::string, std::less<>> strays_;        // parts that run and are not wanted
  std::map<std::string, Given, std::less<>> given_;  // by part, in the books of host_set_
  std::set<std::string, std::less<>> limited_;       // parts that more room might place otherwise
  std::map<std::string, std::vector<uint32_t>, std::less<>> together_;
  std::map<std::string, Outcome, std::less<>> parts_done_;  // by id
  std::map<LinkGroup, Put> links_done_;
  std::map<std::string, Put, std::less<>> configs_done_;
  std::map<std::string, Status, std::less<>> told_statuses_;
};

}  // namespace wattle::manager
