// The bus on NATS: nats::Client, JetStream's buckets and objects, behind the bus's interface.
//
//   WATTLE_TRY(auto bus, NatsBus::connect(worker, {.client = {.urls = {url}}}));
#pragma once

#include "lattice/bus.h"

namespace wattle::lattice {

struct NatsBusOptions {
  nats::ClientOptions client{};
  int replicas = 1;  // of the buckets and objects that are made here, at least: 3 on a cluster
  std::string jetstream_prefix = "$JS.API";
};

class NatsBus final : public Bus {
 public:
  // As nats::Client::connect.
  static Result<std::unique_ptr<NatsBus>> connect(async::Worker& worker, NatsBusOptions options);
  ~NatsBus() override;

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

  nats::Client& client();

  // What buckets and objects hold on to, so that they may outlive the bus.
  struct Connection;

 private:
  NatsBus(std::shared_ptr<Connection> connection, int replicas)
      : connection_(std::move(connection)), replicas_(replicas) {}

  std::shared_ptr<Connection> connection_;
  int replicas_;
};

}  // namespace wattle::lattice
