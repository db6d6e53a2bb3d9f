#include "wrpc/server.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "lattice/names.h"
#include "wrpc/inbox.h"

namespace wattle::wrpc {
namespace {

constexpr size_t kErrorBytesMax = 64 * 1024;

std::optional<int64_t> number_in(std::string_view text) {
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

class ServiceState;

// One call while it is answered.
class ServerCall final : public IncomingCall {
 public:
  ServerCall(ServerCore& core, lattice::Message message) : core_(core), message_(std::move(message)) {}

  Result<void> read_headers(const ServerOptions& options);
  void read_subject(size_t prefix_bytes);
  Result<void> accept();
  Result<std::string_view> parameters(const IsWhole& is_whole) override;
  Result<void> receive(const SubStreams& streams) override;
  void answer(Result<Reply> reply);
  void refuse(const Error& error);
  void finish();
  const std::string& caller() const { return message_.reply; }

  std::shared_ptr<async::Fiber> fiber;

 private:
  Result<void> answer_ok(Reply reply);
  void answer_error(const Error& error);
  CallEnd& end();

  ServerCore& core_;
  lattice::Message message_;
  std::optional<int64_t> rest_bytes_;  // of wattle callers: what follows the first message
  std::shared_ptr<CallEnd> end_;       // made when something beside the first message is sent or heard
  bool accepted_ = false;
};

class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(ServerOptions given) : options(std::move(given)) {}

  void on_call(const std::shared_ptr<ServiceState>& service, lattice::Message message);
  void on_cancel(const lattice::Message& message);

  const ServerOptions options;
  std::shared_ptr<Inbox> inbox;
  size_t calls = 0;

 private:
  void run(const std::shared_ptr<ServiceState>& service, const std::shared_ptr<ServerCall>& call);

  std::unordered_map<std::string_view, ServerCall*> by_caller_;
};

class ServiceState {
 public:
  CallHandler handler;
  std::string prefix;
  std::unique_ptr<lattice::BusSubscription> calls_subscription;
  std::unique_ptr<lattice::BusSubscription> cancel_subscription;
  bool draining = false;
  size_t calls = 0;
  async::Signal changed;
};

// ---- ServerCall

Result<void> ServerCall::read_headers(const ServerOptions& options) {
  headers = &message_.headers;
  source_id = headers->find("source-id").value_or("");
  link_name = headers->find("link-name").value_or("default");
  deadline = Clock::now() + options.call_timeout;
  const auto call = headers->find(kCallHeader);
  is_foreign = !call;
  if (!call) return {};
  const auto milliseconds = number_in(*call);
  const auto rest = headers->find(kRestHeader);
  if (rest) rest_bytes_ = number_in(*rest);
  if (!milliseconds || (rest && (!rest_bytes_ || *rest_bytes_ < 0)))
    return failure(Error(ErrorCode::unsupported, "the call is of a later version of wattle than this host's")
                       .with_remedy("bring all hosts of the lattice to neighbouring versions"));
  if (*milliseconds <= 0) return failure(ErrorCode::deadline_exceeded, "the call came after its deadline");
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(options.call_timeout).count();
  deadline = Clock::now() + std::chrono::milliseconds(std::min<int64_t>(*milliseconds, most));
  if (rest_bytes_ && static_cast<uint64_t>(*rest_bytes_) > options.limits.message_bytes_max)
    return failure(ErrorCode::memory_exceeded, "the call's parameters have more than {} bytes",
                   options.limits.message_bytes_max);
  return {};
}

void ServerCall::read_subject(size_t prefix_bytes) {
  constexpr std::string_view kMark = ".wrpc.0.0.1.";
  const std::string_view subject = message_.subject;
  prefix = subject.substr(0, prefix_bytes);
  operation = subject.substr(std::min(subject.size(), prefix_bytes + kMark.size()));
  const lattice::Operation parts = lattice::split_operation(operation);
  instance = parts.instance;
  function = parts.function;
}

CallEnd& ServerCall::end() {
  if (end_ == nullptr) {
    end_ = core_.inbox->add(Side::callee);
    end_->peer = message_.reply;
    end_->peer_is_wattle = !is_foreign;
    end_->root = message_.payload;
  }
  return *end_;
}

// Asks for what did not come with the first message. Callers of other makes always need it.
Result<void> ServerCall::accept() {
  if (accepted_ || (!is_foreign && !rest_bytes_)) return {};
  accepted_ = true;
  lattice::Headers said;
  if (!is_foreign) said.add(kResultHeader, kResultAccepted);
  return core_.inbox->bus().publish(message_.reply, {},
                                    {.reply = end().address(), .headers = is_foreign ? nullptr : &said});
}

Result<std::string_view> ServerCall::parameters(const IsWhole& is_whole) {
  if (!is_foreign && !rest_bytes_) return message_.payload;
  const size_t whole_bytes = message_.payload.size() + static_cast<size_t>(rest_bytes_.value_or(0));
  while (true) {
    if (end().failure) return wattle::failure(*end().failure);
    const std::string& root = end().root;
    const bool is_complete = is_foreign ? end().root_ended || (is_whole && is_whole(root))
                                        : root.size() >= whole_bytes || end().root_ended;
    if (is_complete) return root;
    WATTLE_CHECK(end().changed.wait());
  }
}

Result<void> ServerCall::receive(const SubStreams& streams) {
  if (streams.empty()) return {};
  if (end_ == nullptr)
    return failure(ErrorCode::malformed, "the parameters hold streams, but the caller sends none");
  return end_->receive(streams);
}

void ServerCall::refuse(const Error& error) {
  if (is_foreign) (void)accept();
  answer_error(refused(error));
  if (end_ != nullptr) core_.inbox->remove(*end_);
}

void ServerCall::answer_error(const Error& error) {
  lattice::Bus& bus = core_.inbox->bus();
  // Early end of the results is all that 0.0.1 can say.
  if (is_foreign) return (void)bus.publish(fmt::format("{}.{}", message_.reply, kResults), {});
  const lattice::Headers said{{std::string(kResultHeader), std::string(wattle::to_string(error.code()))}};
  std::string json = error_to_json(error, core_.options.host);
  if (json.size() > std::min(kErrorBytesMax, bus.max_payload_bytes() / 2)) {
    Error shorter = Error(error.code(), error.message().substr(0, 1024)).with_detail(error.detail());
    json = error_to_json(shorter, core_.options.host);
  }
  (void)bus.publish(message_.reply, json, {.headers = &said});
}

Result<void> ServerCall::answer_ok(Reply reply) {
  lattice::Bus& bus = core_.inbox->bus();
  const bool has_streams = !reply.streams.empty();
  if (!is_foreign) {
    const lattice::Headers said{{std::string(kResultHeader), std::string(kResultOk)}};
    if (header_bytes(said) + reply.result.size() <= bus.max_payload_bytes()) {
      const std::string_view own = has_streams ? std::string_view(end().address()) : std::string_view();
      WATTLE_CHECK(bus.publish(message_.reply, reply.result, {.reply = own, .headers = &said}));
      if (has_streams) end().send(std::move(reply.streams), deadline);
      return {};
    }
    if (!rest_bytes_) rest_bytes_ = 0;  // the handshake begins now
  }
  WATTLE_CHECK(accept());
  WATTLE_CHECK(end().send_root(reply.result));
  end().send(std::move(reply.streams), deadline);
  return {};
}

void ServerCall::answer(Result<Reply> reply) {
  Result<void> sent = reply ? answer_ok(*std::move(reply)) : wattle::failure(std::move(reply).error());
  if (!sent) answer_error(sent.error());
}

// Until what the answer streams is sent, or the deadline passes.
void ServerCall::finish() {
  if (end_ == nullptr) return;
  while (end_->sending() && !end_->failure)
    if (auto waited = end_->changed.wait(); !waited) end_->fail(waited.error());
  end_->stop_receiving();
  core_.inbox->remove(*end_);
}

// ---- ServerCore

void ServerCore::on_call(const std::shared_ptr<ServiceState>& service, lattice::Message message) {
  if (message.reply.empty()) return;  // no answer is wanted: no call of wRPC's
  const auto call = std::make_shared<ServerCall>(*this, std::move(message));
  call->read_subject(service->prefix.size());
  if (auto read = call->read_headers(options); !read) return call->refuse(read.error());
  // Callers of other makes cannot ask elsewhere.
  if (service->draining && !call->is_foreign)
    return call->refuse(Error(ErrorCode::unavailable, "the host is draining"));
  if (calls >= options.calls_max)
    return call->refuse(Error(ErrorCode::overloaded,
                              fmt::format("{} calls are under way, as many as may be at once", calls)));
  ++calls;
  ++service->calls;
  by_caller_.emplace(call->caller(), call.get());
  call->fiber = inbox->spawn([self = shared_from_this(), service, call] { self->run(service, call); });
}

void ServerCore::run(const std::shared_ptr<ServiceState>& service, const std::shared_ptr<ServerCall>& call) {
  async::Fiber::current().set_deadline(call->deadline);
  if (Result<void> accepted = call->accept(); !accepted) {
    call->answer(failure(accepted.error()));
  } else {
    call->answer(service->handler(*call));
  }
  call->finish();
  by_caller_.erase(call->caller());
  call->fiber = nullptr;
  --calls;
  --service->calls;
  service->changed.notify();
}

void ServerCore::on_cancel(const lattice::Message& message) {
  const auto found = by_caller_.find(message.payload);
  if (found == by_caller_.end() || found->second->fiber == nullptr) return;
  found->second->fiber->cancel(Error(ErrorCode::cancelled, "the caller gave up"));
}

// ---- Server

namespace {

class ServiceHandle final : public Service {
 public:
  ServiceHandle(std::shared_ptr<ServerCore> core, std::shared_ptr<ServiceState> state)
      : core_(std::move(core)), state_(std::move(state)) {}
  ~ServiceHandle() override {
    state_->calls_subscription.reset();
    state_->cancel_subscription.reset();
  }

  Result<void> drain() override {
    state_->draining = true;
    if (state_->calls_subscription) WATTLE_CHECK(state_->calls_subscription->drain());
    while (state_->calls > 0) WATTLE_CHECK(state_->changed.wait());
    return {};
  }
  size_t calls() const override { return state_->calls; }

 private:
  std::shared_ptr<ServerCore> core_;
  std::shared_ptr<ServiceState> state_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(lattice::Bus& bus, ServerOptions options) {
  auto core = std::make_shared<ServerCore>(std::move(options));
  WATTLE_TRY(core->inbox, Inbox::open(bus, core->options.limits));
  return std::unique_ptr<Server>(new Server(std::move(core)));
}

Server::~Server() {
  core_->inbox->close(wrpc_error(ErrorCode::unavailable, Reason::closed, "the callee's server was closed"));
}

size_t Server::calls() const {
  return core_->calls;
}

Result<std::unique_ptr<Service>> Server::serve(std::string prefix, std::string queue_group,
                                               CallHandler handler) {
  auto state = std::make_shared<ServiceState>();
  state->handler = std::move(handler);
  state->prefix = std::move(prefix);
  lattice::Bus& bus = core_->inbox->bus();
  const std::weak_ptr<ServerCore> core = core_;
  const std::weak_ptr<ServiceState> service = state;
  WATTLE_TRY(state->cancel_subscription, bus.subscribe(state->prefix + std::string(kCancelSuffix), {},
                                                       [core](const lattice::Message& message) {
                                                         if (const auto self = core.lock())
                                                           self->on_cancel(message);
                                                       }));
  WATTLE_TRY(state->calls_subscription, bus.subscribe(lattice::call_subject(state->prefix, {}, ">"),
                                                      {.queue_group = std::move(queue_group)},
                                                      [core, service](lattice::Message message) {
                                                        const auto self = core.lock();
                                                        const auto its = service.lock();
                                                        if (self && its)
                                                          self->on_call(its, std::move(message));
                                                      }));
  return std::make_unique<ServiceHandle>(core_, std::move(state));
}

}  // namespace wattle::wrpc
