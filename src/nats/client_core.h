// What a client consists of, for the files that make it up. Internal to src/nats.
#pragma once

#include <map>
#include <unordered_map>

#include "nats/client.h"
#include "nats/connector.h"
#include "nats/parser.h"
#include "nats/server_pool.h"

namespace wattle::nats::detail {

// kNever for timeouts beyond what a clock counts.
TimePoint deadline_after(Duration timeout);

// One subscription, alive as long as its handle, the core, or a fiber that handles one of its messages.
struct SubscriptionState : std::enable_shared_from_this<SubscriptionState> {
  Core* core = nullptr;  // null once the client has ended
  uint64_t id = 0;
  std::string pattern;
  SubscribeOptions options;
  Handler handler;
  std::deque<Message> pending;
  size_t pending_bytes = 0;
  async::Signal changed;  // a message came, the subscription ended, or its last fiber did
  uint64_t received = 0;
  uint64_t dropped = 0;
  uint64_t end_after = 0;  // 0: never
  size_t fibers = 0;
  bool ended = false;
  bool slow = false;
  std::optional<Error> refused;  // by the server

  void deliver(Message message);
  void end();
  void drop_pending();
  Result<bool> wait_for_message(TimePoint until);
  bool idle() const { return pending.empty() && fibers == 0; }

 private:
  bool make_room(const Message& message);
  Message take();
  void handle_on_fiber();
  friend class wattle::nats::Subscription;
};

// A request on its way: lives on the stack of the fiber that asks.
struct PendingRequest {
  std::string_view subject{};
  size_t answers_max = 1;
  std::vector<Message> answers{};
  std::optional<Error> error{};
  bool over = false;
  async::Signal changed{};
};

class Core final : public http::Transport::Owner, public std::enable_shared_from_this<Core> {
 public:
  Core(async::Worker& worker, ClientOptions options, std::vector<Url> urls);

  // The first connection, and from then on the keeper's fiber.
  Result<void> start();
  void close(Error reason);
  Result<void> drain();
  Result<void> drain(SubscriptionState& subscription);

  Result<void> publish(std::string_view subject, std::string_view reply, const Headers* headers,
                       std::string_view payload);
  // Sends `subject` with a reply subject of our inbox and waits until `pending` is over or `quiet` has passed
  // since its last answer. Within the fiber's deadline.
  Result<void> ask(PendingRequest& pending, std::string_view payload, const Headers* headers, Duration quiet);
  Result<void> flush();
  Result<void> wait_connected();
  void cut(Error reason) { lose(std::move(reason)); }

  Result<std::shared_ptr<SubscriptionState>> subscribe(std::string_view pattern, SubscribeOptions options,
                                                       Handler handler);
  void unsubscribe(SubscriptionState& subscription);
  void unsubscribe_after(SubscriptionState& subscription, uint64_t messages);
  // It has had its last message.
  void forget(SubscriptionState& subscription);
  void count_dropped(SubscriptionState& subscription);
  std::string new_inbox();

  async::Worker& worker() const { return worker_; }
  const ClientOptions& options() const { return options_; }
  State state() const { return state_; }

  async::Signal changed;
  std::function<void(const Event&)> listener;
  ServerInfo info;
  Statistics statistics;

 private:
  struct PongWaiter {
    bool over = false;
    std::optional<Error> error;
    async::Signal changed;
  };

  // client_connection.cpp
  void keep();
  void reconnect();
  Result<void> try_server(const Server& server);
  void install(Connector::Connected connected);
  void lose(Error reason);
  void retire_transport();
  void fail_in_flight(const Error& reason);
  void ping_or_give_up();
  void set_state(State state);
  void tell(Event::Kind kind, Error reason);

  // client_reader.cpp
  void on_transport_event() override;
  bool read_operations();
  bool handle(const Operation& operation);
  void on_message(const Operation& operation);
  void on_answer(Message message);
  void on_pong();
  void on_info(std::string_view text);
  void on_error(std::string_view text);

  // client_writer.cpp
  Result<std::string*> room_for(size_t bytes);
  void append_subscription(std::string& out, const SubscriptionState& subscription) const;
  void send_command(std::string_view command);
  void schedule_write();
  void write();
  void subscribe_inbox();

  async::Worker& worker_;
  const ClientOptions options_;
  std::unique_ptr<async::OffloadPool> own_offload_;
  Connector connector_;
  ServerPool servers_;
  std::optional<Server> server_;  // that we are, or were last, connected to
  State state_ = State::reconnecting;
  std::shared_ptr<async::Fiber> keeper_;
  async::Signal lost_;
  std::optional<Error> close_reason_;

  std::unique_ptr<http::Transport> transport_;  // while connected
  Parser parser_;
  std::optional<Error> last_server_error_;
  bool reading_ = false;
  bool write_scheduled_ = false;
  std::string outgoing_;                           // published, not yet handed to the transport
  std::string cut_off_;                            // published while there was no connection
  std::deque<std::shared_ptr<PongWaiter>> pongs_;  // in the order of their PINGs; null: the keeper's
  int unanswered_pings_ = 0;
  TimePoint next_ping_ = kNever;

  std::unordered_map<uint64_t, std::shared_ptr<SubscriptionState>> subscriptions_;
  uint64_t next_subscription_ = 2;  // 1 is the inbox
  std::unordered_map<uint64_t, PendingRequest*> requests_;
  uint64_t next_request_ = 1;
  std::string inbox_;  // what the reply subjects of requests begin with
  bool inbox_open_ = false;
  std::optional<Error> inbox_refused_;
  std::string unique_;
  uint64_t next_inbox_ = 1;
};

}  // namespace wattle::nats::detail
