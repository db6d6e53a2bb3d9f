// Calls to components: so many in flight where instances follow calls; and a steady stream for each, split
// among the revisions that run by their weights. Counted when something is about to change, and when somebody
// looks.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hosts.h"
#include "stores.h"

namespace wattle::simulation {

class Calls {
 public:
  Calls(World& world, Hosts& hosts, Stores& stores) : world_(world), hosts_(hosts), stores_(stores) {}

  void set_rate(const std::string& id, double per_second) { streams_[id].rate = per_second; }
  double rate(std::string_view id) const;
  // So many calls are in flight from now on, wherever it runs.
  void set_level(const std::string& id, uint32_t calls);
  uint32_t level(std::string_view id) const;
  // Goes up whenever in_flight() of something may be another.
  uint64_t in_flight_changes() const { return in_flight_changes_; }
  // Of them on this host, in this revision.
  uint32_t in_flight(const Host& host, std::string_view id, std::string_view reference) const;
  // Up to now.
  void count(std::string_view id);
  void count_all();
  // What runs of it is about to be another.
  void change(std::string_view id);
  // Of those whose revisions or weights have changed lately.
  void count_changing(const Host& host);
  // Since the first one, by reference.
  std::map<std::string, uint64_t> totals(std::string_view id) const;

 private:
  struct Answered {
    uint32_t fails_every = 0;
    double owed = 0;  // calls that are not whole yet
    uint64_t total = 0;
  };
  struct Stream {
    double rate = 0;
    TimePoint counted_to = World::kBeginning;
    TimePoint changed{};
    std::map<std::string, Answered, std::less<>> by_reference{};
  };
  // One revision: what part of the calls it gets, and where.
  struct Target {
    double share = 0;
    std::vector<std::pair<Host*, RunningRevision*>> places{};
  };
  std::map<std::string_view, Target> targets_of(std::string_view id);
  void answer(Answered& answered, double calls, const Target& target);

  World& world_;
  Hosts& hosts_;
  Stores& stores_;
  std::map<std::string, Stream, std::less<>> streams_;
  TimePoint changed_{};  // the latest of theirs
  std::map<std::string, uint32_t, std::less<>> levels_;
  uint64_t in_flight_changes_ = 0;
};

}  // namespace wattle::simulation
