// Both sides of wasmCloud's secrets protocol: asking a backend, and being one.
#pragma once

#include <map>

#include "providers/secrets_nats/protocol.h"
#include "providers/secrets_nats/sealed_bucket.h"

namespace wattle::providers::secrets {

// A backend somewhere on NATS.
class RemoteBackend final : public SecretStore {
 public:
  // `as`: who asks, and for which application.
  RemoteBackend(std::shared_ptr<NatsConnection> connection, std::string base, std::string backend, Request as)
      : connection_(std::move(connection)),
        base_(std::move(base)),
        backend_(std::move(backend)),
        as_(std::move(as)) {}

  Result<capability::Secret> get(std::string_view key, std::string_view field,
                                 std::string_view version) override;
  capability::Health health() override { return connection_->health(); }

 private:
  std::shared_ptr<NatsConnection> connection_;
  std::string base_;
  std::string backend_;
  Request as_;
};

// Answers for a bucket, on a fiber of its own and in a queue group, so that all workers and hosts share the
// work.
class BackendServer final : public std::enable_shared_from_this<BackendServer> {
 public:
  // Who (a public key) may read what (names, which may end with "*").
  using Readers = std::map<std::string, std::vector<std::string>>;
  // Refused: invalid_argument.
  static Result<Readers> read_readers(std::string_view json);

  BackendServer(const capability::ProviderContext& context, std::shared_ptr<NatsConnection> connection,
                std::shared_ptr<SealedBucket> bucket, std::string base, std::string backend, Readers readers);
  void start();
  void stop();

 private:
  void serve();
  Result<void> subscribe();
  void answer(const nats::Message& message);
  // The answer's body, in clear: a secret, or an error's name.
  tl::expected<std::string, std::string> look_up(const Request& request);

  async::Worker& worker_;
  const telemetry::Log& log_;
  std::shared_ptr<NatsConnection> connection_;
  std::shared_ptr<SealedBucket> bucket_;
  std::string base_;
  std::string backend_;
  Readers readers_;
  nats::CurveKeyPair transit_key_;
  std::vector<nats::Subscription> subscriptions_;
  std::shared_ptr<async::Fiber> fiber_;
  bool stopped_ = false;
};

}  // namespace wattle::providers::secrets
