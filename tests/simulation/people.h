// People: they put, deploy, change, undeploy and delete applications, and start, stop and link things by hand
// beside them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "calls.h"
#include "hosts.h"
#include "stores.h"

namespace wattle::simulation {

// What a person has in mind: written as a manifest, and read as any other.
struct SpreadModel {
  std::string name{};
  std::string label{};
  std::string value{};
  uint32_t weight = 100;
};
struct PartModel {
  std::string name{};
  bool provider = false;
  std::string image{};
  uint32_t instances = 1;
  uint32_t memory_mib = 0;  // that each asks for
  bool daemon = false;
  bool follows_calls = false;
  std::vector<SpreadModel> spreads{};
  manager::StringMap config{};
  std::string shared_of{};  // the application whose part this is
};
struct LinkModel {
  std::string source{};
  std::string target{};
  std::string package{};
  std::vector<std::string> interfaces{};
  manager::StringMap config{};  // of the target
};
struct ApplicationModel {
  std::string name{};
  uint32_t version = 0;
  bool workload = false;
  bool shared = false;
  std::string shared_with{};  // empty: everybody
  std::map<std::string, std::string> annotations{};
  std::vector<PartModel> parts{};
  std::vector<LinkModel> links{};
};
std::string to_yaml(const ApplicationModel& model);

// What a test may ask for beyond chance.
struct PeopleOptions {
  uint32_t applications = 6;
  uint32_t replicas = 8;  // at most, of a component
  bool scarce = false;    // half of the components ask for memory
  bool borders = false;   // most share, and say with whom; others are left out
  bool plain = false;     // components without links, providers and configs of their own, for large lattices
};

// A deployed version that shall not stay.
struct BadDeploy {
  std::string application{};
  std::string version{};
  std::string id{};         // of the component that fails
  std::string reference{};  // fails every tenth call
  std::map<std::string, uint64_t> totals{};
  TimePoint at{};
  bool judged_by_share = false;  // at most 2 % of the calls may reach it
};

class People {
 public:
  People(World& world, Hosts& hosts, Stores& stores, Calls& calls, PeopleOptions options)
      : world_(world), hosts_(hosts), stores_(stores), calls_(calls), options_(options) {}

  // One new application, deployed.
  void begin_application();
  // Something of somebody's.
  void change();
  void set_calm(bool calm) { calm_ = calm; }

  struct Accepted {
    std::set<std::string> versions{};
    std::string deployed{};
  };
  const std::map<std::string, Accepted>& accepted() const { return accepted_; }
  const std::vector<lattice::Link>& links_by_hand() const { return links_by_hand_; }
  const std::map<std::string, manager::StringMap>& configs_by_hand() const { return configs_by_hand_; }
  const std::vector<BadDeploy>& bad_deploys() const { return bad_deploys_; }
  void forget_bad_deploys() { bad_deploys_.clear(); }
  uint64_t changes() const { return changes_; }
  uint64_t refused() const { return refused_; }
  // Somebody scaled behind the manager's back.
  TimePoint last_meddling() const { return last_meddling_; }

 private:
  ApplicationModel new_application();
  PartModel new_component(const std::string& application, const std::string& name, uint32_t version);
  std::vector<SpreadModel> new_spreads();
  std::string new_image(const std::string& application, const std::string& part, uint32_t version,
                        bool first);
  void choose_strategy(ApplicationModel& model);
  void choose_users(ApplicationModel& model) const;
  bool lets_in(const std::string& owner, const std::string& user) const;
  bool put(ApplicationModel model);
  void note_bad_deploy(const manager::Application& application);
  void forget_bad_deploys_of(const std::string& application);
  bool any_fits(const manager::Spread& spread) const;
  void change_application(ApplicationModel model);
  void undeploy(const std::string& name);
  void redeploy(const std::string& name);
  void remove(const std::string& name);
  void by_hand();
  void meddle();

  World& world_;
  Hosts& hosts_;
  Stores& stores_;
  Calls& calls_;
  PeopleOptions options_;
  bool calm_ = false;
  std::map<std::string, ApplicationModel> models_;
  std::map<std::string, Accepted> accepted_;
  std::vector<lattice::Link> links_by_hand_;
  std::map<std::string, manager::StringMap> configs_by_hand_;
  std::vector<BadDeploy> bad_deploys_;
  uint32_t names_ = 0;
  uint64_t changes_ = 0;
  uint64_t refused_ = 0;
  TimePoint last_meddling_{};
};

}  // namespace wattle::simulation
