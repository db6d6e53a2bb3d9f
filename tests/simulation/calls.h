// Calls to components: so many in flight where instances follow calls; and a steady stream for each, split
// among the revisions that run by their weights. Counted when something is about to change, and when somebody
// looks.
#pragma once

#include <map>
#include <string>

#include "hosts.h"
#include "stores.h"

namespace wattle::simulation {

class Calls {
 public:
  Calls(World& world, Hosts& hosts, Stores& stores) : world_(world), hosts_(hosts), stores_(stores) {}

  void set_rate(const std::string& id, double per_second) { streams_[id].rate = per_second; }
  double rate(std::string_view id) const;
  // So many calls are in flight from now on, wherever it runs.
  void set_level(const std::string& id, uint32_t calls) { levels_[id] = calls; }
  uint32_t level(std::string_view id) const;
  bool has_levels(const Host& host) const;
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
  struct Stream {
    double rate = 0;
    TimePoint counted_to = World::kBeginning;
    TimePoint changed{};
    std::map<std::string, double> owed{};  // calls that are not whole yet, by reference
    std::map<std::string, uint64_t> totals{};
  };

  World& world_;
  Hosts& hosts_;
  Stores& stores_;
  std::map<std::string, Stream, std::less<>> streams_;
  std::map<std::string, uint32_t, std::less<>> levels_;
};

}  // namespace wattle::simulation
