// The bus in memory, for tests and simulation: no server, and several workers of one process may share it.
// What NATS does, it does too: queue groups, no_responders at once, buckets with revisions and watches,
// objects; and a bus can be cut off as by a broken network.
//
//   MemoryBroker broker;                        // one for all
//   MemoryBus bus(worker, broker);              // one for each worker
#pragma once

#include "lattice/bus.h"

namespace wattle::lattice {

namespace detail {
class MemoryCore;
struct BrokerState;
}  // namespace detail

// Safe to use from any thread. May go before its buses.
class MemoryBroker {
 public:
  MemoryBroker();
  // Every bucket and object is gone, as with a server whose data was deleted.
  void erase_data();

 private:
  friend class MemoryBus;
  std::shared_ptr<detail::BrokerState> state_;
};

struct MemoryBusOptions {
  Duration request_timeout = std::chrono::seconds(10);  // of requests without an earlier deadline
  size_t max_payload_bytes = 1024 * 1024;
  size_t cut_off_bytes_max = 8 * 1024 * 1024;  // published while cut off, and sent afterwards
};

// Keeps its worker running until it is drained or destroyed, as a connection does.
class MemoryBus final : public Bus {
 public:
  MemoryBus(async::Worker& worker, MemoryBroker& broker, MemoryBusOptions options = {});
  ~MemoryBus() override;

  // From here on as if the network were broken: what is published is kept, requests under way fail with
  // connection_lost, later ones and everything asked of buckets wait for restore() within their deadlines and
  // end with not_connected; nothing is received.
  void cut();
  // Connected again: subscriptions and watches go on.
  void restore();

  Result<void> publish(std::string_view subject, std::string_view payload,
                       const PublishOptions& options = {}) override;
  Result<Message> request(std::string_view subject, std::string_view payload,
                          const RequestOptions& options = {}) override;
  Result<std::vector<Message>> request_many(std::string_view subject, std::string_view payload,
                                            const GatherOptions& options = {}) override;
  Result<std::unique_ptr<BusSubscription>> subscribe(std::string_view pattern, SubscribeOptions options,
                                                     Handler handler) override;
  Result<void> flush() override;
  Result<void> drain() override;
  Result<std::unique_ptr<Bucket>> bucket(const BucketConfig& config) override;
  Result<void> remove_bucket(std::string_view name) override;
  Result<std::unique_ptr<Objects>> objects(const std::string& store) override;
  bool connected() const override;
  async::Signal& changed() override;
  size_t max_payload_bytes() const override;
  std::string new_inbox() const override;
  async::Worker& worker() const override;

 private:
  std::shared_ptr<detail::MemoryCore> core_;
};

}  // namespace wattle::lattice
