#include "manager/leadership.h"

#include <optional>

#include "async/fiber.h"

namespace wattle::manager {

struct Leadership::State {
  State(lattice::Bus& bus_, std::string_view lattice, std::string id_, const telemetry::Log& log_)
      : bus(bus_), bucket_name(lattice::manager_lease_bucket(lattice)), id(std::move(id_)), log(log_) {}

  // ---- one look

  Result<void> open() {
    if (bucket) return {};
    lattice::BucketConfig config;
    config.bucket = bucket_name;
    WATTLE_TRY(bucket, bus.bucket(config));
    return {};
  }

  Result<void> renew(TimePoint now) {
    const async::DeadlineScope deadline(std::min(renewed + kLeaseLasts, now + 2 * kLeaseRenewal));
    WATTLE_CHECK(open());
    WATTLE_TRY(revision, bucket->update(lattice::kManagerLeaseKey, value(), revision));
    renewed = now;
    return {};
  }

  // Takes what nobody holds, or what was not renewed in time.
  Result<void> look(TimePoint now) {
    const async::DeadlineScope deadline(now + kLeaseLasts);
    WATTLE_CHECK(open());
    auto entry = bucket->get(lattice::kManagerLeaseKey);
    if (!entry && entry.error().code() == ErrorCode::not_found) return look_at_nothing(now);
    if (!entry) return failure(entry.error());
    missing_since.reset();
    if (entry->revision != seen) {
      seen = entry->revision;
      seen_at = Clock::now();
      return {};
    }
    if (now < seen_at + lattice::kManagerLeaseExpires) return {};
    WATTLE_TRY(revision, bucket->update(lattice::kManagerLeaseKey, value(), seen));
    return lead(now);
  }

  // There is no lease. That it was given back, its deletion says; without that the bucket may have been lost,
  // and whoever held the lease not know of it yet. Who has never seen one begins a lattice.
  Result<void> look_at_nothing(TimePoint now) {
    bool is_free = false;
    if (!missing_since) {
      missing_since = Clock::now();
      is_free = seen == 0;
      if (!is_free) {
        WATTLE_TRY(is_free, was_deleted());
      }
    }
    if (!is_free && now < *missing_since + lattice::kManagerLeaseExpires) return {};
    WATTLE_TRY(revision, bucket->create(lattice::kManagerLeaseKey, value()));
    return lead(now);
  }

  Result<bool> was_deleted() {
    WATTLE_TRY(const auto watch, bucket->watch({.keys = std::string(lattice::kManagerLeaseKey)}));
    bool deleted = false;
    for (;;) {
      WATTLE_TRY(const lattice::WatchEvent event, watch->next());
      if (event.kind == lattice::WatchEvent::Kind::replayed) return deleted;
      deleted = event.kind == lattice::WatchEvent::Kind::entry &&
                event.entry.operation != lattice::Entry::Operation::put;
    }
  }

  Result<void> lead(TimePoint now) {
    renewed = now;
    leading = true;
    missing_since.reset();
    log.info("this manager leads", {{"manager", id}});
    changed.notify();
    return {};
  }

  void lose(std::string_view why) {
    leading = false;
    seen = 0;
    // Where the bucket was lost, the lease that may still hold was our own.
    missing_since.reset();
    if (Clock::now() < renewed + kLeaseLasts) missing_since = renewed;
    log.warn("this manager leads no more", {{"manager", id}, {"reason", std::string(why)}});
    changed.notify();
  }

  void run() {
    while (!async::Fiber::current().cancellation()) {
      const TimePoint now = Clock::now();
      if (leading && now >= renewed + kLeaseLasts) lose("the lease was not renewed in time");
      const bool was_leading = leading;
      const auto done = leading ? renew(now) : look(now);
      if (!done) {
        // Its bucket may be another by now. Who was faster holds it.
        if (done.error().code() == ErrorCode::already_exists) {
          if (was_leading) lose("another manager has the lease");
        } else {
          bucket.reset();
        }
      }
      if (!async::sleep_for(leading ? kLeaseRenewal : kLeaseLook)) return;
    }
  }

  std::string value() { return fmt::format(R"({{"format":1,"manager":"{}","renewal":{}}})", id, ++renewals); }

  lattice::Bus& bus;
  const std::string bucket_name;
  const std::string id;
  const telemetry::Log& log;
  std::unique_ptr<lattice::Bucket> bucket;
  bool leading = false;
  TimePoint renewed{};    // when the last renewal that succeeded was begun
  uint64_t revision = 0;  // of our own last write
  uint64_t seen = 0;      // of somebody else's
  TimePoint seen_at{};
  std::optional<TimePoint> missing_since{};  // there was none at all, at each look
  uint64_t renewals = 0;
  async::Signal changed;
  std::shared_ptr<async::Fiber> fiber;
};

Leadership::Leadership(std::unique_ptr<State> state) : state_(std::move(state)) {}

std::unique_ptr<Leadership> Leadership::start(lattice::Bus& bus, std::string_view lattice,
                                              std::string manager_id, const telemetry::Log& log) {
  auto state = std::make_unique<State>(bus, lattice, std::move(manager_id), log);
  state->fiber = bus.worker().spawn([&state = *state] { state.run(); });
  return std::unique_ptr<Leadership>(new Leadership(std::move(state)));
}

Leadership::~Leadership() {
  state_->fiber->cancel();
  const async::MaskScope mask;
  while (!state_->fiber->finished()) async::Fiber::current().yield();
}

bool Leadership::leads() const {
  return state_->leading && Clock::now() < state_->renewed + kLeaseLasts;
}

async::Signal& Leadership::changed() {
  return state_->changed;
}

void Leadership::stop() {
  State& state = *state_;
  state.fiber->cancel();
  {
    const async::MaskScope mask;
    while (!state.fiber->finished()) async::Fiber::current().yield();
  }
  if (!state.leading) return;
  state.leading = false;
  const async::DeadlineScope deadline(Clock::now() + kLeaseRenewal);
  if (state.bucket) (void)state.bucket->remove(lattice::kManagerLeaseKey, state.revision);
}

}  // namespace wattle::manager
