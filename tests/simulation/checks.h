// What must hold: each check is a function that says what is wrong, or nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "faults.h"
#include "manager/capacity.h"
#include "people.h"

namespace wattle::simulation {

class Checks {
 public:
  struct Parts {
    World& world;
    Hosts& hosts;
    Stores& stores;
    Calls& calls;
    People& people;
    Faults& faults;
    std::vector<std::unique_ptr<Manager>>& managers;
  };
  explicit Checks(Parts parts) : parts_(parts) {}

  // ---- whenever something is done
  void follow_versions();
  void nothing_unmanaged_is_scaled(const Host& host, const Host::ScaleJob& job);
  void nothing_unmanaged_is_stopped(const Host& host, const Host::StopJob& job);
  void surge_is_bounded(const Host& host, const Host::ScaleJob& job, uint32_t before);
  void hosts_have_room(const Host& host, const Host::ScaleJob& job, uint32_t before);
  // Under weights that begin with 1 %.
  void few_calls_reach_bad_versions(const manager::RollBack& back);
  void rollback_has_a_reason(const manager::RollBack& back, bool calm);
  // It is about to be written.
  void rollback_overwrites_nothing_else(const manager::RollBack& back);

  // ---- when all is quiet
  // Empty: everything is as declared.
  std::string what_is_not_as_declared();
  std::string no_accepted_change_is_lost() const;
  std::string statuses_are_true();
  std::string bad_versions_are_gone() const;
  // A border refuses a link that the application declares, or any where it is empty.
  bool any_link_is_refused(std::string_view application = {});
  bool has_hosts(const manager::Application& application, std::string_view id) const;
  // For whoever looks for what went wrong.
  void trace_statuses();
  // How long it may take beyond the usual: rollouts have schedules, and images that fail are tried again
  // later.
  Duration allowance();

 private:
  struct Recent {
    std::string deployed{};
    // Versions that were deployed lately, and until when each counts.
    std::vector<std::pair<std::shared_ptr<const manager::Application>, TimePoint>> versions{};
  };
  struct Bound {
    bool known = false;
    bool daemon = false;
    uint32_t instances = 0;  // at most, on all hosts or of a daemon on one
    uint32_t surge = 0;
  };
  Bound bound_of(const std::string& id);
  // What each of its instances asks for, where it is deployed.
  manager::Requests requests_of(const std::string& id) const;
  // Of this host, without what runs there.
  manager::Capacity capacity_of(const Host& host) const;
  bool lacks_room(const manager::WantedPart& part, const Host& host) const;
  const manager::Desired& desired();
  std::vector<const Host*> usable_hosts() const;
  Manager* leader() const;
  std::string part_is_as_declared(const manager::WantedPart& part, const std::vector<const Host*>& hosts);
  uint32_t instances_of(const manager::WantedPart& part, const std::vector<const Host*>& hosts) const;
  std::string component_is_as_declared(const manager::WantedPart& part,
                                       const std::vector<const Host*>& hosts);
  std::string provider_is_as_declared(const manager::WantedPart& part, const std::vector<const Host*>& hosts);
  std::string nothing_is_left(const manager::Desired& wanted);
  std::string lattice_is_as_declared(const manager::Desired& wanted);
  bool serves_what_was_before(const manager::Desired& wanted, const std::string& id,
                              const lattice::RevisionWeights& weights) const;
  std::string links_stay_within_borders(const manager::Desired& wanted) const;

  Parts parts_;
  std::map<std::string, Recent> recent_;
  // What took back a version that somebody had deployed, until another version is deployed.
  std::map<std::string, manager::RollBack> rolled_back_;
  // What these want.
  std::vector<manager::DeployedApplication> deployed_;
  manager::Desired desired_;
};

}  // namespace wattle::simulation
