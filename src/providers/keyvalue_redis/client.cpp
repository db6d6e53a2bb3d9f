#include "providers/keyvalue_redis/client.h"

#include <algorithm>

namespace wattle::providers::redis {
namespace {

using namespace std::chrono_literals;
using http::Transport;
using Progress = Transport::Progress;

constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 500ms;

Error server_refusal(const std::string& text) {
  const bool denied =
      text.starts_with("NOPERM") || text.starts_with("NOAUTH") || text.starts_with("WRONGPASS");
  return {denied ? ErrorCode::permission_denied : ErrorCode::invalid, fmt::format("Redis refused: {}", text)};
}

Error lost_error(const Address& address, std::string_view why) {
  return {ErrorCode::unavailable, fmt::format("the connection to {} was lost: {}", address.text(), why)};
}

Result<Reply> ask(Transport& transport, http::WaitingOwner& owner, std::span<const std::string_view> words) {
  std::string command;
  append_command(command, words);
  if (transport.send(command) == Progress::failed) return failure(transport.error());
  WATTLE_TRY(Reply reply, next_reply(transport, owner));
  if (reply.kind == Reply::Kind::error) return failure(server_refusal(reply.text));
  return reply;
}

}  // namespace

Result<Reply> next_reply(Transport& transport, http::WaitingOwner& owner) {
  size_t needed_bytes = 1;
  for (;;) {
    if (transport.input().size() >= needed_bytes) {
      Reply reply;
      WATTLE_TRY(const ReplyProgress progress, read_reply(transport.input(), reply));
      if (progress.bytes > 0) {
        transport.consume(progress.bytes);
        return reply;
      }
      needed_bytes = progress.needed_bytes;
    }
    if (transport.queued() > 0 && transport.flush() == Progress::failed) return failure(transport.error());
    const Progress filled = transport.fill();
    if (filled == Progress::failed) return failure(transport.error());
    if (filled == Progress::done) continue;
    if (transport.at_end()) return failure(ErrorCode::unavailable, "the server closed the connection");
    WATTLE_CHECK(owner.wait());
  }
}

Result<std::unique_ptr<Transport>> connect(async::Worker& worker, async::OffloadPool& blocking,
                                           const ClientOptions& options, http::WaitingOwner& owner) {
  const Address& address = options.address;
  const async::DeadlineScope deadline(Clock::now() + options.connect_timeout);
  const http::Destination destination{.scheme = "redis", .host = address.host, .port = address.port};
  WATTLE_TRY(const auto addresses, http::look_up(blocking, address.host, address.port));
  boost::asio::ip::tcp::endpoint connected_to;
  WATTLE_TRY(auto transport, http::connect(worker, destination, addresses, nullptr,
                                           address.tls ? options.tls.get() : nullptr, owner, connected_to));
  if (!address.password.empty()) {
    std::vector<std::string_view> words{"AUTH"};
    if (!address.user.empty()) words.push_back(address.user);
    words.push_back(address.password);
    WATTLE_CHECK(ask(*transport, owner, words));
  }
  if (address.database != 0) {
    const std::string number = std::to_string(address.database);
    const std::string_view words[] = {"SELECT", number};
    WATTLE_CHECK(ask(*transport, owner, words));
  }
  return transport;
}

Result<Reply> Connection::command(std::string_view encoded, bool& sent) {
  const auto self = shared_from_this();
  sent = false;
  if (!waiting_.empty() && Clock::now() - waiting_.front()->since > options_.silence_max)
    lose(lost_error(options_.address, "it has not answered for too long"));
  WATTLE_CHECK(be_connected());
  if (waiting_.size() >= options_.commands_waiting_max ||
      transport_->queued() + encoded.size() > options_.bytes_waiting_max)
    return failure(ErrorCode::overloaded, "{} has not answered {} commands, and takes no more",
                   options_.address.text(), waiting_.size());
  auto waiting = std::make_shared<Waiting>();
  waiting->since = Clock::now();
  waiting_.push_back(waiting);
  sent = true;
  // What one turn of the loop sends goes out in one write.
  transport_->output().append(encoded);
  if (!std::exchange(flush_posted_, true)) worker_.post([self] { self->flush(); });
  while (!waiting->outcome) {
    auto waited = waiting->done.wait();
    if (waited || waiting->outcome) continue;
    // Its answer is read and dropped when it comes.
    if (waited.error().code() == ErrorCode::deadline_exceeded)
      return failure(ErrorCode::deadline_exceeded, "{} has not answered within the deadline",
                     options_.address.text());
    return failure(waited.error());
  }
  return std::move(*waiting->outcome);
}

Result<void> Connection::be_connected() {
  if (transport_ != nullptr) return {};
  if (closed_) return failure(ErrorCode::unavailable, "the Redis client is closed");
  const uint64_t attempts_before = attempts_;
  const TimePoint patience = Clock::now() + options_.connect_wait;
  ++wanting_;
  if (connecting_ == nullptr)
    connecting_ = worker_.spawn([self = shared_from_this()] { self->keep_connecting(); });
  Result<void> waited;
  async::Signal* signals[] = {&changed_};
  while (transport_ == nullptr && !closed_ && waited && Clock::now() < patience)
    waited = async::Signal::wait_any(signals, patience);
  --wanting_;
  if (transport_ != nullptr) return {};
  if (!waited && waited.error().code() != ErrorCode::deadline_exceeded) return waited;
  const std::string where = fmt::format("there is no connection to {}", options_.address.text());
  const ErrorCode code = waited ? ErrorCode::unavailable : ErrorCode::deadline_exceeded;
  const std::string within = waited ? "" : " within the deadline";
  if (last_error_ && attempts_ != attempts_before)
    return failure(Error(last_error_->code() == ErrorCode::permission_denied ? last_error_->code() : code,
                         where + within, *last_error_));
  return failure(Error(code, where + within));
}

// On a fiber of its own, for as long as somebody wants a connection.
void Connection::keep_connecting() {
  Duration pause = kFirstPause;
  while (!closed_ && wanting_ > 0) {
    http::WaitingOwner owner;
    auto transport = connect(worker_, blocking_, options_, owner);
    if (closed_) break;
    ++attempts_;
    if (transport) {
      connecting_ = nullptr;
      install(std::move(*transport));
      return;
    }
    last_error_ = transport.error();
    changed_.notify();
    if (!async::sleep_for(pause)) break;
    pause = std::min(2 * pause, kLongestPause);
  }
  connecting_ = nullptr;
  changed_.notify();
}

void Connection::install(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
  transport_->set_owner(*this);
  needed_bytes_ = 1;
  last_error_.reset();
  changed_.notify();
}

void Connection::flush() {
  flush_posted_ = false;
  if (transport_ != nullptr && transport_->queued() > 0 && transport_->flush() == Progress::failed)
    lose(lost_error(options_.address, transport_->error().full_message()));
}

void Connection::on_transport_event() {
  const auto self = shared_from_this();
  const async::DeferWakesScope defer(worker_);
  flush();
  if (transport_ == nullptr) return;
  for (;;) {
    const Progress filled = transport_->fill(256 * 1024);
    while (transport_->input().size() >= needed_bytes_) {
      Reply reply;
      auto progress = read_reply(transport_->input(), reply);
      if (!progress) return lose(progress.error());
      if (progress->bytes == 0) {
        needed_bytes_ = progress->needed_bytes;
        break;
      }
      needed_bytes_ = 1;
      transport_->consume(progress->bytes);
      if (waiting_.empty()) return lose(lost_error(options_.address, "it answered what nobody asked"));
      const auto waiting = std::move(waiting_.front());
      waiting_.pop_front();
      waiting->outcome = std::move(reply);
      waiting->done.notify();
    }
    if (filled == Progress::done) continue;
    if (filled == Progress::failed)
      return lose(lost_error(options_.address, transport_->error().full_message()));
    if (transport_->at_end()) return lose(lost_error(options_.address, "the server closed it"));
    if (waiting_.empty()) transport_->shrink();
    return;
  }
}

void Connection::lose(Error reason) {
  if (transport_ == nullptr) return;
  const async::DeferWakesScope defer(worker_);
  transport_->close();
  // It may be further up on the stack.
  worker_.post([transport = std::shared_ptr<Transport>(std::move(transport_))] {});
  last_error_ = reason;
  for (auto& waiting : std::exchange(waiting_, {})) {
    waiting->outcome = failure(reason);
    waiting->done.notify();
  }
  if (!closed_) log_.debug("lost a connection to Redis", {{"reason", reason.full_message()}});
}

void Connection::close() {
  if (std::exchange(closed_, true)) return;
  lose(Error(ErrorCode::unavailable, "the Redis client is closed"));
  if (connecting_ != nullptr) connecting_->cancel();
  changed_.notify();
}

Client::Client(async::Worker& worker, async::OffloadPool& blocking, ClientOptions options,
               const telemetry::Log& log)
    : options_(std::make_shared<const ClientOptions>(std::move(options))) {
  for (size_t i = 0; i < options_->connections; ++i)
    connections_.push_back(std::make_shared<Connection>(worker, blocking, options_, log));
}

Client::~Client() {
  for (auto& connection : connections_) connection->close();
}

Result<Reply> Client::command(std::span<const std::string_view> words, Repeat repeat) {
  std::string encoded;
  append_command(encoded, words);
  for (int attempt = 1;; ++attempt) {
    // A connection that works and is least busy.
    const auto& connection = *std::ranges::min_element(connections_, {}, [](const auto& one) {
      return one->connected() ? one->waiting() : one->waiting() + 1;
    });
    bool sent = false;
    auto reply = connection->command(encoded, sent);
    if (reply) {
      if (reply->kind == Reply::Kind::error) return failure(server_refusal(reply->text));
      return reply;
    }
    const bool broke = sent && reply.error().code() == ErrorCode::unavailable;
    if (broke && repeat == Repeat::allowed && attempt == 1) continue;
    if (broke && repeat == Repeat::never)
      return failure(reply.error().with_context("the command was sent, and may have been done"));
    return reply;
  }
}

std::optional<Error> Client::problem() const {
  for (const auto& connection : connections_) {
    if (connection->connected()) return std::nullopt;
  }
  return connections_.front()->last_error();
}

}  // namespace wattle::providers::redis
