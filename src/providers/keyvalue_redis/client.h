// A Redis client on our fibers: a few connections that many fibers share, each with many commands on the way
// (pipelined). It connects when it is first needed, and again when a connection breaks.
//
//   Client client(worker, pool, options, log);
//   WATTLE_TRY(const Reply reply, client.command({"GET", key}, Repeat::allowed));
//
// A command waits for a connection at most `connect_wait`. When its connection breaks, a command that was
// sent fails, since it may have been done; one that may be repeated is, once.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>

#include "async/offload.h"
#include "async/signal.h"
#include "http/connector.h"
#include "providers/keyvalue_redis/address.h"
#include "providers/keyvalue_redis/resp.h"
#include "telemetry/log.h"

namespace wattle::providers::redis {

enum class Repeat : uint8_t { never, allowed };

struct ClientOptions {
  Address address;
  std::shared_ptr<http::TlsClientContext> tls;  // for rediss://
  size_t connections = 2;
  Duration connect_timeout = std::chrono::seconds(3);  // of one attempt
  Duration connect_wait = std::chrono::seconds(1);
  // A connection whose oldest command has not been answered for so long is given up.
  Duration silence_max = std::chrono::seconds(15);
  size_t commands_waiting_max = 4096;  // on one connection
  size_t bytes_waiting_max = 64 * 1024 * 1024;
};

// A connection that has been let in, for whoever drives it.
Result<std::unique_ptr<http::Transport>> connect(async::Worker& worker, async::OffloadPool& blocking,
                                                 const ClientOptions& options, http::WaitingOwner& owner);
// The next reply on it, within the fiber's deadline.
Result<Reply> next_reply(http::Transport& transport, http::WaitingOwner& owner);

// One connection, and the commands that wait on it.
class Connection final : public std::enable_shared_from_this<Connection>, private http::Transport::Owner {
 public:
  Connection(async::Worker& worker, async::OffloadPool& blocking,
             std::shared_ptr<const ClientOptions> options, const telemetry::Log& log)
      : worker_(worker), blocking_(blocking), kept_options_(std::move(options)), log_(log) {}

  // Within the fiber's deadline. An error reply is no failure here. Refused: unavailable (no connection, or
  // it broke), overloaded, deadline_exceeded. `sent` says whether the server may have seen it.
  Result<Reply> command(std::string_view encoded, bool& sent);
  size_t waiting() const { return waiting_.size(); }
  bool connected() const { return transport_ != nullptr; }
  const std::optional<Error>& last_error() const { return last_error_; }
  void close();

 private:
  struct Waiting {
    TimePoint since;
    async::Signal done;
    std::optional<Result<Reply>> outcome;
  };

  Result<void> be_connected();
  void keep_connecting();
  void install(std::unique_ptr<http::Transport> transport);
  void on_transport_event() override;
  void lose(Error reason);
  void flush();

  async::Worker& worker_;
  async::OffloadPool& blocking_;
  std::shared_ptr<const ClientOptions> kept_options_;
  const ClientOptions& options_ = *kept_options_;
  const telemetry::Log& log_;
  std::unique_ptr<http::Transport> transport_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
  size_t needed_bytes_ = 1;
  async::Signal changed_;
  size_t wanting_ = 0;  // fibers that wait for a connection
  uint64_t attempts_ = 0;
  std::shared_ptr<async::Fiber> connecting_;
  std::optional<Error> last_error_;
  bool flush_posted_ = false;
  bool closed_ = false;
};

class Client {
 public:
  Client(async::Worker& worker, async::OffloadPool& blocking, ClientOptions options,
         const telemetry::Log& log);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // An error that the server answers is a failure: permission_denied (NOPERM, NOAUTH, WRONGPASS), else
  // invalid, with the server's text.
  Result<Reply> command(std::span<const std::string_view> words, Repeat repeat);
  Result<Reply> command(std::initializer_list<std::string_view> words, Repeat repeat) {
    return command(std::span(words.begin(), words.size()), repeat);
  }
  // Why there is no connection, if there is none and one was tried.
  std::optional<Error> problem() const;
  const ClientOptions& options() const { return *options_; }

 private:
  std::shared_ptr<const ClientOptions> options_;
  std::vector<std::shared_ptr<Connection>> connections_;
};

}  // namespace wattle::providers::redis
