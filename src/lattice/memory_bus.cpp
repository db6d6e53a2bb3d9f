#include "lattice/memory_bus.h"

#include <algorithm>
#include <charconv>

#include "lattice/memory_core.h"
#include "nats/subject.h"

namespace wattle::lattice {
namespace detail {
namespace {

using nats::nats_error;
using nats::Reason;

// What may lie between a broker and a worker that does not come to read it; a server cuts such a one off.
constexpr size_t kInboxBytesMax = 64 * 1024 * 1024;
constexpr size_t kInboxMessagesMax = 1024 * 1024;
constexpr uint64_t kInbox = 1;

Error closed_error(std::string_view why) {
  return nats_error(ErrorCode::unavailable, Reason::closed, std::string(why));
}

}  // namespace

TimePoint deadline_after(Duration timeout) {
  const TimePoint now = Clock::now();
  return timeout >= kNever - now ? kNever : now + timeout;
}

int64_t BrokerState::now_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  last_time_ns =
      std::max(last_time_ns + 1, int64_t{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()});
  return last_time_ns;
}

bool BrokerState::send(const Message& message) {
  std::map<std::string_view, std::vector<const Interest*>> groups;
  bool heard = false;
  for (const Interest& interest : interests) {
    if (!nats::matches(interest.pattern, message.subject)) continue;
    heard = true;
    if (interest.queue_group.empty()) {
      interest.core->receive(interest.subscription, message);
    } else {
      groups[interest.queue_group].push_back(&interest);
    }
  }
  for (const auto& [name, members] : groups) {
    const Interest& chosen = *members[random() % members.size()];
    chosen.core->receive(chosen.subscription, message);
  }
  return heard;
}

void BrokerState::tell_watches() {
  for (MemoryCore* core : cores) core->tell_watches();
}

void MemorySubscriptionState::deliver(Message message) {
  const auto self = shared_from_this();
  if (options.fibers_max == 0) {
    handler(std::move(message));
  } else if (make_room(message)) {
    pending_bytes += message.payload.size();
    pending.push_back(std::move(message));
    if (fibers >= options.fibers_max) return;
    ++fibers;
    core->worker().spawn([self] { self->handle_on_fiber(); });
  }
}

// Whether `message` may be kept; the oldest may have gone for it.
bool MemorySubscriptionState::make_room(const Message& message) {
  const auto full = [&] {
    return pending.size() >= options.pending_messages_max ||
           pending_bytes + message.payload.size() > options.pending_bytes_max;
  };
  if (options.drop == nats::Drop::oldest)
    while (full() && !pending.empty()) (void)take();
  return !full();
}

Message MemorySubscriptionState::take() {
  Message message = std::move(pending.front());
  pending.pop_front();
  pending_bytes -= message.payload.size();
  return message;
}

void MemorySubscriptionState::handle_on_fiber() {
  while (!pending.empty()) handler(take());
  --fibers;
  changed.notify();
}

MemoryCore::MemoryCore(async::Worker& worker, std::shared_ptr<BrokerState> broker, MemoryBusOptions options)
    : worker_(worker), broker_(std::move(broker)), options_(options), open_(worker.io().get_executor()) {
  inbox_ = "_INBOX." + nats::unique_name() + ".";
}

void MemoryCore::open() {
  const std::lock_guard lock(broker_->mutex);
  broker_->cores.push_back(this);
  broker_->interests.push_back({this, kInbox, inbox_ + "*", ""});
}

void MemoryCore::cut() {
  if (closed_ || !connected_) return;
  connected_ = false;
  {
    const std::lock_guard lock(broker_->mutex);
    std::erase_if(broker_->interests, [&](const auto& interest) { return interest.core == this; });
  }
  for (auto& [subject, request] : requests_) {
    request->error = nats_error(ErrorCode::unavailable, Reason::connection_lost,
                                "the connection to the bus in memory was cut");
    request->changed.notify();
  }
  changed.notify();
  buckets_changed.notify();
}

void MemoryCore::restore() {
  if (closed_ || connected_) return;
  connected_ = true;
  {
    const std::lock_guard lock(broker_->mutex);
    broker_->interests.push_back({this, kInbox, inbox_ + "*", ""});
    for (const auto& [id, subscription] : subscriptions_)
      broker_->interests.push_back({this, id, subscription->pattern, subscription->options.queue_group});
    for (const Message& message : cut_off_) (void)broker_->send(message);
  }
  cut_off_.clear();
  cut_off_bytes_ = 0;
  changed.notify();
  buckets_changed.notify();
}

void MemoryCore::close(std::string_view why) {
  if (closed_) return;
  const auto self = shared_from_this();
  closed_ = true;
  closed_because_ = why;
  {
    const std::lock_guard lock(broker_->mutex);
    std::erase_if(broker_->interests, [&](const auto& interest) { return interest.core == this; });
    std::erase(broker_->cores, this);
    inbox_messages_.clear();
  }
  for (auto& [id, subscription] : std::exchange(subscriptions_, {})) {
    subscription->ended = true;
    subscription->core = nullptr;
    subscription->pending.clear();
    subscription->changed.notify();
  }
  for (auto& [subject, request] : requests_) {
    request->error = closed_error(closed_because_);
    request->changed.notify();
  }
  changed.notify();
  buckets_changed.notify();
  read_some_.notify();
  open_.reset();
}

Result<void> MemoryCore::check_message(std::string_view subject, std::string_view payload,
                                       std::string_view reply, const Headers* headers) const {
  WATTLE_CHECK(nats::check_subject(subject));
  if (!reply.empty()) WATTLE_CHECK(nats::check_subject(reply));
  std::string block;
  if (headers != nullptr && !headers->fields().empty()) WATTLE_CHECK(headers->append_to(block));
  const size_t total = block.size() + payload.size();
  if (total <= options_.max_payload_bytes) return {};
  return failure(
      nats_error(ErrorCode::invalid_argument, Reason::payload_too_large,
                 fmt::format("a message of {} bytes to \"{}\" exceeds the bus's max_payload of {} bytes",
                             total, subject, options_.max_payload_bytes)));
}

namespace {
Message make_message(std::string_view subject, std::string_view payload, std::string_view reply,
                     const Headers* headers) {
  return {std::string(subject), std::string(reply), headers == nullptr ? Headers() : *headers,
          std::string(payload)};
}
}  // namespace

Result<void> MemoryCore::publish(std::string_view subject, std::string_view payload, std::string_view reply,
                                 const Headers* headers) {
  WATTLE_CHECK(check_message(subject, payload, reply, headers));
  if (closed_) return failure(closed_error(closed_because_));
  Message message = make_message(subject, payload, reply, headers);
  if (connected_) {
    const std::lock_guard lock(broker_->mutex);
    if (!broker_->send(message) && !reply.empty())
      (void)broker_->send({message.reply, "", Headers::parse("NATS/1.0 503\r\n\r\n"), ""});
    return {};
  }
  const size_t bytes = payload.size() + subject.size() + reply.size() + 64;
  if (cut_off_bytes_ + bytes > options_.cut_off_bytes_max)
    return failure(
        nats_error(ErrorCode::unavailable, Reason::not_connected,
                   fmt::format("cut off from the bus in memory, and {} bytes wait already", cut_off_bytes_)));
  cut_off_bytes_ += bytes;
  cut_off_.push_back(std::move(message));
  return {};
}

Result<void> MemoryCore::ask(MemoryRequest& request, std::string_view subject, std::string_view payload,
                             const Headers* headers, Duration quiet) {
  const auto self = shared_from_this();
  WATTLE_CHECK(wait_connected(Duration::max()));
  const std::string reply = new_inbox();
  WATTLE_CHECK(check_message(subject, payload, reply, headers));
  bool heard = false;
  {
    const std::lock_guard lock(broker_->mutex);
    heard = broker_->send(make_message(subject, payload, reply, headers));
  }
  if (!heard)
    return failure(nats_error(ErrorCode::unavailable, Reason::no_responders,
                              fmt::format("nobody subscribes to the subject \"{}\"", subject)));
  requests_.emplace(reply, &request);
  Result<void> waited;
  size_t seen = 0;
  TimePoint quiet_from = kNever;  // quiet counts from the first answer on
  while (waited && !request.error && request.answers.size() < request.answers_max) {
    if (request.answers.size() > seen && quiet != Duration::max()) quiet_from = deadline_after(quiet);
    seen = request.answers.size();
    async::Signal* signals[] = {&request.changed};
    waited = async::Signal::wait_any(signals, quiet_from);
    if (waited && Clock::now() >= quiet_from && request.answers.size() == seen) break;
  }
  requests_.erase(reply);
  if (request.error) return failure(std::move(*request.error));
  return waited;
}

Result<void> MemoryCore::wait_connected(Duration timeout) {
  const auto self = shared_from_this();
  async::DeadlineScope scope(deadline_after(timeout));
  while (!connected()) {
    if (closed_) return failure(closed_error(closed_because_));
    auto waited = changed.wait();
    if (waited) continue;
    if (waited.error().code() != ErrorCode::deadline_exceeded) return waited;
    return failure(nats_error(ErrorCode::deadline_exceeded, Reason::not_connected,
                              "cut off from the bus in memory, up to the deadline"));
  }
  return {};
}

void MemoryCore::receive(uint64_t subscription, const Message& message) {
  if (inbox_messages_.size() >= kInboxMessagesMax || inbox_bytes_ + message.payload.size() > kInboxBytesMax)
    return;
  inbox_messages_.push_back({subscription, message});
  inbox_bytes_ += message.payload.size();
  ++received_;
  post_inbox();
}

void MemoryCore::tell_watches() {
  told_of_buckets_ = true;
  post_inbox();
}

void MemoryCore::post_inbox() {
  if (std::exchange(inbox_posted_, true)) return;
  worker_.post([self = shared_from_this()] { self->read_inbox(); });
}

void MemoryCore::read_inbox() {
  const async::DeferWakesScope defer(worker_);
  std::deque<Delivery> deliveries;
  bool told = false;
  {
    const std::lock_guard lock(broker_->mutex);
    inbox_posted_ = false;
    inbox_bytes_ = 0;
    deliveries.swap(inbox_messages_);
    told = std::exchange(told_of_buckets_, false);
  }
  for (Delivery& delivery : deliveries) {
    if (closed_) return;
    ++read_;
    if (delivery.subscription == kInbox) {
      on_answer(std::move(delivery.message));
      continue;
    }
    const auto found = subscriptions_.find(delivery.subscription);
    if (found == subscriptions_.end()) continue;
    const auto subscription = found->second;
    subscription->deliver(std::move(delivery.message));
  }
  read_some_.notify();
  if (told) buckets_changed.notify();
}

void MemoryCore::on_answer(Message message) {
  const auto found = requests_.find(message.subject);
  if (found == requests_.end()) return;
  MemoryRequest& request = *found->second;
  if (request.answers.size() >= request.answers_max) return;
  request.answers.push_back(std::move(message));
  request.changed.notify();
}

Result<std::shared_ptr<MemorySubscriptionState>> MemoryCore::subscribe(std::string_view pattern,
                                                                       SubscribeOptions options,
                                                                       Handler handler) {
  WATTLE_CHECK(nats::check_pattern(pattern));
  if (!options.queue_group.empty()) WATTLE_CHECK(nats::check_subject(options.queue_group));
  if (handler == nullptr)
    return failure(ErrorCode::invalid_argument, "the subscription to \"{}\" has no handler", pattern);
  if (options.pending_messages_max == 0)
    return failure(ErrorCode::invalid_argument, "a subscription that keeps no message gets none");
  if (closed_) return failure(closed_error(closed_because_));
  auto subscription = std::make_shared<MemorySubscriptionState>();
  subscription->core = this;
  subscription->id = next_subscription_++;
  subscription->pattern = pattern;
  subscription->options = std::move(options);
  subscription->handler = std::move(handler);
  subscriptions_.emplace(subscription->id, subscription);
  if (connected_) add_interest(*subscription);
  return subscription;
}

void MemoryCore::add_interest(const MemorySubscriptionState& subscription) {
  const std::lock_guard lock(broker_->mutex);
  broker_->interests.push_back(
      {this, subscription.id, subscription.pattern, subscription.options.queue_group});
}

void MemoryCore::forget(MemorySubscriptionState& subscription) {
  if (std::exchange(subscription.ended, true)) return;
  {
    const std::lock_guard lock(broker_->mutex);
    std::erase_if(broker_->interests, [&](const auto& interest) {
      return interest.core == this && interest.subscription == subscription.id;
    });
  }
  subscriptions_.erase(subscription.id);
}

// Until what lies in the inbox now has reached its subscriptions.
Result<void> MemoryCore::wait_until_read() {
  uint64_t until = 0;
  {
    const std::lock_guard lock(broker_->mutex);
    until = received_;
  }
  while (read_ < until && !closed_) WATTLE_CHECK(read_some_.wait());
  return {};
}

Result<void> MemoryCore::drain(MemorySubscriptionState& subscription) {
  const auto self = shared_from_this();
  const auto keep = subscription.shared_from_this();
  Result<void> outcome;
  if (!subscription.ended) {
    {
      const std::lock_guard lock(broker_->mutex);
      std::erase_if(broker_->interests, [&](const auto& interest) {
        return interest.core == this && interest.subscription == subscription.id;
      });
    }
    outcome = wait_until_read();
    forget(subscription);
  }
  while (outcome && !subscription.idle()) outcome = subscription.changed.wait();
  return outcome;
}

Result<void> MemoryCore::drain() {
  const auto self = shared_from_this();
  if (closed_) return {};
  std::vector<std::shared_ptr<MemorySubscriptionState>> all;
  for (auto& [id, subscription] : subscriptions_) all.push_back(subscription);
  {
    const std::lock_guard lock(broker_->mutex);
    std::erase_if(broker_->interests, [&](const auto& interest) {
      return interest.core == this && interest.subscription != kInbox;
    });
  }
  Result<void> outcome = wait_until_read();
  for (auto& subscription : all)
    while (outcome && !subscription->idle()) outcome = subscription->changed.wait();
  close("the bus in memory has been drained");
  return outcome;
}

namespace {

class MemorySubscription final : public BusSubscription {
 public:
  explicit MemorySubscription(std::shared_ptr<MemorySubscriptionState> state) : state_(std::move(state)) {}
  ~MemorySubscription() override {
    state_->pending.clear();
    state_->pending_bytes = 0;
    if (state_->core != nullptr) state_->core->forget(*state_);
  }
  Result<void> drain() override {
    if (state_->core == nullptr) return {};
    return state_->core->drain(*state_);
  }

 private:
  std::shared_ptr<MemorySubscriptionState> state_;
};

}  // namespace
}  // namespace detail

MemoryBroker::MemoryBroker() : state_(std::make_shared<detail::BrokerState>()) {}

void MemoryBroker::erase_data() {
  const std::lock_guard lock(state_->mutex);
  state_->buckets.clear();
  state_->stores.clear();
  state_->tell_watches();
}

MemoryBus::MemoryBus(async::Worker& worker, MemoryBroker& broker, MemoryBusOptions options)
    : core_(std::make_shared<detail::MemoryCore>(worker, broker.state_, options)) {
  core_->open();
}

MemoryBus::~MemoryBus() {
  core_->close("the bus in memory is closed");
}

void MemoryBus::cut() {
  core_->cut();
}

void MemoryBus::restore() {
  core_->restore();
}

Result<void> MemoryBus::publish(std::string_view subject, std::string_view payload,
                                const PublishOptions& options) {
  return core_->publish(subject, payload, options.reply, options.headers);
}

Result<Message> MemoryBus::request(std::string_view subject, std::string_view payload,
                                   const RequestOptions& options) {
  const auto core = core_;
  async::DeadlineScope scope(
      detail::deadline_after(std::min(options.timeout, core->options().request_timeout)));
  detail::MemoryRequest request;
  auto asked = core->ask(request, subject, payload, options.headers, Duration::max());
  if (asked) return std::move(request.answers.front());
  if (asked.error().code() == ErrorCode::deadline_exceeded && !nats::reason_of(asked.error()))
    return failure(asked.error().with_context(
        fmt::format("no answer on the subject \"{}\" within the deadline", subject)));
  return failure(asked.error());
}

Result<std::vector<Message>> MemoryBus::request_many(std::string_view subject, std::string_view payload,
                                                     const GatherOptions& options) {
  if (options.count_max == 0) return std::vector<Message>();
  const auto core = core_;
  const TimePoint outer = async::Fiber::current().deadline();
  const TimePoint until = detail::deadline_after(options.timeout);
  async::DeadlineScope scope(until);
  detail::MemoryRequest request{.answers_max = options.count_max};
  auto asked = core->ask(request, subject, payload, options.headers, options.quiet);
  if (asked) return std::move(request.answers);
  const auto reason = nats::reason_of(asked.error());
  if (reason == nats::Reason::no_responders) return std::vector<Message>();
  // The end of the time is what was asked for, unless it was the caller's own deadline or nothing was sent.
  if (asked.error().code() == ErrorCode::deadline_exceeded && !reason && until < outer)
    return std::move(request.answers);
  return failure(asked.error());
}

Result<std::unique_ptr<BusSubscription>> MemoryBus::subscribe(std::string_view pattern,
                                                              SubscribeOptions options, Handler handler) {
  WATTLE_TRY(auto state, core_->subscribe(pattern, std::move(options), std::move(handler)));
  return std::make_unique<detail::MemorySubscription>(std::move(state));
}

Result<void> MemoryBus::flush() {
  return core_->wait_connected(core_->options().request_timeout);
}

Result<void> MemoryBus::drain() {
  return core_->drain();
}

Result<std::unique_ptr<Bucket>> MemoryBus::bucket(const BucketConfig& config) {
  return detail::open_memory_bucket(core_, config);
}

Result<void> MemoryBus::remove_bucket(std::string_view name) {
  return detail::remove_memory_bucket(*core_, name);
}

Result<std::unique_ptr<Objects>> MemoryBus::objects(const std::string& store) {
  return detail::open_memory_objects(core_, store);
}

bool MemoryBus::connected() const {
  return core_->connected();
}

async::Signal& MemoryBus::changed() {
  return core_->changed;
}

size_t MemoryBus::max_payload_bytes() const {
  return core_->options().max_payload_bytes;
}

std::string MemoryBus::new_inbox() const {
  return core_->new_inbox();
}

async::Worker& MemoryBus::worker() const {
  return core_->worker();
}

}  // namespace wattle::lattice
