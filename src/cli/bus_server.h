// The nats-server that `wattle up` starts: its keys, its configuration, and where it is. Loopback alone, with
// JetStream and WebSocket; who may use it is what its account's key has signed.
//
// In the state folder, for its owner alone:
//   account.nk     the account's key, made at the first start: JetStream's data belongs to it
//   client.creds   a user who may do everything in the lattice: hosts and the command line
//   nats.conf, nats.log, nats/
// Beside them lie what `wattle up` keeps without it: secrets.nk and secrets/ (secret_backends.h), and the
// hosts' stores.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace wattle::cli {

struct BusServerOptions {
  std::string lattice{};
  std::string state_folder{};      // made private already
  uint16_t port = 4222;            // 0: a free one
  uint16_t websocket_port = 4223;  // likewise
  // Of pages that may use the WebSocket. Any other page is refused at its handshake; what is no page (and
  // sends no Origin) is not.
  std::vector<std::string> allowed_origins{};
};

struct BusServer {
  std::string program;
  std::string configuration_file;
  std::string credentials_file;
  std::string account_key_file;
  uint16_t port;
  uint16_t websocket_port;

  std::string url() const;
  std::string websocket_url() const;
};

// Makes what is not there yet, and writes the configuration. Refused: not_found (no nats-server);
// already_exists (a port is occupied, and by whom, if that is another lattice of ours); invalid_argument (a
// folder or an origin that cannot stand in the configuration); malformed (a key that is none); io.
Result<BusServer> prepare_bus_server(const BusServerOptions& options);

}  // namespace wattle::cli
