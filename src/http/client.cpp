#include "http/client.h"

#include <algorithm>

#include "http/client_core.h"

namespace wattle::http {
namespace {

constexpr Duration kClientTick = std::chrono::milliseconds(100);

// RFC 9110 section 9.2.2.
bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS" || method == "TRACE";
}

Result<void> check_request(const Request& request) {
  if (!is_token(request.method))
    return failure(http_error(ErrorCase::http_request_method_invalid,
                              fmt::format("\"{}\" is not a method", request.method)));
  if (request.method == "CONNECT")
    return failure(http_error(ErrorCase::http_request_method_invalid, "CONNECT is not supported"));
  const bool whole_server = request.path_with_query == "*" && request.method == "OPTIONS";
  if (!whole_server && (!is_target(request.path_with_query) || !request.path_with_query.starts_with('/')))
    return failure(http_error(ErrorCase::http_request_uri_invalid,
                              fmt::format("\"{}\" is not a path", request.path_with_query)));
  return {};
}

}  // namespace

Error wait_error(Error error, TimePoint until, ErrorCase reason, std::string_view what) {
  if (error.code() != ErrorCode::deadline_exceeded || Clock::now() < until) return error;
  return http_error(reason, std::string(what));
}

Client::Client(async::Worker& worker, async::OffloadPool& pool, ClientOptions options)
    : core_(std::make_shared<ClientCore>(worker, pool, std::move(options))) {}

Client::~Client() {
  core_->closed = true;
  auto connections = std::move(core_->connections);
  for (auto& connection : connections)
    connection->close(http_error(ErrorCase::connection_terminated, "the client was closed"));
  core_->closing.notify();
}

Result<ClientResponse> Client::send(const Request& request, std::shared_ptr<Body> body,
                                    const RequestOptions& options) {
  auto core = core_;
  return core->send(request, std::move(body), options);
}

Result<void> Client::set_tls(const TlsClientOptions& tls) {
  WATTLE_TRY(core_->tls, TlsClientContext::make(tls));
  return {};
}

size_t Client::idle_connections() const {
  return static_cast<size_t>(std::count_if(core_->connections.begin(), core_->connections.end(),
                                           [](const auto& connection) { return !connection->busy(); }));
}

void Client::close_idle() {
  auto connections = core_->connections;
  for (auto& connection : connections)
    if (!connection->busy())
      connection->close(http_error(ErrorCase::connection_terminated, "closed while idle"));
}

Result<std::shared_ptr<TlsClientContext>> ClientCore::tls_context() {
  if (!tls) {
    auto made = TlsClientContext::make(options.tls);
    if (!made) return failure(http_error(ErrorCase::configuration_error, "TLS cannot be used", made.error()));
    tls = *made;
  }
  return tls;
}

Result<ClientResponse> ClientCore::send(const Request& request, std::shared_ptr<Body> body,
                                        const RequestOptions& request_options) {
  WATTLE_CHECK(check_request(request));
  WATTLE_TRY(const Destination destination, destination_of(request));
  for (int attempt = 0;; ++attempt) {
    auto connection = attempt == 0 ? take_idle(destination, request_options) : nullptr;
    const bool reused = connection != nullptr;
    if (!reused) {
      WATTLE_TRY(connection, make_connection(destination, request_options));
    }
    bool retry = false;
    start_sweep();
    auto response = connection->exchange(request, body, request_options, retry);
    if (response || !reused || !retry || !is_idempotent(request.method)) return response;
  }
}

std::shared_ptr<ClientConnection> ClientCore::take_idle(const Destination& destination,
                                                        const RequestOptions& request_options) {
  const TimePoint oldest = Clock::now() - options.idle_timeout;
  const auto candidates = connections;
  for (auto at = candidates.rbegin(); at != candidates.rend(); ++at) {
    ClientConnection& connection = **at;
    const bool outdated = connection.tls != nullptr && connection.tls != tls;
    if (!connection.busy() && (outdated || connection.idle_since < oldest)) {
      connection.close(http_error(ErrorCase::connection_terminated, "idle for too long, or not trusted now"));
      continue;
    }
    if (outdated || connection.destination != destination) continue;
    if (request_options.http2_prior_knowledge && !connection.http2) continue;
    if (!destination.secure() && !request_options.http2_prior_knowledge && connection.http2) continue;
    if (request_options.allow &&
        !request_options.allow({destination.scheme, destination.host, destination.port, connection.address}))
      continue;
    if (connection.available()) return *at;
  }
  return nullptr;
}

Result<std::shared_ptr<ClientConnection>> ClientCore::make_connection(const Destination& destination,
                                                                      const RequestOptions& request_options) {
  if (connections.size() + connecting >= options.max_connections)
    return failure(http_error(ErrorCase::connection_limit_reached,
                              fmt::format("{} connections are in use", options.max_connections)));
  std::shared_ptr<TlsClientContext> context;
  if (destination.secure()) {
    WATTLE_TRY(context, tls_context());
  }
  struct Counting {
    size_t& count;
    explicit Counting(size_t& count_) : count(count_) { ++count; }
    ~Counting() { --count; }
  } counting(connecting);

  async::DeadlineScope scope(Clock::now() + request_options.connect_timeout);
  WATTLE_TRY(const auto addresses, look_up(pool, destination.host, destination.port));
  WaitingOwner owner;
  boost::asio::ip::tcp::endpoint address;
  WATTLE_TRY(auto transport,
             connect(worker, destination, addresses, request_options.allow, context.get(), owner, address));
  if (closed) return failure(http_error(ErrorCase::connection_terminated, "the client was closed"));
  const bool http2 = destination.secure() ? transport->alpn() == "h2" : request_options.http2_prior_knowledge;
  auto connection = http2 ? make_h2_connection(shared_from_this(), std::move(transport))
                          : make_h1_connection(shared_from_this(), std::move(transport));
  connection->http2 = http2;
  connection->idle_since = Clock::now();
  connection->destination = destination;
  connection->tls = context;
  connection->address = address;
  connections.push_back(connection);
  return connection;
}

void ClientCore::remove(ClientConnection& connection) {
  std::erase_if(connections, [&](const auto& other) { return other.get() == &connection; });
}

void ClientCore::released(ClientConnection& connection) {
  connection.idle_since = Clock::now();
  auto keep_alive = connection.shared_from_this();
  size_t idle = 0;
  for (const auto& other : connections)
    if (other->destination == connection.destination && !other->busy()) ++idle;
  if (idle > options.max_idle_per_destination)
    connection.close(http_error(ErrorCase::connection_terminated, "enough idle connections"));
}

void ClientCore::start_sweep() {
  if (std::exchange(sweeping, true)) return;
  worker.spawn([core = shared_from_this()] { core->sweep(); });
}

void ClientCore::sweep() {
  for (bool any = true; any && !closed;) {
    async::Signal* signals[] = {&closing};
    (void)async::Signal::wait_any(signals, Clock::now() + kClientTick);
    const TimePoint now = Clock::now();
    const auto all = connections;
    any = connecting > 0;
    for (const auto& connection : all) {
      connection->on_tick(now);
      any = any || connection->busy();
    }
  }
  sweeping = false;
}

}  // namespace wattle::http
