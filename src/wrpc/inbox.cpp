#include "wrpc/inbox.h"

#include <array>
#include <charconv>

namespace wattle::wrpc {
namespace {

// So much is published between two looks at whether the bus keeps up.
constexpr size_t kFlushBytes = 1 << 20;

Error connection_lost() {
  return wrpc_error(ErrorCode::unavailable, Reason::maybe_begun,
                    "the connection to the bus was lost while the call was under way");
}

Error inbox_closed() {
  return wrpc_error(ErrorCode::unavailable, Reason::closed, "calls have ended here");
}

}  // namespace

Result<std::shared_ptr<Inbox>> Inbox::open(lattice::Bus& bus, EndLimits limits) {
  auto inbox = std::make_shared<Inbox>(bus, limits);
  inbox->prefix_ = bus.new_inbox() + ".";
  WATTLE_TRY(inbox->subscription_,
             bus.subscribe(inbox->prefix_ + ">", {}, [weak = std::weak_ptr(inbox)](lattice::Message message) {
               if (const auto self = weak.lock()) self->dispatch(std::move(message));
             }));
  inbox->spawn([self = inbox.get()] { self->watch_connection(); });
  return inbox;
}

void Inbox::dispatch(lattice::Message message) {
  if (message.subject.size() <= prefix_.size()) return;
  const char* first = message.subject.data() + prefix_.size();
  const char* last = message.subject.data() + message.subject.size();
  uint64_t id = 0;
  const auto [end, problem] = std::from_chars(first, last, id);
  if (problem != std::errc() || (end != last && *end != '.')) return;
  const auto found = ends_.find(id);
  if (found == ends_.end()) return;  // over
  const std::shared_ptr<CallEnd> call = found->second;
  const std::string_view suffix(end == last ? last : end + 1, last);
  call->deliver(suffix, std::move(message));
}

// Answers to what was sent over a lost connection do not come any more.
void Inbox::watch_connection() {
  bool was_connected = bus_.connected();
  while (!closed_) {
    if (!bus_.changed().wait() || closed_) return;
    const bool is_connected = bus_.connected();
    if (!is_connected || was_connected) {
      for (const auto& end : ends()) end->fail(connection_lost());
    }
    was_connected = is_connected;
  }
}

void Inbox::close(const Error& error) {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  subscription_.reset();
  for (const auto& [id, end] : std::exchange(ends_, {})) end->fail(error);
  async::Fiber* const current = async::Fiber::current_or_null();
  const auto fibers = fibers_;  // one that ends takes itself out
  for (async::Fiber* fiber : fibers)
    if (fiber != current && fibers_.contains(fiber)) fiber->cancel(error);
  closing_.notify();
  if (current == nullptr) return;
  async::MaskScope mask;
  const size_t rest = fibers_.contains(current) ? 1 : 0;
  while (fibers_.size() > rest) (void)fibers_changed_.wait();
}

std::shared_ptr<CallEnd> Inbox::add(Side side) {
  const uint64_t id = next_++;
  auto end = std::make_shared<CallEnd>(*this, id, fmt::format("{}{}", prefix_, id), side, limits_);
  if (closed_) {
    end->fail(inbox_closed());
  } else {
    ends_.emplace(id, end);
  }
  return end;
}

std::vector<std::shared_ptr<CallEnd>> Inbox::ends() const {
  std::vector<std::shared_ptr<CallEnd>> all;
  all.reserve(ends_.size());
  for (const auto& entry : ends_) all.push_back(entry.second);
  return all;
}

void Inbox::remove(const CallEnd& end) {
  const auto found = ends_.find(end.id());
  if (found == ends_.end()) return;
  const std::shared_ptr<CallEnd> keep = found->second;
  ends_.erase(found);
  if (!keep->idle()) keep->fail(inbox_closed());
}

std::shared_ptr<async::Fiber> Inbox::spawn(std::function<void()> body) {
  auto fiber = bus_.worker().spawn([self = shared_from_this(), body = std::move(body)]() mutable {
    body();
    body = nullptr;
    self->fibers_.erase(&async::Fiber::current());
    self->fibers_changed_.notify();
  });
  fibers_.insert(fiber.get());
  return fiber;
}

void Inbox::linger(std::shared_ptr<CallEnd> end, TimePoint deadline) {
  if (closed_) return;
  spawn([this, end = std::move(end), deadline] {
    async::Fiber::current().set_deadline(deadline);
    while (!end->idle() && !end->failure)
      if (auto waited = end->changed.wait(); !waited) end->fail(waited.error());
    remove(*end);
  });
}

Result<void> Inbox::publish_paced(std::string_view subject, std::string_view payload,
                                  const lattice::PublishOptions& options) {
  while (true) {
    if (closed_) return failure(inbox_closed());
    Result<void> sent = bus_.publish(subject, payload, options);
    if (!sent && sent.error().code() != ErrorCode::overloaded) return sent;
    unflushed_bytes_ += payload.size();
    if (sent && unflushed_bytes_ < kFlushBytes) return {};
    unflushed_bytes_ = 0;
    WATTLE_CHECK(bus_.flush());
    if (sent) return {};
  }
}

Result<void> Inbox::wait_connected() {
  while (!bus_.connected()) {
    if (closed_) return failure(inbox_closed());
    const std::array<async::Signal*, 2> signals = {&bus_.changed(), &closing_};
    WATTLE_CHECK(async::Signal::wait_any(signals));
  }
  if (closed_) return failure(inbox_closed());
  return {};
}

}  // namespace wattle::wrpc
