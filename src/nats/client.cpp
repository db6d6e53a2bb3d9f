#include "nats/client.h"

#include <sodium.h>

#include <algorithm>

#include "nats/client_core.h"
#include "nats/subject.h"

namespace wattle::nats {

std::string_view to_string(State state) {
  switch (state) {
    case State::connected:
      return "connected";
    case State::reconnecting:
      return "reconnecting";
    case State::draining:
      return "draining";
    case State::closed:
      return "closed";
  }
  return "unknown";
}

Result<std::unique_ptr<Client>> Client::connect(async::Worker& worker, ClientOptions options) {
  if (sodium_init() < 0) return failure(ErrorCode::internal, "libsodium does not start");
  std::vector<Url> urls;
  for (const std::string& text : options.urls) {
    WATTLE_TRY(auto parsed, parse_urls(text));
    urls.insert(urls.end(), parsed.begin(), parsed.end());
  }
  if (urls.empty())
    return failure(Error(ErrorCode::invalid_argument, "no NATS server is named")
                       .with_remedy("give at least one URL, such as nats://127.0.0.1:4222"));
  if (!options.credentials_file.empty() && !options.nkey_seed_file.empty())
    return failure(ErrorCode::invalid_argument,
                   "a credentials file and an nkey seed file are given: NATS takes one of them");
  WATTLE_CHECK(check_subject(options.inbox_prefix));
  auto core = std::make_shared<detail::Core>(worker, std::move(options), std::move(urls));
  WATTLE_CHECK(core->start());
  return std::unique_ptr<Client>(new Client(std::move(core)));
}

Client::~Client() {
  close();
}

void Client::close() {
  core_->close(nats_error(ErrorCode::unavailable, Reason::closed, "the NATS client is closed"));
}

Result<void> Client::publish(std::string_view subject, std::string_view payload,
                             const PublishOptions& options) {
  return core_->publish(subject, options.reply, options.headers, payload);
}

Result<Message> Client::request(std::string_view subject, std::string_view payload,
                                const RequestOptions& options) {
  const Duration timeout = std::min(options.timeout, core_->options().request_timeout);
  async::DeadlineScope scope(detail::deadline_after(timeout));
  detail::PendingRequest pending{.subject = subject};
  auto asked = core_->ask(pending, payload, options.headers, Duration::max());
  if (asked) return std::move(pending.answers.front());
  if (asked.error().code() == ErrorCode::deadline_exceeded && !reason_of(asked.error()))
    return failure(asked.error().with_context(
        fmt::format("no answer on the NATS subject \"{}\" within the deadline", subject)));
  return failure(asked.error());
}

Result<std::vector<Message>> Client::request_many(std::string_view subject, std::string_view payload,
                                                  const GatherOptions& options) {
  if (options.count_max == 0) return std::vector<Message>();
  const TimePoint outer = async::Fiber::current().deadline();
  const TimePoint until = detail::deadline_after(options.timeout);
  async::DeadlineScope scope(until);
  detail::PendingRequest pending{.subject = subject, .answers_max = options.count_max};
  auto asked = core_->ask(pending, payload, options.headers, options.quiet);
  if (asked) return std::move(pending.answers);
  const auto reason = reason_of(asked.error());
  if (reason == Reason::no_responders) return std::vector<Message>();
  // The end of the time is what was asked for, unless it was the caller's own deadline or nothing was sent.
  if (asked.error().code() == ErrorCode::deadline_exceeded && !reason && until < outer)
    return std::move(pending.answers);
  return failure(asked.error());
}

Result<Subscription> Client::subscribe(std::string_view pattern, SubscribeOptions options, Handler handler) {
  WATTLE_TRY(auto state, core_->subscribe(pattern, std::move(options), std::move(handler)));
  return Subscription(std::move(state));
}

Result<Subscription> Client::subscribe(std::string_view pattern, SubscribeOptions options) {
  return subscribe(pattern, std::move(options), nullptr);
}

Result<void> Client::flush() {
  return core_->flush();
}

Result<void> Client::drain() {
  return core_->drain();
}

State Client::state() const {
  return core_->state();
}

async::Signal& Client::changed() {
  return core_->changed;
}

Result<void> Client::wait_connected() {
  return core_->wait_connected();
}

void Client::set_listener(std::function<void(const Event&)> listener) {
  core_->listener = std::move(listener);
}

const ServerInfo& Client::server_info() const {
  return core_->info;
}

void Client::reconnect(std::string why) {
  core_->cut(Error(ErrorCode::unavailable, std::move(why)));
}

const Statistics& Client::statistics() const {
  return core_->statistics;
}

async::Worker& Client::worker() const {
  return core_->worker();
}

const ClientOptions& Client::options() const {
  return core_->options();
}

std::string Client::new_inbox() const {
  return core_->new_inbox();
}

}  // namespace wattle::nats
