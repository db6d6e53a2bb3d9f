// What a client does with what the server sends.
#include <charconv>

#include "nats/client_core.h"
#include "nats/subject.h"

namespace wattle::nats::detail {
namespace {

constexpr size_t kReadBytes = 128 * 1024;
constexpr int kReadsAtOnce = 16;  // then others on the worker get their turn
constexpr uint64_t kInbox = 1;

// The text between the first pair of double quotes.
std::string_view quoted(std::string_view text) {
  const size_t begin = text.find('"');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin + 1, text.find('"', begin + 1) - begin - 1);
}

}  // namespace

void Core::on_transport_event() {
  if (transport_ == nullptr || reading_) return;
  const auto self = shared_from_this();
  // A woken fiber might end the client while its input is being read: they run right after.
  async::DeferWakesScope defer(worker_);
  reading_ = true;
  int reads = 0;
  auto progress = http::Transport::Progress::done;
  // The first round takes what is in the transport already.
  while (read_operations()) {
    if (reads++ == kReadsAtOnce) {
      worker_.post([self] { self->on_transport_event(); });
      break;
    }
    progress = transport_->fill(kReadBytes);
    if (progress != http::Transport::Progress::done) break;
  }
  reading_ = false;
  if (transport_ == nullptr) return;
  if (progress == http::Transport::Progress::failed) return lose(transport_->error());
  if (transport_->at_end())
    return lose(
        nats_error(ErrorCode::unavailable, Reason::connection_lost, "the NATS server closed the connection"));
  write();
}

// Handles every whole operation of the input; false when the connection has gone meanwhile.
bool Core::read_operations() {
  Operation operation;
  while (transport_ != nullptr) {
    switch (parser_.next(transport_->input(), operation)) {
      case Parser::Step::more:
        return true;
      case Parser::Step::malformed:
        lose(nats_error(ErrorCode::malformed, Reason::connection_lost,
                        fmt::format("the NATS server sent {}", parser_.problem())));
        return false;
      case Parser::Step::operation:
        if (!handle(operation)) return false;
        transport_->consume(operation.bytes);
    }
  }
  return false;
}

// False when the connection has gone: the operation's views are no more.
bool Core::handle(const Operation& operation) {
  const http::Transport* before = transport_.get();
  switch (operation.kind) {
    case Operation::Kind::message:
      on_message(operation);
      break;
    case Operation::Kind::ping:
      outgoing_ += "PONG\r\n";
      break;
    case Operation::Kind::pong:
      on_pong();
      break;
    case Operation::Kind::info:
      on_info(operation.text);
      break;
    case Operation::Kind::error:
      on_error(operation.text);
      break;
    case Operation::Kind::ok:
      break;
  }
  return transport_.get() == before;
}

void Core::on_message(const Operation& operation) {
  ++statistics.received_messages;
  statistics.received_bytes += operation.headers.size() + operation.payload.size();
  std::shared_ptr<SubscriptionState> subscription;
  if (operation.subscription != kInbox) {
    const auto found = subscriptions_.find(operation.subscription);
    if (found == subscriptions_.end()) return;  // ended a moment ago
    subscription = found->second;
  }
  Message message;
  message.subject = operation.subject;
  message.reply = operation.reply;
  message.payload = operation.payload;
  if (!operation.headers.empty()) message.headers = Headers::parse(operation.headers);
  if (subscription == nullptr) return on_answer(std::move(message));
  subscription->deliver(std::move(message));
}

void Core::on_answer(Message message) {
  if (message.subject.size() <= inbox_.size()) return;
  uint64_t token = 0;
  const char* end = message.subject.data() + message.subject.size();
  const auto read = std::from_chars(message.subject.data() + inbox_.size(), end, token, 36);
  if (read.ec != std::errc() || read.ptr != end) return;
  const auto found = requests_.find(token);
  if (found == requests_.end()) return;  // nobody waits any more
  PendingRequest& request = *found->second;
  if (request.over) return;
  if (message.headers.status() == 503 && message.payload.empty()) {
    request.error = nats_error(ErrorCode::unavailable, Reason::no_responders,
                               fmt::format("nobody answers on the NATS subject \"{}\"", request.subject));
    request.over = true;
  } else {
    request.answers.push_back(std::move(message));
    request.over = request.answers.size() >= request.answers_max;
  }
  request.changed.notify();
}

void Core::on_pong() {
  if (pongs_.empty()) return;
  const auto waiter = std::move(pongs_.front());
  pongs_.pop_front();
  unanswered_pings_ = 0;
  if (waiter == nullptr) return;
  waiter->over = true;
  waiter->changed.notify();
}

void Core::on_info(std::string_view text) {
  auto fresh = parse_server_info(text);
  if (!fresh) return;  // what was known goes on being true
  const bool was_lame_duck = info.lame_duck;
  fresh->url = info.url;
  info = std::move(*fresh);
  servers_.learn(info.connect_urls, *server_);
  if (info.lame_duck && !was_lame_duck)
    tell(Event::Kind::lame_duck, Error(ErrorCode::unavailable, "the NATS server is about to stop"));
}

// -ERR. Of a subject that is not ours to use the server says so and goes on; everything else ends the
// connection, right after this.
void Core::on_error(std::string_view text) {
  Error error = server_error(text);
  if (!text.starts_with("Permissions Violation")) {
    last_server_error_ = std::move(error);
    return;
  }
  const std::string_view subject = quoted(text);
  if (text.find("for Subscription") != std::string_view::npos) {
    if (subject == inbox_ + "*") {
      inbox_refused_ = error;
      fail_in_flight(error);
    }
    for (auto& [id, subscription] : subscriptions_) {
      if (subscription->pattern != subject) continue;
      subscription->refused = error;
      subscription->changed.notify();
    }
  } else {
    for (auto& [token, request] : requests_) {
      if (request->over || request->subject != subject) continue;
      request->error = error;
      request->over = true;
      request->changed.notify();
    }
  }
  tell(Event::Kind::server_error, std::move(error));
}

}  // namespace wattle::nats::detail
