// Copies what a link's target holds to another target while the link is in use, then has the link lead there.
// docs/swapping.md says how, and what happens when something fails meanwhile.
//
//   LinkCopy copy(lattice, {.from = link, .to = other, .containers = {"default"}}, *ends);
//   WATTLE_TRY(const CopyCounts counts, copy.run());        // calls along `from` go to other.target now
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "async/signal.h"
#include "cli/copy_ends.h"
#include "cli/lattice_session.h"
#include "lattice/directory.h"
#include "lattice/link_requests.h"

namespace wattle::cli {

struct CopyPlan {
  lattice::Link from;  // comes to lead where `to` leads
  lattice::Link to;
  std::vector<std::string> containers;  // buckets, or containers
  bool overwrite = false;               // what is at the target already goes
};

// Read while it goes on, to show how far it is.
struct CopyCounts {
  std::string_view doing = "waiting for hosts";
  uint64_t copied = 0;  // of what was there
  uint64_t copied_bytes = 0;
  uint64_t copied_again = 0;  // what was written meanwhile
  uint64_t verified = 0;
  uint64_t holds = 0;  // how often calls were held
  Duration held{};     // the last time
};

class LinkCopy {
 public:
  // All of these outlive it.
  LinkCopy(Lattice& lattice, const CopyPlan& plan, CopyEnds& ends)
      : lattice_(lattice), plan_(plan), ends_(ends) {}
  LinkCopy(const LinkCopy&) = delete;
  LinkCopy& operator=(const LinkCopy&) = delete;

  // Once. After any error the link leads where it led. Refused: already_exists (something is at the target),
  // unavailable (a host or a backend failed), overloaded (more is written than can be copied),
  // invalid_argument (the source uses buckets that are not copied), invalid (what was copied reads
  // differently).
  Result<CopyCounts> run();
  const CopyCounts& counts() const { return counts_; }

 private:
  struct Host {
    uint64_t sequence = 0;
  };
  using Records = std::set<lattice::LinkRecord>;

  Result<void> check_target();
  Result<void> begin();
  Result<void> copy_everything();
  Result<void> copy_records();  // what was collected, once
  Result<void> catch_up();      // until little is left
  Result<void> verify();
  Result<void> verify_from(Side side, const std::string& container);
  // False: there was too much to copy while calls were held.
  Result<bool> try_to_swap();
  Result<bool> copy_while_held(TimePoint until);
  Result<bool> commit();
  // Whether the link is where it is to be.
  Result<bool> leads_there();

  Result<std::string> take_step(lattice::LinkCopyStep step, Duration patience);
  Result<void> await_hosts(const std::string& value, Duration patience);
  Result<void> check_hosts();
  Result<void> collect();
  Result<void> collect_from(const std::string& host);
  Result<void> check_used();
  void keep_collecting();
  // As for_each_in_parallel; big things go two at a time.
  Result<void> for_each(const std::vector<std::string>& names,
                        const std::function<Result<void>(const std::string&)>& work);
  Result<void> copy_one(const std::string& container, const std::string& name);

  Lattice& lattice_;
  const CopyPlan& plan_;
  CopyEnds& ends_;
  lattice::LinkKey key_;
  lattice::LinkCopy copy_;
  std::string value_;  // of the store, that hosts obey
  std::unique_ptr<lattice::Directory> directory_;
  std::map<std::string, Host> hosts_;
  Records collected_;   // to copy
  Records suspicious_;  // to be compared while calls are held
  std::set<std::string> used_;
  TimePoint copy_until_ = kNever;
  bool has_big_ones_ = false;
  bool collecting_ = false;
  bool pause_collecting_ = false;
  async::Signal collected_changed_;
  CopyCounts counts_;
};

}  // namespace wattle::cli
