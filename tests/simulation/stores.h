// What the lattice and the managers keep: links, configs, weights, manifests, notes, and who leads. One order
// of changes for whoever reaches it, as lattice::Store gives it; whoever follows sees each state, or a later
// one, a while later.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "bus.h"
#include "lattice/stored_link.h"
#include "manager/reconciler.h"

namespace wattle::simulation {

using manager::LinkGroup;

// An application as it is stored.
struct Record {
  std::map<std::string, std::shared_ptr<const manager::Application>> versions{};
  std::string deployed{};  // empty: none
  manager::Note note{};
  bool deleted = false;  // only the note is left
};

struct StoreState {
  std::map<LinkGroup, lattice::StoredLinks> links{};
  std::shared_ptr<const lattice::ConfigTable> configs = std::make_shared<lattice::ConfigTable>();
  lattice::WeightTable weights{};
  std::map<std::string, lattice::Border> borders{};  // by application
  std::map<std::string, Record, std::less<>> applications{};
  uint32_t leader = 0;  // endpoint; 0: nobody
  TimePoint leads_until{};
};

void put_config(StoreState& state, const std::string& name, const manager::StringMap& values);
void delete_config(StoreState& state, const std::string& name);

enum class Topic : uint8_t { lattice, applications, none };

class Stores {
 public:
  using Change = std::function<Result<void>(StoreState&)>;
  using Done = std::function<void(const Result<void>&)>;

  Stores(World& world, Bus& bus) : world_(world), bus_(bus) {}

  // `done` is called once, or never when the answer is lost.
  void write(Endpoint from, Topic topic, Change change, Done done);
  // Links that cross a border without consent are refused from now on, and left out of what is followed.
  void keep_borders() { keeps_borders_ = true; }
  // What holds of them: none without keep_borders().
  lattice::BorderTable borders() const;
  // What people's own tools do, at once. Refused as the change is, and while the store is away.
  Result<void> write_now(Topic topic, const Change& change);
  const StoreState& state() const { return state_; }
  manager::LatticeChanged lattice_view() const;
  manager::ApplicationsChanged applications_view() const;
  // An earlier state of the lattice, as a copy that is behind has it.
  manager::LatticeChanged earlier_view();

  // Who hears of changes, after a while.
  void subscribe(std::function<void(Topic)> listener) { listeners_.push_back(std::move(listener)); }

  void set_away(bool away) { away_ = away; }
  bool away() const { return away_; }
  // Of writes: done or not, the answer says they failed.
  void set_unknown_outcomes(double chance) { unknown_outcomes_ = chance; }
  // Before every change of the lattice: it may be one of weights.
  void before_lattice_change(std::function<void()> listener) { before_lattice_change_ = std::move(listener); }

 private:
  static constexpr size_t kEarlierKept = 16;
  Result<void> apply(Topic topic, const Change& change);

  World& world_;
  Bus& bus_;
  StoreState state_;
  std::vector<std::function<void(Topic)>> listeners_;
  std::deque<std::shared_ptr<const manager::LatticeChanged>> earlier_;
  std::function<void()> before_lattice_change_;
  bool keeps_borders_ = false;
  bool away_ = false;
  double unknown_outcomes_ = 0;
};

}  // namespace wattle::simulation
