// What the bus in memory consists of: the broker, which every worker shares under its lock, and each bus's
// side of it, on its worker. Internal to src/lattice.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <random>
#include <unordered_map>

#include "lattice/memory_bus.h"

namespace wattle::lattice::detail {

// kNever for timeouts beyond what a clock counts.
TimePoint deadline_after(Duration timeout);

struct MemoryBucketData {
  BucketConfig config;
  int64_t created_ns = 0;
  uint64_t last_revision = 0;
  uint64_t bytes = 0;
  std::map<uint64_t, Entry> log;                                       // what is kept, by revision
  std::map<std::string, std::deque<uint64_t>, std::less<>> revisions;  // of each key, the newest last

  // The key's last entry, a tombstone too; null when there is none.
  const Entry* last(std::string_view key) const;
  // Takes out what is older than the bucket's time_to_live.
  void expire(int64_t now_ns);
  Result<uint64_t> append(std::string_view key, std::string_view value, Entry::Operation operation,
                          int64_t now_ns);

 private:
  void drop(uint64_t revision);
};

using MemoryObjectData = std::map<std::string, std::string, std::less<>>;

// A message on its way to the subscription `id` of a bus.
struct Delivery {
  uint64_t subscription;
  Message message;
};

struct BrokerState {
  struct Interest {
    MemoryCore* core;  // takes its interests back before it goes
    uint64_t subscription;
    std::string pattern;
    std::string queue_group;
  };

  std::mutex mutex;
  std::vector<Interest> interests;
  std::vector<MemoryCore*> cores;
  std::map<std::string, MemoryBucketData, std::less<>> buckets;
  std::map<std::string, MemoryObjectData, std::less<>> stores;  // of objects
  std::minstd_rand random;                                      // who of a queue group is next
  int64_t last_time_ns = 0;

  // All of these with the lock held. Nanoseconds since 1970, never the same twice.
  int64_t now_ns();
  // Whether anybody listens.
  bool send(const Message& message);
  // Refused: not_found.
  Result<MemoryBucketData*> find_bucket(std::string_view name);
  // Tells every watch that some bucket has changed.
  void tell_watches();
};

struct MemorySubscriptionState : std::enable_shared_from_this<MemorySubscriptionState> {
  MemoryCore* core = nullptr;  // null once the bus has ended
  uint64_t id = 0;
  std::string pattern;
  SubscribeOptions options;
  Handler handler;
  std::deque<Message> pending;
  size_t pending_bytes = 0;
  size_t fibers = 0;
  bool ended = false;
  async::Signal changed;  // its last fiber has ended

  void deliver(Message message);
  bool idle() const { return pending.empty() && fibers == 0; }

 private:
  bool make_room(const Message& message);
  Message take();
  void handle_on_fiber();
};

// A request on its way: lives on the stack of the fiber that asks.
struct MemoryRequest {
  size_t answers_max = 1;
  std::vector<Message> answers{};
  std::optional<Error> error{};
  async::Signal changed{};
};

class MemoryCore : public std::enable_shared_from_this<MemoryCore> {
 public:
  MemoryCore(async::Worker& worker, std::shared_ptr<BrokerState> broker, MemoryBusOptions options);

  void open();
  void close(std::string_view why);
  void cut();
  void restore();

  Result<void> publish(std::string_view subject, std::string_view payload, std::string_view reply,
                       const Headers* headers);
  Result<void> ask(MemoryRequest& request, std::string_view subject, std::string_view payload,
                   const Headers* headers, Duration quiet);
  Result<std::shared_ptr<MemorySubscriptionState>> subscribe(std::string_view pattern,
                                                             SubscribeOptions options, Handler handler);
  void forget(MemorySubscriptionState& subscription);
  Result<void> drain(MemorySubscriptionState& subscription);
  Result<void> drain();
  // Within the fiber's deadline and `timeout`. Refused: Reason::not_connected, Reason::closed.
  Result<void> wait_connected(Duration timeout);
  std::string new_inbox() { return inbox_ + "x" + std::to_string(next_inbox_++); }

  async::Worker& worker() const { return worker_; }
  BrokerState& broker() const { return *broker_; }
  const MemoryBusOptions& options() const { return options_; }
  bool connected() const { return connected_ && !closed_; }
  bool closed() const { return closed_; }

  // From any thread, with the broker's lock held.
  void receive(uint64_t subscription, const Message& message);
  void tell_watches();

  async::Signal changed;          // of connected()
  async::Signal buckets_changed;  // also when the connection changes

 private:
  void post_inbox();
  void read_inbox();
  void on_answer(Message message);
  Result<void> check_message(std::string_view subject, std::string_view payload, std::string_view reply,
                             const Headers* headers) const;
  void add_interest(const MemorySubscriptionState& subscription);
  Result<void> wait_until_read();

  async::Worker& worker_;
  const std::shared_ptr<BrokerState> broker_;
  const MemoryBusOptions options_;
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> open_;
  bool connected_ = true;
  bool closed_ = false;
  std::string closed_because_;

  // Under the broker's lock.
  std::deque<Delivery> inbox_messages_;
  size_t inbox_bytes_ = 0;
  uint64_t received_ = 0;
  bool told_of_buckets_ = false;
  bool inbox_posted_ = false;

  uint64_t read_ = 0;
  async::Signal read_some_;
  std::vector<Message> cut_off_;  // published while cut off
  size_t cut_off_bytes_ = 0;
  std::unordered_map<uint64_t, std::shared_ptr<MemorySubscriptionState>> subscriptions_;
  uint64_t next_subscription_ = 2;  // 1 is the inbox
  std::unordered_map<std::string, MemoryRequest*> requests_;
  uint64_t next_inbox_ = 1;
  std::string inbox_;  // what the reply subjects of requests begin with
};

// In memory_bucket.cpp.
Result<std::unique_ptr<Bucket>> open_memory_bucket(std::shared_ptr<MemoryCore> core,
                                                   const BucketConfig& config);
Result<void> remove_memory_bucket(MemoryCore& core, std::string_view name);
Result<std::unique_ptr<Objects>> open_memory_objects(std::shared_ptr<MemoryCore> core,
                                                     const std::string& store);

}  // namespace wattle::lattice::detail
