#include "providers/secrets_nats/backend.h"

#include <boost/json.hpp>
#include <ctime>

#include "telemetry/log.h"

namespace wattle::providers::secrets {
namespace {

using namespace std::chrono_literals;

constexpr Duration kNextTry = 500ms;
constexpr Duration kAnswerTimeout = 5s;
constexpr size_t kRequestsMax = 32;  // at the same time

}  // namespace

// A key pair of its own for each request: whoever learns a later one opens no earlier answer.
Result<capability::Secret> RemoteBackend::get(std::string_view key, std::string_view field,
                                              std::string_view version) {
  WATTLE_TRY(nats::Client * client, connection_->client());
  WATTLE_TRY(const nats::Message xkey, client->request(subject(base_, backend_, "server_xkey"), ""));
  const auto ours = nats::CurveKeyPair::generate();
  Request request = as_;
  request.key = key;
  request.field = field;
  request.version = version;
  WATTLE_TRY(const std::string sealed, ours.seal(write_request(request), xkey.payload));
  nats::Headers headers;
  headers.set(kHostXkey, ours.public_key());
  WATTLE_TRY(const nats::Message answer,
             client->request(subject(base_, backend_, "get"), sealed, {.headers = &headers}));
  const auto theirs = answer.headers.find(kResponseXkey);
  if (!theirs) {
    auto error = read_answer(answer.payload);
    if (!error) return error;
    return failure(ErrorCode::malformed, "the backend \"{}\" sent a secret in clear, which is not taken",
                   backend_);
  }
  WATTLE_TRY(const std::string opened, ours.open(answer.payload, *theirs));
  return read_answer(opened);
}

Result<BackendServer::Readers> BackendServer::read_readers(std::string_view json) {
  Readers readers;
  if (json.empty()) return readers;
  boost::system::error_code problem;
  const auto parsed = boost::json::parse(json, problem);
  if (problem || !parsed.is_object())
    return failure(Error(ErrorCode::invalid_argument, "the setting \"serve\" is no JSON object")
                       .with_remedy(R"(write {"M...": ["NAME", "OTHER*"]})"));
  for (const auto& [key, names] : parsed.as_object()) {
    if (!nats::kind_of_public_key(key) || !names.is_array())
      return failure(ErrorCode::invalid_argument,
                     "the setting \"serve\" has a part that is no public key with a list");
    for (const auto& name : names.as_array())
      if (name.is_string()) readers[key].emplace_back(name.as_string());
  }
  return readers;
}

BackendServer::BackendServer(const capability::ProviderContext& context,
                             std::shared_ptr<NatsConnection> connection, std::shared_ptr<SealedBucket> bucket,
                             std::string base, std::string backend, Readers readers)
    : worker_(context.worker),
      log_(context.log),
      connection_(std::move(connection)),
      bucket_(std::move(bucket)),
      base_(std::move(base)),
      backend_(std::move(backend)),
      readers_(std::move(readers)),
      transit_key_(bucket_->key()) {}

void BackendServer::start() {
  fiber_ = worker_.spawn([self = shared_from_this()] { self->serve(); });
}

void BackendServer::stop() {
  stopped_ = true;
  if (fiber_ != nullptr) fiber_->cancel();
  subscriptions_.clear();
}

void BackendServer::serve() {
  while (!stopped_) {
    auto subscribed = subscribe();
    if (subscribed || stopped_) break;
    subscriptions_.clear();
    log_.warn("cannot answer for secrets yet",
              {{"backend", backend_}, {"reason", subscribed.error().full_message()}});
    if (!async::sleep_for(kNextTry)) break;
  }
  fiber_ = nullptr;
}

// All that answer have the same key, which is the bucket's: whichever gets the request opens it.
Result<void> BackendServer::subscribe() {
  WATTLE_TRY(nats::Client * client, connection_->client());
  if (stopped_) return failure(ErrorCode::cancelled, "the backend is no more");
  const std::string group = subject(base_, backend_, "servers");
  WATTLE_TRY(auto keys,
             client->subscribe(subject(base_, backend_, "server_xkey"), {.queue_group = group},
                               [client, key = transit_key_.public_key()](const nats::Message& message) {
                                 (void)client->publish(message.reply, key);
                               }));
  subscriptions_.push_back(std::move(keys));
  WATTLE_TRY(auto asked,
             client->subscribe(
                 subject(base_, backend_, "get"),
                 {.queue_group = group, .pending_messages_max = 1024, .fibers_max = kRequestsMax},
                 [self = shared_from_this()](const nats::Message& message) { self->answer(message); }));
  subscriptions_.push_back(std::move(asked));
  return {};
}

void BackendServer::answer(const nats::Message& message) {
  if (message.reply.empty() || stopped_) return;
  const async::DeadlineScope deadline(Clock::now() + kAnswerTimeout);
  auto client = connection_->client();
  if (!client) return;
  const auto refuse = [&](std::string_view error) {
    (void)(*client)->publish(message.reply, write_error(error));
  };
  const auto host = message.headers.find(kHostXkey);
  if (!host) return refuse("InvalidXKey");
  auto opened = transit_key_.open(message.payload, *host);
  if (!opened) return refuse("DecryptionError");
  auto request = read_request(*opened);
  if (!request) return refuse("InvalidPayload");
  auto found = look_up(*request);
  if (!found) return refuse(found.error());
  const auto ours = nats::CurveKeyPair::generate();
  auto sealed = ours.seal(*found, *host);
  if (!sealed) return refuse("EncryptionError");
  nats::Headers headers;
  headers.set(kResponseXkey, ours.public_key());
  (void)(*client)->publish(message.reply, *sealed, {.headers = &headers});
}

tl::expected<std::string, std::string> BackendServer::look_up(const Request& request) {
  const auto refuse = [](const char* error) { return tl::unexpected<std::string>(error); };
  auto reader = verified_subject(request.entity_jwt, std::time(nullptr));
  if (!reader) return refuse("InvalidEntityJWT");
  const auto allowed = readers_.find(*reader);
  if (allowed == readers_.end() || !is_allowed(allowed->second, request.key)) {
    log_.warn("somebody asked for a secret that is not theirs",
              {{"secret", request.key}, {"public_key", *reader}});
    return refuse("Unauthorized");
  }
  auto secret = bucket_->get(request.key, request.field, request.version);
  if (secret) return write_secret(*secret);
  if (secret.error().code() == ErrorCode::not_found) return refuse("SecretNotFound");
  log_.warn("a secret cannot be read", {{"secret", request.key}, {"reason", secret.error().full_message()}});
  return refuse("UpstreamError");
}

}  // namespace wattle::providers::secrets
