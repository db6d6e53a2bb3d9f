#include "wrpc/client.h"

#include "lattice/names.h"
#include "wrpc/inbox.h"

namespace wattle::wrpc {
namespace {

std::string name_of(const Call& call) {
  return fmt::format("{}{}{} of {}", call.instance, call.instance.empty() ? "" : ".", call.function,
                     call.prefix);
}

Error not_begun(const Call& call, const Error& cause) {
  const bool is_deadline = cause.code() == ErrorCode::deadline_exceeded;
  Error top = wrpc_error(cause.code(), Reason::not_begun,
                         fmt::format("{} was not called{}", name_of(call),
                                     is_deadline ? ": there was no connection to the bus" : ""));
  return Error(top.code(), top.message(), cause).with_detail(top.detail());
}

Error with_cause(Reason reason, std::string message, const Error& cause) {
  const Error top = wrpc_error(cause.code(), reason, std::move(message));
  return Error(top.code(), top.message(), cause).with_detail(top.detail());
}

int64_t milliseconds_left(TimePoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return std::max<int64_t>(left, 1);
}

// A callee may be at work for nobody. One of another make would not understand it.
void tell_cancelled(const Inbox& inbox, const CallEnd& end) {
  const bool is_done = end.answer && !end.answer_has_streams;
  const bool is_foreign = end.accepted && !end.peer_is_wattle;
  if (is_done || is_foreign || inbox.closed() || !inbox.bus().connected()) return;
  (void)inbox.bus().publish(end.callee + std::string(kCancelSuffix), end.address());
}

// Whoever writes into streams that were never taken learns that nobody reads them.
class StreamsGuard {
 public:
  explicit StreamsGuard(SubStreams& streams) : streams_(streams) {}
  void keep() { streams_.clear(); }
  ~StreamsGuard() {
    for (const SubStream& stream : streams_) stream.pipe->stop_reading();
  }
  StreamsGuard(const StreamsGuard&) = delete;
  StreamsGuard& operator=(const StreamsGuard&) = delete;

 private:
  SubStreams& streams_;
};

}  // namespace

// ---- Answer

Answer& Answer::operator=(Answer&& other) noexcept {
  let_go();
  result = std::move(other.result);
  inbox_ = std::move(other.inbox_);
  end_ = std::move(other.end_);
  deadline_ = other.deadline_;
  is_foreign_ = other.is_foreign_;
  is_received_ = other.is_received_;
  return *this;
}

Answer::~Answer() {
  let_go();
}

Result<void> Answer::receive(const SubStreams& streams) {
  if (streams.empty()) return {};
  if (end_ == nullptr)
    return failure(ErrorCode::malformed, "the result holds streams, but the callee sends none");
  is_received_ = true;
  return end_->receive(streams);
}

void Answer::let_go() {
  const auto end = std::exchange(end_, nullptr);
  const auto inbox = inbox_.lock();
  if (end == nullptr || inbox == nullptr) return;
  if (end->answer_has_streams && !is_received_ && !end->failure) tell_cancelled(*inbox, *end);
  if (end->idle()) {
    inbox->remove(*end);
  } else {
    inbox->linger(end, deadline_);
  }
}

// ---- Client

Result<std::unique_ptr<Client>> Client::start(lattice::Bus& bus, ClientOptions options) {
  WATTLE_TRY(auto inbox, Inbox::open(bus, options.limits));
  return std::unique_ptr<Client>(new Client(std::move(inbox), options));
}

Client::~Client() {
  inbox_->close(wrpc_error(ErrorCode::unavailable, Reason::closed, "the caller's client was closed"));
}

size_t Client::calls() const {
  return inbox_->calls();
}

void Client::abandon(std::string_view prefix, const Error& error) {
  const Error reason = with_cause(Reason::maybe_begun, "the callee went away", error);
  for (const auto& end : inbox_->ends())
    if (std::string_view(end->callee).starts_with(prefix)) end->fail(reason);
}

// Publishes the call with as much of its parameters as fits, and returns the rest.
Result<std::string_view> Client::begin(const Call& call, std::string_view subject, CallEnd& end,
                                       TimePoint deadline) {
  lattice::Headers headers = call.headers != nullptr ? *call.headers : lattice::Headers();
  headers.add(kCallHeader, std::to_string(milliseconds_left(deadline)));
  const size_t around = header_bytes(headers) + end.address().size();
  const size_t most = inbox_->bus().max_payload_bytes();
  std::string_view first = call.parameters;
  if (around + first.size() > most || !call.streams.empty()) {
    const size_t rest_header = kRestHeader.size() + 4 + 20;
    first = first.substr(0, most > around + rest_header ? most - around - rest_header : 0);
    headers.add(kRestHeader, std::to_string(call.parameters.size() - first.size()));
  }
  WATTLE_CHECK(inbox_->bus().publish(subject, first, {.reply = end.address(), .headers = &headers}));
  return call.parameters.substr(first.size());
}

// Waits for the answer, and sends what did not fit when the callee asks for it.
Result<std::string> Client::follow(Call& call, std::string_view rest, CallEnd& end, TimePoint deadline) {
  bool is_sent = false;
  while (true) {
    if (end.failure) return failure(*end.failure);
    // A callee may answer at once and yet go on to read the parameters' streams.
    const bool is_over = end.answer && !end.answer_has_streams;
    if (end.accepted && !is_sent && !is_over) {
      is_sent = true;
      if (!rest.empty() || !end.peer_is_wattle) WATTLE_CHECK(end.send_root(rest));
      end.send(std::exchange(call.streams, {}), deadline);
      continue;
    }
    if (end.answer) return *std::move(end.answer);
    if (end.root_ended || (!end.root.empty() && call.is_whole && call.is_whole(end.root)))
      return std::move(end.root);
    WATTLE_CHECK(end.changed.wait());
  }
}

Error Client::failed(const Call& call, const CallEnd& end, const Error& error) {
  if (!certainly_not_begun(error)) tell_cancelled(*inbox_, end);
  if (certainly_not_begun(error))
    return with_cause(Reason::not_begun, name_of(call) + " was not called", error);
  if (error.code() == ErrorCode::deadline_exceeded)
    return with_cause(Reason::maybe_begun, name_of(call) + " did not answer within the call's deadline",
                      error);
  return with_cause(Reason::maybe_begun, name_of(call) + " failed", error);
}

Result<Answer> Client::invoke(Call call) {
  async::Fiber& fiber = async::Fiber::current();
  const TimePoint deadline =
      std::min(fiber.deadline(), fiber.deadline() == kNever ? Clock::now() + options_.call_timeout : kNever);
  const async::DeadlineScope scope(deadline);
  StreamsGuard guard(call.streams);
  const size_t streams = call.streams.size();
  const auto not_begun_at_all = [&](const Error& error) {
    if (call.keeps_streams) guard.keep();
    return failure(not_begun(call, error));
  };
  const auto inbox = inbox_;
  if (auto ready = inbox->wait_connected(); !ready) return not_begun_at_all(ready.error());
  const std::string subject = lattice::call_subject(call.prefix, call.instance, call.function);
  const std::shared_ptr<CallEnd> end = inbox->add(Side::caller);
  end->callee = call.prefix;
  Answer answer;  // forgets the end, in whatever way this ends
  answer.inbox_ = inbox;
  answer.end_ = end;
  answer.deadline_ = deadline;
  const Result<std::string_view> rest = begin(call, subject, *end, deadline);
  if (!rest) return not_begun_at_all(rest.error());
  Result<std::string> result = follow(call, *rest, *end, deadline);
  if (!result) {
    Error error = failed(call, *end, result.error());
    if (call.keeps_streams && certainly_not_begun(error)) {
      if (call.streams.size() == streams) {
        guard.keep();
      } else {
        error = with_cause(Reason::maybe_begun, "the parameters' streams had been begun", error);
      }
    }
    end->fail(error);
    return failure(std::move(error));
  }
  // A callee that is done needs no more of the parameters' streams.
  if (end->answer && !end->answer_has_streams) end->stop_sending();
  answer.result = *std::move(result);
  answer.is_foreign_ = !end->peer_is_wattle;
  if (end->answer && !end->answer_has_streams) answer.let_go();
  return answer;
}

}  // namespace wattle::wrpc
