#include "host/job_queues.h"

namespace wattle::host {

Result<void> JobQueues::add(const std::string& key, Job job, Duration time_max) {
  if (draining_) return failure(ErrorCode::unavailable, "the host is stopping, and takes on no more work");
  Queue& queue = queues_[key];
  if (queue.jobs.size() >= waiting_max_)
    return failure(ErrorCode::overloaded, "{} requests about {} have not ended yet; wait for their events",
                   queue.jobs.size(), key);
  queue.jobs.emplace_back(std::move(job), time_max);
  if (!queue.fiber) queue.fiber = worker_.spawn([this, key] { run(key); });
  return {};
}

void JobQueues::run(const std::string& key) {
  Queue& queue = queues_.at(key);
  while (!queue.jobs.empty()) {
    {
      const async::DeadlineScope deadline(Clock::now() + queue.jobs.front().second);
      queue.jobs.front().first();
    }
    queue.jobs.pop_front();
  }
  queues_.erase(key);
  ended_.notify();
}

void JobQueues::drain() {
  draining_ = true;
  while (!queues_.empty() && ended_.wait()) {
  }
  for (auto& [key, queue] : queues_)
    queue.fiber->cancel(Error(ErrorCode::cancelled, "the host has stopped before this was done"));
  // They end now: every wait of theirs does.
  const async::MaskScope mask;
  while (!queues_.empty()) (void)ended_.wait();
}

}  // namespace wattle::host
