// How the providers on NATS are connected: settings, and a client that is made when it is first needed.
//
//   cluster_uri, cluster_uris   with commas; nats://127.0.0.1:4222
//   js_domain                   of JetStream
//   client_jwt, client_seed     credentials; the seed alone is an nkey. Better secrets than configs
//   credentials_file            the same in a file
//   tls_ca, tls_ca_file         PEM with the roots to trust, as text or in a file
//   custom_inbox_prefix         instead of _INBOX
#pragma once

#include <memory>

#include "async/signal.h"
#include "capability/provider.h"
#include "nats/jetstream.h"
#include "providers/settings.h"

namespace wattle::providers {

struct NatsSettings {
  nats::ClientOptions options;
  std::string jetstream_prefix = "$JS.API";
  std::string ca_text;
};

// Refused: invalid_argument.
Result<NatsSettings> read_nats_settings(const Settings& settings);

// Held by shared_ptr.
class NatsConnection : public std::enable_shared_from_this<NatsConnection> {
 public:
  // The first connection is waited for at most so long; afterwards the client reconnects by itself.
  static constexpr Duration kConnectWait = std::chrono::seconds(2);

  // `name`: as the server's own lists show it. `log` may be null; all outlive the connection.
  NatsConnection(async::Worker& worker, async::OffloadPool& blocking, const telemetry::Log* log,
                 std::string name, NatsSettings settings);
  ~NatsConnection();

  // Within the fiber's deadline. Refused: unavailable, permission_denied, deadline_exceeded. Both are good
  // for as long as this connection.
  Result<nats::Client*> client();
  Result<nats::JetStream*> jetstream();
  capability::Health health() const;
  // Nothing connects any more.
  void close();

 private:
  void connect();
  Result<nats::ClientOptions> options() const;

  async::Worker& worker_;
  NatsSettings settings_;
  int ca_file_ = -1;  // in memory
  std::unique_ptr<nats::Client> client_;
  std::unique_ptr<nats::JetStream> jetstream_;
  async::Signal changed_;
  std::shared_ptr<async::Fiber> connecting_;
  std::optional<Error> last_error_;
  size_t wanting_ = 0;
  bool closed_ = false;
};

// Connections by their settings, shared by the links of one provider on one worker.
class NatsConnections {
 public:
  explicit NatsConnections(const capability::ProviderContext& context) : context_(context) {}
  ~NatsConnections();
  Result<std::shared_ptr<NatsConnection>> find_or_make(const Settings& settings);

 private:
  const capability::ProviderContext& context_;
  std::map<std::string, std::weak_ptr<NatsConnection>> connections_;
};

}  // namespace wattle::providers
