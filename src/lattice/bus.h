// What carries everything between hosts: messages to subjects, requests, queue groups, buckets and objects.
// Two implementations pass one test suite: NATS (nats_bus.h), and one in memory for tests and simulation
// (memory_bus.h).
//
//   WATTLE_TRY(auto served, bus.subscribe("greet.*", {.queue_group = "greeters"}, [&](Message message) {
//     (void)bus.publish(message.reply, "hello " + message.payload);
//   }));
//   WATTLE_TRY(Message reply, bus.request("greet.english", "Ann"));     // bounded by the fiber's deadline
//
// A Bus belongs to one worker. It reconnects by itself; subscriptions and watches go on, and what was asked
// while cut off ends with an error at its deadline. Errors carry nats::Reason, whichever the implementation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nats/client.h"
#include "nats/key_value.h"
#include "nats/message.h"
#include "nats/object_store.h"

namespace wattle::lattice {

using nats::BucketConfig;
using nats::Entry;
using nats::GatherOptions;
using nats::Handler;
using nats::Headers;
using nats::Message;
using nats::PublishOptions;
using nats::RequestOptions;
using nats::SubscribeOptions;
using nats::WatchEvent;
using nats::WatchOptions;

// Ends with its handle.
class BusSubscription {
 public:
  virtual ~BusSubscription() = default;
  // Ends the subscription, then waits until what had been delivered before has been handled; within the
  // fiber's deadline.
  virtual Result<void> drain() = 0;
};

class BucketWatch {
 public:
  virtual ~BucketWatch() = default;
  // As nats::Watch: survives cuts, restarts, and the bucket being deleted and made again (which it tells). On
  // a bucket of several replicas it may follow one that is behind: then what was written just before comes
  // after `replayed`.
  virtual Result<WatchEvent> next() = 0;
  virtual Result<std::optional<WatchEvent>> next_until(TimePoint until) = 0;
};

// As nats::KeyValue, whose header says what each takes and refuses; reads see every write that was
// acknowledged before.
class Bucket {
 public:
  virtual ~Bucket() = default;
  virtual Result<Entry> get(std::string_view key) = 0;
  virtual Result<uint64_t> put(std::string_view key, std::string_view value) = 0;
  virtual Result<uint64_t> create(std::string_view key, std::string_view value) = 0;
  virtual Result<uint64_t> update(std::string_view key, std::string_view value, uint64_t revision) = 0;
  virtual Result<void> remove(std::string_view key, std::optional<uint64_t> revision = {}) = 0;
  virtual Result<std::vector<std::string>> keys(std::string_view pattern = ">") = 0;
  virtual Result<std::unique_ptr<BucketWatch>> watch(WatchOptions options = {}) = 0;
  // Nanoseconds since 1970 when the bucket was made: tells it from a later one of the same name.
  virtual Result<int64_t> created_ns() = 0;
};

// Contents that are larger than a message, by name, in a store of the bus.
class Objects {
 public:
  virtual ~Objects() = default;
  virtual Result<void> put(const std::string& name, std::string_view bytes) = 0;
  // Refused: not_found; malformed when what arrives is damaged; memory_exceeded beyond `bytes_max`.
  virtual Result<std::string> get(std::string_view name, size_t bytes_max) = 0;
  virtual Result<void> remove(std::string_view name) = 0;
};

class Bus {
 public:
  virtual ~Bus() = default;

  // All of these as nats::Client's.
  virtual Result<void> publish(std::string_view subject, std::string_view payload,
                               const PublishOptions& options = {}) = 0;
  virtual Result<Message> request(std::string_view subject, std::string_view payload,
                                  const RequestOptions& options = {}) = 0;
  virtual Result<std::vector<Message>> request_many(std::string_view subject, std::string_view payload,
                                                    const GatherOptions& options = {}) = 0;
  virtual Result<std::unique_ptr<BusSubscription>> subscribe(std::string_view pattern,
                                                             SubscribeOptions options, Handler handler) = 0;
  // Until the bus has seen everything published and subscribed before.
  virtual Result<void> flush() = 0;
  // Ends every subscription after what it was given has been handled, then closes.
  virtual Result<void> drain() = 0;

  // Makes the bucket, or opens it if it is there, with whatever configuration. A bucket may outlive its bus,
  // and then says Reason::closed; so may a subscription, a watch and a store of objects.
  virtual Result<std::unique_ptr<Bucket>> bucket(const BucketConfig& config) = 0;
  // Refused: not_found.
  virtual Result<void> remove_bucket(std::string_view name) = 0;
  // Makes the store of objects, or opens it if it is there.
  virtual Result<std::unique_ptr<Objects>> objects(const std::string& store) = 0;

  virtual bool connected() const = 0;
  // Notified whenever connected() changes.
  virtual async::Signal& changed() = 0;
  virtual size_t max_payload_bytes() const = 0;
  // A subject for answers that nobody else listens on.
  virtual std::string new_inbox() const = 0;
  virtual async::Worker& worker() const = 0;
};

}  // namespace wattle::lattice
