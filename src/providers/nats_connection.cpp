#include "providers/nats_connection.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "nats/url.h"

namespace wattle::providers {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPause = 20ms;
constexpr Duration kLongestPause = 500ms;

}  // namespace

Result<NatsSettings> read_nats_settings(const Settings& settings) {
  NatsSettings read;
  std::vector<std::string> urls = settings.list("cluster_uris");
  if (urls.empty()) urls = settings.list("cluster_uri");
  if (!urls.empty()) read.options.urls = std::move(urls);
  for (const std::string& url : read.options.urls) WATTLE_CHECK(nats::parse_urls(url));
  read.options.user_jwt = settings.text("client_jwt");
  read.options.user_seed = settings.text("client_seed");
  read.options.credentials_file = settings.text("credentials_file");
  if (!read.options.user_jwt.empty() && read.options.user_seed.empty())
    return failure(Error(ErrorCode::invalid_argument, "client_jwt is set, and client_seed is not")
                       .with_remedy("set both, or credentials_file"));
  read.options.tls.ca_file = settings.text("tls_ca_file");
  read.ca_text = settings.text("tls_ca");
  read.options.inbox_prefix = settings.text("custom_inbox_prefix", "_INBOX");
  if (const auto domain = settings.find("js_domain"))
    read.jetstream_prefix = fmt::format("$JS.{}.API", *domain);
  return read;
}

NatsConnection::NatsConnection(async::Worker& worker, async::OffloadPool& blocking, const telemetry::Log* log,
                               std::string name, NatsSettings settings)
    : worker_(worker), settings_(std::move(settings)) {
  settings_.options.name = std::move(name);
  settings_.options.log = log;
  settings_.options.offload = &blocking;
}

NatsConnection::~NatsConnection() {
  client_.reset();
  if (ca_file_ >= 0) ::close(ca_file_);
}

// OpenSSL reads roots from files; one in memory leaves nothing behind.
Result<nats::ClientOptions> NatsConnection::options() const {
  nats::ClientOptions options = settings_.options;
  if (ca_file_ >= 0) options.tls.ca_file = fmt::format("/proc/self/fd/{}", ca_file_);
  return options;
}

Result<nats::Client*> NatsConnection::client() {
  if (client_ != nullptr) return client_.get();
  const auto self = shared_from_this();
  if (!settings_.ca_text.empty() && ca_file_ < 0) {
    ca_file_ = ::memfd_create("wattle-nats-ca", MFD_CLOEXEC);
    const auto bytes = static_cast<ssize_t>(settings_.ca_text.size());
    if (ca_file_ < 0 || ::write(ca_file_, settings_.ca_text.data(), settings_.ca_text.size()) != bytes)
      return failure(ErrorCode::io, "cannot keep the roots of tls_ca in memory");
  }
  const TimePoint patience = Clock::now() + kConnectWait;
  ++wanting_;
  if (connecting_ == nullptr && !closed_) connecting_ = worker_.spawn([self] { self->connect(); });
  Result<void> waited;
  async::Signal* signals[] = {&changed_};
  while (client_ == nullptr && !closed_ && waited && Clock::now() < patience)
    waited = async::Signal::wait_any(signals, patience);
  --wanting_;
  if (client_ != nullptr) return client_.get();
  const ErrorCode code = waited ? ErrorCode::unavailable : waited.error().code();
  if (last_error_)
    return failure(Error(code, "there is no connection to NATS within the deadline", *last_error_));
  return failure(code, "there is no connection to NATS within the deadline");
}

void NatsConnection::connect() {
  Duration pause = kFirstPause;
  while (!closed_ && wanting_ > 0) {
    auto with = options();
    auto made = with ? nats::Client::connect(worker_, std::move(*with)) : failure(with.error());
    if (closed_) break;
    if (made) {
      client_ = std::move(*made);
      jetstream_ = std::make_unique<nats::JetStream>(*client_, settings_.jetstream_prefix);
      last_error_.reset();
      break;
    }
    last_error_ = made.error();
    if (!async::sleep_for(pause)) break;
    pause = std::min(2 * pause, kLongestPause);
  }
  connecting_ = nullptr;
  changed_.notify();
}

Result<nats::JetStream*> NatsConnection::jetstream() {
  WATTLE_CHECK(client());
  return jetstream_.get();
}

capability::Health NatsConnection::health() const {
  if (client_ != nullptr && client_->state() == nats::State::connected) return {};
  if (client_ == nullptr && !last_error_) return {};  // nobody has asked yet
  return {.healthy = false,
          .message = last_error_ ? last_error_->full_message() : "the connection to NATS is cut"};
}

void NatsConnection::close() {
  closed_ = true;
  if (connecting_ != nullptr) connecting_->cancel();
  changed_.notify();
}

NatsConnections::~NatsConnections() {
  for (auto& [key, kept] : connections_)
    if (const auto connection = kept.lock()) connection->close();
}

Result<std::shared_ptr<NatsConnection>> NatsConnections::find_or_make(const Settings& settings) {
  WATTLE_TRY(NatsSettings read, read_nats_settings(settings));
  std::string key;
  for (const std::string& url : read.options.urls) key += url + ",";
  for (const std::string* part :
       {&read.jetstream_prefix, &read.ca_text, &read.options.user_jwt, &read.options.user_seed,
        &read.options.credentials_file, &read.options.tls.ca_file, &read.options.inbox_prefix})
    key += '\n' + *part;
  std::erase_if(connections_, [](const auto& kept) { return kept.second.expired(); });
  if (const auto found = connections_.find(key); found != connections_.end()) return found->second.lock();
  auto made = std::make_shared<NatsConnection>(context_.worker, context_.blocking, &context_.log,
                                               context_.provider_id, std::move(read));
  connections_.emplace(std::move(key), made);
  return made;
}

}  // namespace wattle::providers
