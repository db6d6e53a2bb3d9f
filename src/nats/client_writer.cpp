// What a client sends.
#include <array>
#include <charconv>

#include "nats/client_core.h"
#include "nats/subject.h"

namespace wattle::nats::detail {
namespace {

constexpr size_t kWriteEarlyBytes = 128 * 1024;  // so that a turn that publishes much does not pile it up

void append_number(std::string& out, uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

TimePoint deadline_after(Duration timeout) {
  const TimePoint now = Clock::now();
  return timeout >= kNever - now ? kNever : now + timeout;
}

// Where `bytes` more may be put.
Result<std::string*> Core::room_for(size_t bytes) {
  if (state_ == State::closed)
    return failure(close_reason_
                       ? *close_reason_
                       : nats_error(ErrorCode::unavailable, Reason::closed, "the client is closed"));
  if (transport_ == nullptr) {
    if (cut_off_.size() + bytes > options_.cut_off_bytes_max)
      return failure(nats_error(
          ErrorCode::unavailable, Reason::not_connected,
          fmt::format("there is no connection to NATS (last server: {}), and {} bytes wait for one already",
                      info.url, cut_off_.size())));
    return &cut_off_;
  }
  if (outgoing_.size() + bytes > kWriteEarlyBytes) write();
  if (transport_ == nullptr) return room_for(bytes);  // it broke
  const size_t waiting = outgoing_.size() + transport_->queued();
  if (waiting + bytes > options_.pending_bytes_max && waiting > 0)
    return failure(ErrorCode::overloaded, "the NATS server takes no more: {} bytes wait to be sent", waiting);
  return &outgoing_;
}

Result<void> Core::publish(std::string_view subject, std::string_view reply, const Headers* headers,
                           std::string_view payload) {
  WATTLE_CHECK(check_subject(subject));
  if (!reply.empty()) WATTLE_CHECK(check_subject(reply));
  std::string block;
  if (headers != nullptr && !headers->fields().empty()) WATTLE_CHECK(headers->append_to(block));
  const size_t total = block.size() + payload.size();
  if (total > info.max_payload_bytes)
    return failure(nats_error(ErrorCode::invalid_argument, Reason::payload_too_large,
                              fmt::format("a message of {} bytes to \"{}\" exceeds the NATS server's "
                                          "max_payload of {} bytes",
                                          total, subject, info.max_payload_bytes)));
  WATTLE_TRY(std::string * out, room_for(total + subject.size() + reply.size() + 64));
  out->append(block.empty() ? "PUB " : "HPUB ").append(subject).append(1, ' ');
  if (!reply.empty()) out->append(reply).append(1, ' ');
  if (!block.empty()) {
    append_number(*out, block.size());
    out->append(1, ' ');
  }
  append_number(*out, total);
  out->append("\r\n").append(block).append(payload).append("\r\n");
  ++statistics.sent_messages;
  statistics.sent_bytes += total;
  schedule_write();
  return {};
}

void Core::append_subscription(std::string& out, const SubscriptionState& subscription) const {
  out.append("SUB ").append(subscription.pattern).append(1, ' ');
  if (!subscription.options.queue_group.empty()) out.append(subscription.options.queue_group).append(1, ' ');
  append_number(out, subscription.id);
  out.append("\r\n");
  if (subscription.end_after > subscription.received)
    out.append(
        fmt::format("UNSUB {} {}\r\n", subscription.id, subscription.end_after - subscription.received));
}

// Commands are few and short: they are never refused, and not kept over a cut, after which install() says
// anew what holds.
void Core::send_command(std::string_view command) {
  if (transport_ == nullptr) return;
  outgoing_ += command;
  schedule_write();
}

// Everything that this turn of the loop publishes goes out in one write. The reader writes when it is done.
void Core::schedule_write() {
  if (write_scheduled_ || reading_ || transport_ == nullptr) return;
  write_scheduled_ = true;
  boost::asio::post(worker_.io(), [self = shared_from_this()] {
    self->write_scheduled_ = false;
    self->write();
  });
}

// A transport that is behind keeps what it has; the next piece goes to it when it is done.
void Core::write() {
  while (transport_ != nullptr) {
    if (transport_->queued() == 0) {
      if (outgoing_.empty()) return;
      transport_->output().swap(outgoing_);
      outgoing_.clear();
    }
    const auto progress = transport_->flush();
    if (progress == http::Transport::Progress::waiting) return;
    if (progress == http::Transport::Progress::failed) return lose(transport_->error());
  }
}

void Core::subscribe_inbox() {
  if (inbox_open_) return;
  inbox_open_ = true;
  send_command(fmt::format("SUB {}* 1\r\n", inbox_));
}

Result<void> Core::ask(PendingRequest& pending, std::string_view payload, const Headers* headers,
                       Duration quiet) {
  const auto self = shared_from_this();
  WATTLE_CHECK(wait_connected());
  subscribe_inbox();
  if (inbox_refused_) return failure(*inbox_refused_);
  const uint64_t token = next_request_++;
  std::array<char, 128> reply;
  if (inbox_.size() + 16 > reply.size())
    return failure(ErrorCode::invalid_argument, "the inbox prefix \"{}\" is too long", options_.inbox_prefix);
  const auto prefix_end = std::copy(inbox_.begin(), inbox_.end(), reply.data());
  const auto end = std::to_chars(prefix_end, reply.data() + reply.size(), token, 36).ptr;
  WATTLE_CHECK(
      publish(pending.subject, {reply.data(), static_cast<size_t>(end - reply.data())}, headers, payload));
  requests_.emplace(token, &pending);
  Result<void> waited;
  size_t seen = 0;
  TimePoint quiet_from = kNever;  // quiet counts from the first answer on
  while (waited && !pending.over) {
    if (pending.answers.size() > seen && quiet != Duration::max()) quiet_from = Clock::now() + quiet;
    seen = pending.answers.size();
    async::Signal* signals[] = {&pending.changed};
    waited = async::Signal::wait_any(signals, quiet_from);
    if (waited && Clock::now() >= quiet_from && pending.answers.size() == seen) break;
  }
  requests_.erase(token);
  if (pending.error) return failure(std::move(*pending.error));
  return waited;
}

Result<void> Core::flush() {
  const auto self = shared_from_this();
  async::DeadlineScope scope(deadline_after(options_.request_timeout));
  WATTLE_CHECK(wait_connected());
  const auto waiter = std::make_shared<PongWaiter>();
  pongs_.push_back(waiter);
  send_command("PING\r\n");
  while (!waiter->over) WATTLE_CHECK(waiter->changed.wait());
  if (waiter->error) return failure(*waiter->error);
  return {};
}

}  // namespace wattle::nats::detail
