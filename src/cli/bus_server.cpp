#include "cli/bus_server.h"

#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "cli/lattice_connection.h"
#include "nats/credentials.h"
#include "nats/jwt.h"

namespace wattle::cli {
namespace {

using nats::KeyKind;
using nats::KeyPair;

// Where Debian has servers, which a user's PATH often leaves out.
constexpr std::string_view kMoreFolders = ":/usr/sbin:/usr/local/sbin";

// A client that is there no more, or was stopped, leaves its queue groups after three times that: a manager
// that has ended so is given no requests then. Clients answer from their event loops, whatever their guests
// do.
constexpr std::string_view kPings = "ping_interval: \"5s\"\nping_max: 2\n";

Result<std::string> find_program() {
  const char* path = std::getenv("PATH");
  std::string folders = path == nullptr ? "" : path;
  folders += kMoreFolders;
  for (size_t begin = 0; begin <= folders.size();) {
    const size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string program = folders.substr(begin, end - begin) + "/nats-server";
    if (end > begin && access(program.c_str(), X_OK) == 0) return program;
    begin = end + 1;
  }
  return failure(Error(ErrorCode::not_found, "there is no program nats-server in PATH")
                     .with_remedy("install it (Debian's package is nats-server), or name a server that runs "
                                  "with --nats-url"));
}

// Whose nats-server is on a port, if it is one of this user's lattices.
std::optional<std::string> our_server_on(uint16_t port) {
  const std::string ending = fmt::format(":{}", port);
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(runtime_folder(), problem)) {
    if (entry.path().extension() != ".json") continue;
    const auto connection = read_connection(entry.path());
    if (!connection) continue;
    if (!connection->url.ends_with(ending) && !connection->websocket_url.ends_with(ending)) continue;
    for (const auto& process : connection->processes)
      if (process.role == "nats-server" && lives(process)) return connection->lattice;
  }
  return {};
}

Error occupied(uint16_t port, std::string_view option) {
  const auto owner = our_server_on(port);
  return Error(ErrorCode::already_exists,
               fmt::format(
                   "port {} is occupied by {}", port,
                   owner ? fmt::format("the nats-server of the lattice \"{}\"", *owner) : "another program"))
      .with_remedy(fmt::format("{}give another with {} PORT, 0 for a free one",
                               owner ? fmt::format("\"wattle down --lattice {}\" ends it; or ", *owner) : "",
                               option));
}

// Holds a port until nats-server is about to take it, so that its two ports differ.
class ReservedPort {
 public:
  ReservedPort() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int reuse = 1;
    setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  }
  ~ReservedPort() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  // 0, or errno.
  int take(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool taken = bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       listen(descriptor_, 1) == 0;
    return taken ? 0 : errno;
  }

 private:
  int descriptor_;
};

// The port itself if it can be listened on, or a free one for 0: outside the range that the system gives to
// outgoing connections, among them those of clients that wait for this very server to come back.
Result<uint16_t> usable_port(uint16_t port, std::string_view option, std::optional<ReservedPort>& reserved) {
  constexpr uint32_t kFreeMin = 20'000, kFreeCount = 12'000, kTriesMax = 100;
  int problem = 0;
  for (uint32_t tries = 0; tries < (port == 0 ? kTriesMax : 1); ++tries) {
    const auto tried = port != 0 ? port : static_cast<uint16_t>(kFreeMin + randombytes_uniform(kFreeCount));
    problem = reserved.emplace().take(tried);
    if (problem == 0) return tried;
  }
  if (problem == EADDRINUSE && port != 0) return failure(occupied(port, option));
  return failure(
      Error(problem == EACCES ? ErrorCode::permission_denied : ErrorCode::io,
            fmt::format("{} cannot be listened on: {}",
                        port == 0 ? "a free port" : fmt::format("port {}", port), std::strerror(problem)))
          .with_remedy(fmt::format("give another with {} PORT, 0 for a free one", option)));
}

// The account's key, made at the first start.
Result<KeyPair> account_key(const std::string& path) {
  bool others_can_read = false;
  const auto text = nats::read_secret_file(path, others_can_read);
  if (text && !others_can_read) {
    auto key = nats::parse_seed_file(*text);
    if (key) return key;
    return failure(Error(key.error().code(), fmt::format("\"{}\" holds no key", path), key.error())
                       .with_remedy("without it JetStream's data cannot be reached: restore it, or remove "
                                    "the folder to begin anew"));
  }
  if (text)
    return failure(Error(ErrorCode::permission_denied, fmt::format("others can read \"{}\"", path))
                       .with_remedy(fmt::format("chmod 600 {}", path)));
  if (text.error().code() != ErrorCode::not_found) return failure(text.error());
  const auto key = KeyPair::generate(KeyKind::account);
  WATTLE_CHECK(write_private_file(path, key.seed() + "\n"));
  return key;
}

Result<void> check_quotable(std::string_view text, std::string_view what) {
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '$';
  });
  if (plain) return {};
  return failure(
      Error(ErrorCode::invalid_argument,
            fmt::format("{} \"{}\" holds a character that nats-server's configuration cannot", what, text))
          .with_remedy("take one without quotes, backslashes, dollars and control characters"));
}

std::string configuration(const BusServerOptions& options, const BusServer& server, const KeyPair& account) {
  // Only the account lasts: who signs it may be another one at each start.
  const auto operator_key = KeyPair::generate(KeyKind::operator_);
  const auto system = KeyPair::generate(KeyKind::account);
  std::string origins;
  for (const auto& origin : options.allowed_origins) origins += fmt::format("    \"{}\"\n", origin);
  return fmt::format(
      "server_name: \"wattle_{}\"\n"
      "listen: \"127.0.0.1:{}\"\n"
      "log_file: \"{}/nats.log\"\n"
      "{}"
      "jetstream {{\n  store_dir: \"{}/nats\"\n}}\n"
      "websocket {{\n  listen: \"127.0.0.1:{}\"\n  no_tls: true\n  allowed_origins: [\n{}  ]\n}}\n"
      "operator: \"{}\"\n"
      "resolver: MEMORY\n"
      "resolver_preload: {{\n  {}: \"{}\"\n  {}: \"{}\"\n}}\n",
      options.lattice, server.port, options.state_folder, kPings, options.state_folder, server.websocket_port,
      origins, nats::operator_jwt(operator_key, "wattle", system.public_key()), account.public_key(),
      nats::account_jwt(operator_key, account.public_key(), options.lattice, true), system.public_key(),
      nats::account_jwt(operator_key, system.public_key(), "system", false));
}

}  // namespace

std::string BusServer::url() const {
  return fmt::format("nats://127.0.0.1:{}", port);
}

std::string BusServer::websocket_url() const {
  return fmt::format("ws://127.0.0.1:{}", websocket_port);
}

Result<BusServer> prepare_bus_server(const BusServerOptions& options) {
  WATTLE_CHECK(check_quotable(options.state_folder, "the folder"));
  for (const auto& origin : options.allowed_origins) WATTLE_CHECK(check_quotable(origin, "the origin"));
  BusServer server{};
  WATTLE_TRY(server.program, find_program());
  if (options.port == options.websocket_port && options.port != 0)
    return failure(Error(ErrorCode::invalid_argument,
                         fmt::format("port {} cannot be the bus's and its WebSocket's", options.port))
                       .with_remedy("give --nats-port and --websocket-port different ones"));
  std::optional<ReservedPort> reserved, reserved_for_websocket;
  WATTLE_TRY(server.port, usable_port(options.port, "--nats-port", reserved));
  WATTLE_TRY(server.websocket_port,
             usable_port(options.websocket_port, "--websocket-port", reserved_for_websocket));
  server.configuration_file = options.state_folder + "/nats.conf";
  server.credentials_file = options.state_folder + "/client.creds";
  server.account_key_file = options.state_folder + "/account.nk";
  WATTLE_TRY(const auto account, account_key(server.account_key_file));
  const auto user = KeyPair::generate(KeyKind::user);
  WATTLE_CHECK(write_private_file(
      server.credentials_file,
      nats::credentials_text(nats::user_jwt(account, user.public_key(), {.name = "wattle"}), user)));
  WATTLE_CHECK(write_private_file(server.configuration_file, configuration(options, server, account)));
  return server;
}

}  // namespace wattle::cli
