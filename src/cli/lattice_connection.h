// Where a lattice's bus is and how to get in. `wattle up` writes it to a file that only its owner may read,
// $XDG_RUNTIME_DIR/wattle/LATTICE.json, where every other verb looks.
//
//   {"format":1,"lattice":"default","url":"nats://127.0.0.1:4222","websocket_url":"ws://127.0.0.1:4223",
//    "credentials_file":"/home/ann/.local/state/wattle/default/client.creds","account_key_file":"",
//    "processes":[{"role":"supervisor","pid":4711,"started":88123}]}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/process.h"

namespace wattle::cli {

struct Connection {
  std::string lattice{};
  std::string url{};                     // may hold user and password
  std::string websocket_url{};           // empty: none
  std::string credentials_file{};        // of the command line and of hosts; empty: none
  std::string account_key_file{};        // signs the credentials of providers; empty: none
  std::string secrets_key_file{};        // opens the lattice's sealed secrets; empty: none
  std::string secrets_folder{};          // has secrets in files; empty: none
  std::vector<ProcessMark> processes{};  // the supervisor first

  bool operator==(const Connection&) const = default;
};

// Refused: malformed; unsupported, for a file of a newer format.
Result<Connection> parse_connection(std::string_view json);
std::string to_json(const Connection& connection);

// $XDG_RUNTIME_DIR/wattle, else /tmp/wattle-UID.
std::string runtime_folder();
std::string connection_path(std::string_view lattice);
// Makes a folder (and those above it) for its owner alone, or takes one that is. Refused (permission_denied):
// one that another user owns or may write.
Result<void> make_private_folder(const std::string& path);

// Refused: not_found; permission_denied, for a file that is not ours alone; as parse_connection.
Result<Connection> read_connection(const std::string& path);
// Writes it whole or not at all, mode 0600, into a folder that is there.
Result<void> write_private_file(const std::string& path, std::string_view text);

// What `given` (from flags and the environment) leaves open comes from the lattice's file, while the
// supervisor that wrote it lives, else nats://127.0.0.1:4222.
Result<Connection> find_connection(Connection given);

}  // namespace wattle::cli
