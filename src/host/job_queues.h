// Work that was acknowledged and is done afterwards: one queue for each component or provider, so that what
// was asked of it happens in the order in which it was asked, while others go on.
//
//   WATTLE_CHECK(queues.add("component/shop", [this, request] { do_scale(request); }));
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "async/fiber.h"
#include "async/signal.h"
#include "base/result.h"

namespace wattle::host {

class JobQueues {
 public:
  using Job = std::function<void()>;

  // `waiting_max`: jobs of one key that have not ended.
  explicit JobQueues(async::Worker& worker, size_t waiting_max = 64)
      : worker_(worker), waiting_max_(waiting_max) {}
  // Precondition: drained.
  ~JobQueues() = default;
  JobQueues(const JobQueues&) = delete;
  JobQueues& operator=(const JobQueues&) = delete;

  // Runs on a fiber of its own, behind the key's other jobs, each within `time_max`. Refused: overloaded;
  // unavailable once drain() was called.
  Result<void> add(const std::string& key, Job job, Duration time_max = std::chrono::minutes(2));
  bool idle() const { return queues_.empty(); }
  // Takes no more jobs, cancels nothing, and waits for those that there are, within the fiber's deadline; at
  // its end they are cancelled and waited for.
  void drain();

 private:
  struct Queue {
    std::deque<std::pair<Job, Duration>> jobs;
    std::shared_ptr<async::Fiber> fiber;
  };
  void run(const std::string& key);

  async::Worker& worker_;
  const size_t waiting_max_;
  std::map<std::string, Queue> queues_;  // those with jobs
  async::Signal ended_;
  bool draining_ = false;
};

}  // namespace wattle::host
