// Takes calls from other hosts and answers them: see client.h for the other side.
//
//   WATTLE_TRY(auto server, Server::start(bus, {.host = host_id}));
//   const std::string prefix = lattice::call_prefix("default", "shop-kv");
//   WATTLE_TRY(auto service, server->serve(prefix, prefix, [&](IncomingCall& call) -> Result<Reply> {
//     WATTLE_TRY(auto parameters, parameters_of<std::string, std::string>(call));  // typed_call.h
//     ...
//     return reply_with(result);
//   }));
//
// Each call runs on a fiber of its own with the caller's deadline, and is cancelled when the caller gives up.
// What is beyond Options::calls_max is refused at once. Failures reach wattle callers as errors with their
// causes; callers of other makes see the call's results end early, as wRPC 0.0.1 has no word for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lattice/bus.h"
#include "wrpc/call_end.h"
#include "wrpc/client.h"

namespace wattle::wrpc {

struct Reply {
  std::string result{};  // encoded
  SubStreams streams{};  // Writer::streams of the result
};

class IncomingCall {
 public:
  virtual ~IncomingCall() = default;

  std::string_view operation;  // "wrpc:keyvalue/store@0.2.0-draft.get": look this up as a whole
  std::string_view instance;   // its parts; see lattice::split_operation
  std::string_view function;
  std::string_view prefix;
  const lattice::Headers* headers = nullptr;
  std::string_view source_id;  // empty if the caller did not say
  std::string_view link_name = "default";
  TimePoint deadline = kNever;
  bool is_foreign = false;

  // The encoded parameters; waits until all have come. `is_whole` is asked for callers that do not say where
  // they end. Refused: memory_exceeded, unavailable (the caller went away).
  virtual Result<std::string_view> parameters(const IsWhole& is_whole = {}) = 0;
  // Fills these pipes, of what Reader::streams found in the parameters, until the call is over.
  virtual Result<void> receive(const SubStreams& streams) = 0;
};

using CallHandler = std::function<Result<Reply>(IncomingCall&)>;

struct ServerOptions {
  std::string host{};       // named in errors
  size_t calls_max = 1024;  // at once, of all services
  // Of calls by other makes, which send no deadline; and the most that anybody gets.
  Duration call_timeout = std::chrono::minutes(10);
  EndLimits limits{};
};

class ServerCore;

// Ends with its handle: takes no new calls; those under way go on.
class Service {
 public:
  virtual ~Service() = default;
  // Takes no new calls: wattle callers are told "draining", an error that says the call was not begun.
  // Returns when those under way are answered, within the fiber's deadline.
  virtual Result<void> drain() = 0;
  virtual size_t calls() const = 0;  // under way
};

class Server {
 public:
  // From a fiber of the bus's worker. `bus` outlives the server.
  static Result<std::unique_ptr<Server>> start(lattice::Bus& bus, ServerOptions options);
  // Cancels what is under way and waits for it. Not from within a handler.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Calls of any function under `prefix` (lattice::call_prefix or host_call_prefix), shared with who serves
  // it in the same `queue_group`.
  Result<std::unique_ptr<Service>> serve(std::string prefix, std::string queue_group, CallHandler handler);
  size_t calls() const;  // under way

 private:
  explicit Server(std::shared_ptr<ServerCore> core) : core_(std::move(core)) {}
  std::shared_ptr<ServerCore> core_;
};

}  // namespace wattle::wrpc
