#include "host/parked_calls.h"

#include <utility>

namespace wattle::host {

bool ParkedCalls::refuses() const {
  return (refusal_ && Clock::now() < refused_until_) || waiting_ >= waiting_max_;
}

Result<void> ParkedCalls::wait() {
  if (refusal_ && Clock::now() < refused_until_) return failure(*refusal_);
  if (waiting_ >= waiting_max_)
    return failure(Error(ErrorCode::overloaded,
                         fmt::format("component \"{}\" is being loaded and {} calls wait for it already",
                                     component_id_, waiting_))
                       .with_remedy("try again later, or allow a longer queue"));
  if (!std::exchange(asked_, true)) ask_();
  ++waiting_;
  Result<void> waited;
  const uint64_t refusals = refusals_;
  while (waited && !ended_ && refusals == refusals_) waited = changed_.wait();
  --waiting_;
  if (ended_) return {};
  if (refusals != refusals_) return failure(*refusal_);
  if (waited.error().code() != ErrorCode::deadline_exceeded) return waited;
  return failure(
      Error(ErrorCode::unavailable,
            fmt::format("component \"{}\" was not in memory before the call's deadline", component_id_),
            std::move(waited).error())
          .with_remedy("try again, or let it keep its memory: --idle-after 0s"));
}

void ParkedCalls::refuse(const Error& reason, TimePoint until) {
  refusal_ = reason;
  refused_until_ = until;
  asked_ = false;
  ++refusals_;
  changed_.notify();
}

void ParkedCalls::end() {
  ended_ = true;
  changed_.notify();
}

}  // namespace wattle::host
