// A NATS client on our fibers. One client belongs to one worker: it has no locks, and no thread of its own
// stands between a message and the fiber that waits for it. It reconnects by itself and subscribes again.
//
//   WATTLE_TRY(auto client, nats::Client::connect(worker, {.urls = {"nats://127.0.0.1:4222"}}));
//   WATTLE_TRY(auto served, client->subscribe("greet.*", {.queue_group = "greeters"}, [&](nats::Message
//   message) {
//     (void)client->publish(message.reply, "hello " + message.payload);
//   }));
//   WATTLE_TRY(auto reply, client->request("greet.english", "Ann"));     // bounded by the fiber's deadline
//
// While the connection is cut: publish() keeps messages up to a bound and sends them afterwards; request()
// waits for the connection, within its deadline, and is never sent late; a request that was sent before the
// cut fails at once with Reason::connection_lost, since its answer cannot come any more, whether it was
// carried out or not. Nothing that has been handed to a connection is sent a second time: NATS delivers at
// most once.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "async/fiber.h"
#include "async/offload.h"
#include "async/signal.h"
#include "nats/error.h"
#include "nats/message.h"
#include "telemetry/log.h"

namespace wattle::nats {

struct TlsOptions {
  bool required = false;           // also without tls:// in the URL
  bool handshake_first = false;    // before the server's INFO, for servers that are set so (2.10.4)
  std::string ca_file{};           // PEM, instead of the system's roots
  std::string certificate_file{};  // PEM, for servers that ask for one
  std::string key_file{};
};

struct ClientOptions {
  std::vector<std::string> urls{"nats://127.0.0.1:4222"};  // see url.h; more are learnt from the servers
  std::string name{};                                      // shown in the server's list of connections
  // Who we are: what a URL says goes before these. Files are read anew for each connection.
  std::string user{};
  std::string password{};
  std::string token{};
  std::string credentials_file{};  // JWT and seed
  std::string nkey_seed_file{};
  std::string user_jwt{};   // with user_seed: what a credentials file would hold
  std::string user_seed{};  // alone: an nkey
  TlsOptions tls{};
  Duration connect_timeout = std::chrono::seconds(2);  // of one attempt at one server
  // Between rounds through all servers: from the first wait, doubling up to the second, each shortened by
  // chance by up to half, so that many clients do not come back at the same moment.
  Duration reconnect_wait_min = std::chrono::milliseconds(50);
  Duration reconnect_wait_max = std::chrono::seconds(2);
  Duration ping_interval = std::chrono::seconds(10);
  int unanswered_pings_max = 2;
  Duration request_timeout = std::chrono::seconds(10);  // of requests without an earlier deadline
  size_t pending_bytes_max = 8 * 1024 * 1024;           // published, and not yet taken by the socket
  size_t cut_off_bytes_max = 8 * 1024 * 1024;           // published while there is no connection
  std::string inbox_prefix = "_INBOX";
  bool no_echo = false;                 // do not hear what this client publishes
  const telemetry::Log* log = nullptr;  // connections lost and made; outlives the client
  async::OffloadPool* offload =
      nullptr;  // for name lookups and files; outlives the client. Null: one of its own
};

enum class State : uint8_t { connected, reconnecting, draining, closed };
std::string_view to_string(State state);

// What a client's listener is told.
struct Event {
  enum class Kind : uint8_t {
    disconnected,   // `reason` says why; reconnecting has begun
    reconnected,    // subscriptions are alive again
    server_error,   // -ERR that did not end the connection
    slow_consumer,  // a subscription began to drop messages; told once until it has caught up
    lame_duck,      // the server is about to stop, and will cut the connection soon
  };
  Kind kind;
  Error reason;
  std::string server;  // its URL
};

struct ServerInfo {
  std::string id;
  std::string name;
  std::string version;
  std::string cluster;
  std::string url;  // that we are connected to
  size_t max_payload_bytes = 1024 * 1024;
  uint64_t client_id = 0;
  bool headers = false;
  bool jetstream = false;
  bool auth_required = false;
  bool tls_required = false;
  bool tls_available = false;
  bool lame_duck = false;
  std::string nonce;
  std::vector<std::string> connect_urls;

  // Whether the server's version is at least this.
  bool at_least(int major, int minor, int patch) const;
};

struct Statistics {
  uint64_t received_messages = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_messages = 0;
  uint64_t sent_bytes = 0;
  uint64_t dropped_messages = 0;  // by slow consumers
  uint64_t reconnects = 0;
};

struct PublishOptions {
  std::string_view reply{};  // where answers shall go
  const Headers* headers = nullptr;
};

struct RequestOptions {
  const Headers* headers = nullptr;
  Duration timeout = Duration::max();  // beside the fiber's deadline and the client's request_timeout
};

struct GatherOptions {
  const Headers* headers = nullptr;
  size_t count_max = 1000;
  Duration timeout = std::chrono::seconds(2);  // of the whole
  Duration quiet = Duration::max();            // ends so long after the last answer
};

enum class Drop : uint8_t { newest, oldest };

struct SubscribeOptions {
  std::string queue_group{};
  // What may wait for a fiber or for next(); beyond it messages are dropped, counted and told.
  size_t pending_messages_max = 64 * 1024;
  size_t pending_bytes_max = 64 * 1024 * 1024;
  Drop drop = Drop::newest;
  // Messages whose handlers run at the same time, each on a fiber of its own. 0: the handler runs in the
  // client's reader, must not wait, and must not destroy the client.
  size_t fibers_max = 0;
};

using Handler = std::function<void(Message)>;

namespace detail {
class Core;
struct SubscriptionState;
}  // namespace detail

// Ends with its handle. Moved, not copied. May outlive its client, and is then closed.
class Subscription {
 public:
  Subscription() = default;
  Subscription(Subscription&&) noexcept = default;
  Subscription& operator=(Subscription&& other) noexcept;
  ~Subscription();

  // The next message, for subscriptions without a handler. Waits within the fiber's deadline, over cuts of
  // the connection too. Refused: permission_denied when the server refused the subscription; unavailable
  // (Reason::closed) after its end, once what came before is taken.
  Result<Message> next();
  // The same until `until`; nothing when it is reached.
  Result<std::optional<Message>> next_until(TimePoint until);
  std::optional<Message> try_next();
  // Notified when a message has come or the subscription ended. Precondition: it was subscribed.
  async::Signal& changed();

  // No more messages from now on; what waits for next() or for a fiber is dropped.
  void unsubscribe();
  // Ends by itself when it has received `messages` in all.
  void unsubscribe_after(uint64_t messages);
  // Ends the subscription at the server, then waits until what had been sent before has been handled. For a
  // subscription with next(): until it has arrived. Bounded by the fiber's deadline.
  Result<void> drain();

  bool active() const;
  const std::string& subject() const;
  uint64_t received() const;
  uint64_t dropped() const;
  size_t pending() const;

 private:
  friend class Client;
  explicit Subscription(std::shared_ptr<detail::SubscriptionState> state) : state_(std::move(state)) {}
  std::shared_ptr<detail::SubscriptionState> state_;
};

class Client {
 public:
  // Connects to the first server that lets us in; from a fiber of `worker`, within its deadline. Refused:
  // invalid_argument (a URL, a combination of options), not_found / permission_denied / malformed (files),
  // permission_denied (credentials, certificates), unavailable (no server answers; the causes name the last).
  static Result<std::unique_ptr<Client>> connect(async::Worker& worker, ClientOptions options);
  // As close(). Not from within a handler that runs in the reader, or a listener.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Queues a message; everything that one turn of the loop publishes goes out in one write. Refused:
  // invalid_argument (subject, headers; Reason::payload_too_large), overloaded (more than pending_bytes_max
  // wait for the socket), unavailable (cut off, and cut_off_bytes_max are kept already; Reason::closed).
  Result<void> publish(std::string_view subject, std::string_view payload,
                       const PublishOptions& options = {});

  // One answer. Refused as publish() is, and: unavailable with Reason::no_responders or connection_lost;
  // deadline_exceeded, with Reason::not_connected when there was no connection to send it on;
  // permission_denied when the server refused the subject.
  Result<Message> request(std::string_view subject, std::string_view payload,
                          const RequestOptions& options = {});
  // Every answer until one of the options' ends: none is no failure. Fails when the connection drops
  // meanwhile.
  Result<std::vector<Message>> request_many(std::string_view subject, std::string_view payload,
                                            const GatherOptions& options = {});

  // Refused: invalid_argument (pattern, queue group), unavailable (Reason::closed).
  Result<Subscription> subscribe(std::string_view pattern, SubscribeOptions options, Handler handler);
  Result<Subscription> subscribe(std::string_view pattern, SubscribeOptions options = {});

  // Until the server has seen everything published before. Fails when the connection drops meanwhile.
  Result<void> flush();
  // Drains every subscription there is now, writes what is queued and closes; within the fiber's deadline, at
  // whose end it closes all the same. Handlers that still run can ask and answer until then.
  Result<void> drain();
  void close();

  State state() const;
  // Notified at every change of state().
  async::Signal& changed();
  // Waits until state() is connected. Fails with Reason::not_connected at the deadline, Reason::closed.
  Result<void> wait_connected();
  // Called on the worker's thread; must not wait, nor destroy the client.
  void set_listener(std::function<void(const Event&)> listener);
  // Of the present connection, or of the last one.
  const ServerInfo& server_info() const;
  // Connects somewhere else, as if the connection had been lost.
  void reconnect(std::string why);
  const Statistics& statistics() const;
  async::Worker& worker() const;
  const ClientOptions& options() const;
  // A subject for answers that nobody else listens on.
  std::string new_inbox() const;

 private:
  explicit Client(std::shared_ptr<detail::Core> core) : core_(std::move(core)) {}
  std::shared_ptr<detail::Core> core_;
};

}  // namespace wattle::nats
