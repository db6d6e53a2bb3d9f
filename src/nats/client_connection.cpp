// How a client gets its connection, keeps it, and gets another.
#include <sodium.h>

#include <algorithm>

#include "nats/client_core.h"
#include "nats/subject.h"

namespace wattle::nats::detail {
namespace {

Error closed_error(const std::optional<Error>& reason) {
  return reason ? *reason : nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client is closed");
}

// Shorter by chance, by up to half.
Duration jittered(Duration wait) {
  const auto half = std::chrono::duration_cast<std::chrono::microseconds>(wait).count() / 2;
  if (half <= 0) return wait;
  const auto less = randombytes_uniform(static_cast<uint32_t>(std::min<int64_t>(half, UINT32_MAX)));
  return wait - std::chrono::microseconds(less);
}

}  // namespace

Core::Core(async::Worker& worker, ClientOptions options, std::vector<Url> urls)
    : worker_(worker),
      options_(std::move(options)),
      own_offload_(options_.offload == nullptr ? std::make_unique<async::OffloadPool>(1) : nullptr),
      connector_(worker, options_, options_.offload == nullptr ? *own_offload_ : *options_.offload),
      servers_(std::move(urls)),
      unique_(unique_name()) {
  inbox_ = fmt::format("{}.{}.", options_.inbox_prefix, unique_);
}

std::string Core::new_inbox() {
  return fmt::format("{}.{}_{}", options_.inbox_prefix, unique_, next_inbox_++);
}

Result<void> Core::start() {
  std::optional<Error> last;
  for (size_t tried = 0; tried < servers_.size(); ++tried) {
    auto connected = try_server(servers_.next());
    if (connected) {
      keeper_ = worker_.spawn([self = shared_from_this()] { self->keep(); });
      return {};
    }
    if (async::Fiber::current().cancellation()) return connected;
    // Of several failures the one that a person can mend says most.
    if (!last || connected.error().code() == ErrorCode::permission_denied) last = connected.error();
  }
  return failure(std::move(*last));
}

Result<void> Core::try_server(const Server& server) {
  server_ = server;
  WATTLE_TRY(auto connected, connector_.connect(server));
  if (state_ == State::closed) return failure(closed_error(close_reason_));
  install(std::move(connected));
  return {};
}

void Core::install(Connector::Connected connected) {
  transport_ = std::move(connected.transport);
  transport_->set_owner(*this);
  info = std::move(connected.info);
  servers_.learn(info.connect_urls, *server_);
  parser_ = Parser();
  last_server_error_.reset();
  inbox_refused_.reset();
  unanswered_pings_ = 0;
  next_ping_ = Clock::now() + options_.ping_interval;
  if (inbox_open_) outgoing_ += fmt::format("SUB {}* 1\r\n", inbox_);
  for (auto& [id, subscription] : subscriptions_) {
    subscription->refused.reset();
    append_subscription(outgoing_, *subscription);
  }
  outgoing_ += std::exchange(cut_off_, {});
  set_state(State::connected);
  write();
  // What came behind the PONG is in the transport already, and raises no event.
  worker_.post([self = shared_from_this()] { self->on_transport_event(); });
}

void Core::set_state(State state) {
  if (state_ == state) return;
  state_ = state;
  changed.notify();
}

void Core::tell(Event::Kind kind, Error reason) {
  if (options_.log != nullptr) {
    const std::string text = reason.full_message();
    const telemetry::LogFields fields = {{"server", info.url}, {"reason", text}};
    if (kind == Event::Kind::disconnected) options_.log->warn("lost the connection to NATS", fields);
    if (kind == Event::Kind::reconnected)
      options_.log->info("connected to NATS again", {{"server", info.url}});
    if (kind == Event::Kind::server_error) options_.log->warn("NATS refused something", fields);
    if (kind == Event::Kind::slow_consumer) options_.log->warn("a NATS subscription drops messages", fields);
    if (kind == Event::Kind::lame_duck) options_.log->info("the NATS server is about to stop", fields);
  }
  if (listener) listener({kind, std::move(reason), info.url});
}

void Core::keep() {
  while (state_ != State::closed) {
    if (transport_ == nullptr) {
      reconnect();
      continue;
    }
    async::Signal* signals[] = {&lost_};
    (void)async::Signal::wait_any(signals, next_ping_);
    if (transport_ != nullptr && Clock::now() >= next_ping_) ping_or_give_up();
  }
}

void Core::ping_or_give_up() {
  if (unanswered_pings_ >= options_.unanswered_pings_max) {
    lose(nats_error(ErrorCode::unavailable, Reason::connection_lost,
                    fmt::format("the NATS server has not answered {} pings", unanswered_pings_)));
    return;
  }
  transport_->shrink();  // it may have grown with a large message
  ++unanswered_pings_;
  pongs_.push_back(nullptr);
  send_command("PING\r\n");
  next_ping_ = Clock::now() + options_.ping_interval;
}

// Goes through all servers, then waits, and again, until one lets us in or the client is closed.
void Core::reconnect() {
  Duration wait = options_.reconnect_wait_min;
  while (state_ != State::closed) {
    for (size_t tried = 0; tried < servers_.size() && state_ != State::closed; ++tried) {
      auto connected = try_server(servers_.next());
      if (connected) {
        ++statistics.reconnects;
        tell(Event::Kind::reconnected, Error(ErrorCode::unavailable, "the connection had been lost"));
        return;
      }
      if (options_.log != nullptr)
        options_.log->debug("no connection to NATS", {{"reason", connected.error().full_message()}});
    }
    if (state_ == State::closed) return;
    (void)async::sleep_for(jittered(wait));
    wait = std::min(2 * wait, options_.reconnect_wait_max);
  }
}

// The transport may be further up on the stack.
void Core::retire_transport() {
  if (transport_ == nullptr) return;
  transport_->close();
  worker_.post([transport = std::shared_ptr<http::Transport>(std::move(transport_))] {});
}

void Core::lose(Error reason) {
  if (transport_ == nullptr || state_ == State::closed) return;
  if (last_server_error_) reason = std::move(*std::exchange(last_server_error_, std::nullopt));
  const bool draining = state_ == State::draining;
  retire_transport();
  outgoing_.clear();
  fail_in_flight(nats_error(ErrorCode::unavailable, Reason::connection_lost,
                            fmt::format("the connection to NATS was lost: {}", reason.message())));
  if (draining) return close(std::move(reason));
  set_state(State::reconnecting);
  tell(Event::Kind::disconnected, std::move(reason));
  lost_.notify();
}

void Core::fail_in_flight(const Error& reason) {
  async::DeferWakesScope defer(worker_);
  for (auto& [token, request] : requests_) {
    request->error = reason;
    request->over = true;
    request->changed.notify();
  }
  for (auto& waiter : std::exchange(pongs_, {})) {
    if (waiter == nullptr) continue;
    waiter->error = reason;
    waiter->over = true;
    waiter->changed.notify();
  }
}

void Core::close(Error reason) {
  if (state_ == State::closed) return;
  const auto self = shared_from_this();
  if (transport_ != nullptr) {
    write();
    if (transport_ != nullptr) transport_->shut_down_sending();
  }
  close_reason_ = std::move(reason);
  retire_transport();
  set_state(State::closed);
  fail_in_flight(closed_error(close_reason_));
  listener = nullptr;
  {
    async::DeferWakesScope defer(worker_);
    for (auto& [id, subscription] : std::exchange(subscriptions_, {})) {
      subscription->core = nullptr;
      if (subscription->handler) subscription->drop_pending();
      subscription->end();
    }
  }
  lost_.notify();
  if (keeper_ != nullptr && !keeper_->finished() && keeper_.get() != async::Fiber::current_or_null())
    keeper_->cancel();
}

Result<void> Core::wait_connected() {
  const auto self = shared_from_this();
  while (transport_ == nullptr) {
    if (state_ == State::closed) return failure(closed_error(close_reason_));
    auto waited = changed.wait();
    if (waited) continue;
    if (waited.error().code() != ErrorCode::deadline_exceeded) return waited;
    return failure(nats_error(
        ErrorCode::deadline_exceeded, Reason::not_connected,
        fmt::format("there was no connection to NATS within the deadline (last server: {})", info.url)));
  }
  return {};
}

Result<void> Core::drain(SubscriptionState& subscription) {
  const auto self = shared_from_this();
  const auto keep = subscription.shared_from_this();
  Result<void> outcome;
  if (!subscription.ended && transport_ != nullptr) {
    send_command(fmt::format("UNSUB {}\r\n", subscription.id));
    outcome = flush();
  }
  forget(subscription);
  while (outcome && subscription.handler && !subscription.idle()) outcome = subscription.changed.wait();
  return outcome;
}

Result<void> Core::drain() {
  const auto self = shared_from_this();
  if (state_ != State::connected) {
    close(nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client was closed while cut off"));
    return {};
  }
  std::vector<std::shared_ptr<SubscriptionState>> all;
  all.reserve(subscriptions_.size());
  for (auto& [id, subscription] : subscriptions_) {
    send_command(fmt::format("UNSUB {}\r\n", id));
    all.push_back(subscription);
  }
  // What handlers still have to ask and to answer goes out as before.
  set_state(State::draining);
  Result<void> outcome = flush();
  for (auto& subscription : all) {
    while (outcome && subscription->handler && !subscription->idle()) outcome = subscription->changed.wait();
    forget(*subscription);
  }
  if (outcome) outcome = flush();
  close(nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client has been drained"));
  return outcome;
}

}  // namespace wattle::nats::detail
