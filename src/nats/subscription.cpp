#include "nats/client_core.h"
#include "nats/subject.h"

namespace wattle::nats {
namespace detail {

void SubscriptionState::deliver(Message message) {
  const auto self = shared_from_this();
  ++received;
  if (handler && options.fibers_max == 0) {
    handler(std::move(message));
  } else if (make_room(message)) {
    pending_bytes += message.payload.size();
    pending.push_back(std::move(message));
    if (handler && fibers < options.fibers_max) {
      ++fibers;
      core->worker().spawn([self] { self->handle_on_fiber(); });
    }
    changed.notify();
  }
  if (end_after != 0 && received >= end_after && core != nullptr) core->forget(*this);
}

// Whether `message` may be kept; the oldest may have gone for it.
bool SubscriptionState::make_room(const Message& message) {
  const auto full = [&] {
    return pending.size() >= options.pending_messages_max ||
           pending_bytes + message.payload.size() > options.pending_bytes_max;
  };
  if (!full()) return true;
  ++dropped;
  const bool drop_oldest = options.drop == Drop::oldest;
  if (drop_oldest && !pending.empty()) (void)take();
  while (drop_oldest && full() && !pending.empty()) {
    ++dropped;
    (void)take();
  }
  const bool kept = drop_oldest && !full();
  core->count_dropped(*this);
  return kept;
}

Message SubscriptionState::take() {
  Message message = std::move(pending.front());
  pending.pop_front();
  pending_bytes -= message.payload.size();
  if (pending.empty()) slow = false;
  return message;
}

void SubscriptionState::handle_on_fiber() {
  while (!pending.empty()) handler(take());
  --fibers;
  changed.notify();
}

void SubscriptionState::drop_pending() {
  pending.clear();
  pending_bytes = 0;
}

void SubscriptionState::end() {
  ended = true;
  changed.notify();
}

Result<std::shared_ptr<SubscriptionState>> Core::subscribe(std::string_view pattern, SubscribeOptions options,
                                                           Handler handler) {
  WATTLE_CHECK(check_pattern(pattern));
  if (!options.queue_group.empty()) WATTLE_CHECK(check_subject(options.queue_group));
  if (options.pending_messages_max == 0)
    return failure(ErrorCode::invalid_argument, "a subscription that keeps no message gets none");
  if (state_ == State::closed)
    return failure(nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client is closed"));
  auto subscription = std::make_shared<SubscriptionState>();
  subscription->core = this;
  subscription->id = next_subscription_++;
  subscription->pattern = pattern;
  subscription->options = std::move(options);
  subscription->handler = std::move(handler);
  subscriptions_.emplace(subscription->id, subscription);
  if (transport_ != nullptr) append_subscription(outgoing_, *subscription);
  schedule_write();
  return subscription;
}

void Core::unsubscribe(SubscriptionState& subscription) {
  send_command(fmt::format("UNSUB {}\r\n", subscription.id));
  forget(subscription);
}

void Core::unsubscribe_after(SubscriptionState& subscription, uint64_t messages) {
  if (messages <= subscription.received) return unsubscribe(subscription);
  subscription.end_after = messages;
  send_command(fmt::format("UNSUB {} {}\r\n", subscription.id, messages));
}

void Core::forget(SubscriptionState& subscription) {
  if (subscription.ended) return;
  const auto keep = subscription.shared_from_this();
  subscriptions_.erase(subscription.id);
  subscription.end();
}

void Core::count_dropped(SubscriptionState& subscription) {
  ++statistics.dropped_messages;
  if (std::exchange(subscription.slow, true)) return;
  tell(Event::Kind::slow_consumer,
       Error(ErrorCode::overloaded,
             fmt::format("the subscription to \"{}\" has {} messages waiting, and drops the {}",
                         subscription.pattern, subscription.pending.size(),
                         subscription.options.drop == Drop::oldest ? "oldest" : "newest")));
}

}  // namespace detail

Subscription::~Subscription() {
  if (state_ != nullptr) unsubscribe();
}

Subscription& Subscription::operator=(Subscription&& other) noexcept {
  if (state_ != nullptr && state_ != other.state_) unsubscribe();
  state_ = std::move(other.state_);
  return *this;
}

// Whether a message is there; false when `until` is reached first.
Result<bool> detail::SubscriptionState::wait_for_message(TimePoint until) {
  const auto self = shared_from_this();
  while (pending.empty() || handler) {
    if (refused) return failure(*refused);
    if (ended)
      return failure(nats_error(ErrorCode::unavailable, Reason::closed,
                                fmt::format("the subscription to \"{}\" has ended", pattern)));
    if (until != kNever && Clock::now() >= until) return false;
    async::Signal* signals[] = {&changed};
    WATTLE_CHECK(async::Signal::wait_any(signals, until));
  }
  return true;
}

Result<Message> Subscription::next() {
  if (state_ == nullptr)
    return failure(nats_error(ErrorCode::unavailable, Reason::closed, "there is no subscription"));
  WATTLE_CHECK(state_->wait_for_message(kNever));
  return state_->take();
}

Result<std::optional<Message>> Subscription::next_until(TimePoint until) {
  if (state_ == nullptr)
    return failure(nats_error(ErrorCode::unavailable, Reason::closed, "there is no subscription"));
  WATTLE_TRY(const bool there, state_->wait_for_message(until));
  if (!there) return std::optional<Message>();
  return std::optional<Message>(state_->take());
}

std::optional<Message> Subscription::try_next() {
  if (state_ == nullptr || state_->pending.empty() || state_->handler) return std::nullopt;
  return state_->take();
}

async::Signal& Subscription::changed() {
  return state_->changed;
}

void Subscription::unsubscribe() {
  if (state_ == nullptr) return;
  state_->drop_pending();
  if (state_->core != nullptr && !state_->ended) state_->core->unsubscribe(*state_);
}

void Subscription::unsubscribe_after(uint64_t messages) {
  if (state_ != nullptr && state_->core != nullptr && !state_->ended)
    state_->core->unsubscribe_after(*state_, messages);
}

Result<void> Subscription::drain() {
  if (state_ == nullptr || state_->core == nullptr) return {};
  return state_->core->drain(*state_);
}

bool Subscription::active() const {
  return state_ != nullptr && !state_->ended;
}

const std::string& Subscription::subject() const {
  static const std::string none;
  return state_ == nullptr ? none : state_->pattern;
}

uint64_t Subscription::received() const {
  return state_ == nullptr ? 0 : state_->received;
}

uint64_t Subscription::dropped() const {
  return state_ == nullptr ? 0 : state_->dropped;
}

size_t Subscription::pending() const {
  return state_ == nullptr ? 0 : state_->pending.size();
}

}  // namespace wattle::nats
