// What a guest is given of the world outside: arguments, environment, standard streams, folders, network. All
// of it is empty unless the embedder fills it in.
//
// One context serves many invocations on one worker; it is attached to their Host and must outlive them, and
// must go before its worker does:
//
//   wasi::Context context(blocking_pool);
//   context.arguments = {"app.wasm", "--verbose"};
//   WATTLE_CHECK(context.add_folder("/srv/data", "/data", FolderAccess::read_only));
//   host.attach(context);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "async/offload.h"
#include "http/network_policy.h"
#include "runtime/host.h"
#include "wasi/stdio.h"

namespace wattle::http {
class Client;
struct Body;
struct ClientResponse;
struct Request;
struct RequestOptions;
}  // namespace wattle::http

namespace wattle::wasi {

using http::IpAddress;
using http::NetworkPolicy;

enum class FolderAccess : uint8_t { read_only, read_write };

// A folder of this machine that the guest sees.
struct Preopen {
  std::string guest_path;
  std::shared_ptr<const int> descriptor;  // closed with the last copy
  FolderAccess access;
};

class Context {
 public:
  explicit Context(async::OffloadPool& pool) : blocking(pool) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::optional<std::string> initial_directory;
  Stdio stdio;
  std::vector<Preopen> preopens;
  NetworkPolicy network;           // for wasi:sockets
  NetworkPolicy outgoing_http;     // for wasi:http/outgoing-handler
  http::Client* client = nullptr;  // none: every outgoing request is denied
  // Gives what sends a request, as http::Client::send does, along the link that the invocation of `host` has
  // for it; instead of `client`, if it is set, and outgoing_http is not asked then. What it gives must not
  // refer to what the invocation's end takes away: a request that is cancelled ends a moment later. An error
  // is the request's.
  using SendHttp = std::function<Result<http::ClientResponse>(
      const http::Request& request, std::shared_ptr<http::Body> body, const http::RequestOptions& options)>;
  std::function<Result<SendHttp>(runtime::Host& host)> http_link;
  // Fills with unpredictable bytes; the kernel's unless replaced.
  std::function<void(std::span<uint8_t>)> random;
  // Nanoseconds since 1970; the system's clock unless replaced.
  std::function<uint64_t()> wall_clock;
  // Where file operations and name lookups run.
  async::OffloadPool& blocking;
  // Set by wasi:cli/exit.
  std::optional<uint8_t> exit_code;

  // Opens `host_path` now. Refused: not_found, permission_denied, io; and invalid_argument if it is no
  // folder.
  Result<void> add_folder(const std::string& host_path, std::string guest_path, FolderAccess access);
};

// The context of the invocation that a host function serves.
inline Context& context_of(runtime::Host& host) {
  return host.state<Context>();
}

}  // namespace wattle::wasi
