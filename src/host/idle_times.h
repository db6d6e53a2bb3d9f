// Which revisions have had no call for as long as each may go without one.
//
//   for (const RevisionKey& key : idle.step(patience, data.loads(), Clock::now())) park(key);
#pragma once

#include <map>
#include <vector>

#include "host/data_plane.h"

namespace wattle::host {

class IdleTimes {
 public:
  using Patience = std::map<RevisionKey, Duration>;

  // Those of `patience` that have been quiet for longer; they begin anew if they are asked for again.
  std::vector<RevisionKey> step(const Patience& patience, const std::map<RevisionKey, ComponentLoad>& loads,
                                TimePoint now);
  // How often to step, so that a revision is late by a quarter of its patience at most.
  static Duration interval(const Patience& patience);

 private:
  struct Quiet {
    uint64_t calls = 0;
    TimePoint since{};
  };
  std::map<RevisionKey, Quiet> quiet_;
};

}  // namespace wattle::host
