// Makes one connection to one server: TCP, INFO, TLS if wanted, CONNECT with who we are, and the PONG that
// says we are in. Internal to src/nats.
#pragma once

#include <memory>
#include <string_view>

#include "http/connector.h"
#include "http/tls.h"
#include "nats/client.h"
#include "nats/server_pool.h"

namespace wattle::nats {

// Reads the JSON of INFO.
Result<ServerInfo> parse_server_info(std::string_view text);

// What -ERR means for the one who reads it.
Error server_error(std::string_view text);

class Connector {
 public:
  // `options` outlives it.
  Connector(async::Worker& worker, const ClientOptions& options, async::OffloadPool& offload)
      : worker_(worker), options_(options), offload_(offload) {}

  struct Connected {
    std::unique_ptr<http::Transport> transport;  // its owner is to be set
    ServerInfo info;
  };
  // Within the fiber's deadline and the options' connect_timeout.
  Result<Connected> connect(const Server& server);

 private:
  class Attempt;
  Result<std::string> connect_line(const Server& server, const ServerInfo& info);
  Result<void> append_identity(std::string& json, const Server& server, const ServerInfo& info);
  Result<std::string> read_secret(const std::string& path);
  Result<http::TlsSession> tls_session(const std::string& name);

  async::Worker& worker_;
  const ClientOptions& options_;
  async::OffloadPool& offload_;
  std::shared_ptr<http::TlsClientContext> tls_;  // made when first needed
  std::string warned_of_;                        // the file whose mode was complained about
};

}  // namespace wattle::nats
